"""Makers of disks: partitions, LVM2 and md members, and small filesystems to find in them."""
import contextlib
import json
import os
import re
import struct
import subprocess

from conftest import run

MIB = 1 << 20


def blank(path, size):
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def put(disk, offset, data):
    with open(disk, "r+b") as f:
        f.seek(offset)
        f.write(data)


def ext4(path, size, label, folder):
    """An ext4 with one file, which holds the label."""
    tree = folder / f"tree-{label}"
    tree.mkdir()
    (tree / "name").write_text(label + "\n")
    blank(path, size)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-d", tree, path)
    return path


def put_ext4(disk, offset, size, label, folder):
    put(disk, offset, ext4(folder / f"fs-{label}", size, label, folder).read_bytes())


@contextlib.contextmanager
def loop(path, *options):
    """The image as a device of the host."""
    device = run("losetup", "--show", "-f", *options, path).decode().strip()
    try:
        yield device
    finally:
        run("losetup", "-d", device)


def sfdisk(device, script):
    run("sfdisk", "-q", "--no-reread", "--no-tell-kernel", "--wipe", "never", "--wipe-partitions",
        "never", device, input=script.encode())


def table(device):
    """The partition table as sfdisk reads it."""
    return json.loads(run("sfdisk", "--json", device))["partitiontable"]


def blkid(path, *options):
    """What libblkid says of an image: TYPE, UUID..."""
    done = subprocess.run(["blkid", "-p", "-o", "export", *options, path], stdout=subprocess.PIPE,
                          check=False)
    return dict(line.split("=", 1) for line in done.stdout.decode().splitlines() if "=" in line)


class Lvm:
    """lvm2's own tools over loop devices, without the device mapper."""

    CONFIG = """devices { scan = "/dev" use_devicesfile = 0 global_filter = [ %s "r|.*|" ] }
global { locking_dir = "%s" use_lvmpolld = 0 }
activation { monitoring = 0 udev_sync = 0 udev_rules = 0 }
backup { backup = 0 archive = 0 }
"""

    def __init__(self, folder, images, devices):
        self.images = dict(zip(devices, images))
        self.devices = devices
        self.home = folder / "lvm"
        self.home.mkdir(exist_ok=True)
        accepted = "".join(f'"a|^{d}$|", ' for d in devices)
        (self.home / "lvm.conf").write_text(self.CONFIG % (accepted, self.home))

    def __call__(self, command, *arguments):
        environment = dict(os.environ, LVM_SYSTEM_DIR=str(self.home), LVM_SUPPRESS_FD_WARNINGS="1")
        return run(command, "--driverloaded", "n", *arguments, env=environment)

    def create(self, name, *options, group="vg0"):
        self("lvcreate", "-qq", "-y", "-an", "-Zn", "-Wn", "-n", name, *options, group)

    def report(self, command, fields, *arguments):
        output = self(command, "--units", "b", "--nosuffix", "--reportformat", "json", "-o", fields,
                      *arguments)
        return next(iter(json.loads(output)["report"][0].values()))

    def restore(self, group, edit):
        """Writes the metadata of a group again, changed by edit(text)."""
        path = self.home / "backup"
        self("vgcfgbackup", "-qq", "-f", path, group)
        path.write_text(edit(path.read_text()))
        self("vgcfgrestore", "-qq", "--force", "-f", path, group)

    def place(self, volume, data, group="vg0"):
        """Writes data to where lvs says that the (linear or striped) volume lies."""
        starts = {pv["pv_name"]: int(pv["pe_start"])
                  for pv in self.report("pvs", "pv_name,pe_start")}
        fields = "seg_start_pe,seg_size_pe,seg_pe_ranges,stripe_size,vg_extent_size"
        for segment in self.report("lvs", fields, f"{group}/{volume}"):
            extent = int(segment["vg_extent_size"])
            at = int(segment["seg_start_pe"]) * extent
            piece = data[at:at + int(segment["seg_size_pe"]) * extent]
            runs = re.findall(r"(\S+):(\d+)-(\d+)", segment["seg_pe_ranges"])
            unit = int(segment["stripe_size"]) or len(piece)
            for i, begin in enumerate(range(0, len(piece), unit)):
                device, first, _ = runs[i % len(runs)]
                put(self.images[device], starts[device] + int(first) * extent
                    + i // len(runs) * unit, piece[begin:begin + unit])


@contextlib.contextmanager
def lvm(folder, images, *options):
    """options: those of losetup."""
    with contextlib.ExitStack() as stack:
        yield Lvm(folder, images, [stack.enter_context(loop(i, *options)) for i in images])


def md_super_1(at, size, level, role, events, name, disks=2, data_at=None, chunk=0):
    """A superblock of version 1 for byte at of a member of size bytes (md(4))."""
    data_at = (MIB if at < MIB else 0) if data_at is None else data_at
    length = (size if at < MIB else at) - data_at
    roles = [*range(disks)] + [0xffff] * (128 - disks)
    head = struct.pack("<IIII16s32sQ", 0xa92b4efc, 1, 0, 0, b"assay-test-array", name.encode(), 0)
    head += struct.pack("<iIQII", level, 0, 0 if level == 0 else length // 512, chunk // 512,
                        disks)
    head = head.ljust(128, b"\0")
    head += struct.pack("<QQQQII", data_at // 512, length // 512, at // 512, 0, role, 0)
    head += b"assay-member-%03d" % role
    head = head.ljust(192, b"\0") + struct.pack("<QQQII", 0, events, 0xffffffffffffffff, 0, 128)
    block = bytearray(head.ljust(256, b"\0") + struct.pack("<128H", *roles))
    total = sum(struct.unpack(f"<{len(block) // 4}I", block))
    block[216:220] = struct.pack("<I", ((total & 0xffffffff) + (total >> 32)) & 0xffffffff)
    return bytes(block)


def md_super_090(size_kib, minor, role, events, disks=2):
    """A superblock of version 0.90: 1024 words."""
    words = [0] * 1024
    words[0:16] = [0xa92b4efc, 0, 90, 0, 0, 0x01020304, 0, 1, size_kib, disks, disks, minor, 0,
                   0x11121314, 0x21222324, 0x31323334]
    words[33:37] = [1, disks, disks, 0]
    words[39] = events
    for i in range(disks):
        words[128 + 32 * i:128 + 32 * i + 5] = [i, 7, i, i, 6]
    words[992:997] = [role, 7, role, role, 6]
    total = sum(words)
    words[38] = ((total & 0xffffffff) + (total >> 32)) & 0xffffffff
    return struct.pack("<1024I", *words)
