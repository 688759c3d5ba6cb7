"""Logical volumes, with a program in the place of lvm2 that notes what it is asked for;
test_guest_lvm.py has lvm2 itself."""
import json
import os
import pathlib
import shutil
import uuid

import pytest

from snapshots import Refused, Snapshots

MEGABYTE = 1 << 20
STAND_IN = """#!/usr/bin/python3
import fcntl, json, os, pathlib, re, sys
state = pathlib.Path({state!r})
lock = open(state / "lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)  # as lvm2 locks its group
words = sys.argv[1:]
with open(state / "log", "a") as log:
    log.write(json.dumps(words) + "\\n")
bad = state / f"bad-{{words[0]}}"
if bad.exists():
    sys.exit(bad.read_text())
volumes = json.loads((state / "volumes").read_text())
if words[0] == "lvs":
    vg, lv = re.fullmatch('vg_name="(.*)" && lv_name="(.*)"', words[-1]).groups()
    found = volumes.get(f"{{vg}}/{{lv}}")
    print(json.dumps({{"report": [{{"lv": [found] if found else []}}]}}))
elif words[0] == "lvcreate":
    name = words[-1].split("/")[0] + "/" + words[words.index("--name") + 1]
    thin = volumes[words[-1]]["pool_lv"]
    volumes[name] = {{"lv_attr": "Vri-a-tz--" if thin else "sri-a-s---", "pool_lv": thin}}
    pathlib.Path("/dev", name).write_bytes(pathlib.Path("/dev", words[-1]).read_bytes())
elif words[0] == "lvremove":
    del volumes[words[-1]]
    pathlib.Path("/dev", words[-1]).unlink()
(state / "volumes").write_text(json.dumps(volumes))
"""


class StandIn:
    """A volume group with a thin and a thick volume, whose devices are files."""

    def __init__(self, folder):
        self.group = f"assay-test-{uuid.uuid4().hex[:12]}"
        self.state, self.devices = folder / "state", pathlib.Path("/dev", self.group)
        self.state.mkdir()
        self.devices.mkdir()
        self.content = os.urandom(MEGABYTE)
        for name in ("thin", "thick"):
            (self.devices / name).write_bytes(self.content)
        self.before = {f"{self.group}/thin": {"lv_attr": "Vwi-aotz--", "pool_lv": "pool"},
                       f"{self.group}/thick": {"lv_attr": "-wi-ao----", "pool_lv": ""}}
        self.write(self.before)
        program = folder / "lvm"
        program.write_text(STAND_IN.format(state=str(self.state)))
        program.chmod(0o755)

    def write(self, volumes):
        (self.state / "volumes").write_text(json.dumps(volumes))

    def read(self):
        return json.loads((self.state / "volumes").read_text())

    def commands(self, name):
        lines = (self.state / "log").read_text().splitlines()
        (self.state / "log").unlink()
        return [words for words in map(json.loads, lines) if words[0] == name]


@pytest.fixture
def lvm(tmp_path, monkeypatch):
    stand_in = StandIn(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    yield stand_in
    shutil.rmtree(stand_in.devices)


@pytest.mark.parametrize("name, settings, size", [
    ("thin", None, ["--ignoreactivationskip"]),
    ("thick", None, ["--extents", "10%ORIGIN"]),
    ("thick", {"lvm": {"size": "25%"}}, ["--extents", "25%ORIGIN"]),
    ("thick", {"lvm": {"size": "2G"}}, ["--size", f"{2 << 30}b"]),
])
def test_the_right_snapshot_is_made_and_removed(assay, lvm, tmp_path, name, settings, size):
    snapshots = Snapshots(assay, settings)
    handle = snapshots.plan(f"lvm:{lvm.group}/{name}")
    with snapshots.make(handle) as view:
        assert view.read(tmp_path / "out") == lvm.content
        view.verify()
        snapshot = json.loads(handle)["snapshot"]
        assert set(lvm.read()) == {*lvm.before, snapshot}
        assert lvm.commands("lvcreate") == [
            ["lvcreate", "--yes", "--snapshot", "--permission", "r", "--addtag", "assay", *size,
             "--name", snapshot.split("/")[1], f"{lvm.group}/{name}"]]
    snapshots.drop(handle)
    assert lvm.commands("lvremove") == [["lvremove", "--yes", "--force", snapshot]]
    snapshots.drop(handle)
    assert lvm.read() == lvm.before and lvm.commands("lvremove") == []
    assert snapshots("pool", f"lvm:{lvm.group}/{name}") == f"lvm:{lvm.group}"


def test_a_snapshot_that_overflowed_is_told(assay, lvm):
    snapshots = Snapshots(assay)
    handle = snapshots.plan(f"lvm:{lvm.group}/thick")
    with snapshots.make(handle) as view:
        view.verify()
        volumes = lvm.read()
        volumes[json.loads(handle)["snapshot"]]["lv_attr"] = "sri-I-s---"
        lvm.write(volumes)
        with pytest.raises(Refused, match="i/o: .*overflowed; storage.lvm.size"):
            view.verify()
        lvm.write(lvm.before)
        with pytest.raises(Refused, match="i/o: .*has been removed"):
            view.verify()


def test_what_lvm_says_when_it_fails_is_told(assay, lvm):
    snapshots = Snapshots(assay)
    handle = snapshots.plan(f"lvm:{lvm.group}/thick")
    for command in ("lvs", "lvcreate"):
        bad = lvm.state / f"bad-{command}"
        bad.write_text("Insufficient free space: \x1b[1mnothing\nmore")
        with pytest.raises(Refused, match=r"i/o: lvm: failed with status 1: Insuff.*\\x1b\[1mnoth"):
            snapshots.make(handle)
        bad.unlink()
    with pytest.raises(Refused, match="not found: .*no such volume"):
        snapshots.make(snapshots.plan(f"lvm:{lvm.group}/other"))
    with pytest.raises(Refused, match="invalid: storage.lvm.size"):
        Snapshots(assay, {"lvm": {"size": "much"}}).make(handle)
    with pytest.raises(Refused, match="unsupported: .*full copy"):
        snapshots.make(handle, "--deep")
    (lvm.devices / "thick").unlink()
    with pytest.raises(Refused, match="failed with status 1"):
        snapshots.make(handle)
    assert lvm.read() == lvm.before


def test_nothing_is_left_wherever_making_is_killed(assay, lvm):
    snapshots = Snapshots(assay)
    handle = snapshots.plan(f"lvm:{lvm.group}/thin")
    # Every fifth call, since programs take their time to start.
    for n in range(1, 100000, 5):
        if snapshots("make", handle, options=["--kill-at", str(n)]) == "done":
            break
    snapshots.drop(handle)
    assert lvm.read() == lvm.before


@pytest.mark.parametrize("location", ["lvm:", "lvm:vg", "lvm:vg/", "lvm:/lv", "lvm:vg/-lv",
                                      "lvm:vg/a b", "lvm:vg/lv/x", "lvm:../lv", "lvm:vg/..",
                                      'lvm:vg/a"b', "lvm:vg/" + 200 * "x"])
def test_a_location_is_a_group_and_a_volume(assay, location):
    with pytest.raises(Refused, match="invalid: .*not of the form lvm:VG/LV"):
        Snapshots(assay).plan(location)
