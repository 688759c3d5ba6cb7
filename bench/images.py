"""The disks that the benchmark looks at. Made once, kept in build/bench."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
FOLDER = TOP / "build" / "bench"
# A server with most of what people put on one: about 700 packages, 70,000 files.
PACKAGES = ["build-essential", "linux-image-cloud-amd64", "nginx", "nodejs", "npm", "openssh-server",
            "postgresql", "python3-django", "python3-numpy", "rails"]
SIZE = 4 << 30
START = 1 << 20  # of the partition
FILES = 1000000
PER_FOLDER = 1000


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"bench: {command[0]}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout


def kept(name):
    """A path, and whether something has to be made there first; it is, at the second."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER / name, FOLDER / f"{name}.new", not (FOLDER / name).exists()


@contextlib.contextmanager
def mounted(image, *options):
    """By the kernel, for the peers that need it."""
    folder = FOLDER / "mount"
    folder.mkdir(exist_ok=True)
    run("mount", "-o", ",".join(("loop",) + options), image, folder)
    try:
        yield folder
    finally:
        run("umount", folder)


def sparse(path, size):
    with open(path, "wb") as f:
        f.truncate(size)


def debian_raw():
    path, new, missing = kept("debian.raw")
    if missing:
        tree = FOLDER / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        run("mmdebstrap", "--quiet", "--variant=important", f"--include={','.join(PACKAGES)}",
            "bookworm", tree)
        sparse(new, SIZE)
        run("sfdisk", "-q", new, input=b"label: gpt\nstart=2048, type=L\n")
        run("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-E", f"offset={START}",
            "-d", tree, new, (SIZE - 2 * START) // 4096)
        shutil.rmtree(tree)
        os.rename(new, path)
    return path


def debian():
    """The qcow2 of a disk with GPT and ext4, 4 GiB."""
    raw = debian_raw()
    path, new, missing = kept("debian.qcow2")
    if missing:
        run("qemu-img", "convert", "-O", "qcow2", raw, new)
        os.rename(new, path)
    return path


def million(kind):
    """A system with a million small files, most of them empty, as caches and mail have."""
    path, new, missing = kept(f"million.{kind}")
    if missing:
        sparse(new, 6 << 30)
        if kind == "ext4":
            run("mke2fs", "-q", "-t", "ext4", "-N", FILES + 10000, new)
        else:
            run(f"mkfs.{kind}", "-q", new)
        with mounted(new) as folder:
            (folder / "etc").mkdir()
            (folder / "etc" / "os-release").write_text("ID=bench\n")
            for i in range(FILES // PER_FOLDER):
                inside = folder / f"{i % 10}" / f"folder{i}"
                inside.mkdir(parents=True)
                for k in range(PER_FOLDER):
                    with open(inside / f"a file number {k}", "wb") as f:
                        if k % 10 == 0:
                            f.write(b"%d\n" % k)
        os.rename(new, path)
    return path
