"""Logical volumes by lvm2 and the kernel's device mapper themselves, in a guest."""
import pytest


def snapshots(guest):
    return [n for n in guest("lvs --noheadings -o lv_name vg").split() if n.startswith("assay")]


@pytest.fixture(scope="module")
def group(guest):
    """A thick and a thin volume."""
    guest("vgcreate -q vg /dev/vdc && lvcreate -qy -L 64M -T vg/pool && lvcreate -qy -L 16M -n thick vg"
          " && lvcreate -qy -V 16M -T vg/pool -n thin")
    yield guest
    guest("vgremove -qfy vg")


def plan(guest, name, number):
    return guest(f"snapshot-view -- plan lvm:vg/{name} 01{number:024d}").strip()


VIEW = """set -e
cd /tmp && rm -f in out said && mkfifo in && head -c 16M /dev/urandom >/dev/vg/{name}
sync && sha256sum </dev/vg/{name} >want
snapshot-view -- make '{handle}' <in >said & exec 3>in
until grep -q size said; do sleep 0.1; done
dd if=/dev/zero of=/dev/vg/{name} bs=1M count={count} conv=fsync status=none
echo read /tmp/out >&3; echo verify >&3; exec 3>&-
wait
cat said
sha256sum <out | cmp - want && echo same
"""


@pytest.mark.parametrize("name", ["thick", "thin"])
def test_a_volume_is_shown_at_one_instant(group, name):
    """While megabytes of it are overwritten, of which a tenth is set aside for the thick one."""
    handle = plan(group, name, 1)
    said = group(VIEW.format(name=name, handle=handle, count=1)).splitlines()
    assert said[1:] == ["ok", "ok", "same"], said
    assert len(snapshots(group)) == 1
    assert group(f"snapshot-view -- drop '{handle}'").strip() == "ok"
    assert snapshots(group) == []


def test_a_snapshot_that_overflowed_is_told(group):
    handle = plan(group, "thick", 2)
    said = group.run(VIEW.format(name="thick", handle=handle, count=16))
    assert "overflowed; storage.lvm.size" in said.stdout, said
    group(f"snapshot-view -- drop '{handle}'")
    assert snapshots(group) == []


@pytest.mark.parametrize("name", ["thick", "thin"])
def test_what_a_killed_run_left_is_cleared(group, name):
    handle = plan(group, name, 3)
    group(f"(sleep 100 | snapshot-view -- make '{handle}' >/tmp/said) >/dev/null 2>&1 & "
          "until grep -q size /tmp/said; do sleep 0.1; done; "
          "kill -9 $(pidof snapshot-view)")
    assert len(snapshots(group)) == 1
    assert '"size"' in group(f"snapshot-view -- make '{handle}' </dev/null")
    assert len(snapshots(group)) == 1
    for _ in range(2):
        group(f"snapshot-view -- drop '{handle}'")
    assert snapshots(group) == []
