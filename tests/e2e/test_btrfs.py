"""btrfs: what we read against what the kernel reads, on filesystems made by both."""
import contextlib
import hashlib
import os
import random
import shutil

import pytest

from conftest import run
from torture import torture
from tree_truth import assert_same_tree, listing, mounted, records, tree_truth

SIZE = 256 << 20


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A tree for mkfs.btrfs --rootdir."""
    folder = tmp_path_factory.mktemp("source")
    rng = random.Random(2)
    for i in range(300):
        (folder / f"dir{i % 17}").mkdir(exist_ok=True)
        size = rng.choice([0, 1, 100, 2047, 2048, 2049, 4095, 4096, 4097, 30000, 200000])
        (folder / f"dir{i % 17}" / f"file{i}").write_bytes(
            rng.randbytes(size // 2) + b"compressible " * (size // 26))
    (folder / "large").write_bytes(rng.randbytes(9 << 20))
    os.symlink("dir1/file1", folder / "link")
    os.symlink("/" + "x" * 3000, folder / "long link")
    os.setxattr(folder / "link", "trusted.note", b"of the link", follow_symlinks=False)
    return folder


def make(image, *options, size=SIZE):
    with open(image, "wb") as f:
        f.truncate(size)
    run("mkfs.btrfs", "-q", *options, image)
    return image


@contextlib.contextmanager
def loops(*images):
    """Loop devices, for filesystems over several."""
    devices = []
    try:
        for image in images:
            devices.append(run("losetup", "-f", "--show", image).decode().strip())
        yield devices
    finally:
        for device in devices:
            run("losetup", "-d", device)


def make_pair(source, folder, *options):
    """One filesystem over two devices. Returns their images, and what is on it."""
    images = [folder / "a", folder / "b"]
    for image in images:
        with open(image, "wb") as f:
            f.truncate(SIZE)
    os.mkdir(folder / "mount")
    with loops(*images) as devices:
        run("mkfs.btrfs", "-q", *options, *devices)
        run("mount", "-o", f"device={devices[1]}", devices[0], folder / "mount")
        try:
            run("cp", "-a", f"{source}/.", folder / "mount")
            return images, tree_truth(folder / "mount")
        finally:
            run("umount", folder / "mount")


def assert_as_mounted(assay, image, folder, options=(), **keys):
    with mounted(image, folder, "ro", *options):
        truth = tree_truth(folder, cross=True)
    # The kernel makes up what the place of a subvolume looks like.
    assert_same_tree(truth, listing(assay, image), **keys)


@pytest.mark.parametrize("options", [
    ("--csum", "crc32c", "-n", "4096"),
    ("--csum", "xxhash", "-n", "65536"),
    ("--csum", "sha256", "-n", "16384", "-m", "single"),
    ("--csum", "blake2", "-n", "32768", "-m", "dup", "-d", "dup"),
    ("-M", "-n", "4096"),
    ("-O", "^no-holes,^skinny-metadata,^extref"),
], ids=lambda options: "".join(options).replace("-", ""))
def test_everything_that_mkfs_makes_is_read(assay, source, tmp_path, options):
    image = make(tmp_path / "image", *options, "--rootdir", source)
    truth = tree_truth(source)
    # mkfs gives files its own ctime; in 6.2 it does not know hard links.
    assert_same_tree(truth, listing(assay, image), times=("mtime",), ignore=("nlink",))


@pytest.fixture(scope="module")
def tortured(tmp_path_factory):
    """Everything that is hard, each third compressed in another way, twice over with checksums
    off."""
    folder = tmp_path_factory.mktemp("tortured")
    image = make(folder / "image", size=1 << 30)
    limits = {"scale": 1500, "extent_count": 800, "longest_link": 4000, "xattr_room": 3000}
    for number, options in enumerate(("compress=no", "compress-force=zlib", "compress-force=lzo",
                                      "compress-force=zstd", "nodatasum,nodatacow")):
        with mounted(image, folder / "mount", options) as place:
            os.mkdir(f"{place}/{number}")
            torture(f"{place}/{number}", seed=number, earliest=-(1 << 40), latest=1 << 40, **limits)
    return image


def test_a_torture_tree_in_every_compression_is_read(assay, tortured, tmp_path):
    assert_as_mounted(assay, tortured, tmp_path / "mount")


def test_shared_and_cut_extents_are_read(assay, tmp_path):
    """Copies share extents, of which files use parts, compressed ones too."""
    rng = random.Random(3)
    image = make(tmp_path / "image")
    with mounted(image, tmp_path / "mount", "compress=zstd") as place:
        data = b"".join(rng.randbytes(7) * 2000 for _ in range(100))
        with open(f"{place}/first", "wb") as f:
            f.write(data)
        os.sync()
        for i in range(20):
            run("cp", "--reflink=always", f"{place}/first", f"{place}/copy{i}")
            with open(f"{place}/copy{i}", "r+b") as f:
                for _ in range(5):
                    f.seek(rng.randrange(len(data)))
                    f.write(rng.randbytes(rng.randrange(1, 20000)))
                if i % 3 == 0:
                    f.truncate(rng.randrange(len(data)))
    assert_as_mounted(assay, image, tmp_path / "mount")


@pytest.fixture
def subvolumes(tmp_path):
    image = make(tmp_path / "image")
    with mounted(image, tmp_path / "mount") as place:
        for name in ("@", "@/home", "@home", "other"):
            run("btrfs", "subvolume", "create", f"{place}/{name}")
            with open(f"{place}/{name}/name", "w") as f:
                f.write(name)
        os.mkdir(f"{place}/snapshots")
        for i in range(3):
            run("btrfs", "subvolume", "snapshot", "-r", f"{place}/@", f"{place}/snapshots/{i}")
            with open(f"{place}/@/change{i}", "w") as f:
                f.write("changed after the snapshot")
        run("btrfs", "subvolume", "delete", "-c", f"{place}/other")
    return image


def test_subvolumes_are_entered_and_snapshots_stay_as_they_were(assay, subvolumes, tmp_path):
    with mounted(subvolumes, tmp_path / "mount", "ro") as place:
        truth = tree_truth(place, cross=True)
    # The empty places that snapshots keep for subvolumes have times and owners only in memory.
    empty = {t["path"] for t in truth if t["path"].endswith(b"/home") and t["inode"] == 2}
    assert len(empty) == 3
    found = listing(assay, subvolumes)
    assert empty < found.keys()
    assert not any(path.startswith(place + b"/") for path in found for place in empty)
    assert_same_tree([t for t in truth if t["path"] not in empty],
                     {path: f for path, f in found.items() if path not in empty})


def test_the_default_subvolume_is_what_is_listed(assay, subvolumes, tmp_path):
    with mounted(subvolumes, tmp_path / "mount") as place:
        run("btrfs", "subvolume", "set-default", f"{place}/@")
    with mounted(subvolumes, tmp_path / "mount", "ro") as place:
        truth = tree_truth(place, cross=True)
    assert {t["path"] for t in truth} >= {b"name", b"home", b"change2"}
    assert_same_tree(truth, listing(assay, subvolumes))


def test_a_mirror_is_read_from_either_device(assay, source, tmp_path):
    images, truth = make_pair(source, tmp_path, "-m", "raid1", "-d", "raid1")
    for image in images:
        assert_same_tree(truth, listing(assay, image))


def test_what_lies_on_another_device_is_said(assay, source, tmp_path):
    images, truth = make_pair(source, tmp_path, "-m", "raid1", "-d", "raid0")
    done = assay("ls", "-R", "--hash", "--format", "json", "--volume", "disk0", images[0], "/")
    assert done.returncode == 3
    assert b"device 2 of the filesystem" in done.stderr
    # Names are mirrored, and so is what is small enough to lie beside them.
    found = records(done.stdout)
    assert len(found) == len(truth) - 1
    for file in truth:
        if file["type"] == "file":
            record = found[file["path"]]
            assert record.get("sha256") in (None, file["sha256"])
            assert ("fault" in record) == ("sha256" not in record)
            assert "sha256" in record or file["size"] > 2000


def found_at(image, pattern):
    data = image.read_bytes()
    at = data.find(pattern)
    while at >= 0:
        yield at
        at = data.find(pattern, at + 1)


def overwrite(image, at, data):
    with open(image, "r+b") as f:
        f.seek(at)
        f.write(data)


def test_a_damaged_copy_is_told_and_the_other_is_read(assay, tmp_path):
    image = make(tmp_path / "image", "-m", "dup", "-d", "dup")
    content = random.Random(4).randbytes(1 << 20)
    with mounted(image, tmp_path / "mount") as place:
        with open(f"{place}/twice", "wb") as f:
            f.write(content)
    first, second = found_at(image, content[512000:512064])
    overwrite(image, first, b"damage")
    done = assay("ls", "--hash", "--volume", "disk0", image, "/twice")
    assert done.returncode == 3
    assert b"other copy is used" in done.stderr
    assert hashlib.sha256(content).hexdigest().encode() in done.stdout
    overwrite(image, second, b"damage")
    done = assay("cat", "--volume", "disk0", image, "/twice")
    assert done.returncode in (2, 3)
    assert b"checksum of the contents" in done.stderr
    assert len(done.stdout) < len(content)


def test_damage_hides_only_what_it_hits(assay, source, tmp_path):
    """Bits flipped in the metadata: everything listed is right, or says why it is not there."""
    rng = random.Random(5)
    image = make(tmp_path / "image", "-m", "single", "-n", "4096", "--rootdir", source)
    truth = {file["path"]: file for file in tree_truth(source)}
    good = image.read_bytes()
    # Tree blocks: those that begin with a checksum and the id of the filesystem. So do superblocks.
    fsid = good[65536 + 32:65536 + 48]
    blocks = [at for at in range(0, len(good), 4096)
              if good[at + 32:at + 48] == fsid and at not in (64 << 10, 64 << 20)]
    assert len(blocks) > 20
    seen = 0
    for _ in range(60):
        hit = rng.sample(blocks, 3)
        for at in hit:
            at += rng.randrange(4096)
            overwrite(image, at, bytes([good[at] ^ 1 << rng.randrange(8)]))
        done = assay("ls", "-R", "--hash", "--format", "json", "--volume", "disk0", image, "/")
        assert done.returncode in (0, 2, 3), done.stderr
        if done.returncode == 2:
            assert b": tree block at" in done.stderr and done.stdout == b""
        for path, record in records(done.stdout).items():
            if "fault" not in record:
                seen += 1
                assert record.get("sha256") == truth[path]["sha256"]
        for at in hit:
            overwrite(image, at, good[at:at + 4096])
    assert seen > 5000


def test_a_cut_image_says_so(assay, source, tmp_path):
    image = make(tmp_path / "image", "-m", "single", "--rootdir", source)
    os.truncate(image, 200 << 20)
    done = assay("disk", image)
    assert done.returncode == 3
    assert b"cut short" in done.stderr + done.stdout


def test_changes_that_were_only_logged_are_told_as_missing(assay, tmp_path):
    """A copy of a mounted filesystem after fsync(2): the newest are in the log tree."""
    image = make(tmp_path / "image")
    with mounted(image, tmp_path / "mount") as place:
        with open(f"{place}/before", "w") as f:
            f.write("written whole")
        run("sync", "-f", place)
        with open(f"{place}/after", "w") as f:
            f.write("only logged")
            f.flush()
            os.fsync(f.fileno())
        shutil.copyfile(image, tmp_path / "copy")
    found = assay("disk", "--format", "json", tmp_path / "copy")
    assert found.returncode == 3
    assert b'"recovery":"needed"' in found.stdout
    assert assay.output("ls", "--volume", "disk0", image, "/").split() == [b"after", b"before"]
