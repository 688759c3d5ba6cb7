"""QEMU machines of the tests' own: no system runs in them (guest.py has one), their devices write what
tests say."""
import json
import shutil
import socket
import subprocess
import tempfile
import pathlib
import time

from conftest import TIMEOUT


class Monitor:
    """The other side of a monitor's socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw")
        assert "QMP" in json.loads(self.file.readline())
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            reply = json.loads(self.file.readline())
            assert "error" not in reply, reply
            if "return" in reply:
                return reply["return"]

    def close(self):
        self.file.close()
        self.socket.close()


class Machine:
    """Its disks are vd0, vd1, ... FOLDER in further options is where its sockets are."""

    def __init__(self, disks, read_only=(), extra=(), accel="tcg", memory=32):
        # Sockets have short names, and their folder has no symbolic link.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="assay-qemu-")).resolve()
        self.monitor = self.folder / "monitor"
        command = ["qemu-system-x86_64", "-accel", accel, "-m", str(memory), "-nodefaults",
                   "-display", "none", "-qmp", f"unix:{self.monitor},server=on,wait=off",
                   "-qmp", f"unix:{self.folder / 'own'},server=on,wait=off",
                   *[str(word).replace("FOLDER", str(self.folder)) for word in extra]]
        for i, (disk, image_format) in enumerate(disks):
            command += ["-drive", f"if=none,id=drive{i},file={disk},format={image_format},"
                                  f"readonly={'on' if i in read_only else 'off'}",
                        "-device", f"virtio-blk-pci,drive=drive{i},id=vd{i}"]
        self.process = subprocess.Popen(command)
        self.own = self.wait_for_monitor()
        self.before = self.state()

    def wait_for_monitor(self):
        deadline = time.monotonic() + TIMEOUT
        while True:
            assert self.process.poll() is None and time.monotonic() < deadline
            try:
                return Monitor(self.folder / "own")
            except (FileNotFoundError, ConnectionRefusedError):
                pass  # not listening yet

    def location(self, device=None):
        return f"qemu:{self.monitor}" + (f"#{device}" if device else "")

    def io(self, device, command):
        """As if the guest had its device do it."""
        said = self.own("human-monitor-command",
                        command_line=f'qemu-io -d /machine/peripheral/{device}/virtio-backend '
                                     f'"{command}"')
        assert "rror" not in said, said

    def write(self, device, offset, pattern, length=65536):
        self.io(device, f"write -P {pattern} {offset} {length}")

    def state(self):
        """All that a snapshot could leave behind."""
        self.own("query-status")
        return {"nodes": sorted(n["node-name"] for n in self.own("query-named-block-nodes",
                                                                 flat=True)),
                "drives": [(b["qdev"], b["inserted"]["node-name"])
                           for b in self.own("query-block")],
                "exports": self.own("query-block-exports"),
                "jobs": self.own("query-jobs"),
                "sockets": sorted(p.name for p in self.folder.iterdir()),
                "files": [] if not hasattr(self, "before") else
                         [s for s in self.own("query-fdsets")]}

    def bitmaps(self):
        return [(n["node-name"], b["name"]) for n in self.own("query-named-block-nodes", flat=True)
                for b in n.get("dirty-bitmaps", [])]

    def stop(self):
        self.own.close()
        self.process.kill()
        self.process.wait(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)
