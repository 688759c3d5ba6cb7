"""Images of a real Ceph cluster: read, and seen as they were at one moment."""
import hashlib
import json
import random
import subprocess

import pytest

import ceph
import disk_image
import system_image
from snapshots import Refused, Snapshots

pytestmark = pytest.mark.xdist_group("ceph")
MEGABYTE = 1 << 20
OBJECT = 4 * MEGABYTE


@pytest.fixture
def rbd(assay, cluster, monkeypatch):
    """The program, which finds the cluster by its environment."""
    monkeypatch.setenv("ASSAY_CEPH_CONF", str(cluster.conf))
    return assay


@pytest.fixture
def snapshots(assay, cluster):
    return Snapshots(assay, storage(cluster))


def storage(cluster, **more):
    return {"ceph": {"default": {"conf": str(cluster.conf), **more}}}


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A disk of 40 MiB: data, zeros, and holes that are whole objects."""
    path = tmp_path_factory.mktemp("content") / "disk"
    noise = random.Random(3)
    disk_image.blank(path, 10 * OBJECT + 12345)
    for off, length in ((0, 3 * MEGABYTE), (5 * OBJECT - 700, 70000), (9 * OBJECT, 100)):
        disk_image.put(path, off, noise.randbytes(length))
    return path


@pytest.fixture
def image(cluster, content, request):
    """That disk as an image of the test's own."""
    name = "test%d" % abs(hash(request.node.name))
    cluster.rbd("import", content, f"rbd/{name}")
    yield name
    cluster.remove_image(f"rbd/{name}")


# --- reading ------------------------------------------------------------------------------------

def stripped(frame):
    """What is found, without where and at what cost."""
    frame = json.loads(frame)
    for name in ("target", "bytes_read", "created", "id"):
        frame.pop(name, None)
    for volume in frame["volumes"]:
        volume.pop("image", None)
    return frame


def small_system(folder):
    """As much of a Debian as makes one."""
    files = {"etc/os-release": "ID=debian\nVERSION_ID=12\n", "etc/hostname": "machine\n",
             "etc/fstab": "", "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
             "var/lib/dpkg/status": "".join(
                 f"Package: p{i}\nStatus: install ok installed\nVersion: {i}-1\n"
                 "Architecture: amd64\nMaintainer: x <x@x>\n\n" for i in range(100))}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_system_in_an_image_is_what_it_is_in_a_file(rbd, cluster, tmp_path):
    root = system_image.filesystem("ext4", tmp_path / "root", small_system(tmp_path / "tree"))
    disk = system_image.partitioned(tmp_path / "disk", "gpt", [root])
    cluster.rbd("import", disk, "rbd/system")
    cluster.rbd("snap", "create", "rbd/system@then")
    of_file = rbd.output("frame", "--files", disk)
    of_image = rbd.output("frame", "--files", "rbd:rbd/system@then")
    assert json.loads(of_image)["target"] == "rbd:rbd/system@then"
    assert json.loads(of_image)["volumes"][0]["format"] == "raw"
    assert stripped(of_image) == stripped(of_file)
    assert len(json.loads(of_image)["systems"][0]["packages"]) == 100
    assert rbd.output("cat", "rbd:rbd/system", "/etc/hostname") == \
        rbd.output("cat", disk, "/etc/hostname")
    cluster.remove_image("rbd/system")


def test_holes_are_not_read(rbd, cluster, tmp_path):
    """By the count of who gave the bytes."""
    disk = system_image.filesystem("xfs", tmp_path / "disk", None, size=400 << 20)
    cluster.rbd("import", disk, "rbd/sparse")
    allocated = len(json.loads(cluster.rbd("diff", "--whole-object", "rbd/sparse", "--format",
                                           "json"))) * OBJECT
    cost = []
    for command in (("frame",), ("cat", "--disk")):
        before = cluster.bytes_read()
        done = rbd.run(rbd.path, (*command, "rbd:rbd/sparse"), {})
        assert done.stdout
        cost.append(cluster.bytes_read() - before)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(disk.read_bytes()).digest()
    assert 0 < cost[0] < 2 * MEGABYTE < allocated <= 64 * MEGABYTE
    assert cost[1] <= allocated + MEGABYTE
    cluster.remove_image("rbd/sparse")


