"""The main job on real systems: what is found on a disk is what the system itself says."""
import json
import os
import re

import pytest

import debian_root
import system_image
from conftest import run
from debian_root import RELEASES

# Every release on every filesystem, and every way to put a filesystem on a disk with each release.
CASES = [("bullseye", "ext4", "whole"), ("bullseye", "xfs", "logical partition"),
         ("bullseye", "btrfs", "lvm"), ("bookworm", "ext4", "gpt"), ("bookworm", "xfs", "whole"),
         ("bookworm", "btrfs", "logical partition"), ("trixie", "ext4", "lvm"),
         ("trixie", "xfs", "gpt"), ("trixie", "btrfs", "whole")]
UUIDS = {"/": "11111111-2222-3333-4444-555555555555", "/var": "22222222-2222-3333-4444-555555555555",
         "/usr": "33333333-2222-3333-4444-555555555555",
         "/boot": "44444444-2222-3333-4444-555555555555"}
NOWHERE = "99999999-2222-3333-4444-555555555555"


def frame_of(assay, *arguments, status=0):
    done = assay("frame", *arguments)
    assert done.returncode == status, done.stderr.decode()
    return json.loads(done.stdout)


def packages_of(system):
    return sorted((p["name"], p["version"], p["source"], p["source_version"], p["arch"])
                  for p in system["packages"])


def assert_same_system(system, tree, release):
    assert system["os"]["id"] == "debian" and system["os"]["version_id"] == release
    assert system["os"]["hostname"] == "machine" and system["os"]["architecture"] == "amd64"
    assert packages_of(system) == debian_root.packages(tree)
    assert sorted((u["name"], u["uid"], u["gid"], u["gecos"], u["home"], u["shell"])
                  for u in system["users"]) == debian_root.users(tree)
    assert sorted((g["name"], g["gid"], tuple(g.get("members", [])))
                  for g in system["groups"]) == debian_root.groups(tree)


def coverage(frame, *states):
    return {(c["kind"], c["object"], c["state"]) for c in frame["coverage"] if c["state"] in states}


def lay_out(layout, folder, filesystem):
    """The disks of a machine, with the filesystem on them."""
    small = system_image.filesystem("ext4", folder / "small", None, size=8 << 20)
    if layout == "whole":
        return [filesystem]
    if layout == "gpt":
        return [system_image.partitioned(folder / "disk", "gpt", [small, filesystem])]
    if layout == "logical partition":
        return [system_image.partitioned(folder / "disk", "dos", [small, filesystem])]
    disks = [folder / "a", folder / "b"]
    system_image.logical(disks, "vg", {"root": filesystem})
    return disks


@pytest.mark.parametrize("suite,kind,layout", CASES)
def test_a_release_on_a_filesystem_on_a_disk(assay, debian, tmp_path, suite, kind, layout):
    tree = debian(suite)
    disks = lay_out(layout, tmp_path, system_image.filesystem(kind, tmp_path / "fs", tree))
    found = frame_of(assay, "--together", *disks)
    (system,) = found["systems"]
    assert_same_system(system, tree, RELEASES[suite])
    assert found["state"] == "read"
    assert [k["version"] for k in system["kernels"]] == sorted(
        p.name.removeprefix("vmlinuz-") for p in (tree / "boot").glob("vmlinuz-*"))
    packed = [system_image.qcow2(f"{disk}.qcow2", disk) for disk in disks]
    assert frame_of(assay, "--together", *packed)["systems"] == found["systems"]


def test_both_layouts_of_usr_are_among_them(debian):
    assert {suite: (debian(suite) / "bin").is_symlink() for suite in RELEASES} == {
        "bullseye": False, "bookworm": True, "trixie": True}


# --- how a system is put together from its fstab ---------------------------------------------------

@pytest.fixture
def root(debian_small, tmp_path):
    """A copy to be changed."""
    run("cp", "-a", debian_small, tmp_path / "root")
    return tmp_path / "root"


def write_fstab(root, *lines):
    (root / "etc/fstab").write_text("".join(f"{line}\n" for line in lines))


def image(path, tree, *options, size=48 << 20, kind="ext4"):
    return system_image.filesystem(kind, path, tree, *options, size=size)


def cut(root, folder, *mounts):
    """The tree cut at mount points: path -> tree. The places stay, empty."""
    parts = {"/": root}
    for mount in mounts:
        parts[mount] = folder / f"cut{mount.replace('/', '-')}"
        os.rename(root / mount[1:], parts[mount])
        (root / mount[1:]).mkdir()
    return parts


