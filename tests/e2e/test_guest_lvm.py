"""Logical volumes by lvm2 and the kernel's device mapper themselves, in a guest."""
import json

import pytest

from introspections import PACKAGE, VULNERABILITY

VOLUMES = {"thick": "ext4", "thin": "xfs"}
# For a service that makes snapshots of this host's volumes; storage.conf of deploy/ says which lines.
SETTINGS = "advisories: /srv/advisories.db\nstorage:\n  lvm:\n    size: 50%\n"


def snapshots(guest):
    return [n for n in guest("lvs --noheadings -o lv_name vg").split() if n.startswith("assay")]


@pytest.fixture(scope="module")
def group(guest):
    """Mounted volumes, each with a system, and one of noise."""
    guest("vgcreate -q vg /dev/vdc && lvcreate -qy -L 64M -n thick vg && lvcreate -qy -L 480M -T vg/pool"
          " && lvcreate -qy -V 320M -T vg/pool -n thin && lvcreate -qy -L 16M -n thick0 vg"
          " && lvcreate -qy -V 16M -T vg/pool -n thin0")
    for name, kind in VOLUMES.items():
        guest(f"mkfs.{kind} -q /dev/vg/{name} && mkdir -p /mnt/{name}"
              f" && mount /dev/vg/{name} /mnt/{name} && cd /mnt/{name}"
              " && mkdir -p etc var/lib/dpkg/info && cp -L /etc/os-release etc"
              f" && echo '/dev/vda / {kind} defaults 0 0' >etc/fstab")
    yield guest
    for name in VOLUMES:
        guest(f"umount /mnt/{name}")
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


@pytest.mark.parametrize("name", ["thick0", "thin0"])
def test_a_volume_is_shown_at_one_instant(group, name):
    """While megabytes of it are overwritten, of which a tenth is set aside for the thick one."""
    handle = plan(group, name, 1)
    said = group(VIEW.format(name=name, handle=handle, count=1)).splitlines()
    assert said[1:] == ["ok", "ok", "same"], said
    assert len(snapshots(group)) == 1
    assert group(f"snapshot-view -- drop '{handle}'").strip() == "ok"
    assert snapshots(group) == []


def test_a_snapshot_that_overflowed_is_told(group):
    handle = plan(group, "thick0", 2)
    said = group.run(VIEW.format(name="thick0", handle=handle, count=16))
    assert "overflowed; storage.lvm.size" in said.stdout, said
    group(f"snapshot-view -- drop '{handle}'")
    assert snapshots(group) == []


@pytest.mark.parametrize("name", ["thick0", "thin0"])
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


@pytest.fixture(scope="module")
def service(group):
    """With the rights that storage.conf has for logical volumes."""
    group.write_file("/etc/assay/assay.yaml", SETTINGS)
    group("d=/etc/systemd/system/assay.service.d; mkdir -p $d"
          " && sed 's/^#\\([A-Z]\\)/\\1/; /^SupplementaryGroups/d'"
          " /usr/local/share/doc/assay/examples/storage.conf >$d/storage.conf"
          " && systemctl daemon-reload && systemctl start assay"
          " && assay login --password-file /var/lib/assay/admin-password admin"
          " && assay project create lvm --location 'lvm:vg/*'")
    for name in VOLUMES:
        group(f"assay node create lvm {name} --disk lvm:vg/{name}")
    yield group
    group("systemctl stop assay; rm -r /etc/assay /etc/systemd/system/assay.service.d")


@pytest.mark.parametrize("name", VOLUMES)
def test_the_service_examines_a_volume_that_is_written(service, name):
    """What was written a moment ago is there, from the log of its filesystem."""
    status = "".join(PACKAGE.format(name=f"package{i}") for i in range(6))
    service.write_file("/tmp/status", status)
    writer = service.start(f"cd /mnt/{name}; while ! test -e /tmp/enough; do date >>log; sync; done")
    service(f"cp /tmp/status /mnt/{name}/var/lib/dpkg/status && sync")
    done = service.run(f"assay introspect --wait --fresh --format json lvm {name}")
    service("touch /tmp/enough")
    service.finish(writer)
    service("rm /tmp/enough")
    assert done.returncode == 1 and VULNERABILITY in done.stdout, done
    summary = json.loads(done.stdout)["targets"][0]["summary"]
    assert summary["vulnerable_packages"] == 1, summary
    assert snapshots(service) == []
