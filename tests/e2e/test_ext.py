"""ext2, ext3 and ext4: what we read against what the kernel reads, debugfs, and the source."""
import json
import os
import random
import shutil
import struct
import subprocess

import pytest

from conftest import run
from torture import torture
from tree_truth import assert_same_tree, listing, mounted, tree_truth

TORTURE = {"scale": 600, "extent_count": 400}
# Small blocks have room for fewer attributes.
SMALL = {**TORTURE, "xattr_room": 600}
BEFORE_2038 = {**TORTURE, "earliest": -(1 << 31), "latest": (1 << 31) - 1}


def make(image, *options, size="300M"):
    run("truncate", "-s", size, image)
    run("mke2fs", "-q", "-F", *options, image)
    return image


def filesystem(assay, image):
    """What `disk` says about the one filesystem of the image, and its exit status."""
    done = assay("disk", "--format", "json", image)
    return json.loads(done.stdout)["volumes"][0], done.returncode


def as_mounted(image, folder):
    with mounted(image, folder, "ro", "noload"):
        return tree_truth(folder)


@pytest.mark.parametrize("kind, limits, options", [
    ("ext4", TORTURE, ("-t", "ext4", "-b", "4096")),
    ("ext4", SMALL, ("-t", "ext4", "-b", "1024")),
    ("ext4", SMALL, ("-t", "ext4", "-b", "2048", "-O", "^metadata_csum,uninit_bg,sparse_super2")),
    ("ext4", TORTURE, ("-t", "ext4", "-b", "4096", "-O", "inline_data")),
    ("ext4", TORTURE, ("-t", "ext4", "-b", "4096", "-I", "1024", "-O", "inline_data,ea_inode")),
    ("ext4", TORTURE, ("-t", "ext4", "-b", "4096", "-O",
                       "^64bit,^metadata_csum,^flex_bg,^resize_inode,meta_bg")),
    ("ext4", TORTURE, ("-t", "ext4", "-b", "4096", "-C", "65536", "-O",
                       "bigalloc,metadata_csum_seed,orphan_file,large_dir,ea_inode")),
    ("ext3", SMALL, ("-t", "ext3", "-b", "1024")),
    ("ext2", BEFORE_2038, ("-t", "ext2", "-b", "4096", "-I", "128")),
], ids=["4k", "1k", "old-sums", "inline", "large-inodes", "meta_bg", "bigalloc", "ext3", "ext2"])
def test_a_torture_tree_is_read_as_the_kernel_does(assay, tmp_path, kind, limits, options):
    image = make(tmp_path / "image", *options, size="1G" if "bigalloc" in str(options) else "300M")
    with mounted(image, tmp_path / "mount") as place:
        torture(place, **limits)
    with mounted(image, tmp_path / "mount", "ro"):
        truth = tree_truth(tmp_path / "mount")
    assert_same_tree(truth, listing(assay, image))
    volume, status = filesystem(assay, image)
    assert status == 0 and volume["content"] == kind
    assert volume["uuid"] == run("blkid", "-o", "value", "-s", "UUID", image).decode().strip()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A tree for mke2fs -d: it makes what this kernel cannot mount, too."""
    folder = tmp_path_factory.mktemp("source")
    rng = random.Random(5)
    for i in range(200):
        (folder / f"dir{i % 13}").mkdir(exist_ok=True)
        size = rng.choice([0, 1, 59, 60, 61, 150, 1023, 1025, 4096, 65535, 65537, 200000])
        (folder / f"dir{i % 13}" / f"Datei {i} ä").write_bytes(rng.randbytes(size))
    (folder / "large").write_bytes(rng.randbytes(7 << 20))
    (folder / "huge").mkdir()
    for i in range(4000):
        (folder / "huge" / f"a-name-that-takes-some-room-{i:06}").touch()
    os.symlink("dir1", folder / "link")
    os.symlink("/" + "y" * 900, folder / "long link")
    os.setxattr(folder / "large", "user.note", b"large")
    with open(folder / "sparse", "wb") as f:
        f.seek(50 << 20)
        f.write(b"end")
    return folder


@pytest.mark.parametrize("options", [
    ("-t", "ext4", "-b", "65536"),
    ("-t", "ext4", "-b", "4096", "-O", "casefold,encrypt,verity"),
    ("-t", "ext4", "-b", "1024", "-O", "large_dir,project,quota"),
    ("-t", "ext4", "-b", "4096", "-O", "^has_journal,bigalloc", "-C", "32768"),
], ids=["64k", "casefold", "quota", "bigalloc"])
def test_everything_that_mke2fs_makes_is_read(assay, source, tmp_path, options):
    image = make(tmp_path / "image", *options, "-N", "8192", "-d", source, size="600M")
    truth = [t for t in tree_truth(source) if t["path"] != b"lost+found"]
    found = listing(assay, image)
    assert found.pop(b"lost+found")["type"] == "directory"
    found.pop(b".quota", None)
    assert_same_tree(truth, found, times=("mtime",))


def test_contents_are_those_of_debugfs(assay, source, tmp_path):
    image = make(tmp_path / "image", "-t", "ext4", "-b", "65536", "-N", "8192", "-d", source,
                 size="600M")
    os.mkdir(tmp_path / "dump")
    run("debugfs", "-R", f"rdump /dir1 /dir2 /large {tmp_path}/dump", image)
    found = listing(assay, image)
    dumped = [t for t in tree_truth(tmp_path / "dump") if t["type"] == "file"]
    assert len(dumped) > 30
    for t in dumped:
        assert found[t["path"]]["sha256"] == t["sha256"], t["path"]


def test_names_are_found_in_directories_with_an_index(assay, tmp_path):
    image = make(tmp_path / "image", "-t", "ext4", "-b", "1024", size="64M")
    with mounted(image, tmp_path / "mount") as place:
        (place / "d").mkdir()
        for i in range(6000):
            (place / "d" / f"a-name-{i}").touch()
        for i in (0, 77, 5999):
            (place / "d" / f"a-name-{i}").write_text(f"{i}\n")
    assert b"Indirect levels: 1" in run("debugfs", "-R", "htree_dump /d", image)
    for i in (0, 77, 5999):
        text = assay.output("cat", "--volume", "disk0", image, f"/d/a-name-{i}")
        assert text == f"{i}\n".encode()
    assert "a-name-6000" in assay.refusal("cat", "--volume", "disk0", image, "/d/a-name-6000")


def test_names_are_found_in_folded_directories(assay, tmp_path):
    image = make(tmp_path / "image", "-t", "ext4", "-O", "casefold", size="64M")
    (tmp_path / "file").write_bytes(b"found\n")
    commands = f"mkdir d\nset_inode_field d flags 0x40080000\ncd d\nwrite {tmp_path}/file Äpfel\n"
    run("debugfs", "-w", image, input=commands.encode())
    for name in ("Äpfel", "äPFEL", "A\u0308pfel"):
        assert assay.output("cat", "--volume", "disk0", image, f"/d/{name}") == b"found\n"
    assert assay("cat", "--volume", "disk0", image, "/D/Äpfel").returncode == 2


def test_encrypted_directories_are_named(assay, tmp_path):
    image = make(tmp_path / "image", "-t", "ext4", "-O", "encrypt", size="64M")
    run("debugfs", "-w", image, input=b"mkdir d\nmkdir e\nset_inode_field d flags 0x80800\n")
    done = assay("ls", "-R", "--volume", "disk0", image, "/")
    assert done.returncode == 3
    assert b"/d" in done.stdout and b"/e" in done.stdout
    assert b"is encrypted" in done.stderr


def test_features_that_are_not_read_are_named(assay, tmp_path):
    image = make(tmp_path / "image", "-t", "ext4", "-O", "^metadata_csum", size="64M")
    with open(image, "r+b") as f:
        f.seek(1024 + 0x60)
        (incompat,) = struct.unpack("<I", f.read(4))
        f.seek(1024 + 0x60)
        f.write(struct.pack("<I", incompat | 0x80000))
    text = assay("disk", image).stderr.decode()
    assert "incompatible bit 0x80000" in text
    assert filesystem(assay, image)[1] == 3


# --- journals -------------------------------------------------------------------------------------

def fsync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def change(place, rng, number):
    """Much that ends up in the journal: new, changed, removed and renamed."""
    for i in range(120):
        folder = f"{place}/d{rng.randrange(20)}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{number}-{i}", "wb") as f:
            # The journal's own magic at the start of a block, which has to be escaped there.
            f.write(struct.pack(">I", 0xc03b3998) * rng.randrange(3000))
            if rng.random() < 0.1:
                f.flush()
                os.fsync(f.fileno())
    files = [os.path.join(folder, name) for folder, _, names in os.walk(place) for name in names]
    for path in sorted(rng.sample(sorted(files), 40)):
        os.unlink(path)
    shutil.rmtree(f"{place}/d{rng.randrange(20)}", ignore_errors=True)
    os.makedirs(f"{place}/new{number}/deep", exist_ok=True)
    os.rename(f"{place}/new{number}", f"{place}/renamed{number}")
    os.symlink("t" * 200, f"{place}/renamed{number}/link")


def live_copy(image, place, copy, options=(), rounds=4):
    """Works on the mounted filesystem and copies the image before it is unmounted."""
    rng = random.Random(8)
    with mounted(image, place, *options):
        for number in range(rounds):
            change(place, rng, number)
            if number == 1:
                os.sync()
            fsync(place)
        run("cp", "--sparse=always", image, copy)


@pytest.mark.parametrize("mount, options", [
    ((), ("-t", "ext4", "-b", "4096")),
    ((), ("-t", "ext4", "-b", "1024", "-O", "^64bit")),
    (("data=journal",), ("-t", "ext4", "-b", "4096")),
    (("journal_checksum",), ("-t", "ext4", "-b", "4096", "-O", "^metadata_csum")),
    (("journal_async_commit", "data=writeback"), ("-t", "ext4", "-b", "4096", "-O", "inline_data")),
    ((), ("-t", "ext3", "-b", "4096")),
], ids=["v3", "1k", "data", "no-metadata-sums", "async", "ext3"])
def test_a_copy_of_a_busy_filesystem_reads_as_the_kernel_recovers_it(assay, tmp_path, mount,
                                                                     options):
    image = make(tmp_path / "image", *options)
    live_copy(image, tmp_path / "mount", tmp_path / "copy", mount)
    before = as_mounted(tmp_path / "copy", tmp_path / "mount")
    digest = run("sha256sum", tmp_path / "copy")
    found = listing(assay, tmp_path / "copy")
    volume, status = filesystem(assay, tmp_path / "copy")
    assert status == 0 and volume["recovery"] == "replayed"
    assert run("sha256sum", tmp_path / "copy") == digest
    with mounted(tmp_path / "copy", tmp_path / "mount"):  # the kernel recovers it
        truth = tree_truth(tmp_path / "mount")
    assert {t["path"] for t in truth} != {t["path"] for t in before}
    assert_same_tree(truth, found)


def test_damage_in_the_journal_is_said(assay, tmp_path):
    image = make(tmp_path / "image", "-t", "ext4", "-b", "4096")
    live_copy(image, tmp_path / "mount", tmp_path / "copy")
    blocks = run("debugfs", "-R", "blocks <8>", tmp_path / "copy").split()
    with open(tmp_path / "copy", "r+b") as f:
        f.seek(int(blocks[0]) * 4096 + 0x1c)
        (start,) = struct.unpack(">I", f.read(4))
        f.seek(int(blocks[start]) * 4096 + 100)
        f.write(b"damage")
    volume, status = filesystem(assay, tmp_path / "copy")
    assert status == 3 and volume["recovery"] == "needed"


def test_fast_commits_are_said(assay, tmp_path):
    image = make(tmp_path / "image", "-t", "ext4", "-O", "fast_commit", size="64M")
    with mounted(image, tmp_path / "mount") as place:
        (place / "first").write_text("first\n")
        os.sync()
        for i in range(3):
            (place / f"fast{i}").write_text("fast\n")
            fsync(place / f"fast{i}")
        run("cp", image, tmp_path / "copy")
    volume, status = filesystem(assay, tmp_path / "copy")
    assert status == 3 and volume["recovery"] == "needed"
    assert b"fast commits are not read" in assay("disk", tmp_path / "copy").stderr
    volume, status = filesystem(assay, image)
    assert status == 0 and volume.get("recovery", "none") == "none"


def test_a_journal_on_another_device_is_said(assay, tmp_path):
    journal = make(tmp_path / "journal", "-b", "4096", "-O", "journal_dev", size="32M")
    run("truncate", "-s", "64M", tmp_path / "image")
    device = run("losetup", "-f", "--show", journal).decode().strip()
    try:
        run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-J", f"device={device}",
            tmp_path / "image")
        with mounted(tmp_path / "image", tmp_path / "mount", f"journal_path={device}") as place:
            (place / "file").write_text("text\n")
            fsync(place / "file")
            run("cp", tmp_path / "image", tmp_path / "copy")
    finally:
        run("losetup", "-d", device)
    volume, status = filesystem(assay, tmp_path / "copy")
    assert status == 3 and volume["recovery"] == "needed"
    assert b"another device" in assay("disk", tmp_path / "copy").stderr
    assert b"ext4 journal without its filesystem is not read yet" in assay("disk", journal).stderr
    assert filesystem(assay, tmp_path / "image")[1] == 0  # unmounted: nothing is missing


# --- damage ---------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A filesystem with checksums, and what is in it."""
    folder = tmp_path_factory.mktemp("sound")
    source = folder / "source"
    rng = random.Random(11)
    for i in range(60):
        (source / f"d{i % 7}").mkdir(parents=True, exist_ok=True)
        (source / f"d{i % 7}" / f"f{i}").write_bytes(b"content of a file\n" * rng.randrange(900))
    (source / "many").mkdir()
    for i in range(400):
        (source / "many" / f"an-entry-with-a-name-{i}").touch()
    image = make(folder / "image", "-t", "ext4", "-b", "1024", "-N", "1024", "-d", source,
                 size="16M")
    return image


