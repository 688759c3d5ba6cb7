"""Nodes whose disks are images of a real Ceph cluster, examined by the service."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import time

import pytest

import debian_root
import system_image
from conftest import TIMEOUT, run
from introspections import PACKAGE, VULNERABILITY, advisories, small_system
from test_introspection import Site, inspectors, steps, stored_frame
from test_remote import Commands
from test_workers import STEPS, Fleet

pytestmark = pytest.mark.xdist_group("ceph")
MEGABYTE = 1 << 20
# In seconds, of a cluster that does not answer.
PATIENCE = 2


def settings(folder, cluster, **more):
    """Options by which a service knows that cluster; JSON is YAML."""
    path = folder / "assay.yaml"
    path.write_text(json.dumps({"storage": {"ceph": {"default": {
        "conf": str(cluster.conf), "timeout_seconds": PATIENCE, **more}}}}))
    return ["--config", path]


@pytest.fixture
def make_site(assay, cluster, tmp_path):
    """Starts a service whose project may examine the pool "rbd"."""
    made = []

    def make(environment=None, **more):
        made.append(Site(assay, tmp_path, options=settings(tmp_path, cluster, **more),
                         pattern="rbd:*", environment=environment))
        return made[0]

    yield make
    made[0].service.stop()


@pytest.fixture(scope="module")
def whole(debian_small, tmp_path_factory):
    """A disk with Debian 12 as it is installed."""
    folder = tmp_path_factory.mktemp("whole")
    root = system_image.filesystem("ext4", folder / "root", debian_small)
    return system_image.partitioned(folder / "disk", "gpt", [root])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The least that is a system, without a partition table."""
    folder = tmp_path_factory.mktemp("small")
    return system_image.filesystem("ext4", folder / "disk", small_system(folder),
                                   size=64 * MEGABYTE)


@pytest.fixture(scope="module")
def smaller(small):
    """The same disk after a package of it was removed, and the pieces in which it differs."""
    disk, status = small.with_name("smaller"), small.with_name("status")
    run("cp", "--sparse=always", small, disk)
    status.write_text("".join(PACKAGE.format(name=f"package{i}") for i in range(19)))
    run("debugfs", "-w", "-f", "-", disk, input=b"rm var/lib/dpkg/status\n" +
        f"write {status} var/lib/dpkg/status\n".encode())
    old, new = small.read_bytes(), disk.read_bytes()
    return disk, [(i, new[i:i + MEGABYTE]) for i in range(0, len(new), MEGABYTE)
                  if old[i:i + MEGABYTE] != new[i:i + MEGABYTE]]


@contextlib.contextmanager
def imported(cluster, disk, name, *options):
    cluster.rbd("import", *options, disk, f"rbd/{name}")
    yield f"rbd:rbd/{name}"
    cluster.remove_image(f"rbd/{name}")


def told(frame):
    """What a frame tells, without when and of what."""
    volumes = [{k: v for k, v in volume.items() if k != "image"} for volume in frame["volumes"]]
    return {k: v for k, v in frame.items() if k not in ("created", "target", "volumes")} | {
        "volumes": volumes}


def frame_of(assay, disk):
    return told(json.loads(assay.output("frame", disk)))


def test_a_node_is_examined_and_nothing_stays(assay, cluster, make_site, whole, debian, tmp_path):
    database = advisories(assay, tmp_path, {"openssl": "99:1"})
    site = make_site({"ASSAY_DB": str(database)})
    commands = Commands(site.service, assay.path, tmp_path / "admin")
    commands("login", "--server", site.service.address, "--password-file",
             site.service.password_file, "admin")
    installed = [name for name, *_ in debian_root.packages(debian("bookworm"))]
    expected = frame_of(assay, whole)
    with imported(cluster, whole, "whole") as location:
        site.node("db1", location)
        before = cluster.state("whole")
        for wishes in ((), ("--deep", "--fresh")):
            done = commands.assay("introspect", "--wait", *wishes, "p", "db1",
                                  env=commands.environment)
            assert done.returncode == 1 and VULNERABILITY in done.stdout.decode(), done
            assert cluster.state("whole") == before
            row = site.store.rows("SELECT * FROM introspection ORDER BY id DESC LIMIT 1")[0]
            assert row["state"] == "done" and row["handles"] == "[]" and not row["reused"]
            assert bool(row["deep"]) == ("--deep" in wishes) and steps(row) == STEPS
            assert row["coverage"] == "complete" and row["bytes_read"] > 0
            frame = stored_frame(site, row)
            assert [p["name"] for p in frame["systems"][0]["packages"]] == installed
            assert told(frame) == expected
    assert inspectors(site.service) == []


