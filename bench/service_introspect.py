"""Introspections of a 10 GB node image by the service: how long, and how much is read. Used by
bench.py."""
import contextlib
import pathlib
import tempfile

import images
import node_disks
from measure import drop_caches
from service_node import MEMORY, Failed, Node

GIB = 1 << 30


def node_image(folder):
    """The Debian system, and six gigabytes of data behind it."""
    path = folder / "node.qcow2"
    if not path.exists():
        new = folder / "node.new"
        images.run("qemu-img", "convert", "-O", "qcow2", images.debian_raw(), new)
        images.run("qemu-img", "resize", "-q", new, node_disks.SIZE)
        for at in range(4, 10):
            images.run("qemu-io", "-f", "qcow2", "-c", f"write -q -P {at} {at}G 1G", new)
        new.rename(path)
    return path


@contextlib.contextmanager
def storage():
    """A filesystem that clones files, as shared storage of images does."""
    disk, _, missing = images.kept("storage.xfs")
    if missing:
        images.sparse(disk, 40 * GIB)
        images.run("mkfs.xfs", "-q", disk)
    with images.mounted(disk) as folder:
        yield folder


def told(one):
    steps = " ".join(f"{s['step']} {s['microseconds'] / 1e6:.2f}" for s in one["steps"])
    seconds = sum(s["microseconds"] for s in one["steps"]) / 1e6
    return f"{seconds:7.2f} s   {one['bytes_read'] / (1 << 20):8.1f} MiB read   ({steps})"


def rows(what, node, line):
    line(what)
    for kind in ("light", "deep"):
        drop_caches()
        line(f"  {kind}, cold  {told(node.introspect(deep=kind == 'deep'))}")
        line(f"  {kind}, warm  {told(node.introspect(deep=kind == 'deep'))}")


def of_file(assay, database, line):
    with storage() as folder, tempfile.TemporaryDirectory(dir=MEMORY) as own:
        image = node_image(folder)
        with node_disks.held(pathlib.Path(own), "node", node_disks.blockdev(image)), \
                Node(assay, str(image), database) as node:
            rows("qcow2 of 10 GB, 8 of them in use, on XFS, held by a machine", node, line)


def of_rbd(assay, database, line):
    with node_disks.ceph_cluster(False, 16 * GIB) as cluster, \
            tempfile.TemporaryDirectory(dir=MEMORY) as own:
        node_disks.into_ceph(cluster, images.debian_raw(), "node")
        cluster.rbd("resize", "--size", f"{node_disks.SIZE >> 20}", "node")
        for at in (4, 5):
            images.run("qemu-io", "-f", "raw", "-c", f"write -q -P {at} {at}G 1G",
                       f"rbd:rbd/node:conf={cluster.conf}")
        with node_disks.held(pathlib.Path(own), "node",
                             node_disks.rbd_blockdev(cluster)), \
                Node(assay, "rbd:rbd/node", database,
                     node_disks.ceph_settings(cluster)) as node:
            rows("RBD image of 10 GB, 4 of them in use, on a Ceph with one OSD, held by a machine",
                 node, line)


def run(assay, database, line):
    """database: of advisories; None. line(text) prints one."""
    why = node_disks.why_not()
    if why:
        line(f"skipped: {why}")
        return
    for kind in (of_file, of_rbd):
        try:
            kind(assay, database, line)
        except (RuntimeError, Failed) as failure:
            line(f"  failed: {failure}")
