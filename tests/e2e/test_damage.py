"""Damaged disks: never a crash of the program, never a hang, never silence.

What a bit was before, nobody can tell where the format has no checksum. There a frame may differ
from the undamaged one without a word, and only there:
- contents of regular files on ext4 and XFS, and the format that carries them: a package's name in
  /var/lib/dpkg/status becomes another name;
- the mapping of a qcow2 image, which has no checksums at all, as far as it carries such contents;
  that of metadata is noticed by the filesystem's own checksums.
Everything else is compared strictly: status 0 means the frame of the undamaged disk.
"""
import concurrent.futures
import json
import os
import random
import re
import subprocess
import threading

import pytest

import system_image
from conftest import TIMEOUT, run
from tree_truth import mounted

FLIPS = {"ext4": 250, "xfs": 200, "btrfs": 200, "lvm": 150, "qcow2": 200}
CUTS = 20  # places at which each image is cut off
CORES = 2
NBDKIT = ("nbdkit", "--foreground", "-P", "PIDFILE", "--readonly")


@pytest.fixture(scope="module")
def images(debian_small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    tree = debian_small
    ext4 = system_image.filesystem("ext4", folder / "ext4", tree, size=48 << 20)
    xfs = system_image.filesystem("xfs", folder / "xfs", tree)
    lvm = [folder / "first", folder / "second"]
    places = system_image.logical(lvm, "vg", {"root": ext4})
    made = {"ext4": [ext4], "xfs": [xfs], "lvm": lvm,
            "btrfs": [system_image.filesystem("btrfs", folder / "btrfs", tree, size=128 << 20)],
            "qcow2": [system_image.qcow2(folder / "qcow2", ext4)]}
    files = contents(ext4, folder / "mount")
    unchecked = {"ext4": files, "xfs": contents(xfs, folder / "mount"), "btrfs": [], "qcow2": [],
                 "lvm": [(offset + a - start, offset + b - start)
                         for _, start, disk, offset, length in places if disk == lvm[0]
                         for a, b in files if start <= a < start + length]}
    return made, unchecked, files


def frame_of(assay, disks):
    """Checks what holds for every frame. Returns status and frame, without names of files."""
    done = subprocess.run([assay.path, "frame", "--together", "--timeout", "30", *map(str, disks)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, "SOURCE_DATE_EPOCH": "0"}, timeout=TIMEOUT)
    text = done.stderr.decode()
    assert done.returncode in (0, 3), (done.returncode, text)
    assert "--timeout" not in text and "died" not in text, text
    frame = json.loads(done.stdout)
    bad = [c for c in frame["coverage"] if c["state"] in ("partial", "unreadable")]
    assert (done.returncode == 3) == bool(bad) and len(text.splitlines()) == len(bad)
    return done.returncode, frame


def what_is_read(serve, assay, folder, disk):
    """Ranges (offset, end) of the file that making a frame reads, as an NBD server sees them."""
    log = folder / f"{disk.name}.log"
    serve(*NBDKIT, "-U", folder / f"{disk.name}.socket", "--filter=log", "file", disk,
          f"logfile={log}")
    kind = ["--input-format", "qcow2"] if disk.name == "qcow2" else []
    assay("frame", *kind, f"nbd+unix:///?socket={folder}/{disk.name}.socket")
    found = re.findall(r"Read id=\d+ offset=0x([0-9a-f]+) count=0x([0-9a-f]+)", log.read_text())
    return sorted({(int(o, 16), int(o, 16) + int(n, 16)) for o, n in found})


def contents(disk, folder):
    """Ranges of the image where the contents of regular files are, as the kernel says."""
    found = []
    with mounted(disk, folder, "ro") as root:
        for where, _, names in os.walk(root):
            for name in names:
                path = os.path.join(where, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                text = run("filefrag", "-e", "-b1", path).decode()
                found += [(int(a), int(b) + 1) for a, b in re.findall(
                    r"^ *\d+: +\d+\.\. +\d+: +(\d+)\.\. +(\d+):", text, re.M)]
    return found


class Copies:
    """Each thread damages copies of its own."""

    def __init__(self, disks, folder):
        self.disks, self.folder = disks, folder
        self.mine = threading.local()

    def get(self):
        if not hasattr(self.mine, "disks"):
            self.mine.disks = []
            for disk in self.disks:
                copy = self.folder / f"{disk.name}-{threading.get_ident()}"
                run("cp", "--sparse=always", disk, copy)
                self.mine.disks.append(copy)
        return self.mine.disks


def flip(path, offset, bit):
    with open(path, "r+b", buffering=0) as f:
        byte = os.pread(f.fileno(), 1, offset)[0]
        os.pwrite(f.fileno(), bytes([byte ^ (1 << bit)]), offset)


def in_parallel(function, work):
    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
        return list(pool.map(function, work))


def only_contents_matter(assay, damaged, whole, files, expected):
    """Of a qcow2 image, as qemu-img reads it: with the contents of files put back, whatever else is
    damaged is noticed, or changes nothing."""
    raw = damaged.with_suffix(".raw")
    done = subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", damaged, raw],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=TIMEOUT)
    if done.returncode != 0:
        return False
    for start, end in files:
        system_image.copy_range(whole, raw, start, end)
    status, frame = frame_of(assay, [raw])
    raw.unlink()
    return status == 3 or frame["systems"] == expected


@pytest.mark.parametrize("kind", FLIPS)
def test_flipped_bits_are_noticed_or_change_nothing(assay, serve, images, tmp_path, kind):
    made, unchecked, files = images
    disks = made[kind]
    whole_status, whole = frame_of(assay, disks)
    assert whole_status == 0 and len(whole["systems"][0]["packages"]) > 60
    ranges = what_is_read(serve, assay, tmp_path, disks[0])
    copies = Copies(disks, tmp_path)
    rng = random.Random(kind)

    def damage(_):
        start, end = rng.choice(ranges)
        offset, bit = rng.randrange(start, end), rng.randrange(8)
        copy = copies.get()
        flip(copy[0], offset, bit)
        status, frame = frame_of(assay, copy)
        silent = (status == 0 and frame["systems"] != whole["systems"]
                  and not any(a <= offset < b for a, b in unchecked[kind])
                  and not (kind == "qcow2" and
                           only_contents_matter(assay, copy[0], made["ext4"][0], files,
                                                whole["systems"])))
        flip(copy[0], offset, bit)
        return offset, bit, silent

    results = in_parallel(damage, range(FLIPS[kind]))
    assert [(offset, bit) for offset, bit, silent in results if silent] == []


@pytest.mark.parametrize("kind", FLIPS)
def test_what_is_cut_off_is_noticed_or_not_needed(assay, images, tmp_path, kind):
    disks = images[0][kind]
    _, whole = frame_of(assay, disks)
    size = os.path.getsize(disks[0])
    rng = random.Random(kind)
    cuts = [0, 1, 511, 512, size - 1, size // 2] + [rng.randrange(size) for _ in range(CUTS - 6)]

    def cut(length):
        copy = [tmp_path / f"cut-{length}", *disks[1:]]
        run("cp", "--sparse=always", disks[0], copy[0])
        os.truncate(copy[0], length)
        status, frame = frame_of(assay, copy)
        copy[0].unlink()
        return length, status, frame["systems"]

    silent = [length for length, status, systems in in_parallel(cut, cuts)
              if status == 0 and systems != whole["systems"]]
    assert silent == []
