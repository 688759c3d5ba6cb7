"""Introspections of a 10 GB node image by the service: how long, how much is read, and what a load on
the same storage feels of them. Used by bench.py."""
import contextlib
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

import images
import service_rest
from measure import drop_caches

GIB = 1 << 30
SIZE = 10 * GIB
SECONDS, ROUNDS = 6, 3
LIMIT = {"bytes_per_second": 1 << 20, "iops": 200}
ASK = images.TOP / "build" / "tests" / "unit" / "introspect-ask"
LOAD = ["fio", "--name=load", "--ioengine=nbd", "--rw=randrw", "--rwmixread=70", "--bs=4k",
        "--iodepth=8", "--offset=5g", "--size=4g", "--time_based", f"--runtime={SECONDS}",
        "--output-format=json"]


def node_image(folder):
    """The Debian system, and six gigabytes of data behind it."""
    path = folder / "node.qcow2"
    if not path.exists():
        new = folder / "node.new"
        images.run("qemu-img", "convert", "-O", "qcow2", images.debian_raw(), new)
        images.run("qemu-img", "resize", "-q", new, SIZE)
        for at in range(4, 10):
            images.run("qemu-io", "-f", "qcow2", "-c", f"write -q -P {at} {at}G 1G", new)
        new.rename(path)
    return path


def neighbour_image(folder):
    """Another node's disk on the same storage."""
    path = folder / "neighbour.qcow2"
    if not path.exists():
        new = folder / "neighbour.new"
        images.run("qemu-img", "create", "-q", "-f", "qcow2", new, SIZE)
        for at in range(5, 9):
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


@contextlib.contextmanager
def machine(image, folder):
    """Holds the image as a running machine does; the address of its disk."""
    address, ready = folder / "nbd", folder / "ready"
    daemon = subprocess.Popen(
        ["qemu-storage-daemon", "--blockdev",
         f"driver=file,node-name=f,filename={image},cache.direct=on,aio=threads", "--blockdev",
         "driver=qcow2,node-name=q,file=f", "--nbd-server", f"addr.type=unix,addr.path={address}",
         "--export", "type=nbd,id=e,node-name=q,name=disk,writable=on", "--pidfile", ready])
    try:
        while not ready.exists():
            if daemon.poll() is not None:
                raise RuntimeError("qemu-storage-daemon ended")
            time.sleep(0.01)
        yield f"nbd+unix:///disk?socket={address}"
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)
        ready.unlink(missing_ok=True)


class Fleet:
    """A store with one node, and workers on it."""

    def __init__(self, assay, folder, image, database):
        self.assay, self.folder, self.database = assay, folder, database
        service = service_rest.Service(assay, folder)
        session = service.post("/v1/login", {"name": "admin",
                                             "password": service_rest.PASSWORD})["token"]
        service.post("/v1/projects", {"name": "p", "locations": [f"{image.parent}/*"]}, session)
        service.post("/v1/projects/p/nodes", {"name": "n", "disks": [str(image)]}, session)
        service.stop()
        self.store = f"sqlite:{folder}/store.db"

    @contextlib.contextmanager
    def worker(self, limits=None):
        config = self.folder / "worker.yaml"
        config.write_text(json.dumps({"limits": {"introspection": limits}} if limits else {}))
        command = [self.assay, "worker", "--store", self.store, "--config", config, "--workers", "1"]
        if self.database:
            command += ["--advisories", self.database]
        log = self.folder / "worker.log"
        with log.open("wb") as out:
            process = subprocess.Popen([str(c) for c in command], stdout=out, stderr=out)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    def row(self, identifier):
        with contextlib.closing(sqlite3.connect(self.folder / "store.db", timeout=60)) as db:
            db.row_factory = sqlite3.Row
            return dict(db.execute("SELECT * FROM introspection WHERE id = ?", [identifier])
                        .fetchone())

    def introspect(self, *wishes, until=None):
        """One, to its end; None when `until` is set before."""
        identifier = images.run(ASK, self.store, "p", "n", "fresh", *wishes).decode().strip()
        while True:
            row = self.row(identifier)
            if row["state"] in ("done", "failed", "cancelled"):
                return row
            if until is not None and until.is_set():
                return None
            time.sleep(0.1)  # each look costs the load a little


def told(row):
    steps = " ".join(f"{s['step']} {s['microseconds'] / 1e6:.2f}"
                     for s in json.loads(row["steps"]))
    return (f"{(row['finished'] - row['started']) / 1e6:7.2f} s"
            f"   {row['bytes_read'] / (1 << 20):8.1f} MiB read   {row['state']}"
            f"{': ' + row['reason'] if row['reason'] else ''}   ({steps})")


def load(address):
    """Reads and writes a second."""
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run([*LOAD, f"--uri={address}", f"--output={out.name}"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"fio: {done.stdout}{done.stderr}")
        (job,) = json.loads(out.read())["jobs"]
    return job["read"]["iops"] + job["write"]["iops"]


def beside(fleet, address, limits):
    """The load's rate with introspections back to back, and how many there were."""
    ended, count = threading.Event(), 0

    def repeat():
        nonlocal count
        while not ended.is_set():
            row = fleet.introspect(until=ended)
            count += row is not None and row["state"] == "done"

    with fleet.worker(limits):
        thread = threading.Thread(target=repeat)
        thread.start()
        try:
            rate = load(address)
        finally:
            ended.set()
            thread.join()
    return rate, count


def overhead(what, fleet, address, line):
    """Each round has all three, so that what else the machine does falls on all."""
    kinds = {"unlimited": None, "limited": LIMIT}
    alone, with_them, counts = [], {k: [] for k in kinds}, dict.fromkeys(kinds, 0)
    load(address)
    for _ in range(ROUNDS):
        alone.append(load(address))
        for kind, limits in kinds.items():
            rate, count = beside(fleet, address, limits)
            with_them[kind].append(rate)
            counts[kind] += count
    base = sorted(alone)[ROUNDS // 2]
    line(f"load on {what}, alone: {base:.0f} reads and writes a second"
         f" ({min(alone):.0f} to {max(alone):.0f} in {ROUNDS} rounds of {SECONDS} s)")
    for kind in kinds:
        rate = sorted(with_them[kind])[ROUNDS // 2]
        line(f"  with introspections back to back, {kind:<10} {rate:8.0f}"
             f"   {100 * (rate / base - 1):+5.1f} %   {counts[kind]} introspections")


def run(assay, database, line):
    """database: of advisories; None. line(text) prints one."""
    for program in ("qemu-storage-daemon", "fio"):
        if shutil.which(program) is None:
            line(f"skipped: {program} is not installed")
            return
    with storage() as folder, tempfile.TemporaryDirectory() as state:
        state = pathlib.Path(state)
        image = node_image(folder)
        fleet = Fleet(assay, state, image, database)
        with machine(neighbour_image(folder), state) as address:
            overhead("another disk of the storage", fleet, address, line)
        with machine(image, state) as address:
            for what, wishes in (("light", []), ("deep", ["deep"])):
                with fleet.worker():
                    drop_caches()
                    line(f"{what}, cold  {told(fleet.introspect(*wishes))}")
                    line(f"{what}, warm  {told(fleet.introspect(*wishes))}")
            overhead("the same disk, which is cloned", fleet, address, line)