def parts_as_images(parts, folder, *labels):
    images = []
    for mount, tree in parts.items():
        label = "root" if mount == "/" else mount[1:]
        images.append(image(folder / f"{label}.img", tree, "-U", UUIDS[mount], "-L", label))
    return images


SOURCES = {
    "UUID": {"/var": f"UUID={UUIDS['/var']}", "/usr": f"UUID=\"{UUIDS['/usr']}\"",
             "/boot": f"/dev/disk/by-uuid/{UUIDS['/boot']}"},
    "LABEL": {"/var": "LABEL=var", "/usr": "LABEL=usr", "/boot": "/dev/disk/by-label/boot"},
    "device": {"/var": "/dev/sda2", "/usr": "/dev/sda3", "/boot": "/dev/vda4"},
}


@pytest.mark.parametrize("how", SOURCES)
def test_separate_var_usr_and_boot_are_found_by(assay, debian_small, root, tmp_path, how):
    write_fstab(root, "# a comment", f"UUID={UUIDS['/']} / ext4 errors=remount-ro 0 1",
                *[f"{source} {mount} ext4 defaults 0 2" for mount, source in SOURCES[how].items()],
                "proc /proc proc defaults 0 0", "tmpfs /tmp tmpfs nosuid 0 0",
                "UUID=nothing none swap sw 0 0")
    parts = cut(root, tmp_path, "/var", "/usr", "/boot")
    disk = system_image.partitioned(tmp_path / "disk", "gpt", parts_as_images(parts, tmp_path))
    found = frame_of(assay, disk)
    (system,) = found["systems"]
    assert_same_system(system, debian_small, "12")
    assert {m["path"]: m.get("volume") for m in system["mounts"]} == {
        "/": "disk0p1", "/var": "disk0p2", "/usr": "disk0p3", "/boot": "disk0p4", "/proc": None,
        "/tmp": None}
    (kernel,) = system["kernels"]
    assert kernel["has_image"] and kernel["has_modules"]
    assert coverage(found, "unreadable", "partial") == set()
    assert {object for kind, object, _ in coverage(found, "skipped") if kind == "mount"} == {
        "/proc (proc)", "/tmp (tmpfs)"}


def test_separate_filesystems_are_found_by_partition_uuid_and_label(assay, debian_small, root,
                                                                    tmp_path):
    write_fstab(root, "PARTLABEL=vars /var ext4 defaults 0 2", "PARTUUID=" +
                UUIDS["/usr"].upper() + " /usr ext4 defaults 0 2")
    parts = cut(root, tmp_path, "/var", "/usr")
    disk = system_image.partitioned(tmp_path / "disk", "gpt", parts_as_images(parts, tmp_path))
    run("sfdisk", "-q", "--part-label", disk, "2", "vars")
    run("sfdisk", "-q", "--part-uuid", disk, "3", UUIDS["/usr"])
    found = frame_of(assay, disk)
    assert_same_system(found["systems"][0], debian_small, "12")


@pytest.mark.parametrize("form", ["/dev/mapper/vg--a-{}", "/dev/vg-a/{}"])
def test_separate_filesystems_are_found_by_logical_volume(assay, debian_small, root, tmp_path,
                                                          form):
    write_fstab(root, f"{form.format('root')} / ext4 defaults 0 1",
                f"{form.format('the--var' if 'mapper' in form else 'the-var')} /var ext4 defaults",
                f"{form.format('usr')} /usr ext4 defaults 0 2")
    parts = cut(root, tmp_path, "/var", "/usr")
    fs, var, usr = parts_as_images(parts, tmp_path)
    disks = [tmp_path / "a", tmp_path / "b"]
    system_image.logical(disks, "vg-a", {"usr": usr, "root": fs, "the-var": var})
    found = frame_of(assay, "--together", *disks)
    (system,) = found["systems"]
    assert_same_system(system, debian_small, "12")
    assert {m["path"]: m["volume"] for m in system["mounts"]} == {
        "/": "vg-a/root", "/usr": "vg-a/usr", "/var": "vg-a/the-var"}
    alone = frame_of(assay, disks[0], status=3)
    assert [c for c in alone["coverage"] if c["state"] == "unreadable"
            and "vg-a" in c["object"] + c["reason"]]