def list_all(assay, image):
    return assay("ls", "-R", "--hash", "--format", "json", "--volume", "disk0", image, "/")


def test_no_flipped_bit_of_metadata_goes_unnoticed(assay, sound, tmp_path):
    """Where what we list is not what there is, the exit status says so. Contents are left out:
    ext4 has no checksums for them."""
    expected = list_all(assay, sound).stdout
    data = sound.read_bytes()
    blocks = [data[at:at + 1024] for at in range(0, len(data), 1024)]
    used = [i for i, block in enumerate(blocks) if any(block) and b"content of" not in block]
    rng = random.Random(13)
    noticed = 0
    for _ in range(40):
        copy = bytearray(data)
        at = rng.choice(used) * 1024 + rng.randrange(1024)
        copy[at] ^= 1 << rng.randrange(8)
        (tmp_path / "image").write_bytes(copy)
        done = list_all(assay, tmp_path / "image")
        assert done.returncode in (0, 2, 3), (at, done.stderr)
        assert done.returncode != 0 or done.stdout == expected, at
        noticed += done.returncode != 0
    assert noticed > 5


def test_a_damaged_superblock_is_read_from_its_copy(assay, sound, tmp_path):
    truth = listing(assay, sound)
    shutil.copy(sound, tmp_path / "image")
    with open(tmp_path / "image", "r+b") as f:
        f.seek(1024 + 0x20)
        f.write(b"\xff" * 16)
    done = list_all(assay, tmp_path / "image")
    assert done.returncode == 3 and b"the copy at block 8193 is used" in done.stderr
    assert len(done.stdout.splitlines()) == len(truth)


def test_cut_images_end_in_a_clear_word(assay, sound, tmp_path):
    size = sound.stat().st_size
    for end in (500, 1024, 2000, 4096, 50000, size // 8, size // 2, size - 1024):
        (tmp_path / "image").write_bytes(sound.read_bytes()[:end])
        done = assay("ls", "-R", "--hash", "--volume", "disk0", tmp_path / "image", "/")
        assert done.returncode in (2, 3), (end, done.stdout)
        assert done.stderr.strip()


def test_e2image_of_a_busy_filesystem_is_no_crash(assay, tmp_path):
    """Metadata without contents: everything is listed, contents are zeros."""
    image = make(tmp_path / "image", "-t", "ext4", size="64M")
    with mounted(image, tmp_path / "mount") as place:
        (place / "file").write_bytes(b"x" * 100000)
    run("e2image", "-r", image, tmp_path / "metadata")
    found = listing(assay, tmp_path / "metadata")
    assert found[b"file"]["size"] == 100000
    assert subprocess.run(["cmp", "-s", image, tmp_path / "metadata"]).returncode == 1