def test_every_byte_is_the_same(rbd, cluster, image, content):
    assert rbd.output("cat", "--disk", f"rbd:rbd/{image}") == content.read_bytes()
    cluster.rbd("snap", "create", f"rbd/{image}@old")
    cluster.write(image, OBJECT + 5, b"changed")
    assert rbd.output("cat", "--disk", f"rbd:rbd/{image}@old") == content.read_bytes()
    now = rbd.output("cat", "--disk", f"rbd:rbd/{image}")
    assert now[OBJECT + 5:OBJECT + 12] == b"changed"


@pytest.mark.parametrize("features", ["layering", "layering,exclusive-lock,object-map,fast-diff"])
def test_a_clone_is_read_with_what_it_shares(rbd, cluster, image, content, features):
    cluster.rbd("snap", "create", f"rbd/{image}@base")
    cluster.rbd("snap", "protect", f"rbd/{image}@base")
    name = f"clone{len(features)}"
    cluster.rbd("clone", "--image-feature", features, f"rbd/{image}@base", f"rbd/{name}")
    cluster.write(name, 7 * OBJECT, b"own")
    expected = bytearray(content.read_bytes())
    expected[7 * OBJECT:7 * OBJECT + 3] = b"own"
    assert rbd.output("cat", "--disk", f"rbd:rbd/{name}") == expected
    cluster.rbd("rm", f"rbd/{name}")
    cluster.rbd("snap", "unprotect", f"rbd/{image}@base")


def test_striping_and_a_namespace(rbd, cluster, content):
    cluster.rbd("namespace", "create", "rbd/space")
    cluster.rbd("import", "--stripe-unit", "65536", "--stripe-count", "3", content,
                "rbd/space/striped")
    assert rbd.output("cat", "--disk", "rbd:rbd/space/striped") == content.read_bytes()


