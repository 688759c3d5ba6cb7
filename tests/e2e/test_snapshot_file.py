"""Files and devices as snapshot drivers see them: in use and not, with clones and without."""
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from conftest import TIMEOUT, run
from snapshots import Refused, Snapshots
from test_snapshot_quiesce import Agent

MEGABYTE = 1 << 20
CONTENT = os.urandom(MEGABYTE) + bytes(6 * MEGABYTE) + os.urandom(MEGABYTE)


@pytest.fixture
def snapshots(assay):
    return Snapshots(assay)


@pytest.fixture(scope="module", params=["xfs", "btrfs"])
def cloning(request, tmp_path_factory):
    """A folder on a filesystem that makes clones."""
    folder = tmp_path_factory.mktemp(request.param)
    image, mount = folder / "image", folder / "mount"
    mount.mkdir()
    run("truncate", "-s", "400M", image)
    run(f"mkfs.{request.param}", "-q", image)
    run("mount", "-o", "loop", image, mount)
    yield mount
    run("umount", mount)


@pytest.fixture
def plain(tmp_path):
    """A folder on one that makes none."""
    image, mount = tmp_path / "plain-image", tmp_path / "plain"
    mount.mkdir()
    run("truncate", "-s", "200M", image)
    run("mkfs.ext4", "-q", "-F", image)
    run("mount", "-o", "loop", image, mount)
    yield mount
    run("umount", mount)


def old_file(path, content=CONTENT):
    """One that was last changed a while ago."""
    with open(path, "wb") as f:
        for at in range(0, len(content), MEGABYTE):
            piece = content[at:at + MEGABYTE]
            if piece.count(0) != len(piece):
                f.seek(at)
                f.write(piece)
        f.truncate(len(content))
    os.utime(path, (1e9, 1e9))
    return path


