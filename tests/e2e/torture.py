"""A tree of everything that readers of filesystems have got wrong. Made on a mounted filesystem,
since neither mkfs nor copying makes holes, unwritten extents or deleted entries at will."""
import os
import random
import socket
import stat
import struct

import pytest

# Dates that older formats cannot keep: before 1970, past 2^31 and 2^32, into the last epoch of ext4
# and of XFS with bigtime.
DATES = {"1901": -(1 << 31), "1969": -1, "2038": 1 << 31, "2096": 4000000000, "2106": 1 << 32,
         "2242": 8600000000}
ODD_NAMES = [b"new\nline", b"tab\tbell\a", b"back\\slash", b"quote\"s'", b" blanks ", b"-dash",
             b"...", b"..a", b"latin \xe9\xff", b"cut utf-8 \xe2\x82", b"\xc0\xaf", b"\x01",
             "snow ☃ 日本".encode(), b"x" * 255, b"\xff" * 255]


def write(path, data, mode=0o644):
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)


def directories(root, rng, scale):
    """Every form a directory has: in the inode, one block, many blocks, a tree, one with gaps."""
    for count in (0, 1, 2, 3, 7, 20, 60, 170, 400, 1100, 3000):
        folder = os.path.join(root, b"dir-%d" % count)
        os.mkdir(folder)
        for i in range(count):
            os.mknod(os.path.join(folder, b"entry %05d" % i + b"y" * rng.randrange(40)))
    folder = os.path.join(root, b"deleted")
    os.mkdir(folder)
    names = [os.path.join(folder, b"%d-%x" % (i, rng.getrandbits(60))) for i in range(scale)]
    for i, name in enumerate(names):
        if i % 50 == 0:
            write(name, name)
        else:
            os.mknod(name)
    for name in rng.sample(names, scale // 3):
        os.unlink(name)
    deep = root
    for i in range(60):
        deep = os.path.join(deep, b"deep")
        os.mkdir(deep)
    write(os.path.join(deep, b"bottom"), b"here\n")


def contents(root, rng):
    """Sizes about every boundary of inode, block and extent."""
    os.mkdir(os.path.join(root, b"sizes"))
    sizes = [0, 1, 2, 3, 4, 58, 59, 60, 61, 63, 64, 95, 96, 128, 155, 156, 157, 160, 161, 200, 255]
    sizes += [n + d for n in (256, 512, 1024, 2048, 4096, 12288, 49152, 65536, 131072, 1 << 20)
              for d in (-1, 0, 1)]
    for size in sizes:
        write(os.path.join(root, b"sizes", b"%d" % size), rng.randbytes(size))
    write(os.path.join(root, b"zeros"), bytes(300000))
    write(os.path.join(root, b"text"), b"the same line again\n" * 20000)
    write(os.path.join(root, b"large"), rng.randbytes(5 << 20))


def extents(root, rng, count):
    """Holes, space that was never written, and more extents than an inode holds."""
    with open(os.path.join(root, b"many extents"), "wb") as f:
        for i in rng.sample(range(count), count):  # not in order: trees split in the middle
            f.seek(i * 16384)
            f.write(struct.pack("<I", i) * 1024)
    with open(os.path.join(root, b"holes"), "wb") as f:
        for at in (70000, 1 << 20, (9 << 20) + 123, 30 << 20):
            f.seek(at)
            f.write(rng.randbytes(5000))
        f.truncate((40 << 20) + 17)
    with open(os.path.join(root, b"only a hole"), "wb") as f:
        f.truncate(3 << 20)
    with open(os.path.join(root, b"large hole"), "wb") as f:
        f.write(b"start")
        f.seek(200 << 20)
        f.write(b"end")
    allocate(os.path.join(root, b"unwritten"), rng, 4 << 20, [0, 1 << 20, (2 << 20) + 333])
    with open(os.path.join(root, b"truncated"), "wb") as f:
        f.write(rng.randbytes(100000))
        f.truncate(4567)
        f.truncate(90000)


def allocate(path, rng, size, places):
    """Space given to a file, of which only some is written, and some beyond its end."""
    with open(path, "wb") as f:
        os.posix_fallocate(f.fileno(), 0, size)  # writes zeros where there is no other way
        for at in places:
            os.pwrite(f.fileno(), rng.randbytes(6000), at)
        f.truncate(size - 5)


def links(root, rng, longest):
    """Targets that fit the inode, that just do not, and of a whole block."""
    os.mkdir(os.path.join(root, b"links"))
    lengths = [1, 2, 35, 36, 58, 59, 60, 61, 95, 96, 120, 155, 156, 157, 200, 254, 255, 256, 400,
               1000, 1023, 2000, 4000, 4095]
    for length in lengths:
        if length <= longest:
            os.symlink(b"/".join([b"t" * 9] * 500)[:length],
                       os.path.join(root, b"links", b"%d" % length))
    os.symlink(b"no\nwhere \xff", os.path.join(root, b"links", b"odd"))
    os.symlink(b".", os.path.join(root, b"links", b"self"))
    os.symlink(b"/etc/passwd", os.path.join(root, b"links", b"absolute"))
    first = os.path.join(root, b"links", b"hard-0")
    write(first, b"one inode, many names")
    for i in range(1, 40):
        os.link(first, os.path.join(root, b"links", b"hard-%d" % i))


def owners(root):
    os.mkdir(os.path.join(root, b"owners"))
    for uid, gid in ((0, 0), (1000, 1000), (65535, 65534), (65536, 70000), (4294967294, 1 << 31)):
        path = os.path.join(root, b"owners", b"%d-%d" % (uid, gid))
        write(path, b"mine")
        os.chown(path, uid, gid)
    for mode in (0o000, 0o400, 0o755, 0o1777, 0o2755, 0o4755, 0o6711, 0o7777):
        path = os.path.join(root, b"owners", b"mode-%o" % mode)
        write(path, b"")
        os.chmod(path, mode)


def specials(root, largest_major):
    folder = os.path.join(root, b"specials")
    os.mkdir(folder)
    for name, major, minor in ((b"null", 1, 3), (b"minor", 8, 300), (b"large", 300, 70000),
                               (b"largest", largest_major, (1 << 18) - 1)):
        for kind, suffix in ((stat.S_IFCHR, b"-char"), (stat.S_IFBLK, b"-block")):
            os.mknod(os.path.join(folder, name + suffix), kind | 0o660, os.makedev(major, minor))
    os.mkfifo(os.path.join(folder, b"fifo"))
    before = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    os.chdir(folder)  # the path of a socket may have only 107 bytes
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("socket")
    os.chdir(before)
    os.close(before)


def names(root):
    folder = os.path.join(root, b"names")
    os.mkdir(folder)
    for name in ODD_NAMES:
        write(os.path.join(folder, name), name)


def dates(root, earliest, latest):
    os.mkdir(os.path.join(root, b"dates"))
    for name, seconds in DATES.items():
        if earliest <= seconds <= latest:
            for nanoseconds in (0, 1, 123456789, 999999999):
                path = os.path.join(root, b"dates", f"{name}-{nanoseconds}".encode())
                write(path, b"")
                when = seconds * 1000000000 + nanoseconds
                os.utime(path, ns=(when, when))


def extended_attributes(root, rng, room):
    """room: bytes that all attributes of one file may take together."""
    folder = os.path.join(root, b"xattrs")
    os.mkdir(folder)
    capability = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
    acl = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, rights, who)
        for tag, rights, who in ((1, 6, 0xffffffff), (2, 4, 1000), (4, 4, 0xffffffff),
                                 (16, 4, 0xffffffff), (32, 4, 0xffffffff)))
    some = {"user.empty": b"", "user.comment": b"a comment", "user.binary": bytes(range(40)),
            "trusted.overlay": b"y", "security.capability": capability,
            "security.selinux": b"system_u:object_r:etc_t:s0\0", "system.posix_acl_access": acl}
    for name, value in some.items():
        path = os.path.join(folder, name.encode())
        write(path, b"with " + name.encode())
        os.setxattr(path, name, value)
    os.mkdir(os.path.join(folder, b"directory"))
    os.setxattr(os.path.join(folder, b"directory"), "system.posix_acl_default", acl)
    path = os.path.join(folder, b"all")
    write(path, b"all of them")
    for name, value in some.items():
        os.setxattr(path, name, value)
    path = os.path.join(folder, b"many")
    write(path, b"very many")
    while room > 200:
        name, value = f"user.{rng.getrandbits(40):x}", rng.randbytes(rng.randrange(60))
        os.setxattr(path, name, value)
        room -= len(name) + len(value) + 32


def torture(folder, scale=20000, extent_count=4000, longest_link=1023, earliest=-(1 << 31),
            latest=8600000000, xattr_room=3000, largest_major=4095, seed=1):
    """Fills folder. scale: entries of the largest directory before a third of them is deleted;
    extent_count: of one file; the others are what the filesystem can hold."""
    if os.geteuid() != 0:
        pytest.fail("only root can make devices, owners and trusted attributes")
    rng = random.Random(seed)
    root = os.fsencode(folder)
    names(root)
    directories(root, rng, scale)
    contents(root, rng)
    extents(root, rng, extent_count)
    links(root, rng, longest_link)
    owners(root)
    specials(root, largest_major)
    extended_attributes(root, rng, xattr_room)
    dates(root, earliest, latest)
