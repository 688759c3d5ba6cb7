"""What the kernel says a mounted filesystem holds: the truth that our readers are compared with."""
import base64
import calendar
import contextlib
import hashlib
import json
import os
import re
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


def tree_truth(folder, hashes=True, cross=False):
    """Everything below folder, folder itself first, in order of path; other filesystems mounted
    inside are entered with cross only. The subvolumes of btrfs count as filesystems."""
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
                if entry.is_dir(follow_symlinks=False) and (
                        cross or os.lstat(entry.path).st_dev == device):
                    waiting.append(inside)
    return sorted(found, key=lambda object: object["path"])


def seconds(text):
    """Of a time as assay prints it; it leaves out 1970-01-01T00:00:00Z."""
    if text is None:
        return 0
    numbers = re.fullmatch(r"(-?\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z", text).groups()
    return calendar.timegm(tuple(int(n) for n in numbers))


def text_bytes(record, name):
    """A field that holds bytes: JSON has it twice when it is no text."""
    if name + "_base64" in record:
        return base64.b64decode(record[name + "_base64"])
    return record[name].encode() if name in record else None


def records(output):
    """What `ls --format json` printed, by path without leading slash."""
    found = {}
    for line in output.splitlines():
        record = json.loads(line)
        path = text_bytes(record, "path").lstrip(b"/")
        assert path not in found, path
        found[path] = record
    return found


def listing(assay, target, volume="disk0", path="/", hashes=True):
    options = ["--hash"] if hashes else []
    return records(assay.output("ls", "-R", *options, "--format", "json", "--volume", volume,
                                target, path))


def assert_same_tree(truth, found, times=("mtime", "ctime"), ignore=()):
    """truth: of tree_truth(); found: of listing(). ignore: fields that cannot agree."""
    truth = {t["path"]: t for t in truth if t["path"] != b""}
    assert sorted(found) == sorted(truth)
    for path, record in found.items():
        expected = truth[path]
        assert "fault" not in record, record
        got = {"type": record["type"], "mode": int(record["mode"], 8), "uid": record["uid"],
               "gid": record["gid"], "nlink": record["nlink"],
               "target": text_bytes(record, "target"), "sha256": record.get("sha256")}
        if expected["type"] in ("file", "symlink"):
            got["size"] = record["size"]
        for name in times:
            got[name + "_ns"] = seconds(record.get(name)) * 1000000000
            expected = dict(expected, **{name + "_ns": expected[name + "_ns"] // 10**9 * 10**9})
        for name in got.keys() - set(ignore):
            assert got[name] == expected[name], (path, name)
