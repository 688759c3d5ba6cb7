"""The process that reads hostile bytes: what it cannot do, and what happens when it ends badly."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from conftest import TIMEOUT, run

NBDKIT = ("nbdkit", "--foreground", "-P", "PIDFILE", "--readonly")
NOBODY = 65534


@pytest.fixture
def stuck(serve, tmp_path):
    """A disk behind a server that does not answer when it is read."""
    serve(*NBDKIT, "-U", tmp_path / "s", "--filter=delay", "pattern", "16M", "rdelay=1000")
    return f"nbd+unix:///?socket={tmp_path}/s"


def until(condition):
    deadline = time.monotonic() + TIMEOUT
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


def facts_of(pid):
    """/proc/PID/status as a dict; {} when there is no such process."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def locked_in(parent):
    """The pid of its inspector once that has entered its sandbox."""
    for entry in os.listdir("/proc"):
        facts = facts_of(entry) if entry.isdigit() else {}
        if facts.get("PPid") == str(parent) and facts.get("Seccomp") == "2":
            return int(entry)
    return None


@contextlib.contextmanager
def working(assay, *arguments):
    """A command at work, and the pid of its inspector."""
    process = subprocess.Popen([assay.path, *map(str, arguments)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        yield process, until(lambda: locked_in(process.pid))
    finally:
        process.kill()
        process.communicate()


def gone(pid):
    return facts_of(pid).get("State", "X")[0] in "XZ"


def test_whatever_it_must_not_do_is_denied(assay):
    version, *lines = assay.output("version", "--sandbox").decode().splitlines()
    assert version.startswith("assay ") and len(lines) >= 10
    assert {line.rpartition(": ")[2] for line in lines} == {"denied"}


def test_its_limits_as_the_kernel_sees_them(assay, stuck):
    if os.geteuid() != 0:
        pytest.fail("only root sees the descriptors of an inspector")
    with working(assay, "frame", stuck) as (process, inspector):
        facts = facts_of(inspector)
        assert facts["Seccomp"] == "2" and facts["NoNewPrivs"] == "1"
        assert facts["Uid"].split() == facts["Gid"].split() == [str(NOBODY)] * 4
        assert facts["Groups"].strip() == ""
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(facts[name], 16) == 0
        limits = pathlib.Path(f"/proc/{inspector}/limits").read_text()
        soft = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
        assert 1 << 30 < int(soft["Max address space"]) < (1 << 30) + (256 << 20)
        assert soft["Max file size"] == "0"
        assert soft["Max core file size"] == "0" and int(soft["Max cpu time"]) > 0
        environment = pathlib.Path(f"/proc/{inspector}/environ").read_bytes()
        assert {e.split(b"=")[0] for e in environment.split(b"\0") if e} <= {b"MALLOC_ARENA_MAX"}
        opened = {int(fd): os.readlink(f"/proc/{inspector}/fd/{fd}").split(":")[0]
                  for fd in os.listdir(f"/proc/{inspector}/fd")}
        assert {fd: opened.pop(fd) for fd in range(5)} == {
            0: "/dev/null", 1: "/dev/null", 2: "pipe", 3: "socket", 4: "pipe"}
        assert sorted(set(opened.values()) - {"anon_inode"}) == ["socket"]
        assert not gone(process.pid)


def test_it_has_no_other_file_than_the_disk(assay, tmp_path):
    """Output that nobody takes keeps the inspector of a file at work."""
    disk = tmp_path / "disk"
    with open(disk, "wb") as f:
        f.truncate(64 << 20)
    with working(assay, "cat", "--disk", disk) as (_, inspector):
        names = {os.readlink(f"/proc/{inspector}/fd/{fd}")
                 for fd in os.listdir(f"/proc/{inspector}/fd")}
        assert {n for n in names if n.startswith("/")} == {"/dev/null", str(disk)}


def assert_said(process, status, *words):
    out, err = process.communicate(timeout=TIMEOUT)
    text = err.decode()
    assert process.returncode == status, text
    assert len(text.splitlines()) == 1, text
    assert all(word in text for word in words), text
    return out


def assert_unreadable(out, *words):
    document = json.loads(out)
    coverage = (document["targets"][0] if "targets" in document else document)["coverage"]
    (told,) = [c for c in coverage if c["kind"] == "target"]
    assert told["state"] == "unreadable" and all(word in told["reason"] for word in words)


DEATHS = [(signal.SIGKILL, "Killed"), (signal.SIGSEGV, "Segmentation fault")]


@pytest.mark.parametrize("deadly,name", DEATHS)
@pytest.mark.parametrize("command", ["frame", "scan"])
def test_one_that_dies_leaves_the_target_unreadable(assay, stuck, command, deadly, name):
    with working(assay, command, "--format", "json", stuck) as (process, inspector):
        os.kill(inspector, deadly)
        assert_unreadable(assert_said(process, 3, name), name)


@pytest.mark.parametrize("deadly,name", DEATHS)
def test_one_that_dies_leaves_no_half_of_a_file(assay, stuck, tmp_path, deadly, name):
    copy = tmp_path / "copies" / "copy"
    copy.parent.mkdir()
    copy.write_bytes(b"before")
    with working(assay, "cat", "--disk", "-o", copy, stuck) as (process, inspector):
        os.kill(inspector, deadly)
        assert assert_said(process, 2, name) == b""
    assert os.listdir(copy.parent) == ["copy"] and copy.read_bytes() == b"before"


@pytest.mark.parametrize("command", ["frame", "scan"])
def test_a_server_that_does_not_answer_is_given_up(assay, stuck, command):
    done = assay(command, "--format", "json", "--timeout", "1", stuck)
    assert done.returncode == 3 and len(done.stderr.splitlines()) == 1
    assert b"1 second" in done.stderr
    assert_unreadable(done.stdout, "--timeout")


def test_a_copy_that_takes_too_long_leaves_nothing(assay, stuck, tmp_path):
    folder = tmp_path / "copies"
    folder.mkdir()
    assert "--timeout" in assay.refusal("cat", "--timeout", "1", "--disk", "-o", folder / "x", stuck)
    assert os.listdir(folder) == []


def test_a_listing_that_takes_too_long_fails(assay, stuck):
    assert "--timeout" in assay.refusal("ls", "--timeout", "1", stuck, "/")


def test_it_goes_when_the_program_is_killed(assay, stuck):
    with working(assay, "frame", stuck) as (process, inspector):
        process.kill()
        process.wait()
        until(lambda: gone(inspector))


def test_the_least_memory_is_enough_for_a_small_disk(assay, disk):
    packed = f"{disk}.qcow2"
    run("qemu-img", "convert", "-c", "-O", "qcow2", disk, packed)
    listing = ["ls", "-R", "--volume", "disk0"]
    assert assay.output(*listing, "--memory", "32M", packed, "/") == assay.output(*listing, disk, "/")
    assert "32M" in assay.refusal("frame", "--memory", "31M", disk)


def test_too_little_memory_is_told_as_such(assay, tmp_path):
    """An entry of the package database with a field in every line."""
    status = tmp_path / "tree/var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text("Package: a\n" + "a:b\n" * 2000000)
    disk = tmp_path / "disk"
    with open(disk, "wb") as f:
        f.truncate(16 << 20)
    run("mke2fs", "-q", "-t", "ext4", "-d", tmp_path / "tree", disk)
    for command in ("frame", "scan"):
        done = assay(command, "--format", "json", "--memory", "32M", disk)
        assert done.returncode == 3 and len(done.stderr.splitlines()) == 1, done.stderr
        assert b"--memory" in done.stderr
        assert_unreadable(done.stdout, "--memory")


@pytest.fixture
def full(tmp_path):
    """A folder with room for 64 KiB."""
    folder = tmp_path / "full"
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
    yield folder
    run("umount", folder)


@pytest.fixture
def disk(tmp_path):
    """A filesystem with a file larger than the folder, and a frame of it."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/large").write_bytes(b"many bytes\n" * 20000)
    for i in range(2000):
        (tmp_path / f"tree/a file of a frame {i}").touch()
    with open(tmp_path / "disk", "wb") as f:
        f.truncate(16 << 20)
    run("mke2fs", "-q", "-t", "ext4", "-d", tmp_path / "tree", tmp_path / "disk")
    return tmp_path / "disk"


COMMANDS = {"copy of a disk": ["cat", "--disk", "DISK"],
            "file": ["cat", "--volume", "disk0", "DISK", "/large"]}
LISTING = ["ls", "-R", "--volume", "disk0"]


def assert_no_room(done):
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert b"No space left on device" in done.stderr


@pytest.mark.parametrize("what", COMMANDS)
def test_a_full_disk_is_an_error_and_keeps_what_was_there(assay, disk, full, what):
    arguments = [disk if a == "DISK" else a for a in COMMANDS[what]]
    (full / "out").write_text("before")
    assert_no_room(assay(*arguments, "-o", full / "out"))
    assert os.listdir(full) == ["out"] and (full / "out").read_text() == "before"


@pytest.mark.parametrize("what", [*COMMANDS, "listing", "listing as JSON"])
def test_full_standard_output_is_an_error(assay, disk, what):
    arguments = [disk if a == "DISK" else a for a in COMMANDS.get(what, [*LISTING, "DISK", "/"])]
    if what.endswith("JSON"):
        arguments += ["--format", "json"]
    with open("/dev/full", "wb") as nowhere:
        assert_no_room(subprocess.run([assay.path, *map(str, arguments)], stdout=nowhere,
                                      stderr=subprocess.PIPE, timeout=TIMEOUT))


@pytest.mark.parametrize("command", ["frame", "scan", "disk"])
def test_a_full_disk_is_an_error_of_reports_too(assay, disk, full, command):
    room = os.statvfs(full)  # to the last block
    (full / "filler").write_bytes(bytes(room.f_bavail * room.f_bsize))
    done = assay(command, "-o", full / "out", disk)
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 2 and "No space left on device" in lines[-1]
    assert os.listdir(full) == ["filler"]