def test_nested_mounts_and_mounts_behind_links(assay, debian_small, root, tmp_path):
    """/srv/state is what /var points to, and has a filesystem of its own inside."""
    write_fstab(root, f"UUID={UUIDS['/usr']} /var/lib/dpkg ext4 defaults 0 2",
                f"UUID={UUIDS['/var']} /srv/state ext4 defaults 0 2")
    inner = cut(root, tmp_path, "/var/lib/dpkg")["/var/lib/dpkg"]
    os.rename(root / "var", tmp_path / "state")
    (root / "var").symlink_to("/srv/state")
    (root / "srv/state").mkdir()
    disk = system_image.partitioned(tmp_path / "disk", "gpt", [
        image(tmp_path / "dpkg", inner, "-U", UUIDS["/usr"]), image(tmp_path / "fs", root),
        image(tmp_path / "var-fs", tmp_path / "state", "-U", UUIDS["/var"])])
    (system,) = frame_of(assay, disk)["systems"]
    assert_same_system(system, debian_small, "12")


@pytest.mark.parametrize("mount", ["/var", "/usr", "/data"])
def test_a_mount_that_is_missing_makes_the_scan_incomplete(assay, root, tmp_path, mount):
    write_fstab(root, f"UUID={NOWHERE} {mount} ext4 defaults 0 2")
    if mount != "/data":
        cut(root, tmp_path, mount)
    found = frame_of(assay, image(tmp_path / "disk", root), status=3)
    assert ("mount", f"{mount} (UUID={NOWHERE})", "unreadable") in coverage(found, "unreadable")
    done = assay("scan", tmp_path / "disk")
    assert done.returncode == 3 and NOWHERE in done.stdout.decode()


def test_a_mount_with_nofail_may_be_missing(assay, root, tmp_path):
    write_fstab(root, f"UUID={NOWHERE} /data ext4 nofail 0 2", "LABEL=x /srv xfs noauto 0 0",
                "server:/export /home nfs defaults 0 0", "//server/share /mnt cifs ro 0 0")
    found = frame_of(assay, image(tmp_path / "disk", root))
    assert {o for kind, o, _ in coverage(found, "skipped") if kind == "mount"} == {
        f"/data (UUID={NOWHERE})", "/srv (LABEL=x)", "/home (server:/export)",
        "/mnt (//server/share)"}


def test_a_system_without_its_package_database_is_not_clean(assay, root, tmp_path):
    """/var may be missing by nofail; then nothing is known of the packages."""
    write_fstab(root, f"UUID={NOWHERE} /var ext4 nofail 0 2")
    cut(root, tmp_path, "/var")
    found = frame_of(assay, image(tmp_path / "disk", root), status=3)
    assert found["systems"][0]["packages"] == []
    assert ("package database", "any", "unreadable") in coverage(found, "unreadable")


def test_a_system_with_an_empty_package_database_is_not_clean(assay, root, tmp_path):
    """As a crash leaves a file that was being replaced."""
    (root / "var/lib/dpkg/status").write_bytes(b"")
    found = frame_of(assay, image(tmp_path / "disk", root), status=3)
    assert ("package database", "any", "unreadable") in coverage(found, "unreadable")


def test_a_package_database_that_is_cut_off_is_partial(assay, root, tmp_path):
    status = root / "var/lib/dpkg/status"
    status.write_bytes(status.read_bytes()[:20000])
    assert status.read_bytes()[-1:] != b"\n"
    found = frame_of(assay, image(tmp_path / "disk", root), status=3)
    assert ("package database", "/var/lib/dpkg/status", "partial") in coverage(found, "partial")
    assert found["systems"][0]["packages"]


def test_a_package_that_cannot_be_one_is_noticed(assay, root, tmp_path):
    status = root / "var/lib/dpkg/status"
    text = status.read_text()
    assert text.count("\nPackage: bash\n") == 1
    status.write_text(text.replace("\nPackage: bash\n", "\nPackage: ba`h\n"))
    found = frame_of(assay, image(tmp_path / "disk", root), status=3)
    assert {c["reason"] for c in found["coverage"] if c["state"] == "partial"
            and "ba`h" in c["reason"]}


def test_a_system_whose_package_database_is_lost_is_not_clean(assay, root, tmp_path):
    (root / "var/lib/dpkg/status").unlink()
    found = frame_of(assay, image(tmp_path / "disk", root), status=3)
    assert coverage(found, "unreadable") == {
        ("package database", "/var/lib/dpkg/status", "unreadable")}