def test_an_unchanged_image_is_not_read_again(cluster, make_site, small, smaller):
    site = make_site(keep_snapshots=True)
    with imported(cluster, small, "kept") as location:
        site.node("db", location)
        first = site.examined("db")
        kept = cluster.snapshots("rbd/kept")
        assert len(kept) == 1 and kept[0].startswith("assay-kept-")
        before = cluster.bytes_read()
        second = site.examined("db")
        # The headers and maps of the image, and nothing of what it holds.
        assert cluster.bytes_read() - before < 65536
        assert second["reused"] and second["bytes_read"] == 0 and "inspect" not in steps(second)
        assert second["frame"] == first["frame"] and cluster.snapshots("rbd/kept") == kept
        for off, data in smaller[1]:
            cluster.write("kept", off, data)
        third = site.examined("db")
        assert not third["reused"] and third["frame"] != first["frame"]
        assert len(stored_frame(site, third)["systems"][0]["packages"]) == 19
        assert len(cluster.snapshots("rbd/kept")) == 1 and cluster.snapshots("rbd/kept") != kept
        assert site.examined("db")["reused"]


def swept(site, identifier):
    """Once what is left of an introspection is dropped, for which it is time at once."""
    with sqlite3.connect(site.service.store[7:], timeout=TIMEOUT) as db:
        db.execute("UPDATE duty SET due = 0 WHERE name = 'introspect.sweep'")
    db.close()
    site.store.wait(identifier, lambda row: row["handles"] == "[]")


def test_a_kept_snapshot_stays_as_long_as_its_frame(cluster, make_site, small):
    """Whatever becomes of a later introspection; and it goes when the node is elsewhere, or gone."""
    site = make_site({"ASSAY_WORKERS_SNAPSHOT_PERCENT": "100"}, keep_snapshots=True)
    path = "/v1/projects/p/nodes/db"
    with imported(cluster, small, "held") as location, imported(cluster, small, "next") as other:
        site.node("db", location)
        site.node("slow", location, bytes_per_second=4096)
        first = site.examined("db")
        kept = cluster.snapshots("rbd/held")
        assert len(kept) == 1
        reading = site.ask("slow")
        site.store.wait(reading, lambda row: row["step"] == "inspect")
        site.cancel(reading)
        assert site.store.ended(reading)["state"] == "cancelled"
        site.store.wait(reading, lambda row: row["handles"] == "[]")
        assert cluster.snapshots("rbd/held") == kept
        again = site.examined("db")
        assert again["reused"] and again["frame"] == first["frame"]
        moved = site.service.call("PATCH", path, site.admin, {"disks": [other]})
        assert moved.status == 200, moved
        last = site.examined("db")
        assert last["state"] == "done" and not last["reused"]
        assert len(cluster.snapshots("rbd/next")) == 1
        refused = site.service.call("DELETE", "/v1/projects/p", site.admin)
        assert refused.status == 409 and "kept in the storage" in refused.json["detail"]
        assert site.service.call("DELETE", path, site.admin).status == 204
        swept(site, last["id"])
        assert cluster.snapshots("rbd/held") == cluster.snapshots("rbd/next") == []
        assert site.service.call("DELETE", "/v1/projects/p", site.admin).status == 204