def settled(snapshots, path):
    """The identity, once the file's change is longer ago than timestamps are coarse."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        with snapshots.make(snapshots.plan(path)) as view:
            if view.disk["identity"]:
                return view.disk["identity"]
    raise AssertionError("it stays new")


class QemuStorage:
    """qemu-storage-daemon with an image open for writing."""

    def __init__(self, folder, image, image_format="raw"):
        self.socket = folder / "nbd.sock"
        pid = folder / "qsd.pid"
        pid.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["qemu-storage-daemon", "--blockdev", f"file,node-name=file,filename={image}",
             "--blockdev", f"{image_format},node-name=disk,file=file",
             "--nbd-server", f"addr.type=unix,addr.path={self.socket}",
             "--export", "nbd,id=e,node-name=disk,name=,writable=on", "--pidfile", pid])
        deadline = time.monotonic() + TIMEOUT
        while not pid.exists():
            assert self.process.poll() is None and time.monotonic() < deadline

    def write(self, offset, pattern, length=4096):
        run("qemu-io", "-f", "raw", "-c", f"write -P {pattern} {offset} {length}", "-c", "flush",
            f"nbd+unix:///?socket={self.socket}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(TIMEOUT)


def test_a_file_that_nobody_writes_is_read_as_it_is(snapshots, plain):
    disk = old_file(plain / "disk.img")
    handle = snapshots.plan(disk)
    with snapshots.make(handle) as view:
        assert view.read(plain / "out") == CONTENT
        view.verify()
        assert view.disk["size"] == len(CONTENT) and "note" not in view.disk
        assert view.disk["name"] == str(disk)
        assert sorted(os.listdir(plain)) == ["disk.img", "lost+found", "out"]
    snapshots.drop(handle)
    identity = settled(snapshots, disk)
    assert identity.startswith("file:") and settled(snapshots, disk) == identity
    with open(disk, "r+b") as f:
        f.write(b"x")
    os.utime(disk, (1e9, 1e9))  # the time of the last change cannot be set back
    assert settled(snapshots, disk) != identity


def test_what_qemu_writes_to_is_refused_where_there_are_no_clones(snapshots, plain, tmp_path):
    disk = old_file(plain / "disk.img")
    with QemuStorage(tmp_path, disk):
        handle = snapshots.plan(disk)
        with pytest.raises(Refused, match="denied: .*QEMU has locked it.*crash_consistent"):
            snapshots.make(handle)
        assert sorted(os.listdir(plain)) == ["disk.img", "lost+found"]
        with snapshots.make(handle, "--crash-consistent") as view:
            assert view.read(plain / "out") == CONTENT
            assert "read while in use" in view.disk["note"] and not view.disk["identity"]
            view.verify()


def test_what_qemu_only_reads_is_not_in_use(snapshots, plain, tmp_path):
    disk = old_file(plain / "disk.img")
    ready = tmp_path / "pid"
    with subprocess.Popen(["qemu-nbd", "-r", "-f", "raw", "-k", tmp_path / "s", "-t",
                           "--pid-file", ready, disk]) as server:
        while not ready.exists():
            assert server.poll() is None
        with snapshots.make(snapshots.plan(disk)) as view:
            assert "note" not in view.disk
        server.terminate()


def test_a_clone_shows_one_instant(snapshots, cloning, tmp_path):
    disk = old_file(cloning / "disk.img")
    before = os.stat(disk)
    with QemuStorage(tmp_path, disk) as qemu:
        handle = snapshots.plan(disk)
        with snapshots.make(handle) as view:
            qemu.write(0, 0xee)
            qemu.write(3 * MEGABYTE, 0xee)
            assert view.read(tmp_path / "out") == CONTENT
            assert "note" not in view.disk
            view.verify()
            assert os.listdir(cloning) == ["disk.img"], "the clone has no name any more"
        qemu.write(len(CONTENT) - 4096, 0xdd)
        with snapshots.make(handle, "--deep") as view:
            now = view.read(tmp_path / "out")
            assert now[:4096] == b"\xee" * 4096 and now[-4096:] == b"\xdd" * 4096
        snapshots.drop(handle)
    assert os.stat(disk).st_ino == before.st_ino


def test_a_failure_that_may_pass_is_not_taken_for_a_lack_of_clones(assay, cloning, tmp_path):
    """Neither read as it is then, nor refused for good."""
    with tempfile.TemporaryDirectory(prefix="assay-agent-") as folder:
        path = os.path.realpath(folder) + "/agent"
        agent = Agent(path, {"guest-fsfreeze-freeze": b'{"error": {"desc": "busy"}}\n'})
        snapshots = Snapshots(assay, {"agents": {"/*": path}})
        disk = old_file(cloning / "disk.img")
        with open(disk, "r+b"):
            handle = snapshots.plan(disk)
            for options in ((), ("--crash-consistent",)):
                with pytest.raises(Refused, match="i/o: .*guest-fsfreeze-freeze: busy"):
                    snapshots.make(handle, "--quiesce", "agent", *options)
            agent.answers.clear()
            with snapshots.make(handle, "--quiesce", "agent", "--crash-consistent") as view:
                assert "note" not in view.disk
                assert view.read(tmp_path / "out") == CONTENT
        agent.listener.close()


def test_where_no_clone_may_be_made_it_is_read_as_it_is(snapshots, cloning, tmp_path):
    """The images of a host, shown to the worker so that it cannot write."""
    old_file(cloning / "disk.img")
    shown = tmp_path / "shown"
    shown.mkdir()
    run("mount", "--bind", cloning, shown)
    try:
        run("mount", "-o", "remount,bind,ro", shown)
        handle = snapshots.plan(shown / "disk.img")
        with open(cloning / "disk.img", "r+b"):
            with pytest.raises(Refused, match="denied: .*Read-only file system.*crash_consistent"):
                snapshots.make(handle)
            with snapshots.make(handle, "--crash-consistent") as view:
                assert view.read(tmp_path / "out") == CONTENT
                assert "Read-only file system" in view.disk["note"]
    finally:
        run("umount", shown)


def test_a_program_that_has_it_open_for_writing_is_noticed(snapshots, cloning, plain):
    for folder in (cloning, plain):
        disk = old_file(folder / "disk.img")
        with open(disk, "r+b"):
            if folder is cloning:
                snapshots.make(snapshots.plan(disk)).close()
            else:
                with pytest.raises(Refused, match="open for writing"):
                    snapshots.make(snapshots.plan(disk))


def test_taking_it_into_use_while_it_is_read_is_noticed(snapshots, plain, tmp_path):
    disk = old_file(plain / "disk.img")
    with snapshots.make(snapshots.plan(disk)) as view:
        view.verify()
        with QemuStorage(tmp_path, disk):
            with pytest.raises(Refused, match="taken into use while it was read"):
                view.verify()
        view.verify()
        with open(disk, "r+b") as f:
            f.write(b"changed")
        with pytest.raises(Refused, match="taken into use while it was read"):
            view.verify()


def test_a_full_copy_keeps_holes_and_needs_space(snapshots, plain):
    disk = old_file(plain / "disk.img")
    os.sync()
    before = os.statvfs(plain)
    with snapshots.make(snapshots.plan(disk), "--deep") as view:
        os.sync()
        taken = (before.f_bfree - os.statvfs(plain).f_bfree) * before.f_frsize
        assert 2 * MEGABYTE <= taken < 3 * MEGABYTE
        disk.write_bytes(b"gone")
        view.verify()
        assert view.read(plain / "out") == CONTENT
        assert sorted(os.listdir(plain)) == ["disk.img", "lost+found", "out"]
    big = old_file(plain / "big.img", os.urandom(90 * MEGABYTE))
    with pytest.raises(Refused, match="limit: .*full copy needs"):
        snapshots.make(snapshots.plan(big), "--deep")


def test_links_and_odd_paths_lead_nowhere(snapshots, plain):
    disk = old_file(plain / "disk.img")
    (plain / "link").symlink_to(disk)
    (plain / "folder").mkdir()
    (plain / "away").symlink_to(plain / "folder")
    old_file(plain / "folder" / "disk.img")
    os.mkfifo(plain / "pipe")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(plain / "socket"))
    for path, why in [(plain / "link", "denied: .*/link is a symbolic link"),
                      (plain / "away" / "disk.img", "denied: .*/away is a symbolic link"),
                      (f"{plain}/folder/../disk.img", "invalid: .*'..'"),
                      (f"{plain}//disk.img", "invalid: .*empty"),
                      (f"{disk}/", "invalid: .*slash"),
                      (plain / "none" / "x", "not found: .*/none: No such file"),
                      (plain / "folder", "neither a file nor a block device"),
                      (plain / "pipe", "neither a file nor a block device"),
                      (plain / "socket", "i/o: "),
                      (f"{disk}/below", "i/o: .*Not a directory")]:
        with pytest.raises(Refused, match=why):
            snapshots.make(snapshots.plan(path))


def test_references_are_followed_only_where_the_node_says_its_format(snapshots, plain):
    disk = old_file(plain / "disk.img")
    for options, path in [((), None), (("--format", "raw"), None),
                          (("--format", "qcow2"), str(disk))]:
        with snapshots.make(snapshots.plan(disk), *options) as view:
            assert view.disk.get("path") == path


def test_a_device_is_read_unless_it_is_mounted(snapshots, plain, tmp_path):
    """The filesystem below the folder lies on a loop device."""
    device = run("findmnt", "-n", "-o", "SOURCE", plain).decode().strip()
    with pytest.raises(Refused, match="denied: .*mounted.*devices cannot be cloned"):
        snapshots.make(snapshots.plan(device))
    disk = old_file(tmp_path / "disk.img")
    loop = run("losetup", "--show", "-f", "-r", disk).decode().strip()
    try:
        with snapshots.make(snapshots.plan(loop)) as view:
            assert view.read(tmp_path / "out") == CONTENT and not view.disk["identity"]
        with pytest.raises(Refused, match="unsupported: .*no place beside a device"):
            snapshots.make(snapshots.plan(loop), "--deep")
        assert snapshots("pool", loop).startswith("file:7:")
    finally:
        run("losetup", "-d", loop)


def test_nothing_is_left_wherever_making_is_killed(snapshots, cloning, tmp_path):
    disk = old_file(cloning / "disk.img")
    with QemuStorage(tmp_path, disk):
        handle = snapshots.plan(disk)
        left = 0
        for _ in snapshots.killed_at_each_call(handle, "--deep"):
            left += os.listdir(cloning) != ["disk.img"]
            snapshots.drop(handle)
            assert os.listdir(cloning) == ["disk.img"]
        assert left > 0, "it was never killed while the clone had a name"
        snapshots.drop(handle)


def test_dropping_needs_nothing_to_be_there(snapshots, plain):
    folder = plain / "folder"
    folder.mkdir()
    handle = snapshots.plan(old_file(folder / "disk.img"))
    snapshots.drop(handle)
    (folder / "disk.img").unlink()
    snapshots.drop(handle)
    folder.rmdir()
    snapshots.drop(handle)


def test_the_pool_is_the_storage_below(snapshots, plain):
    inside = pathlib.Path(plain) / "a"
    device = os.stat(plain).st_dev
    assert snapshots("pool", inside) == f"file:{os.major(device)}:{os.minor(device)}"
    assert snapshots("pool", plain.parent / "a") != snapshots("pool", inside)


def test_the_pool_is_told_while_the_storage_does_not_answer(snapshots, tmp_path):
    """A file whose filesystem is a process that sleeps."""
    disk, shown = old_file(tmp_path / "disk.img"), tmp_path / "shown"
    shown.touch()
    pid = tmp_path / "qsd.pid"
    server = subprocess.Popen(
        ["qemu-storage-daemon", "--blockdev", f"file,node-name=disk,filename={disk}", "--export",
         f"fuse,id=e,node-name=disk,mountpoint={shown}", "--pidfile", pid])
    deadline = time.monotonic() + TIMEOUT
    while not pid.exists():
        assert server.poll() is None and time.monotonic() < deadline
    device = os.stat(shown).st_dev
    server.send_signal(signal.SIGSTOP)
    try:
        assert snapshots("pool", shown) == f"file:{os.major(device)}:{os.minor(device)}"
    finally:
        server.send_signal(signal.SIGCONT)
        server.terminate()
        server.wait(TIMEOUT)
