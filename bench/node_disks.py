"""Disks of a node with a database in use, on storage of each kind, held as a running machine holds
them. Each yields a block device for the load, and where the service finds the disk."""
import collections
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import images
import oltp
from service_node import MEMORY, starting

GIB = 1 << 30
SIZE = 10 * GIB
DATA = 4 * GIB  # where the database's filesystem begins
STORAGE = 12 * GIB
LOAD_CPUS = {0}

# load: a block device. location, settings: for the service. what: for people.
Disk = collections.namedtuple("Disk", "load location settings what")


def template():
    """The Debian system on one filesystem, a database that is ready for pgbench on another."""
    system = images.debian_raw()
    path, new, missing = images.kept("database.raw")
    if not missing:
        return path
    images.run("cp", "--sparse=always", system, new)
    os.truncate(new, SIZE)
    images.run("sfdisk", "-q", new,
               input=(f"label: gpt\nstart={images.START // 512}, size={(DATA - 2 * images.START) // 512},"
                      f" type=L\nstart={DATA // 512}, type=L\n").encode())
    images.run("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-E", f"offset={DATA}", new,
               (SIZE - DATA - images.START) // 4096)
    with oltp.loop(new, "-o", str(DATA)) as device, \
            oltp.mounted(device, images.FOLDER / "database") as folder, \
            oltp.Server(folder, fsync="off", max_wal_size="1GB") as server:
        server.fill()
    os.rename(new, path)
    return path


@contextlib.contextmanager
def storage(memory):
    """A filesystem that clones files, as shared storage of images does. All its blocks have been
    written before: what lies below has nothing to allocate."""
    with contextlib.ExitStack() as stack:
        if memory:
            path = pathlib.Path(stack.enter_context(
                tempfile.TemporaryDirectory(prefix="assay-bench-", dir=MEMORY))) / "storage"
            images.sparse(path, STORAGE)
        else:
            path, new, missing = images.kept("storage.written")
            if missing:
                images.run("dd", "if=/dev/zero", f"of={new}", "bs=4M", f"count={STORAGE >> 22}",
                           "oflag=direct")
                os.rename(new, path)
        images.run("mkfs.xfs", "-q", "-f", "-K", path)
        device = stack.enter_context(oltp.loop(path, "--direct-io=on"))
        yield stack.enter_context(oltp.mounted(device, images.FOLDER / "storage"))


def ended(process):
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def held(folder, name, blockdev):
    """By qemu-storage-daemon, as a machine holds a disk; the address at which it exports the node
    "disk"."""
    address, ready = folder / f"{name}.nbd", folder / f"{name}.pid"
    command = ["qemu-storage-daemon"]
    for one in blockdev:
        command += ["--blockdev", one]
    with starting(LOAD_CPUS):
        process = subprocess.Popen(
            [*command, "--nbd-server", f"addr.type=unix,addr.path={address}", "--export",
             "type=nbd,id=e,node-name=disk,name=disk,writable=on", "--pidfile", ready])
    try:
        wait_for(process, ready.exists)
        yield f"nbd+unix:///disk?socket={address}"
    finally:
        ended(process)


@contextlib.contextmanager
def served(folder, name, blockdev):
    """Held, and seen as a file."""
    with held(folder, name, blockdev) as address, seen(folder / f"{name}.disk", address) as file:
        yield file


@contextlib.contextmanager
def seen(file, address):
    """An export of NBD as a file. (On one of QEMU 7.2's own exports by FUSE, PostgreSQL found its indexes
    damaged; why is not known.)"""
    file.touch()
    with starting(LOAD_CPUS):
        process = subprocess.Popen(["nbdfuse", file, address])
    try:
        wait_for(process, lambda: file.stat().st_size == SIZE)
        yield file
    finally:
        subprocess.run(["umount", file], check=False)
        ended(process)


def wait_for(process, condition):
    deadline = time.monotonic() + 60
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args[0]} does not come up")
        time.sleep(0.02)


@contextlib.contextmanager
def device(file):
    """The database's filesystem on a disk that is a file."""
    with oltp.loop(file, "-o", str(DATA), "--sizelimit", str(SIZE - DATA - images.START),
                   "--direct-io=on") as found:
        yield found


def image(folder, name):
    """qcow2: what nodes' images are on shared storage."""
    path = folder / f"{name}.qcow2"
    images.run("qemu-img", "convert", "-O", "qcow2", "-t", "none", template(), path)
    return path


def blockdev(path):
    return [f"driver=file,node-name=f,filename={path},cache.direct=on,aio=threads",
            "driver=qcow2,node-name=disk,file=f"]


@contextlib.contextmanager
def file(memory):
    template()
    with storage(memory) as folder, tempfile.TemporaryDirectory(dir=MEMORY) as own:
        own = pathlib.Path(own)
        node = image(folder, "node")
        with served(own, "node", blockdev(node)) as disk, device(disk) as load:
            yield Disk(load, str(node), {}, "qcow2 on XFS, which is cloned while in use")


@contextlib.contextmanager
def neighbour(memory):
    template()
    with storage(memory) as folder, tempfile.TemporaryDirectory(dir=MEMORY) as own:
        own = pathlib.Path(own)
        node, other = image(folder, "node"), image(folder, "neighbour")
        with held(own, "node", blockdev(node)), \
                served(own, "neighbour", blockdev(other)) as disk, device(disk) as load:
            yield Disk(load, str(node), {}, "the disk of another node on the same XFS")


@contextlib.contextmanager
def ceph_cluster(memory, size):
    sys.path.insert(0, str(images.TOP / "tests" / "e2e"))
    import ceph  # pylint: disable=import-error,import-outside-toplevel
    reason = ceph.why_not()
    if reason:
        raise RuntimeError(reason)
    before, tempfile.tempdir = tempfile.tempdir, MEMORY if memory else None
    with starting(LOAD_CPUS):
        cluster = ceph.Ceph(size)
    tempfile.tempdir = before
    try:
        yield cluster
    finally:
        cluster.remove()


def ceph_settings(cluster):
    return {"storage": {"ceph": {"default": {"conf": str(cluster.conf)}}}}


def into_ceph(cluster, raw, name):
    images.run("qemu-img", "convert", "-W", "-O", "raw", raw, f"rbd:rbd/{name}:conf={cluster.conf}")


def rbd_blockdev(cluster):
    return [f"driver=rbd,node-name=disk,pool=rbd,image=node,conf={cluster.conf}"]


@contextlib.contextmanager
def rbd(memory):
    template()
    with ceph_cluster(memory, 8 * GIB) as cluster, \
            tempfile.TemporaryDirectory(dir=MEMORY) as own:
        into_ceph(cluster, template(), "node")
        with served(pathlib.Path(own), "node", rbd_blockdev(cluster)) as disk, device(disk) as load:
            yield Disk(load, "rbd:rbd/node", ceph_settings(cluster),
                       "RBD image on a Ceph with one OSD, which gets snapshots")


def why_not():
    """Why no disk can be held here; None when one can."""
    for program in ("qemu-storage-daemon", "nbdfuse", "losetup", "mkfs.xfs"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None if os.path.exists("/dev/fuse") else "there is no FUSE"