@pytest.mark.parametrize("name,victim", [("passwd", "bin"), ("group", "adm")])
def test_joined_lines_of_users_and_groups_are_noticed(assay, root, tmp_path, name, victim):
    path = root / "etc" / name
    text = path.read_text()
    assert f"\n{victim}:" in text
    path.write_text(text.replace(f"\n{victim}:", f"*{victim}:"))
    found = frame_of(assay, image(tmp_path / "disk", root), status=3)
    assert coverage(found, "partial") == {("file", f"/etc/{name}", "partial")}


# --- staying inside ----------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_links_that_lead_out_stay_inside(assay, debian_small, root, tmp_path, kind):
    """The same names on this machine hold something else."""
    assert open("/etc/hostname").read() != "machine\n"
    os.rename(root / "var/lib/dpkg", root / "srv/dpkg")
    (root / "var/lib/dpkg").symlink_to("/../../srv/dpkg")
    os.rename(root / "etc/passwd", root / "data/passwd")
    (root / "etc/passwd").symlink_to("../../../../../../data/passwd")
    (root / "absolute").symlink_to("/etc/hostname")
    (root / "home/up").symlink_to("../" * 30 + "etc/hostname")
    (root / "home/folder").symlink_to("/../..")
    (root / "loop").symlink_to("/loop")
    (root / "host").symlink_to("/proc/self/root/etc/hostname")
    size = 320 << 20 if kind == "xfs" else 128 << 20
    disk = image(tmp_path / "disk", root, kind=kind, size=size)
    (system,) = frame_of(assay, disk)["systems"]
    assert_same_system(system, debian_small, "12")
    for path in ("/absolute", "/home/up", "/home/folder/etc/hostname", "/../../../etc/hostname"):
        assert assay.output("cat", disk, path) == b"machine\n"
    assert "symbolic links" in assay.refusal("cat", disk, "/loop")
    assert assay("cat", disk, "/host").stdout == b""
    assert "/proc: no such file" in assay.refusal("cat", disk, "/host")


# --- more and fewer systems than one ------------------------------------------------------------------

def test_two_systems_on_a_disk(assay, debian, debian_small, tmp_path):
    """Each has its own packages, and the /home that both mount."""
    old = tmp_path / "old"
    for path in ("etc", "var/lib/dpkg/status", "usr/lib/os-release", "bin/dash", "bin/sh"):
        (old / path).parent.mkdir(parents=True, exist_ok=True)
        run("cp", "-a", debian("bullseye") / path, old / path)
    new = tmp_path / "new"
    run("cp", "-a", debian_small, new)
    for tree in (old, new):
        write_fstab(tree, f"UUID={UUIDS['/var']} /home ext4 defaults 0 2")
    disk = system_image.partitioned(tmp_path / "disk", "dos", [
        image(tmp_path / "one", old), image(tmp_path / "two", new),
        image(tmp_path / "home", None, "-U", UUIDS["/var"])])
    found = frame_of(assay, disk)
    systems = {s["os"]["root"]: s for s in found["systems"]}
    assert set(systems) == {"disk0p1", "disk0p2"}
    assert_same_system(systems["disk0p1"], old, "11")
    assert_same_system(systems["disk0p2"], new, "12")
    assert {m["volume"] for s in systems.values() for m in s["mounts"]} == {
        "disk0p1", "disk0p2", "disk0p5"}
    refusal = assay.refusal("cat", disk, "/etc/debian_version")
    assert "disk0p1" in refusal and "disk0p2" in refusal
    for name, tree in (("disk0p1", old), ("disk0p2", new)):
        assert assay.output("cat", "--system", name, disk, "/etc/debian_version") == (
            tree / "etc/debian_version").read_bytes()
    shown = assay.output("disk", disk).decode()
    assert re.search(r"^ *disk0p1 .*\(bullseye\)$", shown, re.M)
    assert re.search(r"^ *disk0p2 .*\(bookworm\)$", shown, re.M)


@pytest.mark.parametrize("content", ["files", "nothing", "noise"])
def test_a_disk_without_a_system_is_not_clean(assay, tmp_path, content):
    disk = tmp_path / "disk"
    if content == "files":
        (tmp_path / "tree/photos").mkdir(parents=True)
        image(disk, tmp_path / "tree", size=8 << 20)
    else:
        disk.write_bytes(bytes(4 << 20) if content == "nothing" else os.urandom(1 << 20) * 4)
    found = frame_of(assay, disk, status=3)
    assert found["systems"] == [] and found["state"] == "unreadable"
    assert ("system", "target", "unreadable") in coverage(found, "unreadable")
    done = assay("scan", disk)
    assert done.returncode == 3 and "no operating system found" in done.stdout.decode()