def test_an_image_in_use_is_read_but_not_called_whole(rbd, cluster, image):
    holder = subprocess.Popen(
        ["/usr/bin/python3", "-c", "import rados, rbd, sys\n"
         "c = rados.Rados(conffile=sys.argv[1]); c.connect(); io = c.open_ioctx('rbd')\n"
         "i = rbd.Image(io, sys.argv[2]); i.write(b'x', 0); print('held', flush=True)\n"
         "sys.stdin.read(); i.close()\n", str(cluster.conf), image],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    done = rbd("frame", f"rbd:rbd/{image}")
    holder.communicate()
    frame = json.loads(done.stdout)
    assert done.returncode == 3
    assert [c["state"] for c in frame["coverage"] if "is in use" in c.get("reason", "")] == \
        ["partial"]
    assert "is in use" not in rbd("frame", f"rbd:rbd/{image}").stdout.decode()


# --- what cannot be reached ---------------------------------------------------------------------

def test_what_is_not_there_is_one_clear_line(rbd, cluster, image, tmp_path):
    assert "there is no such image" in rbd.refusal("scan", "rbd:rbd/nothing")
    assert "there is no such image or snapshot" in rbd.refusal("scan", f"rbd:rbd/{image}@nothing")
    assert "there is no pool 'nothing'" in rbd.refusal("scan", f"rbd:nothing/{image}")
    assert "not of the form" in rbd.refusal("scan", "rbd:rbd")
    assert "only a service knows" in rbd.refusal("scan", f"rbd://here/rbd/{image}")
    assert "no monitor or no key" in rbd.refusal("scan", "--ceph-user", "nobody",
                                                 f"rbd:rbd/{image}")
    missing = tmp_path / "nothing.conf"
    assert str(missing) in rbd.refusal("scan", "--ceph-conf", missing, f"rbd:rbd/{image}")


def test_a_cluster_that_does_not_answer_is_given_up(rbd, tmp_path):
    conf = tmp_path / "dead.conf"
    conf.write_text(f"[global]\nmon host = 127.0.0.1:{ceph.free_port()}\n"
                    "auth client required = none\n")
    assert "does not answer" in rbd.refusal("scan", "--ceph-conf", conf, "rbd:rbd/x")


def test_a_user_who_may_only_read(rbd, cluster, image, content, tmp_path):
    keyring = cluster.user("reader", "mon", "profile rbd", "osd", "profile rbd-read-only pool=rbd")
    conf = tmp_path / "reader.conf"
    conf.write_text(cluster.conf.read_text() + f"[client.reader]\nkeyring = {keyring}\n")
    options = ("--ceph-conf", conf, "--ceph-user", "reader")
    assert rbd.output("cat", *options, "--disk", f"rbd:rbd/{image}") == content.read_bytes()
    cluster.pool("other")
    cluster.rbd("create", "--size", "1M", "other/x")
    refused = rbd.refusal("scan", *options, "rbd:other/x")
    assert "Operation not permitted" in refused or "there is no such image" in refused


# --- views --------------------------------------------------------------------------------------

@pytest.mark.parametrize("options", [(), ("--deep",)], ids=["light", "deep"])
def test_a_view_is_of_one_moment_and_leaves_nothing(snapshots, cluster, image, content, tmp_path,
                                                    options):
    before = cluster.state(image)
    handle = snapshots.plan(f"rbd:rbd/{image}", *options)
    assert cluster.state(image) == before
    with snapshots.make(handle, *options) as view:
        assert view.disk["name"] == f"rbd:rbd/{image}" and view.disk["format"] == "raw"
        cluster.write(image, 100, b"later")
        assert view.read(tmp_path / "read") == content.read_bytes()
        view.verify()
        made = json.loads(handle)
        light = (sorted(before[0] + [made["snapshot"]]), before[1], [])
        deep = (before[0], sorted(before[1] + [made.get("copy", "")]), [])
        assert cluster.state(image) == (deep if options else light)
    snapshots.drop(handle)
    assert cluster.state(image) == before
    snapshots.drop(handle)


WRITER = """
import rados, rbd, sys, threading
with rados.Rados(conffile=sys.argv[1]) as c, c.open_ioctx('rbd') as io:
    with rbd.Image(io, sys.argv[2]) as image:
        end = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), end.set()), daemon=True).start()
        turn = 0
        while not end.is_set():
            turn += 1
            for place in (0, 1, 2):
                image.write(turn.to_bytes(8, 'big'), place * (13 << 20))
                image.flush()
            if turn == 20:
                print('going', flush=True)
"""


def test_a_view_of_an_image_that_is_written_to_is_of_one_moment(snapshots, cluster, image,
                                                                tmp_path):
    """Each place is written after the one before it: none may be ahead of it."""
    writer = subprocess.Popen(["/usr/bin/python3", "-c", WRITER, str(cluster.conf), image],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    writer.stdout.readline()
    seen = set()
    for options in ((), (), (), ("--deep",)):
        handle = snapshots.plan(f"rbd:rbd/{image}", *options)
        with snapshots.make(handle, *options) as view:
            data = view.read(tmp_path / "first")
            assert view.read(tmp_path / "second") == data
        snapshots.drop(handle)
        a, b, c = (int.from_bytes(data[p * (13 << 20):][:8], "big") for p in range(3))
        assert a >= b >= c >= a - 1 > 0
        seen.add(a)
    writer.communicate()
    assert len(seen) > 1
    assert cluster.snapshots(f"rbd/{image}") == []


# Calls of librbd on the way, and how many snapshots and images there are then.
LIGHT = [("rbd_snap_create", 0, 0), ("rbd_snap_get_id", 1, 0)]
DEEP = [("rbd_create4", 1, 0), ("rbd_aio_write", 1, 1), ("rbd_snap_remove", 1, 1)]


@pytest.mark.parametrize("options,stages", [((), LIGHT), (("--deep",), DEEP)],
                         ids=["light", "deep"])
def test_wherever_the_making_is_killed_nothing_stays(snapshots, cluster, image, options, stages):
    before = cluster.state(image)
    handle = snapshots.plan(f"rbd:rbd/{image}", *options)
    for function, made_snapshots, made_images in stages:
        assert snapshots.killed_in(function, "make", handle, options=options), function
        now = cluster.state(image)
        assert (len(now[0]) - len(before[0]), len(now[1]) - len(before[1])) == \
            (made_snapshots, made_images), function
        snapshots.drop(handle)
        assert cluster.state(image) == before, function


@pytest.mark.parametrize("function", ["rbd_snap_remove", "rbd_remove"])
def test_wherever_the_dropping_is_killed_it_can_go_on(snapshots, cluster, image, function):
    before = cluster.state(image)
    handle = snapshots.plan(f"rbd:rbd/{image}", "--deep")
    assert snapshots.killed_in("rbd_snap_is_protected", "make", handle, options=["--deep"])
    assert snapshots.killed_in(function, "drop", handle)
    snapshots.drop(handle)
    assert cluster.state(image) == before


def test_a_copy_that_is_not_wanted_any_more_stops(snapshots, cluster, image):
    before = cluster.state(image)
    handle = snapshots.plan(f"rbd:rbd/{image}", "--deep")
    with pytest.raises(Refused, match="stopped"):
        snapshots.make(handle, "--deep", "--stop-at", "3")
    assert cluster.state(image) != before
    snapshots.drop(handle)
    assert cluster.state(image) == before


def test_a_copy_without_a_head_can_be_dropped(snapshots, cluster, image):
    """As a death between the two steps of Ceph's own making leaves it."""
    before = cluster.state(image)
    handle = snapshots.plan(f"rbd:rbd/{image}", "--deep")
    copy = json.loads(handle)["copy"]
    cluster.rbd("create", "--size", "40M", f"rbd/{copy}")
    number = json.loads(cluster.rbd("info", f"rbd/{copy}", "--format", "json"))["id"]
    cluster.run("rados", "-p", "rbd", "rm", f"rbd_header.{number}")
    snapshots.drop(handle)
    assert cluster.state(image) == before


def test_an_older_snapshot_of_the_same_handle_is_replaced(snapshots, cluster, image, tmp_path):
    handle = snapshots.plan(f"rbd:rbd/{image}")
    cluster.rbd("snap", "create", f"rbd/{image}@{json.loads(handle)['snapshot']}")
    cluster.write(image, 0, b"newer")
    with snapshots.make(handle) as view:
        assert view.read(tmp_path / "read")[:5] == b"newer"
    snapshots.drop(handle)


def test_protected_snapshots_are_dropped_and_cloned_ones_when_the_clone_is_gone(snapshots, cluster,
                                                                                image):
    handle = snapshots.plan(f"rbd:rbd/{image}")
    snapshot = f"rbd/{image}@{json.loads(handle)['snapshot']}"
    snapshots.make(handle).close()
    cluster.rbd("snap", "protect", snapshot)
    cluster.rbd("clone", snapshot, "rbd/of-somebody")
    with pytest.raises(Refused, match="has clones"):
        snapshots.drop(handle)
    cluster.rbd("rm", "rbd/of-somebody")
    snapshots.drop(handle)
    assert cluster.snapshots(f"rbd/{image}") == []


def test_the_node_is_still_while_its_snapshot_is_made(assay, cluster, image, tmp_path):
    listing = f"rbd --conf {cluster.conf} snap ls rbd/{image} >"
    quiesce = {"node": {"freeze": ["/bin/sh", "-c", f"{listing} {tmp_path}/before"],
                        "thaw": ["/bin/sh", "-c", f"{listing} {tmp_path}/after"]}}
    stilling = Snapshots(assay, {**storage(cluster), "quiesce": quiesce})
    handle = stilling.plan(f"rbd:rbd/{image}")
    stilling.make(handle, "--quiesce", "node").close()
    stilling.drop(handle)
    made = json.loads(handle)["snapshot"]
    assert made not in (tmp_path / "before").read_text()
    assert made in (tmp_path / "after").read_text()


def test_a_removal_that_was_interrupted_is_ended(assay, snapshots, cluster, image):
    """Ceph has given the snapshot another name by then."""
    before = cluster.state(image)
    handle = snapshots.plan(f"rbd:rbd/{image}")
    snapshots.make(handle).close()
    cluster.begin_removal(image, json.loads(handle)["snapshot"])
    assert len(cluster.snapshots(f"rbd/{image}")) == 1
    snapshots.drop(handle)
    assert cluster.state(image) == before
    keeping = Snapshots(assay, storage(cluster, keep_snapshots=True))
    handle = keeping.plan(f"rbd:rbd/{image}")
    keeping.make(handle).close()
    keeping.drop(handle)
    kept, = cluster.snapshots(f"rbd/{image}")
    cluster.begin_removal(image, kept)
    handle = snapshots.plan(f"rbd:rbd/{image}")
    snapshots.make(handle).close()
    snapshots.drop(handle)
    assert cluster.state(image) == before


def test_an_interrupted_removal_of_what_has_a_clone_is_left_to_ceph(snapshots, cluster, image):
    """Which ends it with the last clone."""
    before = cluster.state(image)
    handle = snapshots.plan(f"rbd:rbd/{image}")
    snapshots.make(handle).close()
    made = json.loads(handle)["snapshot"]
    cluster.rbd("clone", "--rbd-default-clone-format", "2", f"rbd/{image}@{made}", "rbd/clone")
    cluster.begin_removal(image, made)
    snapshots.drop(handle)
    assert len(cluster.snapshots(f"rbd/{image}")) == 1
    cluster.rbd("rm", "rbd/clone")
    assert cluster.state(image) == before


def test_what_is_gone_is_dropped(snapshots, cluster, content):
    cluster.pool("gone")
    cluster.rbd("import", content, "gone/image")
    handles = [snapshots.plan("rbd:gone/image", *o) for o in ((), ("--deep",))]
    cluster.rbd("rm", "gone/image")
    for handle in handles:
        snapshots.drop(handle)
    cluster.ceph("config", "set", "mon", "mon_allow_pool_delete", "true")
    cluster.ceph("osd", "pool", "rm", "gone", "gone", "--yes-i-really-really-mean-it")
    for handle in handles:
        snapshots.drop(handle)


def test_a_snapshot_removed_while_it_is_read_is_noticed(snapshots, cluster, image):
    handle = snapshots.plan(f"rbd:rbd/{image}")
    with snapshots.make(handle) as view:
        cluster.rbd("snap", "rm", f"rbd/{image}@{json.loads(handle)['snapshot']}")
        with pytest.raises(Refused, match="was removed while it was read"):
            view.verify()
    snapshots.drop(handle)


def test_a_snapshot_that_the_location_names_is_read_and_left(snapshots, cluster, image, content,
                                                             tmp_path):
    cluster.rbd("snap", "create", f"rbd/{image}@mine")
    location = f"rbd:rbd/{image}@mine"
    cluster.write(image, 0, b"later")
    for options in ((), ("--deep",)):
        handle = snapshots.plan(location, *options)
        with snapshots.make(handle, *options) as view:
            assert view.read(tmp_path / "read") == content.read_bytes()
            identity = view.disk["identity"]
        snapshots.drop(handle)
        assert identity and snapshots("unchanged", location, identity, "0:100") == "unchanged"
    assert cluster.snapshots(f"rbd/{image}") == ["mine"]
    cluster.rbd("snap", "rm", f"rbd/{image}@mine")
    cluster.rbd("snap", "create", f"rbd/{image}@mine")
    assert snapshots("unchanged", location, identity, "0:100") == "changed"


def test_a_kept_snapshot_tells_what_has_changed(assay, cluster, image):
    keeping = Snapshots(assay, storage(cluster, keep_snapshots=True))
    location = f"rbd:rbd/{image}"

    def look():
        handle = keeping.plan(location)
        with keeping.make(handle) as view:
            identity = view.disk["identity"]
        keeping.drop(handle)
        assert cluster.snapshots(f"rbd/{image}") == [identity.partition("#")[2]]
        return identity

    first = look()
    ranges = ("0:65536", f"{8 * OBJECT}:10")
    assert keeping("unchanged", location, first, *ranges) == "unchanged"
    cluster.write(image, 3 * OBJECT, b"elsewhere")
    assert keeping("unchanged", location, first, *ranges) == "unchanged"
    cluster.write(image, 8 * OBJECT, b"here")
    assert keeping("unchanged", location, first, *ranges) == "changed"
    second = look()
    assert keeping("unchanged", location, first, *ranges) == "changed"
    assert keeping("unchanged", location, second, *ranges) == "unchanged"
    cluster.rbd("resize", "--size", "80M", f"rbd/{image}")
    assert keeping("unchanged", location, second, *ranges) == "changed"
    plain = Snapshots(assay, storage(cluster))
    handle = plain.plan(location)
    plain.make(handle).close()
    plain.drop(handle)
    assert cluster.snapshots(f"rbd/{image}") == []


def test_what_came_to_nothing_leaves_the_kept_snapshot(assay, cluster, image):
    keeping = Snapshots(assay, storage(cluster, keep_snapshots=True))
    location, name = f"rbd:rbd/{image}", f"rbd/{image}"
    nothing, not_compared = ("--use", "0"), ("--use", "1")

    def look(*drops, options=()):
        handle = keeping.plan(location, *options)
        with keeping.make(handle, *options) as view:
            identity = view.disk["identity"]
        for use in drops:
            keeping.drop(handle, *use)
        return identity

    first = look(())
    kept = cluster.snapshots(name)
    look(nothing)
    look(nothing, options=["--deep"])
    assert cluster.snapshots(name) == kept
    assert keeping("unchanged", location, first, "0:65536") == "unchanged"
    # Kept for a frame that was not kept then; and one that nothing is compared with.
    look((), nothing)
    assert cluster.snapshots(name) == []
    look(())
    look(not_compared)
    assert cluster.snapshots(name) == []


def test_a_kept_snapshot_has_a_handle(assay, cluster, image):
    keeping = Snapshots(assay, storage(cluster, keep_snapshots=True))
    location, name = f"rbd:rbd/{image}", f"rbd/{image}"

    def look():
        handle = keeping.plan(location)
        with keeping.make(handle) as view:
            identity = view.disk["identity"]
        keeping.drop(handle)
        return keeping("kept", location, identity)

    first, second = look(), look()
    keeping.drop(first)
    assert len(cluster.snapshots(name)) == 1, "it is a newer one"
    cluster.rbd("snap", "create", f"{name}@assay-kept-000")  # that was left behind, earlier
    cluster.rbd("snap", "create", f"{name}@mine")
    keeping.drop(second)
    keeping.drop(second)
    assert cluster.snapshots(name) == ["mine"]
    assert keeping("kept", f"{location}@mine", "rbd:fsid/1:abc@4") == "nothing"
    assert keeping("kept", location, "") == "nothing"


def test_credentials(assay, cluster, image, content, tmp_path):
    keyring = cluster.user("operator", "mon", "profile rbd", "osd", "profile rbd pool=rbd")
    key = keyring.read_text().split("key = ")[1].strip()
    location = f"rbd://far/rbd/{image}"
    by_file = Snapshots(assay, {"ceph": {"far": {"conf": str(cluster.conf), "user": "operator",
                                                 "keyring": str(keyring)}}})
    by_secret = Snapshots(assay, {"ceph": {"far": {"conf": str(cluster.conf)}}})
    for snapshots, options in ((by_file, ()), (by_secret, ("--secret", f"operator:{key}"))):
        handle = snapshots.plan(location)
        with snapshots.make(handle, *options) as view:
            assert view.read(tmp_path / "read") == content.read_bytes()
        assert snapshots("drop", handle, options=options) == "ok"
    assert by_file("pool", location) == "rbd:far/rbd"
    with pytest.raises(Refused) as refused:
        by_secret.make(handle, "--secret", f"operator:{key[:-6]}AAAA==")
    assert "connecting as client.operator" in str(refused.value) and key[:-6] not in str(
        refused.value)
    with pytest.raises(Refused, match="name no cluster 'near'"):
        by_file.make(by_file.plan(f"rbd://near/rbd/{image}"))
