"""Exports of NBD servers as disks of nodes."""
import os

import pytest

from snapshots import Refused, Snapshots

CONTENT = os.urandom(300000) + bytes(3000000) + os.urandom(300000)


@pytest.fixture
def snapshots(assay):
    return Snapshots(assay)


def test_an_export_is_read_when_crash_consistent_is_enough(snapshots, serve, tmp_path):
    disk, socket = tmp_path / "disk", tmp_path / "socket"
    disk.write_bytes(CONTENT + bytes(-len(CONTENT) % 512))
    serve("qemu-nbd", "-f", "raw", "-t", "-x", "web", "-k", socket, "--pid-file", "PIDFILE", disk)
    location = f"nbd+unix:///web?socket={socket}"
    handle = snapshots.plan(location)
    with pytest.raises(Refused, match="denied: .*no snapshots; crash_consistent"):
        snapshots.make(handle)
    with pytest.raises(Refused, match="unsupported: .*full copy"):
        snapshots.make(handle, "--deep", "--crash-consistent")
    with snapshots.make(handle, "--crash-consistent") as view:
        assert view.read(tmp_path / "out") == disk.read_bytes()
        view.verify()
        assert "without a snapshot" in view.disk["note"]
        assert view.disk["format"] == "raw" and not view.disk["identity"]
    snapshots.drop(handle)
    assert snapshots("pool", location) == f"nbd:{socket}"
    assert snapshots("pool", "nbd://storage/web") == "nbd:storage:10809"
    link = tmp_path / "link"
    link.symlink_to(socket)
    with pytest.raises(Refused, match="denied: .*/link is a symbolic link"):
        snapshots.make(snapshots.plan(f"nbd+unix:///web?socket={link}"), "--crash-consistent")
    with pytest.raises(Refused, match="denied: .*/disk is no socket"):
        snapshots.make(snapshots.plan(f"nbd+unix:///web?socket={disk}"), "--crash-consistent")


@pytest.mark.parametrize("location, why", [
    ("nbd:///web", "no host"),
    ("nbd://user:password@storage/web", "more than"),
    ("nbd://storage/web?tls=no", "more than"),
    ("nbd+unix:///web", "no .socket=PATH"),
    ("nbd+unix:///web?socket=relative", "not an absolute path"),
    ("nbd+unix:///web?socket=/run/../etc/x", "'..'"),
    ("nbd+unix:///web?socket=/run/x&user=me", "more than"),
    ("nbdx://storage/web", "neither"),
    ("nbd", "nbd"),
])
def test_a_location_names_a_place_and_nothing_else(snapshots, location, why):
    with pytest.raises(Refused, match=f"invalid: .*{why}"):
        snapshots.plan(location)
