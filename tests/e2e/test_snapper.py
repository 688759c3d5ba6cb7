"""One system with many snapshots of itself, as SUSE lays it out, is one system."""
import json

import pytest

from conftest import run
from tree_truth import mounted

SNAPSHOTS = 40
OS_RELEASE = 'ID="opensuse-leap"\nVERSION_ID="15.6"\nPRETTY_NAME="openSUSE Leap {}"\n'
FSTAB = """\
LABEL=suse  /            btrfs  defaults                0 0
LABEL=suse  /.snapshots  btrfs  subvol=/@/.snapshots    0 0
LABEL=suse  /var         btrfs  subvol=/@/var           0 0
LABEL=suse  /srv         btrfs  subvol=/@/srv           0 0
"""


def subvolume(*arguments):
    run("btrfs", "subvolume", *arguments)


def fill(root, name):
    for folder in ("etc", "usr/lib", "var", "srv", ".snapshots"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "etc/os-release").write_text(OS_RELEASE.format(name))
    (root / "etc/fstab").write_text(FSTAB)
    (root / "etc/passwd").write_text(f"{name}:x:1000:1000::/:/bin/sh\n")


@pytest.fixture(scope="module")
def suse(tmp_path_factory):
    """@/.snapshots/1/snapshot is the root, and was made the default; snapper keeps its copies as
    @/.snapshots/N/snapshot."""
    folder = tmp_path_factory.mktemp("suse")
    image = folder / "disk"
    with open(image, "wb") as f:
        f.truncate(512 << 20)
    run("mkfs.btrfs", "-q", "-L", "suse", image)
    with mounted(image, folder) as top:
        subvolume("create", top / "@")
        for name in (".snapshots", "var", "srv"):
            subvolume("create", top / "@" / name)
        (top / "@/.snapshots/1").mkdir()
        root = top / "@/.snapshots/1/snapshot"
        subvolume("create", root)
        fill(root, "live")
        (top / "@/var/here").write_text("of var\n")
        for i in range(2, 2 + SNAPSHOTS):
            (top / f"@/.snapshots/{i}").mkdir()
            # Those that snapper rolls back to can be written.
            only = ["-r"] if i % 2 else []
            subvolume("snapshot", *only, root, top / f"@/.snapshots/{i}/snapshot")
        run("btrfs", "subvolume", "set-default", root)
    return image


def test_snapshots_are_not_systems(assay, suse):
    frame = json.loads(assay("frame", suse).stdout)
    assert [s["os"]["pretty_name"] for s in frame["systems"]] == ["openSUSE Leap live"]
    assert [u["name"] for u in frame["systems"][0]["users"]] == ["live"]
    aside = [c for c in frame["coverage"] if c["kind"] == "snapshots"]
    assert len(aside) == 1 and aside[0]["state"] == "skipped"
    assert aside[0]["reason"].startswith(f"{SNAPSHOTS} snapshots")


def test_other_subvolumes_are_mounted_in_it(assay, suse):
    assert assay.output("cat", suse, "/var/here") == b"of var\n"


def test_a_rollback_makes_another_snapshot_the_system(assay, suse, tmp_path):
    run("cp", "--sparse=always", suse, tmp_path / "disk")
    with mounted(tmp_path / "disk", tmp_path, "subvolid=5") as top:
        root = top / "@/.snapshots/2/snapshot"
        fill(root, "rolled back")
        run("btrfs", "subvolume", "set-default", root)
    frame = json.loads(assay("frame", tmp_path / "disk").stdout)
    assert [s["os"]["pretty_name"] for s in frame["systems"]] == ["openSUSE Leap rolled back"]
