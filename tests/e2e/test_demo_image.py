"""The maker of the demonstration's image, with a small system: what assay, lvm2 and blkid find."""
import json

import pytest

from conftest import REPOSITORY, run
from disk_image import MIB, blkid, loop, lvm, table


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    root = folder / "root"
    for name in ("etc", "usr/bin", "usr/lib", "var/lib/dpkg", "boot/grub"):
        (root / name).mkdir(parents=True)
    (root / "etc/os-release").symlink_to("../usr/lib/os-release")
    (root / "usr/lib/os-release").write_text("ID=debian\nVERSION_ID=12\n")
    (root / "usr/bin/su").write_bytes(b"\x7fELF" * 5000)
    (root / "usr/bin/su").chmod(0o4755)
    (root / "var/lib/dpkg/status").write_text(
        "Package: hello\nStatus: install ok installed\nArchitecture: all\nVersion: 1-2\n\n")
    (root / "boot/grub/grub.cfg").write_text("linux /vmlinuz\n")
    output = folder / "demo.qcow2"
    run(REPOSITORY / "tools" / "demo-image", "--root", root, output)
    assert sorted(p.name for p in folder.iterdir()) == ["demo.qcow2", "root"]
    return output


def test_system_of_three_filesystems(assay, image):
    found = json.loads(assay.output("disk", "--format", "json", image))
    system, = found["systems"]
    assert {m["path"]: m["volume"] for m in system["mounts"]} == {
        "/": "vg0/root", "/var": "vg0/var", "/boot": "disk0p2"}
    assert assay.output("cat", image, "/boot/grub/grub.cfg") == b"linux /vmlinuz\n"
    assert b"Package: hello" in assay.output("cat", image, "/var/lib/dpkg/status")
    assert assay.output("cat", image, "/usr/bin/su") == b"\x7fELF" * 5000
    entry, = (e for e in map(json.loads, assay.output("ls", "--format", "json", image,
                                                      "/usr/bin").splitlines()))
    assert int(entry["mode"], 8) & 0o7777 == 0o4755


def test_lvm_agrees(assay, image, tmp_path):
    raw = tmp_path / "raw"
    run("qemu-img", "convert", "-O", "raw", image, raw)
    part = table(raw)["partitions"][2]
    with lvm(tmp_path, [raw], "-o", str(part["start"] * 512)) as vm:
        vm("vgck", "vg0")
        sizes = {lv["lv_full_name"]: int(lv["lv_size"])
                 for lv in vm.report("lvs", "lv_full_name,lv_size")}
        segments = vm.report("lvs", "seg_pe_ranges", "vg0/root")
    volumes = json.loads(assay.output("disk", "--format", "json", image))["volumes"]
    assert sizes == {v["name"]: v["size"] for v in volumes if v["kind"] == "logical"}
    assert len(segments) == 2
    with loop(raw, "-o", str(2 * MIB)) as device:
        assert blkid(device)["UUID"] == next(v for v in volumes if v["name"] == "disk0p2")["uuid"]
