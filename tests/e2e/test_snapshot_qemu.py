"""Disks of running QEMU machines: one instant is shown, and nothing of it is left in them."""
import os
import pathlib
import socket
import subprocess
import threading

import pytest

from conftest import run
from machine import Machine, Monitor
from snapshots import Refused, Snapshots

MEGABYTE = 1 << 20
SIZE = 24 * MEGABYTE
CONTENT = os.urandom(2 * MEGABYTE) + bytes(20 * MEGABYTE) + os.urandom(2 * MEGABYTE)


@pytest.fixture
def snapshots(assay):
    return Snapshots(assay)


@pytest.fixture
def disk(tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(CONTENT)
    return image


@pytest.fixture
def machine(disk):
    with Machine([(disk, "raw")]) as m:
        yield m


def test_the_view_is_one_instant_while_the_guest_writes(snapshots, machine, disk, tmp_path):
    handle = snapshots.plan(machine.location())
    with snapshots.make(handle) as view:
        assert view.disk["size"] == SIZE and view.disk["format"] == "raw"
        for offset in (0, 5 * MEGABYTE, SIZE - 65536):
            machine.write("vd0", offset, 0xaa)
        assert view.read(tmp_path / "out") == CONTENT
        for offset in (65536, 5 * MEGABYTE, SIZE - 2 * 65536):
            machine.write("vd0", offset, 0xbb)
        assert view.read(tmp_path / "out") == CONTENT
        view.verify()
    snapshots.drop(handle)
    assert machine.state() == machine.before
    with snapshots.make(handle) as view:
        now = view.read(tmp_path / "out")
        assert now[:65536] == b"\xaa" * 65536 and now[65536:131072] == b"\xbb" * 65536
    snapshots.drop(handle)
    assert machine.state() == machine.before
    machine.stop()
    assert disk.read_bytes() == now, "all that the guest wrote is on its disk"


def test_qcow2_images_are_shown_decoded(snapshots, disk, tmp_path):
    base, top = tmp_path / "base.qcow2", tmp_path / "top.qcow2"
    run("qemu-img", "convert", "-O", "qcow2", disk, base)
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
    with Machine([(top, "qcow2")]) as machine:
        handle = snapshots.plan(machine.location("vd0"))
        machine.write("vd0", MEGABYTE, 0x11)
        with snapshots.make(handle) as view:
            machine.write("vd0", MEGABYTE, 0x22)
            expected = CONTENT[:MEGABYTE] + b"\x11" * 65536 + CONTENT[MEGABYTE + 65536:]
            assert view.read(tmp_path / "out") == expected
        snapshots.drop(handle)
        assert machine.state() == machine.before


def test_a_disk_is_found_by_device_drive_and_node(snapshots, disk, tmp_path):
    others = [tmp_path / f"{i}.img" for i in range(2)]
    for i, other in enumerate(others):
        other.write_bytes(bytes([i + 1]) * MEGABYTE)
    disks = [(disk, "raw"), *((o, "raw") for o in others)]
    with Machine(disks, read_only=[0, 2]) as machine:
        nodes = [node for _, node in machine.before["drives"]]
        for name, content in [(None, 1), ("vd1", 1), ("drive1", 1), (nodes[1], 1), ("vd2", 2)]:
            handle = snapshots.plan(machine.location(name))
            with snapshots.make(handle) as view:
                assert view.read(tmp_path / "out") == bytes([content]) * MEGABYTE
            snapshots.drop(handle)
        with pytest.raises(Refused, match="not found: no disk is called 'vd9' of: #block"):
            snapshots.make(snapshots.plan(machine.location("vd9")))
        assert machine.state() == machine.before
    with Machine(disks) as machine:
        with pytest.raises(Refused, match="not found: more than one disk is writable"):
            snapshots.make(snapshots.plan(machine.location()))
        first, second = (snapshots.plan(machine.location(d)) for d in ("vd0", "vd1"))
        with snapshots.make(first) as one, snapshots.make(second) as two:
            with pytest.raises(Refused, match="i/o: .*another snapshot of the disk is being read"):
                snapshots.make(snapshots.plan(machine.location("vd0")))
            snapshots.drop(second)
            assert one.read(tmp_path / "out") == CONTENT
            with pytest.raises(Refused):
                two.read(tmp_path / "out")
        snapshots.drop(first)
        assert machine.state() == machine.before


def test_a_scsi_disk_is_found_by_its_device(snapshots, disk, tmp_path):
    scsi = ["-device", "virtio-scsi-pci", "-blockdev",
            f"driver=file,node-name=on-scsi,filename={disk}", "-device",
            "scsi-hd,id=sd0,drive=on-scsi"]
    with Machine([], extra=scsi) as machine:
        handle = snapshots.plan(machine.location("sd0"))
        with snapshots.make(handle) as view:
            assert view.read(tmp_path / "out") == CONTENT
        snapshots.drop(handle)
        assert machine.state() == machine.before


def test_a_server_that_runs_already_is_used_and_kept(snapshots, machine, tmp_path):
    theirs = f"{machine.monitor}.nbd"
    machine.own("nbd-server-start", addr={"type": "unix", "data": {"path": theirs}})
    machine.before = machine.state()
    handle = snapshots.plan(machine.location())
    with snapshots.make(handle) as view:
        assert view.read(tmp_path / "out") == CONTENT
    snapshots.drop(handle)
    assert machine.state() == machine.before
    pathlib.Path(theirs).rename(machine.folder / "elsewhere")
    with pytest.raises(Refused, match="unsupported: .*does not listen on .*monitor.nbd"):
        snapshots.make(handle)
    machine.before["sockets"].remove("monitor.nbd")
    machine.before["sockets"] = sorted([*machine.before["sockets"], "elsewhere"])
    assert machine.state() == machine.before


def test_a_full_store_costs_the_view_and_not_the_guest(assay, machine, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1M", "none", small)
    try:
        snapshots = Snapshots(assay, {"qemu": {"folder": str(small)}})
        handle = snapshots.plan(machine.location())
        with snapshots.make(handle) as view:
            view.verify()
            machine.write("vd0", 0, 0xcc, 2 * MEGABYTE)
            machine.io("vd0", f"read -P 204 0 {2 * MEGABYTE}")
            with pytest.raises(Refused, match="i/o: QEMU has given up the view"):
                view.verify()
        snapshots.drop(handle)
        assert machine.state() == machine.before
    finally:
        run("umount", small)


def test_dropping_needs_neither_snapshot_nor_machine(snapshots, machine, tmp_path):
    handle = snapshots.plan(machine.location())
    snapshots.drop(handle)
    with snapshots.make(handle) as view:
        machine.stop()
        snapshots.drop(handle)
        with pytest.raises(Refused):
            view.read(tmp_path / "out")
    machine.monitor.unlink()
    snapshots.drop(handle)
    with pytest.raises(Refused, match="not found"):
        snapshots.make(handle)


def test_nothing_is_left_wherever_making_is_killed(snapshots, machine, tmp_path):
    handle = snapshots.plan(machine.location())
    states = set()
    for _ in snapshots.killed_at_each_call(handle):
        states.add(str(machine.state()))
        snapshots.drop(handle)
        assert machine.state() == machine.before
    assert len(states) >= 6, "it was killed in each of its states"
    snapshots.drop(handle)
    for i in range(3):  # and the next one with the same handle clears what one before it left
        snapshots("make", handle, options=["--kill-at", str(60 + 20 * i)])
    with snapshots.make(handle) as view:
        assert view.read(tmp_path / "out") == CONTENT
    snapshots.drop(handle)
    assert machine.state() == machine.before


def test_a_bitmap_tells_that_nothing_was_written(assay, machine):
    snapshots = Snapshots(assay, {"qemu": {"bitmap": True}})
    for _ in range(2):
        handle = snapshots.plan(machine.location())
        with snapshots.make(handle) as view:
            identity = view.disk["identity"]
        snapshots.drop(handle)
        assert len(machine.bitmaps()) == 1
        assert machine.state() == machine.before
    assert snapshots("unchanged", machine.location(), identity) == "unchanged"
    machine.io("vd0", "read 0 64k")
    assert snapshots("unchanged", machine.location(), identity) == "unchanged"
    machine.write("vd0", MEGABYTE, 1)
    assert snapshots("unchanged", machine.location(), identity) == "changed"
    assert snapshots("unchanged", machine.location(), "qemu:vd0:assay-1") == "changed"


def test_a_bitmap_of_a_disk_that_the_machine_has_left_tells_nothing(assay, disk, tmp_path):
    """A backup tool has the machine write to an overlay; what is below it stays as it is."""
    base, overlay = tmp_path / "base.qcow2", tmp_path / "overlay.qcow2"
    run("qemu-img", "convert", "-O", "qcow2", disk, base)
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay)
    snapshots = Snapshots(assay, {"qemu": {"bitmap": True}})
    with Machine([(base, "qcow2")]) as machine:
        handle = snapshots.plan(machine.location())
        with snapshots.make(handle) as view:
            identity = view.disk["identity"]
        snapshots.drop(handle)
        assert snapshots("unchanged", machine.location(), identity) == "unchanged"
        machine.own("blockdev-add", node_name="overlay", driver="qcow2", backing=None,
                    file={"driver": "file", "filename": str(overlay)})
        machine.own("blockdev-snapshot", node=identity.split(":")[1], overlay="overlay")
        machine.write("vd0", MEGABYTE, 1)
        assert len(machine.bitmaps()) == 1, "nobody has written to the disk that has it"
        assert snapshots("unchanged", machine.location(), identity) == "changed"
        assert snapshots("unchanged", machine.location("vd0"), identity) == "changed"


@pytest.mark.parametrize("location, why", [
    ("qemu:", "absolute"), ("qemu:run/x", "absolute"), ("qemu:/run/../x", "'..'"),
    ("qemu:/run/x#", "no name of a disk"), ("qemu:/run/x#a,b", "no name of a disk"),
])
def test_a_location_names_a_monitor_and_a_disk(snapshots, location, why):
    with pytest.raises(Refused, match=f"invalid: .*{why}"):
        snapshots.plan(location)


@pytest.mark.parametrize("says, why", [
    (b"", "i/o: .*ended the connection"),
    (b"hello\n", "corrupt: .*not JSON"),
    (b'{"QMP": {}}\n{"return": {}}\n', "corrupt: .*answer is to something else"),
    (b'{"nothing": 1}\n', "corrupt: .*is not a QMP monitor"),
    (b'{"QMP": {}}\n{"return": {}, "id": 1}\n{"error": {"desc": "no\\u001b[31m"}, "id": 2}\n',
     r"i/o: .*query-fdsets: no\\x1b"),
    (b'{"QMP": {}}\n' + b'{"event": "X"}\n' * 100001, "limit: .*events without end"),
    (b"[" * (17 << 20), "limit: .*more than 16777216 bytes"),
], ids=["silent", "no JSON", "another id", "no monitor", "control characters", "events", "long"])
def test_a_monitor_that_lies_is_refused(snapshots, tmp_path, says, why):
    path = tmp_path / "m"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def answer():
            client, _ = server.accept()
            with client:
                try:
                    client.sendall(says)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass
                except OSError:
                    pass  # it has heard enough

        liar = threading.Thread(target=answer)
        liar.start()
        with pytest.raises(Refused, match=why):
            snapshots.make(snapshots.plan(f"qemu:{path}"))
        liar.join()
