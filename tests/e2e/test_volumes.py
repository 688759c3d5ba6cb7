"""Partitions, logical volumes and arrays as other programs see them."""
import json
import random
import subprocess

import pytest

from conftest import run
from disk_image import (MIB, blank, blkid, ext4, loop, lvm, md_super_090, md_super_1, put, put_ext4,
                        sfdisk, table)


def disk(assay, *arguments, status=0):
    done = assay("disk", "--format", "json", *arguments)
    assert done.returncode == status, done.stderr.decode()
    return json.loads(done.stdout)


def volumes(assay, *arguments, status=0):
    return {v["name"]: v for v in disk(assay, *arguments, status=status)["volumes"]}


def reasons(assay, *arguments):
    """What could not be looked at, by object."""
    return {c["object"]: c for c in disk(assay, *arguments, status=3)["coverage"]
            if c["state"] in ("partial", "unreadable")}


def name_in(assay, volume, *arguments):
    return assay.output("cat", "--volume", volume, *arguments, "/name").decode().strip()


def compare_table(found, expected, disk_id=None):
    """Our partitions are those of sfdisk."""
    sector = expected.get("sectorsize", 512)
    parts = {int(p["node"].rsplit("p", 1)[-1] if "loop" in p["node"]
                 else p["node"].removeprefix(expected["device"])): p
             for p in expected["partitions"]}
    assert {n for n in found if n != "disk0"} == {f"disk0p{n}" for n in parts}
    for number, part in parts.items():
        ours = found[f"disk0p{number}"]
        assert ours["offset"] == part["start"] * sector
        assert ours["size"] == part["size"] * sector
        if disk_id is None:
            assert ours["type"] == part["type"].lower()
            assert ours["part_uuid"] == part["uuid"].lower()
            if ours.get("content") is None:
                assert ours.get("label") == part.get("name")
        else:
            assert ours["type"] == f"0x{int(part['type'], 16):02x}"
            assert ours["part_uuid"] == f"{disk_id}-{number:02x}"


