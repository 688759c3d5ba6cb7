"""Filesystems that are not read yet: named when met, never passed over in silence."""
import json

import pytest

from conftest import run

MAKERS = {
    "vfat": [("mkfs.vfat", "-F", bits) for bits in ("12", "16", "32")] + [("mkfs.vfat", "-S", "4096")],
    "exfat": [("mkfs.exfat",)],
    "ntfs": [("mkntfs", "-q", "-F", "-Q"), ("mkntfs", "-q", "-F", "-Q", "-c", "65536")],
    "f2fs": [("mkfs.f2fs", "-q", "-f")],
    "jbd": [("mke2fs", "-q", "-F", "-O", "journal_dev"),
            ("mke2fs", "-q", "-F", "-b", "1024", "-O", "journal_dev")],
}


def assert_named(assay, image, name):
    frame = json.loads(assay("disk", "--format", "json", image).stdout)
    assert [v["content"] for v in frame["volumes"]] == [name]
    (coverage,) = frame["coverage"]
    assert coverage["object"] == "disk0" and coverage["state"] in ("unreadable", "skipped")
    assert coverage["reason"].endswith("is not read yet")


@pytest.mark.parametrize("name, command", [(n, c) for n, all in MAKERS.items() for c in all],
                         ids=lambda value: value if isinstance(value, str) else "".join(value[1:]))
def test_each_is_named(assay, tmp_path, name, command):
    image = tmp_path / "image"
    run("truncate", "-s", "100M", image)
    run(*command, image)
    assert_named(assay, image, name)


@pytest.mark.parametrize("name, command", [
    ("squashfs", ("mksquashfs", "SOURCE", "IMAGE", "-quiet", "-no-progress")),
    ("iso9660", ("genisoimage", "-quiet", "-R", "-J", "-o", "IMAGE", "SOURCE")),
    ("iso9660", ("genisoimage", "-quiet", "-R", "-udf", "-o", "IMAGE", "SOURCE")),
    ("erofs", ("mkfs.erofs", "IMAGE", "SOURCE")),
], ids=["squashfs", "iso9660", "iso9660-udf", "erofs"])
def test_each_that_is_made_of_a_folder_is_named(assay, tmp_path, name, command):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("text\n" * 10000)
    places = {"SOURCE": tmp_path / "source", "IMAGE": tmp_path / "image"}
    run(*[places.get(c, c) for c in command])
    assert_named(assay, tmp_path / "image", name)


def test_files_in_them_are_refused_by_name(assay, tmp_path):
    run("truncate", "-s", "64M", tmp_path / "image")
    run("mkfs.vfat", tmp_path / "image")
    text = assay.refusal("ls", "--volume", "disk0", tmp_path / "image", "/")
    assert "FAT is not read yet" in text