def test_nothing_is_kept_of_a_node_that_is_deleted_meanwhile(assay, cluster, small, tmp_path):
    config = settings(tmp_path, cluster, keep_snapshots=True)
    config[1].write_text(json.dumps({**json.loads(config[1].read_text()), "limits": {
        "introspection": {"bytes_per_second": 200000}, "burst_seconds": 0}}))
    site = Site(assay, tmp_path, options=config, pattern="rbd:*")
    with imported(cluster, small, "deleted") as location:
        site.node("db", location)
        identifier = site.ask("db")
        site.store.wait(identifier, lambda row: row["step"] == "inspect")
        assert site.service.call("DELETE", "/v1/projects/p/nodes/db", site.admin).status == 204
        assert site.store.ended(identifier)["state"] == "done"
        swept(site, identifier)
        assert cluster.snapshots("rbd/deleted") == []
    site.service.stop()


def kill_in_each_step(assay, cluster, location, folder, wishes):
    """As soon as the store says that the step is there; one that passes too fast is tried again."""
    fleet = Fleet(assay, folder, [pathlib.PurePosixPath(location)], 1)
    asked, deadline = [], time.monotonic() + TIMEOUT
    watch = sqlite3.connect(f"file:{fleet.url[7:]}?mode=ro", uri=True, timeout=TIMEOUT)
    worker = fleet.worker("--workers", "1", *settings(folder, cluster))
    try:
        for step in STEPS:
            hit = False
            while not hit:
                assert time.monotonic() < deadline
                asked.append(fleet.ask("n0", "fresh", *wishes))
                query = f"SELECT state, step FROM introspection WHERE id = '{asked[-1]}'"
                while watch.execute(query).fetchone() not in (("running", step), ("done", "")):
                    time.sleep(0.0005)
                worker.kill()
                hit = watch.execute(query).fetchone() == ("running", step)
                worker.start()
                assert fleet.store.ended(asked[-1])["state"] == "done"
                assert cluster.snapshots(location[4:]) == [], step
        assert worker.stop()[0] == 0
    finally:
        worker.kill()
        watch.close()
    fleet.check(asked)


def test_killed_in_each_step(assay, cluster, small, tmp_path):
    """Of a light and of a deep one, at the same time: most of it is waiting until Ceph believes that
    the killed are dead."""
    kinds = {"light": (), "deep": ("deep",)}
    with imported(cluster, small, "light") as light, imported(cluster, small, "deep") as deep:
        before = cluster.state("light"), cluster.state("deep")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            futures = []
            for location, (name, wishes) in zip((light, deep), kinds.items()):
                folder = tmp_path / name
                folder.mkdir()
                futures.append(pool.submit(kill_in_each_step, assay, cluster, location, folder,
                                           wishes))
        for future in futures:
            future.result()
        assert (cluster.state("light"), cluster.state("deep")) == before


def test_a_sealed_credential_is_used(cluster, make_site, small, tmp_path):
    key = cluster.user("tenant", "mon", "profile rbd", "osd", "profile rbd pool=rbd"
                       ).read_text().split("key = ")[1].strip()
    conf = tmp_path / "no-keys.conf"
    conf.write_text(cluster.conf.read_text().replace("keyring = ", "keyring = /nonexistent"))
    site = make_site({"ASSAY_WORKERS_ATTEMPTS": "1"}, conf=str(conf))
    site.service.make("/v1/projects/p/credentials", {"name": "tenant", "kind": "key",
                                                     "secret": f"tenant:{key}"}, site.admin)
    with imported(cluster, small, "sealed") as location:
        site.node("without", location)
        site.node("with", location, credential="tenant")
        refused = site.examined("without")
        assert refused["state"] == "failed" and "no key" in refused["reason"]
        assert site.examined("with")["state"] == "done"
        assert site.examined("with", "deep")["state"] == "done"
        assert cluster.state("sealed")[0] == []
    written = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert key.encode() not in written


