"""Filesystems are held still for the instant of the snapshot, and always let go."""
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import TIMEOUT, run
from machine import Machine
from snapshots import Refused, Snapshots

MEGABYTE = 1 << 20


class Agent:
    """Speaks the guest agent's protocol; no filesystem is really frozen."""

    def __init__(self, path, answers=None, pause=0):
        self.path, self.pause = path, pause
        self.answers = answers or {}
        self.asked, self.frozen = [], False
        self.changed = threading.Condition()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed
            with client, client.makefile("rb") as lines:
                try:
                    client.sendall(b'{"return": "of somebody before"}\n')
                    for line in lines:
                        answer = self.answer(json.loads(line.replace(b"\xff", b"")))
                        time.sleep(self.pause)  # so that who asked can be gone
                        client.sendall(answer)
                except OSError:
                    pass  # whoever asked has gone

    def answer(self, call):
        name = call["execute"]
        with self.changed:
            if name == "guest-sync-delimited":
                return b"\xff" + json.dumps({"return": call["arguments"]["id"]}).encode() + b"\n"
            self.asked.append(name.removeprefix("guest-fsfreeze-"))
            if name in self.answers:
                return self.answers[name]
            self.frozen = name.endswith("-freeze")
            self.changed.notify_all()
        return b'{"return": 2}\n'

    def wait_thawed(self):
        with self.changed:
            assert self.changed.wait_for(lambda: not self.frozen, TIMEOUT)


@pytest.fixture
def machine(tmp_path):
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(MEGABYTE))
    with Machine([(disk, "raw")]) as m:
        yield m


def agent_of(machine, answers=None, pause=0):
    return Agent(f"{machine.monitor}.agent", answers, pause)


def test_the_agent_is_asked_right_before_and_after(assay, machine):
    snapshots, agent = Snapshots(assay), agent_of(machine)
    handle = snapshots.plan(machine.location())
    with snapshots.make(handle, "--quiesce", "agent") as view:
        view.verify()
        assert agent.asked == ["thaw", "freeze", "thaw"] and not agent.frozen
    snapshots.drop(handle)
    assert machine.state()["nodes"] == machine.before["nodes"]


@pytest.mark.parametrize("command, answer, why", [
    ("guest-fsfreeze-freeze", b'{"error": {"class": "GenericError", "desc": "no space"}}\n',
     "guest-fsfreeze-freeze: no space"),
    ("guest-fsfreeze-freeze", b'{"return": 0}\n', "no filesystem could be stilled"),
    ("guest-fsfreeze-freeze", b"oops\n", "not JSON"),
    ("guest-fsfreeze-thaw", b'{"error": {}}\n', "guest-fsfreeze-thaw: an answer without value"),
])
def test_a_failing_agent_ends_the_making_and_is_told_to_thaw(assay, machine, command, answer, why):
    snapshots, agent = Snapshots(assay), agent_of(machine, {command: answer})
    handle = snapshots.plan(machine.location())
    with pytest.raises(Refused, match=why):
        snapshots.make(handle, "--quiesce", "agent")
    if command.endswith("-freeze"):
        assert agent.asked == ["thaw", "freeze", "thaw"]
    after = machine.state()
    assert {**after, "sockets": []} == {**machine.before, "sockets": []}


def test_a_node_is_let_go_wherever_making_is_killed(assay, machine):
    """By the process that watches: nobody calls anything after the kill."""
    snapshots, agent = Snapshots(assay), agent_of(machine, pause=0.01)
    handle = snapshots.plan(machine.location())
    was_frozen = 0
    # What comes first is the same without an agent.
    for n in range(60, 1000):
        if snapshots("make", handle, options=["--quiesce", "agent", "--kill-at", str(n)]) == "done":
            break
        was_frozen += agent.asked[-2:] == ["freeze", "thaw"] or agent.frozen
        agent.wait_thawed()
        agent.asked.clear()
        snapshots.drop(handle)
    assert was_frozen > 2
    snapshots.drop(handle)


