"""Disks with filesystems that hold a tree: made by mkfs, sfdisk and lvm2, not by us."""
import contextlib
import os
import re

import disk_image
from conftest import run
from tree_truth import mounted

MIB = 1 << 20
SIZES = {"ext4": 280 * MIB, "xfs": 320 * MIB, "btrfs": 280 * MIB}


def filesystem(kind, path, tree, *options, size=None):
    """A filesystem of that kind with what is in tree, which may be None: empty. options are of
    mkfs: -L sets the label of all kinds, -U the UUID of ext4 and btrfs, -m uuid= that of XFS."""
    disk_image.blank(path, size or SIZES[kind])
    if kind == "ext4":
        run("mke2fs", "-q", "-t", "ext4", *(["-d", tree] if tree else []), *options, path)
    elif kind == "btrfs":
        run("mkfs.btrfs", "-q", *(["--rootdir", tree] if tree else []), *options, path)
    else:
        run("mkfs.xfs", "-q", *options, path)
        if tree:
            with mounted(path, f"{path}.mount") as folder:
                run("cp", "-a", f"{tree}/.", folder)
    return path


def copy_into(source, disk, offset, start=0, length=None):
    """Bytes of a sparse file, from start on, to an offset of another."""
    size = os.path.getsize(source)
    at, end = start, size if length is None else min(start + length, size)
    with open(source, "rb") as s, open(disk, "r+b") as d:
        while at < end:
            try:
                at = os.lseek(s.fileno(), at, os.SEEK_DATA)
            except OSError:
                return  # nothing but a hole is left
            hole = min(os.lseek(s.fileno(), at, os.SEEK_HOLE), end)
            while at < hole:
                at += os.pwrite(d.fileno(), os.pread(s.fileno(), min(MIB, hole - at), at),
                                offset + at - start)


def copy_range(source, disk, start, end):
    """The same bytes at the same place, zeros too."""
    with open(source, "rb") as s, open(disk, "r+b") as d:
        os.pwrite(d.fileno(), os.pread(s.fileno(), end - start, start), start)


def partitioned(path, label, filesystems, types=()):
    """A disk with a partition for each filesystem, in order. label: "gpt", or "dos", where the
    last ones are logical partitions, the first of them number 5."""
    start, lines = 2048, [f"label: {label}", "unit: sectors"]
    places = []
    sectors = [os.path.getsize(f) // 512 for f in filesystems]
    logical = len(filesystems) - 1 if label == "dos" else len(filesystems)
    for i, count in enumerate(sectors):
        if i == logical:
            rest = sum(sectors[logical:]) + 4096 * (len(sectors) - logical)
            lines.append(f"start={start}, size={rest}, type=5")
            start += 2048
        kind = types[i] if i < len(types) else "L"
        lines.append(f"start={start}, size={count}, type={kind}")
        places.append(start)
        start += count + (2048 if i >= logical else 0)
    disk_image.blank(path, (start + 8192) * 512)
    disk_image.sfdisk(path, "\n".join(lines))
    for place, source in zip(places, filesystems):
        copy_into(source, path, place * 512)
    return path


def logical(disks, group, filesystems):
    """A volume group over the disks (paths; made here) with a logical volume for each filesystem
    (name: path). The disks are so small that volumes go over their borders. Returns where things
    are: (filesystem, offset in it, disk, offset there, length)."""
    extent = 4 * MIB
    needed = {name: -(-os.path.getsize(f) // extent) for name, f in filesystems.items()}
    for disk in disks:
        disk_image.blank(disk, (sum(needed.values()) // len(disks) + 2) * extent)
    places = []
    with contextlib.ExitStack() as stack:
        devices = [stack.enter_context(disk_image.loop(disk)) for disk in disks]
        lvm = disk_image.Lvm(disks[0].parent, disks, devices)
        lvm("pvcreate", "-q", *devices)
        lvm("vgcreate", "-q", "-s", "4m", group, *devices)
        for name, count in needed.items():
            lvm.create(name, "-l", count, group=group)
        starts = {pv["pv_name"]: int(pv["pe_start"])
                  for pv in lvm.report("pvs", "pv_name,pe_start")}
        for segment in lvm.report("lvs", "lv_name,seg_start,seg_size,seg_pe_ranges", group):
            device, first = re.fullmatch(r"(.*):(\d+)-\d+", segment["seg_pe_ranges"]).groups()
            places.append((filesystems[segment["lv_name"]], int(segment["seg_start"]),
                           disks[devices.index(device)], starts[device] + int(first) * extent,
                           int(segment["seg_size"])))
    for source, start, disk, offset, length in places:
        copy_into(source, disk, offset, start, length)
    return places


def qcow2(path, disk, *options):
    """The disk as compressed qcow2; options are of qemu-img convert."""
    run("qemu-img", "convert", "-c", "-O", "qcow2",
        *(options or ("-o", "compression_type=zstd")), disk, path)
    return path