def test_a_cluster_that_does_not_answer(cluster, make_site, small, tmp_path):
    """Within moments the reason is told, or the introspection has ended because it is cancelled;
    once the cluster is there again, what is left is dropped."""
    site = make_site({"ASSAY_WORKERS_ATTEMPTS": "1"})
    with imported(cluster, small, "silent") as location:
        site.node("db", location)
        site.node("slow", location, bytes_per_second=20000)
        with cluster.silent():
            row = site.examined("db")
            assert row["state"] == "failed" and "does not answer" in row["reason"], row["reason"]
        reading = site.ask("slow")
        site.store.wait(reading, lambda row: row["step"] == "inspect")
        with cluster.silent():
            site.cancel(reading)
            assert site.store.ended(reading)["state"] == "cancelled"
            assert site.store.introspection(reading)["handles"] != "[]"
        for identifier in (row["id"], reading):
            site.store.wait(identifier, lambda row: row["handles"] == "[]")
        assert cluster.state("silent")[0] == []
        assert site.examined("db")["state"] == "done"


@contextlib.contextmanager
def load(cluster, name):
    """Small writes to the second half of an image, at random."""
    fio = subprocess.Popen(
        ["fio", "--name=load", "--ioengine=rbd", "--clientname=admin", "--pool=rbd",
         f"--rbdname={name}", "--rw=randwrite", "--bs=4k", "--iodepth=8", "--offset=32M",
         "--size=32M", "--time_based", "--runtime=120", "--output-format=json"],
        env={**os.environ, "CEPH_CONF": str(cluster.conf)}, stdout=subprocess.PIPE)
    yield fio
    assert fio.poll() is None
    fio.terminate()
    said = fio.communicate(timeout=TIMEOUT)[0]
    done = json.loads(said[said.index(b"{\n"):])["jobs"][0]
    assert done["write"]["total_ios"] > 100


# Connected beforehand, so that it writes within the moment in which it is told to.
WRITER = """
import rados, rbd, sys
with rados.Rados(conffile=sys.argv[1]) as c, c.open_ioctx('rbd') as io:
    with rbd.Image(io, sys.argv[2]) as image:
        print('ready', flush=True)
        for off in map(int, sys.stdin.readline().split()):
            with open(sys.argv[3], 'rb') as disk:
                disk.seek(off)
                image.write(disk.read(1 << 20), off)
        image.flush()
        print('written', flush=True)
"""


def test_a_view_under_load_is_of_one_moment(assay, cluster, make_site, small, smaller):
    """What is written after the snapshot is not seen, though reading goes on for seconds after. With
    an exclusive lock the two who write would spend their time handing it over."""
    site = make_site()
    disk, pieces = smaller
    with imported(cluster, small, "busy", "--image-feature", "layering") as location, \
            load(cluster, "busy"):
        site.node("db", location, bytes_per_second=15000)
        writer = subprocess.Popen(["/usr/bin/python3", "-c", WRITER, str(cluster.conf), "busy",
                                   str(disk)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert writer.stdout.readline() == b"ready\n"
        identifier = site.ask("db")
        site.store.wait(identifier, lambda row: row["step"] == "inspect")
        writer.stdin.write(" ".join(str(off) for off, _ in pieces).encode() + b"\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == b"written\n"
        assert site.store.introspection(identifier)["step"] == "inspect"
        writer.communicate(timeout=TIMEOUT)
        row = site.store.ended(identifier)
        assert told(stored_frame(site, row)) == frame_of(assay, small)
        site.node("fast", location)
        row = site.examined("fast", "deep")
        assert told(stored_frame(site, row)) == frame_of(assay, disk)
        assert cluster.snapshots("rbd/busy") == []


def test_one_at_a_time_in_a_pool(cluster, make_site, small):
    site = make_site({"ASSAY_WORKERS_PER_POOL": "1"})
    cluster.pool("second")
    cluster.rbd("import", small, "second/disk")
    with imported(cluster, small, "one") as one, imported(cluster, small, "two") as two:
        for name, place in (("one", one), ("two", two), ("other", "rbd:second/disk")):
            site.node(name, place, bytes_per_second=500000)
        asked = [site.ask(name) for name in ("one", "two", "other")]
        rows = [site.store.ended(i) for i in asked]
    assert [r["state"] for r in rows] == ["done"] * 3
    first, last = sorted(rows[:2], key=lambda row: row["started"])
    assert first["finished"] <= last["started"]
    # Of another pool: at the same time as the first of them.
    assert rows[2]["started"] < first["finished"]
