"""The disk of a QEMU machine, seen by its monitor. No guest runs: the load stands for its device.

QEMU's filter is put between a device and its disk, and what QEMU exports is no device. So the load goes
through a node of its own ("tap") that is put above the filter when a device is, which only reads: the
monitor that the service sees passes on what is said, and does so."""
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading

import node_disks
from service_node import MEMORY, starting

MESSAGE = 1 << 20


class Monitor:
    """For one who waits for each answer."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.do("qmp_capabilities")

    def do(self, command, arguments=None):
        self.file.write(json.dumps({"execute": command, "arguments": arguments or {}}) + "\n")
        self.file.flush()
        while True:
            reply = json.loads(self.file.readline())
            if "error" in reply:
                raise RuntimeError(f"{command}: {reply['error']['desc']}")
            if "return" in reply:
                return reply["return"]

    def close(self):
        self.file.close()
        self.socket.close()


class Passing:
    """One connection of the service's: what it says goes to QEMU, descriptors too, line by line."""

    def __init__(self, client, qemu, monitor):
        self.client, self.monitor = client, monitor
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(str(qemu))
        self.behind = None  # the node that the tap is put on after QEMU's next answer
        threading.Thread(target=self.answers, daemon=True).start()
        try:
            self.commands()
        finally:
            with contextlib.suppress(OSError):
                self.server.shutdown(socket.SHUT_RDWR)

    def put_on(self, node):
        self.monitor.do("blockdev-reopen", {"options": [
            {"driver": "raw", "node-name": "tap", "file": node}]})

    def heed(self, line):
        said = json.loads(line)
        arguments = said.get("arguments", {})
        if said.get("execute") == "qom-set" and arguments.get("property") == "drive":
            if arguments["value"] == "disk":
                self.behind = "disk"
            else:  # the filter lets nobody write to the disk past it
                self.put_on(arguments["value"])

    def commands(self):
        rest = b""
        while True:
            data, fds, _, _ = socket.recv_fds(self.client, MESSAGE, 4)
            if not data:
                return
            rest += data
            *lines, rest = rest.split(b"\n")
            for line in lines:
                if line.strip():
                    self.heed(line)
            socket.send_fds(self.server, [data], fds)
            for fd in fds:
                os.close(fd)

    def answers(self):
        with contextlib.suppress(OSError):
            for line in self.server.makefile("rb"):
                said = json.loads(line)
                if self.behind and ("return" in said or "error" in said):
                    self.put_on(self.behind)
                    self.behind = None
                self.client.sendall(line)
        with contextlib.suppress(OSError):
            self.client.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def watched(path, qemu, monitor):
    """A monitor at path."""
    def serve():
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                Passing(client, qemu, monitor)

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@contextlib.contextmanager
def machine(folder, path):
    """Holds the image; the address at which the load gets at it."""
    command = ["qemu-system-x86_64", "-S", "-accel", "tcg", "-m", "32", "-nodefaults", "-display",
               "none"]
    for name in ("passed", "own"):
        command += ["-qmp", f"unix:{folder / name},server=on,wait=off"]
    for one in [*node_disks.blockdev(path), "driver=raw,node-name=tap,file=disk"]:
        command += ["-blockdev", one]
    command += ["-device", "virtio-scsi-pci", "-device", "scsi-cd,id=cd,drive=disk,share-rw=on"]
    with starting(node_disks.LOAD_CPUS):
        process = subprocess.Popen(command)
    try:
        node_disks.wait_for(process, (folder / "own").exists)
        monitor = Monitor(folder / "own")
        try:
            monitor.do("nbd-server-start", {"addr": {
                "type": "unix", "data": {"path": str(folder / "monitor.nbd")}}})
            monitor.do("block-export-add", {"type": "nbd", "id": "load", "node-name": "tap",
                                            "name": "load", "writable": True})
            with watched(folder / "monitor", folder / "passed", monitor):
                yield f"nbd+unix:///load?socket={folder / 'monitor.nbd'}"
        finally:
            monitor.close()
    finally:
        node_disks.ended(process)


@contextlib.contextmanager
def qemu(memory):
    node_disks.template()
    with node_disks.storage(memory) as storage, \
            tempfile.TemporaryDirectory(prefix="assay-bench-", dir=MEMORY) as own:
        own = pathlib.Path(own)
        path = node_disks.image(storage, "node")
        with machine(own, path) as address, node_disks.seen(own / "disk", address) as disk, \
                node_disks.device(disk) as load:
            yield node_disks.Disk(load, f"qemu:{own}/monitor#cd",
                                  {"storage": {"qemu": {"folder": str(storage)}}},
                                  "qcow2 on XFS in a QEMU machine, seen by its monitor")