def test_the_settings_say_where_agents_are(assay, machine):
    agent = Agent(machine.folder / "agent-of-vd0")
    snapshots = Snapshots(assay, {"agents": {"qemu:*": str(machine.folder / "agent-of-*")}})
    handle = snapshots.plan(machine.location("vd0"))
    snapshots.make(handle, "--quiesce", "agent").close()
    snapshots.drop(handle)
    assert agent.asked == ["thaw", "freeze", "thaw"]


def test_the_real_agent_is_understood(assay, machine):
    """Its freezing is forbidden here: it would still this machine."""
    pid = machine.folder / "agent.pid"
    agent = subprocess.Popen(["qemu-ga", "-m", "unix-listen", "-p", f"{machine.monitor}.agent",
                              "-f", pid, "-t", machine.folder, "-b",
                              "guest-fsfreeze-freeze,guest-fsfreeze-freeze-list,"
                              "guest-fsfreeze-thaw"], stderr=subprocess.DEVNULL)
    try:
        while not pathlib.Path(f"{machine.monitor}.agent").is_socket():
            assert agent.poll() is None
        with pytest.raises(Refused, match="guest-fsfreeze-thaw: .*disabled"):
            snapshots = Snapshots(assay)
            snapshots.make(snapshots.plan(machine.location()), "--quiesce", "agent")
    finally:
        agent.terminate()
        agent.wait(TIMEOUT)


@pytest.fixture
def hook(tmp_path):
    """Programs that note how they were called."""
    log = tmp_path / "log"
    for name in ("freeze", "thaw"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n[ ! -e {tmp_path}/bad-{name} ] '
                           f'|| {{ echo "cannot {name}" >&2; exit 3; }}\n')
        program.chmod(0o755)
    return tmp_path


def test_programs_get_the_location_as_their_last_argument(assay, machine, hook):
    snapshots = Snapshots(assay, {"quiesce": {
        "db": {"freeze": [str(hook / "freeze"), "a b", "$x"], "thaw": [str(hook / "thaw")]},
        "bad": {"freeze": ["freeze"], "thaw": [str(hook / "thaw")]},
        "half": {"freeze": [str(hook / "freeze")]}}})
    location = machine.location()
    handle = snapshots.plan(location)
    snapshots.make(handle, "--quiesce", "db").close()
    log = hook / "log"
    assert log.read_text() == f"freeze a b $x {location}\nthaw {location}\n"
    for name, bad in (("freeze", "bad-freeze"), ("thaw", "bad-thaw")):
        log.unlink()
        (hook / bad).touch()
        with pytest.raises(Refused, match=f"i/o: .*/{name}: failed with status 3: cannot {name}"):
            snapshots.make(handle, "--quiesce", "db")
        (hook / bad).unlink()
        assert log.read_text().splitlines()[0] == f"freeze a b $x {location}"
        assert log.read_text().splitlines()[1] == f"thaw {location}"
    for name in ("bad", "half", "none"):
        with pytest.raises(Refused, match=f"invalid: .*storage.quiesce has no '{name}'"):
            snapshots.make(handle, "--quiesce", name)
    assert machine.state()["nodes"] == machine.before["nodes"]


def test_a_file_is_stilled_while_it_is_cloned(assay, hook, tmp_path):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="assay-xfs-"))
    run("truncate", "-s", "400M", tmp_path / "image")
    run("mkfs.xfs", "-q", tmp_path / "image")
    run("mount", "-o", "loop", tmp_path / "image", folder)
    try:
        snapshots = Snapshots(assay, {"quiesce": {"db": {"freeze": [str(hook / "freeze")],
                                                         "thaw": [str(hook / "thaw")]}}})
        disk = folder / "disk.img"
        with open(disk, "wb") as f:
            f.write(bytes(MEGABYTE))
            snapshots.make(snapshots.plan(disk), "--quiesce", "db").close()
        assert (hook / "log").read_text() == f"freeze {disk}\nthaw {disk}\n"
    finally:
        run("umount", folder)
        shutil.rmtree(folder)
