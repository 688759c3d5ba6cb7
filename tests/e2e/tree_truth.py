"""What the kernel says a mounted filesystem holds: the truth that our readers are compared with."""
import contextlib
import hashlib
import os
import stat

from conftest import run

TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink",
         stat.S_IFCHR: "char", stat.S_IFBLK: "block", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}
# Read by whole pieces of this size; also the smallest hole that is worth skipping.
PIECE = 1 << 20


@contextlib.contextmanager
def mounted(image, folder, *options):
    """The image mounted on folder (made if missing) by the kernel; `options` as of mount -o. Give
    "ro" and what keeps the kernel from writing ("noload", "norecovery", "nologreplay") where the
    image must stay as it is."""
    os.makedirs(folder, exist_ok=True)
    run("mount", "-o", ",".join(("loop",) + options), image, folder)
    try:
        yield folder
    finally:
        run("umount", folder)


def sha256(path):
    """Zeros in holes count as any others."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        while piece := f.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def xattrs(path):
    return {name: os.getxattr(path, name, follow_symlinks=False)
            for name in os.listxattr(path, follow_symlinks=False)}


def describe(path, relative, hashes=True):
    """One object as a dict. Times are whole nanoseconds, paths bytes without leading slash ("" is
    the root itself)."""
    s = os.lstat(path)
    kind = stat.S_IFMT(s.st_mode)
    return {
        "path": relative,
        "type": TYPES[kind],
        "mode": stat.S_IMODE(s.st_mode),
        "uid": s.st_uid,
        "gid": s.st_gid,
        "size": s.st_size,
        "mtime_ns": s.st_mtime_ns,
        "ctime_ns": s.st_ctime_ns,
        "nlink": s.st_nlink,
        "rdev": (os.major(s.st_rdev), os.minor(s.st_rdev)),
        "inode": s.st_ino,
        "allocated": s.st_blocks * 512,
        "target": os.readlink(path) if kind == stat.S_IFLNK else None,
        "sha256": sha256(path) if hashes and kind == stat.S_IFREG else None,
        "xattrs": xattrs(path),
    }


def tree_truth(folder, hashes=True):
    """Everything below folder, folder itself first, in order of path; other filesystems mounted
    inside are not entered."""
    folder = os.fsencode(folder)
    device = os.lstat(folder).st_dev
    found = [describe(folder, b"", hashes)]
    waiting = [b""]
    while waiting:
        relative = waiting.pop()
        with os.scandir(os.path.join(folder, relative)) as entries:
            for entry in entries:
                inside = os.path.join(relative, entry.name)
                found.append(describe(entry.path, inside, hashes))
                if entry.is_dir(follow_symlinks=False) and os.lstat(entry.path).st_dev == device:
                    waiting.append(inside)
    return sorted(found, key=lambda object: object["path"])