def gpt_script(sector, seed):
    """Partitions of random sizes and places, numbers with gaps, names beyond ASCII."""
    rng = random.Random(seed)
    lines, at = ["label: gpt"], MIB // sector
    for number in sorted(rng.sample(range(1, 100), 30)):
        at += rng.randrange(0, 64)
        size = rng.randrange(1, 40000 // (sector // 512))
        kind = rng.choice(["L", "S", "U", "R", "E6D6D379-F507-44C2-A23C-238F2A3DF928"])
        lines.append(f"{number}: start={at}, size={size}, type={kind}, name=\"Teil ö 日 {number}\"")
        at += size
    return "\n".join(lines)


@pytest.mark.parametrize("sector", [512, 4096])
def test_gpt(assay, tmp_path, sector):
    image = blank(tmp_path / "d", 1024 * MIB)
    with loop(image, "--sector-size", str(sector)) as device:
        sfdisk(device, gpt_script(sector, sector))
        compare_table(volumes(assay, image), table(device))


@pytest.mark.parametrize("sector", [512, 4096])
def test_filesystem_in_gpt(assay, tmp_path, sector):
    image = blank(tmp_path / "d", 64 * MIB)
    with loop(image, "--sector-size", str(sector)) as device:
        sfdisk(device, "label: gpt\nsize=8MiB\nsize=8MiB\n")
    put_ext4(image, 9 * MIB, 8 * MIB, "second", tmp_path)
    assert name_in(assay, "disk0p2", image) == "second"


@pytest.mark.parametrize("damage", [(512, 512), (512 + 16, 4), (1024, 16384)],
                         ids=["no header", "header checksum", "no entries"])
def test_gpt_backup(assay, tmp_path, damage):
    image = blank(tmp_path / "d", 64 * MIB)
    sfdisk(image, "label: gpt\nsize=8MiB, name=a\nsize=8MiB\n")
    expected = table(image)
    put_ext4(image, 9 * MIB, 8 * MIB, "second", tmp_path)
    offset, length = damage
    put(image, offset, bytes(length))
    compare_table(volumes(assay, image, status=3), expected)
    assert "the backup table is used" in reasons(assay, image)["disk0"]["reason"]
    assert assay("cat", "--volume", "disk0p2", image, "/name").stdout == b"second\n"


def test_cut_short(assay, tmp_path):
    """What is left of a disk is read; the rest is named."""
    image = blank(tmp_path / "d", 64 * MIB)
    sfdisk(image, "label: gpt\nsize=8MiB\nsize=20MiB\nsize=8MiB\n")
    put_ext4(image, MIB, 8 * MIB, "first", tmp_path)
    put_ext4(image, 9 * MIB, 8 * MIB, "second", tmp_path)
    with open(image, "r+b") as f:
        f.truncate(20 * MIB)
    for volume, label in [("disk0p1", b"first\n"), ("disk0p2", b"second\n")]:
        assert assay("cat", "--volume", volume, image, "/name").stdout == label
    gap = reasons(assay, image)
    assert (gap["disk0p2"]["state"], gap["disk0p3"]["state"]) == ("partial", "unreadable")
    assert f"its last {9 * MIB} bytes lie past the end" in gap["disk0p2"]["reason"]


def test_gpt_of_sgdisk(assay, tmp_path):
    """A table of 512 entries, made by another program."""
    image = blank(tmp_path / "d", 64 * MIB)
    run("sgdisk", "-S", "512", "-n", "300:0:+1M", "-n", "512:0:+2M", "-c", "512:last", image)
    compare_table(volumes(assay, image), table(image))


MBR = """label: dos
label-id: 0x1a2b3c4d
1: start={0}, size={1}, type=83, bootable
2: start={2}, size={3}, type=5
5: start={4}, size={1}, type=83
6: start={5}, size={1}, type=8e
7: start={6}, size={1}, type=7
"""


@pytest.mark.parametrize("sector", [512, 4096])
def test_mbr_logical(assay, tmp_path, sector):
    image = blank(tmp_path / "d", 128 * MIB)
    places = [n * MIB // sector for n in [1, 8, 10, 100, 11, 21, 41]]
    with loop(image, "--sector-size", str(sector)) as device:
        sfdisk(device, MBR.format(*places))
        expected = table(device)
    for offset, label in [(1, "first"), (11, "five"), (21, "six")]:
        put_ext4(image, offset * MIB, 8 * MIB, label, tmp_path)
    compare_table(volumes(assay, image), expected, "1a2b3c4d")
    assert name_in(assay, "disk0p1", image) == "first"
    assert name_in(assay, "disk0p5", image) == "five"
    assert name_in(assay, "disk0p6", image) == "six"


def test_mbr_many_logical(assay, tmp_path):
    image = blank(tmp_path / "d", 128 * MIB)
    sfdisk(image, "label: dos\nlabel-id: 0x00000001\n1: type=f\n" + "size=1MiB\n" * 55)
    compare_table(volumes(assay, image), table(image), "00000001")


def test_whole_disk(assay, tmp_path):
    image = ext4(tmp_path / "d", 16 * MIB, "whole", tmp_path)
    found = volumes(assay, image)
    assert list(found) == ["disk0"]
    assert found["disk0"]["content"] == "ext4"
    assert name_in(assay, "disk0", image) == "whole"


@pytest.mark.parametrize("options", [["-F", "12"], ["-F", "16"], ["-F", "32"],
                                     ["-F", "32", "--mbr=y"]], ids=" ".join)
def test_fat_is_no_table(assay, tmp_path, options):
    """Its boot sector has the signature of a table, and with --mbr even the entries of one."""
    image = blank(tmp_path / "d", 260 * MIB if "32" in options else 16 * MIB)
    run("mkfs.vfat", *options, image)
    done = assay("disk", "--format", "json", image)
    assert [v["name"] for v in json.loads(done.stdout)["volumes"]] == ["disk0"]


def test_swap_is_not_a_gap(assay, tmp_path):
    image = blank(tmp_path / "d", 64 * MIB)
    sfdisk(image, "label: gpt\nsize=8MiB\nsize=8MiB, type=S\n")
    put_ext4(image, MIB, 8 * MIB, "root", tmp_path)
    swap = blank(tmp_path / "swap", 8 * MIB)
    run("mkswap", "-q", swap)
    put(image, 9 * MIB, swap.read_bytes())
    assert volumes(assay, image)["disk0p2"]["content"] == "swap"


@pytest.mark.parametrize("version", [1, 2])
def test_encrypted_is_a_gap(assay, tmp_path, version):
    image = blank(tmp_path / "d", 64 * MIB)
    sfdisk(image, "label: gpt\nsize=8MiB\nsize=8MiB\n")
    put_ext4(image, MIB, 8 * MIB, "root", tmp_path)
    put(image, 9 * MIB, b"LUKS\xba\xbe\0" + bytes([version]))
    gap = reasons(assay, image)
    assert list(gap) == ["disk0p2"]
    assert gap["disk0p2"]["state"] == "unreadable"
    assert f"encrypted (LUKS{version})" in gap["disk0p2"]["reason"]


def two_disks(folder):
    return [blank(folder / "a", 64 * MIB), blank(folder / "b", 64 * MIB)]


def make_group(vm, group="vg0"):
    vm("pvcreate", "-qq", *vm.devices)
    vm("vgcreate", "-qq", "-s", "1M", group, *vm.devices)


def volume_data(folder, label, size):
    return ext4(folder / f"fs-{label}", size, label, folder).read_bytes()


def compare_group(found, vm):
    """Our logical volumes are those of lvs."""
    expected = {lv["lv_full_name"]: lv for lv in vm.report("lvs", "lv_full_name,lv_size,lv_uuid")}
    assert {n for n, v in found.items() if v["kind"] == "logical"} == set(expected)
    for name, lv in expected.items():
        assert found[name]["size"] == int(lv["lv_size"])
        assert found[name]["part_uuid"] == lv["lv_uuid"]


def test_lvm_over_two_disks(assay, tmp_path):
    images = two_disks(tmp_path)
    with lvm(tmp_path, images) as vm:
        make_group(vm)
        vm.create("small", "-L", "10M")
        vm.create("str-iped", "-L", "20M", "-i", "2", "-I", "16")
        vm.create("fine", "-L", "4M", "-i", "2", "-I", "4")
        vm.create("linear", "-L", "60M")
        for name, size in [("small", 10), ("linear", 60), ("str-iped", 20), ("fine", 4)]:
            vm.place(name, volume_data(tmp_path, name, size * MIB))
        found = volumes(assay, "--together", *images)
        compare_group(found, vm)
    for order in (images, images[::-1]):
        for name in ("small", "linear", "str-iped", "fine"):
            assert name_in(assay, f"vg0/{name}", "--together", *order) == name


def test_lvm_missing_disk(assay, tmp_path):
    images = two_disks(tmp_path)
    with lvm(tmp_path, images) as vm:
        make_group(vm)
        vm.create("here", "-L", "8M")
        vm.create("across", "-L", "70M")
        vm.place("here", volume_data(tmp_path, "here", 8 * MIB))
    assert assay("cat", "--volume", "vg0/here", images[0], "/name").stdout == b"here\n"
    gap = reasons(assay, images[0])
    assert list(gap) == ["vg0/across"]
    assert gap["vg0/across"]["state"] == "unreadable"
    assert "needs the physical volume pv1" in gap["vg0/across"]["reason"]


def test_lvm_in_partitions(assay, tmp_path):
    image = blank(tmp_path / "d", 128 * MIB)
    sfdisk(image, "label: gpt\nsize=60MiB\nsize=60MiB\n")
    images = [blank(tmp_path / n, 60 * MIB) for n in "ab"]
    with lvm(tmp_path, images) as vm:
        make_group(vm)
        vm.create("v", "-L", "80M")
        vm.place("v", volume_data(tmp_path, "v", 80 * MIB))
    put(image, MIB, images[0].read_bytes())
    put(image, 61 * MIB, images[1].read_bytes())
    found = volumes(assay, image)
    assert [found[f"disk0p{n}"]["content"] for n in (1, 2)] == ["lvm2-pv"] * 2
    assert name_in(assay, "vg0/v", image) == "v"


def test_lvm_newest_metadata_in_its_ring(assay, tmp_path):
    """The text goes round in a small area many times; the disk left out of it is behind."""
    images = two_disks(tmp_path)
    with lvm(tmp_path, images) as vm:
        vm("pvcreate", "-qq", "--metadatasize", "24k", *vm.devices)
        vm("vgcreate", "-qq", "-s", "1M", "vg0", *vm.devices)
        old = images[1].read_bytes()
        for i in range(25):
            vm("vgchange", "-qq", "--addtag", f"tag{i}" + "x" * 250, "vg0")
            if i % 5 == 4:
                vm.create(f"v{i}", "-l", "1")
                compare_group(volumes(assay, "--together", *images), vm)
    images[1].write_bytes(old)
    names = [n for n in volumes(assay, "--together", *images) if n.startswith("vg0/")]
    assert names == [f"vg0/v{i}" for i in (4, 9, 14, 19, 24)]


def test_lvm_copy_of_a_disk(assay, tmp_path):
    images = two_disks(tmp_path)
    with lvm(tmp_path, images) as vm:
        make_group(vm)
        vm.create("v", "-L", "8M")
        vm.place("v", volume_data(tmp_path, "v", 8 * MIB))
    gap = reasons(assay, "--together", images[0], images[1], images[0])
    assert list(gap) == ["disk2"]
    assert "copy of the physical volume disk0" in gap["disk2"]["reason"]


RAID1 = """
raid { id = "raid00-0000-0000-0000-0000-0000-000000" status = ["READ", "WRITE", "VISIBLE"]
flags = [] segment_count = 1
segment1 { start_extent = 0 extent_count = 8 type = "raid1" device_count = 2 region_size = 1024
raids = ["raid_rmeta_0", "raid_rimage_0", "raid_rmeta_1", "raid_rimage_1"] } }
"""
RAID1_PART = """
raid_{kind}_{n} {{ id = "raid{n}{letter}-0000-0000-0000-0000-0000-000000" status = ["READ", "WRITE"]
flags = [] segment_count = 1
segment1 {{ start_extent = 0 extent_count = {extents} type = "striped" stripe_count = 1
stripes = ["pv{n}", {place}] }} }}
"""
THIN = """
pool { id = "pool00-0000-0000-0000-0000-0000-000000" status = ["READ", "WRITE", "VISIBLE"]
flags = [] segment_count = 1
segment1 { start_extent = 0 extent_count = 4 type = "thin-pool" metadata = "pool_tmeta"
pool = "pool_tdata" transaction_id = 1 chunk_size = 128 discards = "passdown" zero_new_blocks = 1 } }
thin { id = "thin00-0000-0000-0000-0000-0000-000000" status = ["READ", "WRITE", "VISIBLE"]
flags = [] segment_count = 1
segment1 { start_extent = 0 extent_count = 100 type = "thin" thin_pool = "pool" transaction_id = 0
device_id = 1 } }
"""
THIN_PART = """
pool_{kind} {{ id = "pool{letter}0-0000-0000-0000-0000-0000-000000" status = ["READ", "WRITE"]
flags = [] segment_count = 1
segment1 {{ start_extent = 0 extent_count = 4 type = "striped" stripe_count = 1
stripes = ["pv1", {place}] }} }}
"""


def add_volumes(text):
    """To metadata without logical volumes: a RAID 1, a thin pool, and a thin volume."""
    added = RAID1 + THIN
    for n in (0, 1):
        added += RAID1_PART.format(kind="rmeta", letter="m", n=n, extents=1, place=20)
        added += RAID1_PART.format(kind="rimage", letter="i", n=n, extents=8, place=21)
    added += THIN_PART.format(kind="tmeta", letter="m", place=40)
    added += THIN_PART.format(kind="tdata", letter="d", place=44)
    head, tail = text.rstrip().rsplit("}", 1)
    return f"{head}\nlogical_volumes {{\n{added}\n}}\n}}{tail}\n"


def test_lvm_raid_and_thin(assay, tmp_path):
    """Metadata that lvm2 accepts, with what it does not make without the device mapper."""
    images = two_disks(tmp_path)
    with lvm(tmp_path, images) as vm:
        make_group(vm)
        vm.restore("vg0", add_volumes)
        data = volume_data(tmp_path, "leg", 8 * MIB)
        for image in images:
            put(image, MIB + 21 * MIB, data)
        listed = {lv["lv_name"]: lv for lv in vm.report("lvs", "lv_name,segtype")}
    assert listed["raid"]["segtype"] == "raid1" and listed["thin"]["segtype"] == "thin"
    found = volumes(assay, "--together", *images, status=3)
    assert {n for n in found if n.startswith("vg0")} == {"vg0/raid", "vg0/pool", "vg0/thin"}
    gap = reasons(assay, "--together", *images)
    assert gap["vg0/thin"]["reason"] == "thin volumes are not read yet"
    assert gap["vg0/pool"]["reason"] == "thin pools are not read yet"
    for order in (images, images[::-1], images[:1], images[1:]):
        assert assay("cat", "--volume", "vg0/raid", "--together", *order,
                     "/name").stdout == b"leg\n"


SIZE = 32 * MIB
MD_PLACES = {"1.0": SIZE - 8192, "1.1": 0, "1.2": 4096}


def examine(path):
    done = subprocess.run(["mdadm", "--examine", str(path)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return dict(map(str.strip, line.split(" : ", 1))
                for line in done.stdout.decode().splitlines() if " : " in line)


def md_member(path, version, role, events, label, folder):
    """A mirror's member with an ext4, and a superblock that mdadm finds right."""
    at = MD_PLACES[version]
    blank(path, SIZE)
    put_ext4(path, MIB if at < MIB else 0, 16 * MIB, label, folder)
    put(path, at, md_super_1(at, SIZE, 1, role, events, "host:sys"))
    with loop(path) as device:
        seen = examine(device)
    assert seen["Version"].startswith(version[:2]), seen
    assert seen["Raid Level"] == "raid1"
    assert "correct" in seen["Checksum"], seen
    assert blkid(path)["TYPE"] == "linux_raid_member"
    return path


@pytest.mark.parametrize("version", list(MD_PLACES))
def test_md_mirror(assay, tmp_path, version):
    a = md_member(tmp_path / "a", version, 0, 5, "old", tmp_path)
    b = md_member(tmp_path / "b", version, 1, 6, "new", tmp_path)
    found = volumes(assay, "--together", a, b)
    assert [found[d]["content"] for d in ("disk0", "disk1")] == ["md-member"] * 2
    assert found["md/sys"]["kind"] == "array"
    assert name_in(assay, "md/sys", "--together", a, b) == "new"
    assert name_in(assay, "md/sys", a) == "old"


def test_md_mirror_090(assay, tmp_path):
    """On partitions, with a physical volume of LVM in it."""
    image = blank(tmp_path / "d", 64 * MIB)
    sfdisk(image, "label: dos\nstart=2048, type=fd\n")
    size = 63 * MIB
    at = size // 65536 * 65536 - 65536
    pv = blank(tmp_path / "pv", at)
    with lvm(tmp_path, [pv]) as vm:
        make_group(vm)
        vm.create("root", "-L", "16M")
        vm.place("root", volume_data(tmp_path, "root", 16 * MIB))
    put(image, MIB, pv.read_bytes())
    put(image, MIB + at, md_super_090(at // 1024, 3, 0, 5))
    with loop(image, "-o", str(MIB)) as device:
        seen = examine(device)
    assert seen["Version"] == "0.90.00" and "correct" in seen["Checksum"], seen
    assert seen["Preferred Minor"] == "3"
    found = volumes(assay, image)
    assert found["disk0p1"]["content"] == "md-member"
    assert found["md3"]["content"] == "lvm2-pv"
    assert name_in(assay, "vg0/root", image) == "root"


def test_md_stripes(assay, tmp_path):
    images = two_disks(tmp_path)
    chunk, data = 64 << 10, volume_data(tmp_path, "fs", 40 * MIB)
    for role, image in enumerate(images):
        put(image, 4096, md_super_1(4096, 64 * MIB, 0, role, 3, "host:0", chunk=chunk))
        put(image, MIB, b"".join(data[i:i + chunk] for i in
                                 range(role * chunk, len(data), 2 * chunk)))
        with loop(image) as device:
            assert "correct" in examine(device)["Checksum"]
    assert name_in(assay, "md0", "--together", *images[::-1]) == "fs"
    gap = reasons(assay, images[0])
    assert "member 1 of 2 is missing" in gap["md0"]["reason"]


def test_md_raid5_is_a_gap(assay, tmp_path):
    image = blank(tmp_path / "d", SIZE)
    put(image, 4096, md_super_1(4096, SIZE, 5, 0, 3, "host:5", disks=3, chunk=65536))
    gap = reasons(assay, image)
    assert gap["md5"]["state"] == "unreadable"
    assert gap["md5"]["reason"] == "md RAID 5 arrays are not read yet"


def tree_image(path, size, folder, files):
    tree = folder / f"{path.name}-tree"
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    blank(path, size)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, path)
    return path.read_bytes()


FSTAB = """/dev/mapper/vg--0-root / ext4 defaults 0 1
/dev/vg-0/my-var /var ext4 defaults 0 2
/dev/md/boot /boot ext4 defaults 0 2
"""


def test_system_over_everything(assay, tmp_path):
    """One machine: a disk with MBR and a logical partition, one with GPT, a mirror for /boot over
    both, and / and a striped /var in a group over both."""
    disks = [blank(tmp_path / n, 128 * MIB) for n in ("sda", "sdb")]
    sfdisk(disks[0], "label: dos\n1: start=2048, size=16MiB, type=fd\n"
           "2: start=36864, size=100MiB, type=f\n5: start=40960, size=90MiB, type=8e\n")
    sfdisk(disks[1], "label: gpt\nstart=2048, size=16MiB\nstart=40960, size=90MiB\n")
    pvs = [blank(tmp_path / f"pv{n}", 90 * MIB) for n in (0, 1)]
    with lvm(tmp_path, pvs) as vm:
        make_group(vm, "vg-0")
        vm.create("my-var", "-L", "32M", "-i", "2", "-I", "64", group="vg-0")
        vm.create("root", "-L", "100M", group="vg-0")
        vm.place("my-var", tree_image(tmp_path / "var", 32 * MIB, tmp_path, {
            "lib/dpkg/status": "Package: a\nStatus: install ok installed\nVersion: 1\n\n"}),
            "vg-0")
        vm.place("root", tree_image(tmp_path / "root", 100 * MIB, tmp_path, {
            "etc/os-release": "ID=debian\nVERSION_ID=12\n", "etc/fstab": FSTAB,
            "boot/.keep": "", "var/.keep": ""}), "vg-0")
    boot = tree_image(tmp_path / "boot", 12 * MIB, tmp_path, {"vmlinuz-6.1.0": "kernel"})
    for role, image in enumerate(disks):
        put(image, 2 * MIB, boot)
        put(image, MIB + 4096, md_super_1(4096, 16 * MIB, 1, role, 8, "node:boot"))
        put(image, 20 * MIB, pvs[role].read_bytes())
    found = disk(assay, "--together", *disks)
    system, = found["systems"]
    assert {m["path"]: m["volume"] for m in system["mounts"]} == {
        "/": "vg-0/root", "/var": "vg-0/my-var", "/boot": "md/boot"}
    assert found["state"] == "read"
    assert assay.output("cat", "--together", *disks, "/boot/vmlinuz-6.1.0") == b"kernel"
    assert b"Package: a" in assay.output("cat", "--together", *disks, "/var/lib/dpkg/status")
    # Without the second disk: the mirror is whole, the volumes are not.
    gap = reasons(assay, disks[0])
    assert gap["vg-0/root"]["state"] == gap["vg-0/my-var"]["state"] == "unreadable"
    assert "md/boot" not in gap
