"""XFS: what we read against what the kernel reads, and, where the kernel reads no more (version 4),
against the tree that mkfs.xfs was given. xfs_db says whether an image holds what it was made for."""
import contextlib
import hashlib
import os
import random
import re
import shutil
import stat

import pytest

from conftest import run
from torture import torture
from tree_truth import assert_same_tree, listing, mounted, records, tree_truth

SIZE = 400 << 20
# As of XFS: the kernel makes no others.
LIMITS = {"largest_major": 511, "longest_link": 1023}


def make(image, *options, size=SIZE):
    with open(image, "wb") as f:
        f.truncate(size)
    run("mkfs.xfs", "-q", *options, image)
    return image


@contextlib.contextmanager
def loop(image):
    device = run("losetup", "-f", "--show", image).decode().strip()
    try:
        yield device
    finally:
        run("losetup", "-d", device)


def field(image, inode, name):
    """What xfs_db says of an inode."""
    output = run("xfs_db", "-r", "-c", f"inode {inode}", "-c", f"print {name}", image).decode()
    return output.split("=")[1].strip()


def overwrite(image, at, data):
    with open(image, "r+b") as f:
        f.seek(at)
        f.write(data)


# --- what mkfs.xfs can be asked for --------------------------------------------------------------

@pytest.mark.parametrize("options,scale", [
    ((), 20000),
    (("-b", "size=1024", "-m", "bigtime=0", "-i", "nrext64=1"), 2000),
    (("-b", "size=2048", "-i", "size=1024", "-n", "size=16384"), 2000),
    (("-b", "size=65536"), 2000),
    (("-n", "size=65536", "-i", "nrext64=1,size=1024"), 2000),
    (("-s", "size=4096", "-m", "rmapbt=1,reflink=1,inobtcount=1", "-d", "agcount=5"), 2000),
    (("-m", "finobt=0,bigtime=0,reflink=0", "-i", "sparse=0,nrext64=0", "-l", "su=32k"), 2000),
], ids=lambda value: "-".join(value).replace("--", "-") if isinstance(value, tuple) else None)
def test_a_torture_tree_is_read_as_by_the_kernel(assay, tmp_path, options, scale):
    image = make(tmp_path / "image", *options)
    latest = (1 << 31) - 1 if any("bigtime=0" in o for o in options) else 8600000000
    with mounted(image, tmp_path / "mount") as place:
        torture(place, scale=scale, extent_count=scale // 5, latest=latest, **LIMITS)
    with mounted(image, tmp_path / "mount", "ro") as place:
        truth = tree_truth(place)
    assert_same_tree(truth, listing(assay, image))
    if scale > 10000:
        inodes = {o["path"]: o["inode"] for o in truth}
        assert field(image, inodes[b"many extents"], "core.format") == "3 (btree)"


def test_shared_extents_are_read(assay, tmp_path):
    rng = random.Random(3)
    image = make(tmp_path / "image", "-m", "reflink=1")
    with mounted(image, tmp_path / "mount") as place:
        data = rng.randbytes(3 << 20)
        with open(f"{place}/first", "wb") as f:
            f.write(data)
        for i in range(20):
            run("cp", "--reflink=always", f"{place}/first", f"{place}/copy{i}")
            with open(f"{place}/copy{i}", "r+b") as f:
                for _ in range(5):
                    f.seek(rng.randrange(len(data)))
                    f.write(rng.randbytes(rng.randrange(1, 20000)))
                if i % 3 == 0:
                    f.truncate(rng.randrange(len(data)))
    with mounted(image, tmp_path / "mount", "ro") as place:
        assert_same_tree(tree_truth(place), listing(assay, image))


# --- version 4 -----------------------------------------------------------------------------------

def proto_lines(folder):
    """The entries of a folder in the language of mkfs.xfs -p; its names have no blanks."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        s = entry.stat(follow_symlinks=False)
        mode = ("u" if s.st_mode & stat.S_ISUID else "-") + \
            ("g" if s.st_mode & stat.S_ISGID else "-") + f"{s.st_mode & 0o777:03o}"
        owner = f"{s.st_uid} {s.st_gid}"
        if entry.is_symlink():
            yield f"{entry.name} l{mode} {owner} {os.readlink(entry.path)}"
        elif entry.is_dir():
            yield f"{entry.name} d{mode} {owner}"
            yield from proto_lines(entry.path)
            yield "$"
        elif stat.S_ISCHR(s.st_mode):
            yield f"{entry.name} c{mode} {owner} {os.major(s.st_rdev)} {os.minor(s.st_rdev)}"
        else:
            yield f"{entry.name} -{mode} {owner} {entry.path}"


@pytest.fixture(scope="module")
def prototype(tmp_path_factory):
    """A tree, and the file that has mkfs.xfs copy it."""
    return make_prototype(tmp_path_factory.mktemp("prototype"), 1023)


@pytest.fixture(scope="module")
def plain_prototype(tmp_path_factory):
    """For version 5, where mkfs.xfs 6.1 makes links beside the inode that nobody can read."""
    return make_prototype(tmp_path_factory.mktemp("plain"), 300)


def make_prototype(folder, longest_link):
    source = folder / "source"
    rng = random.Random(2)
    for count in (0, 1, 7, 40, 170, 1500, 20000):
        (source / f"dir-{count}").mkdir(parents=True)
        for i in range(count):
            (source / f"dir-{count}" / f"{i:05d}{'y' * rng.randrange(50)}").touch()
    for size in (1, 155, 511, 512, 4095, 4096, 70000, 3 << 20):
        (source / f"file-{size}").write_bytes(rng.randbytes(size))
    for length in (1, 100, 155, 156, 157, 300, 511, 512, 1000, 1023):
        if length <= longest_link:
            os.symlink(("target/" * 150)[:length], source / f"link-{length}")
    os.mknod(source / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.chmod(source / "file-155", 0o6711)
    os.chown(source / "file-511", 70000, 80000)
    lines = ["/dev/null", "0 0", "d--755 0 0", *proto_lines(source), "$"]
    (folder / "proto").write_text("\n".join(lines) + "\n")
    return folder / "proto", source


@pytest.mark.parametrize("options", [
    ("-b", "size=4096", "-n", "ftype=0"),
    ("-b", "size=4096", "-n", "ftype=1", "-i", "size=512"),
    ("-b", "size=512", "-i", "attr=1", "-l", "version=1"),
    ("-b", "size=1024", "-n", "size=8192", "-l", "lazy-count=0"),
    ("-b", "size=65536"),
    ("-n", "version=ci"),
], ids=lambda options: "-".join(options).replace("--", "-"))
def test_version_4_is_read(assay, prototype, tmp_path, options):
    proto, source = prototype
    image = make(tmp_path / "image", "-m", "crc=0", *options, "-p", proto)
    # mkfs gives all files its own times.
    assert_same_tree(tree_truth(source), listing(assay, image), times=(), ignore=("nlink",))
    assert recovery(assay, image) == "none"


def test_version_4_names_are_found_in_any_case_where_it_says_so(assay, prototype, tmp_path):
    proto, source = prototype
    options = ("-m", "crc=0", "-p", proto)
    image = make(tmp_path / "any", "-n", "version=ci", *options)
    assert assay.output("cat", "--volume", "disk0", image, "/FILE-511") == \
        (source / "file-511").read_bytes()
    image = make(tmp_path / "exact", *options)
    assert assay("cat", "--volume", "disk0", image, "/FILE-511").returncode == 2


# --- features ------------------------------------------------------------------------------------

def set_field(image, name, value):
    """Writes a field of the superblock, checksum and all."""
    run("xfs_db", "-x", "-c", "sb 0", "-c", f"write -d {name} {value}", image)


def features(image):
    output = run("xfs_db", "-r", "-c", "sb 0", "-c", "print features_incompat", image).decode()
    return int(output.split("=")[1], 0)


@pytest.mark.parametrize("bit,name", [(9, "zoned"), (20, "unknown (0x100000)")])
def test_what_is_not_read_is_named(assay, tmp_path, bit, name):
    image = make(tmp_path / "image")
    set_field(image, "features_incompat", hex(features(image) | 1 << bit))
    done = assay("ls", "--volume", "disk0", image, "/")
    assert done.returncode in (2, 3)
    assert b"unsupported XFS feature" in done.stderr and name.encode() in done.stderr
    assert assay("disk", image).returncode == 3


@pytest.mark.parametrize("field_name", ["features_compat", "features_ro_compat"])
def test_features_that_only_matter_to_writers_are_read_over(assay, tmp_path, field_name):
    image = make(tmp_path / "image")
    with mounted(image, tmp_path / "mount") as place:
        (tmp_path / "mount" / "file").write_text("here")
        truth = tree_truth(place)
    set_field(image, field_name, "0x8000000f")
    assert_same_tree(truth, listing(assay, image))


def test_files_on_a_realtime_device_are_told_as_not_read(assay, tmp_path):
    """The kernel here knows no such devices: the mark of the inode is set by hand."""
    image = make(tmp_path / "image")
    with mounted(image, tmp_path / "mount") as place:
        for name in ("here", "there"):
            (tmp_path / "mount" / name).write_text("contents")
        inode = os.stat(f"{place}/there").st_ino
    run("xfs_db", "-x", "-c", f"inode {inode}", "-c", "write -d core.realtime 1", image)
    done = assay("ls", "-R", "--hash", "--format", "json", "--volume", "disk0", image, "/")
    assert done.returncode == 3
    assert b"on the realtime device" in done.stderr
    found = records(done.stdout)
    assert found[b"here"]["sha256"] == hashlib.sha256(b"contents").hexdigest()
    assert "sha256" not in found[b"there"]


# --- the log -------------------------------------------------------------------------------------

def recovery(assay, image):
    done = assay("disk", "--format", "json", image)
    found = re.search(rb'"recovery":"(\w+)"', done.stdout).group(1).decode()
    assert done.returncode == (3 if found == "needed" else 0), done.stderr
    return found


def step(root, rng):
    """One change of any kind."""
    folder = os.path.join(root, f"d{rng.randrange(12)}")
    os.makedirs(folder, exist_ok=True)
    inside = [os.path.join(folder, name) for name in os.listdir(folder)]
    files = [path for path in inside if os.path.isfile(path) and not os.path.islink(path)]
    name = os.path.join(folder, f"f{rng.randrange(3000)}{'z' * rng.randrange(30)}")
    kind = rng.choices(["write", "unlink", "rename", "symlink", "xattr", "link", "scatter",
                        "rmtree", "allocate", "chmod", "mkdir", "sync"],
                       [35, 15, 10, 5, 10, 5, 5, 2, 3, 3, 3, 1])[0]
    if kind == "write":
        with open(name, "wb") as f:
            f.write(rng.randbytes(rng.choice([0, 10, 5000, 70000])))
    elif kind == "unlink" and inside:
        os.unlink(rng.choice(inside))
    elif kind == "rename" and inside:
        os.rename(rng.choice(inside), os.path.join(root, f"d{rng.randrange(12)}",
                                                   f"r{rng.randrange(1000)}"))
    elif kind == "symlink":
        os.symlink("q" * rng.choice([10, 300, 500, 900]), name)
    elif kind == "xattr" and files:
        os.setxattr(rng.choice(files), f"user.a{rng.randrange(20)}",
                    rng.randbytes(rng.choice([5, 100, 2000, 10000])))
    elif kind == "link" and files:
        os.link(rng.choice(files), name)
    elif kind == "scatter":
        with open(os.path.join(root, f"frag{rng.randrange(3)}"), "ab") as f:
            for _ in range(60):
                os.pwritev(f.fileno(), [b"F" * 100], rng.randrange(3000) * 8192)
    elif kind == "rmtree":
        shutil.rmtree(folder)
    elif kind == "allocate":
        with open(name, "wb") as f:
            os.ftruncate(f.fileno(), rng.randrange(100000))
            os.posix_fallocate(f.fileno(), 0, 50000)
    elif kind == "chmod":
        os.chmod(folder, 0o700 + rng.randrange(64))
    elif kind == "mkdir":
        os.mkdir(name)
        for i in range(rng.choice([5, 200])):
            os.mknod(os.path.join(name, str(i)))
    elif kind == "sync":
        os.sync()


def keep_busy(root, rng, steps):
    for _ in range(steps):
        with contextlib.suppress(OSError):  # a directory where a file was meant, and the like
            step(root, rng)


def assert_as_recovered(assay, image, folder):
    """The kernel replays the log of a copy: what it then finds is what we have to."""
    ours = listing(assay, image)
    with mounted(image, folder) as place:
        assert_same_tree(tree_truth(place), ours)


@pytest.mark.parametrize("options", [
    (),
    ("-b", "size=1024", "-i", "nrext64=1"),
    ("-n", "size=65536", "-l", "su=64k"),
    ("-b", "size=16384", "-i", "size=1024", "-m", "bigtime=0"),
], ids=lambda options: "-".join(options).replace("--", "-"))
def test_after_a_crash_all_that_is_in_the_log_is_there(assay, tmp_path, options):
    rng = random.Random(6)
    image, mount = make(tmp_path / "image", *options), tmp_path / "mount"
    for flags in ((), ("-f",), ()):
        with mounted(image, mount) as place:
            keep_busy(place, rng, 900)
            # "-f" writes the log before the filesystem dies, without it some is lost.
            run("xfs_io", "-x", "-c", " ".join(("shutdown", *flags)), place)
        assert recovery(assay, image) in ("replayed", "none")
        assert_as_recovered(assay, image, mount)
    assert recovery(assay, image) == "none"


def test_a_copy_of_a_mounted_filesystem_has_what_was_synced(assay, tmp_path):
    """Through several turns of the ring, the smallest that mkfs makes. After sync(2) all that is
    new may be in the log alone."""
    image, copy = make(tmp_path / "image", "-l", "size=64m"), tmp_path / "copy"
    seen = []
    for turn in range(8):
        with mounted(image, tmp_path / "mount") as place:
            for i in range(6000):
                os.mknod(f"{place}/{turn}-{i}{'y' * 200}")
            run("sync", "-f", place)
            run("cp", "--sparse=always", image, copy)
            seen.append(recovery(assay, copy))
            names = assay.output("ls", "--volume", "disk0", copy, "/").split()
            assert sorted(names) == sorted(os.listdir(os.fsencode(place)))
            for name in os.listdir(place):
                os.unlink(f"{place}/{name}")
        seen.append(recovery(assay, image))
    assert seen == ["replayed", "none"] * 8


def test_a_frozen_filesystem_is_whole(assay, tmp_path):
    """fsfreeze(8) leaves a record in the log, as if changes were there."""
    image, copy = make(tmp_path / "image"), tmp_path / "copy"
    with mounted(image, tmp_path / "mount") as place:
        keep_busy(place, random.Random(7), 500)
        run("xfs_freeze", "-f", place)
        run("cp", "--sparse=always", image, copy)
        run("xfs_freeze", "-u", place)
        truth = tree_truth(place)
    assert b"<DIRTY>" in run("xfs_logprint", "-t", copy)
    assert recovery(assay, copy) == "none"
    assert_same_tree(truth, listing(assay, copy))


def test_a_damaged_log_is_not_replayed(assay, tmp_path):
    image, copy = make(tmp_path / "image"), tmp_path / "copy"
    with mounted(image, tmp_path / "mount") as place:
        keep_busy(place, random.Random(8), 300)
        run("sync", "-f", place)
        run("cp", "--sparse=always", image, copy)
    start = int(run("xfs_db", "-r", "-c", "sb 0", "-c", "print logstart", copy).split(b"=")[1])
    at = int(run("xfs_db", "-r", "-c", f"convert fsblock {start} byte", copy).split()[1].strip(b"()"))
    overwrite(copy, at + 12, b"\xff\xff\xff\xff")  # length of the first record
    overwrite(copy, at + 1024 + 12, b"\xff\xff\xff\xff")
    assert recovery(assay, copy) == "needed"
    done = assay("ls", "--volume", "disk0", copy, "/")
    assert done.returncode == 3
    assert b"recovery needed" in done.stderr and b"cannot be replayed" in done.stderr


def test_a_log_elsewhere_is_never_clean(assay, tmp_path):
    image, log = tmp_path / "image", tmp_path / "log"
    for path in (image, log):
        with open(path, "wb") as f:
            f.truncate(SIZE)
    with loop(image) as device, loop(log) as second:
        run("mkfs.xfs", "-q", "-l", f"logdev={second}", device)
    assert recovery(assay, image) == "needed"
    assert b"on another device" in assay("disk", image).stderr


# --- damage --------------------------------------------------------------------------------------

def metadata_sectors(data):
    """Where blocks begin that carry a checksum."""
    magics = (b"XFSB", b"XDB3", b"XDD3", b"BMA3", b"XSLM", b"XARM")
    deeper = (b"\x3d\xf1", b"\x3d\xff", b"\x3e\xbe", b"\x3b\xee")
    for at in range(0, len(data), 512):
        if data[at:at + 4] in magics or data[at:at + 2] == b"IN" or data[at + 8:at + 10] in deeper:
            yield at


def test_damage_hides_only_what_it_hits(assay, tmp_path):
    """Bits flipped in the metadata: all that is listed is right, and what is missing is told."""
    rng = random.Random(5)
    image = make(tmp_path / "image", "-b", "size=1024")
    with mounted(image, tmp_path / "mount") as place:
        torture(place, scale=400, extent_count=300, **LIMITS)
        for name in ("large", "large hole", "holes", "only a hole", "many extents"):
            os.unlink(f"{place}/{name}")  # they take time to hash, and add no metadata
    with mounted(image, tmp_path / "mount", "ro") as place:
        truth = {o["path"]: o for o in tree_truth(place)}
    good = image.read_bytes()
    places = list(metadata_sectors(good))
    assert len(places) > 2000
    told, right = 0, 0
    for _ in range(40):
        hit = [at + rng.randrange(512) for at in rng.sample(places, 20)]
        for at in hit:
            overwrite(image, at, bytes([good[at] ^ 1 << rng.randrange(8)]))
        done = assay("ls", "-R", "--hash", "--format", "json", "--volume", "disk0", image, "/")
        assert done.returncode in (0, 2, 3), done.stderr
        found = records(done.stdout)
        if done.returncode == 0:
            assert found.keys() == truth.keys() - {b""}
        else:
            told += 1
        for path, record in found.items():
            # A name in a directory block with a wrong checksum may itself be wrong; that was told.
            if path not in truth:
                assert b"wrong checksum" in done.stderr
            elif "fault" not in record:
                right += 1
                assert record.get("sha256") == truth[path]["sha256"]
                assert int(record["mode"], 8) == truth[path]["mode"]
        for at in hit:
            overwrite(image, at, good[at:at + 1])
    assert told > 20 and right > 40 * len(truth) // 2


@pytest.mark.parametrize("options", [(), ("-m", "crc=0")], ids=["v5", "v4"])
def test_a_cut_image_says_so(assay, plain_prototype, tmp_path, options):
    image = make(tmp_path / "image", *options, "-p", plain_prototype[0])
    whole = len(listing(assay, image, hashes=False))
    os.truncate(image, 150 << 20)
    done = assay("ls", "-R", "--format", "json", "--volume", "disk0", image, "/")
    assert done.returncode == 3
    assert b"cut short" in done.stderr
    assert 0 < len(records(done.stdout)) <= whole


def test_a_copy_stands_in_for_the_superblock(assay, plain_prototype, tmp_path):
    proto, source = plain_prototype
    image = make(tmp_path / "image", "-p", proto)
    overwrite(image, 100, bytes(20))
    done = assay("ls", "-R", "--hash", "--format", "json", "--volume", "disk0", image, "/")
    assert done.returncode == 3
    assert b"a copy is used" in done.stderr
    assert_same_tree(tree_truth(source), records(done.stdout), times=(), ignore=("nlink",))
