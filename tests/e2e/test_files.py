"""`frame --files`: every file of a system against stat, sha1sum, sha256sum and file."""
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess

import pytest

from conftest import run
from torture import torture
from tree_truth import assert_same_tree, mounted, text_bytes, tree_truth


def make_system(folder):
    """The least that is a system."""
    (folder / "etc").mkdir(parents=True)
    (folder / "var/lib/dpkg").mkdir(parents=True)
    (folder / "etc/os-release").write_text('ID=test\nVERSION_ID=1\nPRETTY_NAME="A Test"\n')
    (folder / "var/lib/dpkg/status").write_text(
        "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A system's files, as many kinds of contents as this machine has at hand."""
    folder = tmp_path_factory.mktemp("root")
    rng = random.Random(1)
    make_system(folder)
    for name in ("data", "usr/bin", "var/lib/torture"):
        (folder / name).mkdir(parents=True)
    (folder / "etc/fstab").write_text("LABEL=root / ext4 defaults 0 1\n"
                                      "LABEL=data /data btrfs defaults 0 2\n")
    kinds = {}
    for place in ("/usr/bin", "/usr/sbin", "/usr/lib/python3", "/usr/share",
                  "/usr/lib/x86_64-linux-gnu"):
        for path in sorted(pathlib.Path(place).rglob("*")):
            if path.is_file() and not path.is_symlink() and path.stat().st_size < 4 << 20:
                kinds.setdefault((place, path.suffix), []).append(path)
    for (place, suffix), paths in sorted(kinds.items()):
        for path in rng.sample(paths, min(len(paths), 6)):
            target = folder / "usr" / place.replace("/", "_") / (suffix or "none") / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    torture(folder / "var/lib/torture", scale=300, extent_count=100, longest_link=900)
    os.unlink(folder / "var/lib/torture/specials/socket")  # which mke2fs does not copy
    os.link(folder / "etc/os-release", folder / "var/lib/another name")
    return folder


@pytest.fixture(scope="module")
def disks(root, tmp_path_factory):
    """The root on ext4, /data of the same files on btrfs."""
    folder = tmp_path_factory.mktemp("disks")
    for image in ("root", "data"):
        with open(folder / image, "wb") as f:
            f.truncate(1 << 30)
    run("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root, folder / "root")
    run("mkfs.btrfs", "-q", "-L", "data", "--rootdir", root / "usr", folder / "data")
    return [folder / "root", folder / "data"]


@pytest.fixture(scope="module")
def frame(assay, disks):
    done = assay("frame", "--files", "--together", *disks)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def files_of(frame):
    assert len(frame["systems"]) == 1
    return {text_bytes(f, "path"): f for f in frame["systems"][0]["files"]}


def test_every_file_is_recorded_once_and_in_order(frame):
    files = frame["systems"][0]["files"]
    paths = [text_bytes(f, "path").replace(b"/", b"\0") for f in files]
    assert paths == sorted(set(paths))
    assert paths[0] == b"\0"


def test_files_are_as_the_kernel_shows_them(frame, disks, tmp_path):
    found = {path.lstrip(b"/"): f for path, f in files_of(frame).items()}
    with mounted(disks[0], tmp_path / "root", "ro"):
        truth = tree_truth(tmp_path / "root")
    with mounted(disks[1], tmp_path / "data", "ro"):
        inside = tree_truth(tmp_path / "data")
    data = {b"data/" + t["path"] if t["path"] else b"data": t for t in inside}
    truth = [t for t in truth if t["path"] != b"data"]
    truth += [dict(t, path=path) for path, t in data.items()]
    del found[b""]
    assert_same_tree(truth, found)


def test_sums_are_those_of_sha1sum_and_sha256sum(frame, root):
    files = {p: f for p, f in files_of(frame).items()
             if f["type"] == "file" and not p.startswith(b"/data/")}
    names = sorted(files)
    assert len(names) > 1000
    for name in ("sha1", "sha256"):
        said = subprocess.run(["xargs", "-0", f"{name}sum", "-z"],
                              input=b"\0".join(os.fsencode(root) + p for p in names),
                              stdout=subprocess.PIPE, check=True).stdout.split(b"\0")[:-1]
        assert [line.split(b" ")[0].decode() for line in said] == [files[p][name] for p in names]


def test_media_types_are_those_of_file(frame, root):
    files = {p: f for p, f in files_of(frame).items()
             if f["type"] == "file" and p.startswith((b"/usr/", b"/etc/"))}
    names = sorted(files)
    said = subprocess.run(["xargs", "-0", "file", "-b", "--mime-type"],
                          input=b"\0".join(os.fsencode(root) + p for p in names),
                          stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    assert len(said) == len(names) > 500
    wrong = [(p, files[p]["media_type"], t) for p, t in zip(names, said)
             if files[p]["media_type"] != t]
    assert wrong == []
    assert len(set(said)) > 20


def test_without_media_types_all_else_is_the_same(assay, frame, disks):
    bare = json.loads(assay("frame", "--files", "--no-media-types", "--together", *disks).stdout)
    whole = [{k: v for k, v in f.items() if k != "media_type"}
             for f in frame["systems"][0]["files"]]
    assert bare["systems"][0]["files"] == whole


def test_the_same_disk_gives_the_same_bytes(assay, disks):
    environment = dict(os.environ, SOURCE_DATE_EPOCH="1700000000")
    first, second = (assay("frame", "--files", *disks[:1], env=environment) for _ in range(2))
    assert first.stdout == second.stdout
    # /data is named by fstab and not given: that is said.
    assert first.returncode == 3


def test_without_files_none_are_read(assay, disks):
    done = assay("frame", "--together", *disks)
    assert done.returncode == 0
    assert "files" not in json.loads(done.stdout)["systems"][0]


def test_a_file_that_cannot_be_read_is_coverage_and_hides_no_other(assay, root, tmp_path):
    (root / "etc/victim").write_bytes(random.Random(9).randbytes(300000))
    image = tmp_path / "image"
    with open(image, "wb") as f:
        f.truncate(1 << 30)
    run("mkfs.btrfs", "-q", "-d", "single", "--rootdir", root, image)
    at = image.read_bytes().find((root / "etc/victim").read_bytes()[200000:200100])
    (root / "etc/victim").unlink()
    with open(image, "r+b") as f:
        f.seek(at)
        f.write(b"\0\1\2")
    done = assay("frame", "--files", image)
    assert done.returncode == 3
    frame = json.loads(done.stdout)
    files = files_of(frame)
    victim = files.pop(b"/etc/victim")
    assert "checksum" in victim["fault"]
    assert "sha1" not in victim and "sha256" not in victim and "media_type" not in victim
    assert victim["size"] == 300000
    assert all("fault" not in f for f in files.values())
    assert all("sha256" in f for f in files.values() if f["type"] == "file")
    lines = [c for c in frame["coverage"] if c["kind"] in ("file", "files")]
    assert {(c["object"], c["state"], c.get("code")) for c in lines} == {
        ("/etc/victim", "partial", "corrupt"), ("disk0", "partial", None)}


def test_ls_hash_is_sha256sum(assay, disks, root):
    done = assay.output("ls", "-R", "--hash", "--volume", "disk0", disks[0], "/etc").decode()
    lines = dict(reversed(line.split("  ", 1)) for line in done.splitlines())
    for path, digest in lines.items():
        inside = root / path.strip().lstrip("/")
        if inside.is_file():
            said = run("sha256sum", inside).decode().split()[0]
            assert re.fullmatch(said, digest)


def test_large_holes_take_no_disk_reads(assay, tmp_path):
    """A file of 2 GiB on a disk of 64 MiB."""
    source = tmp_path / "source"
    make_system(source)
    with open(source / "sparse", "wb") as f:
        f.seek(2 << 30)
        f.write(b"end")
    image = tmp_path / "image"
    with open(image, "wb") as f:
        f.truncate(64 << 20)
    run("mke2fs", "-q", "-t", "ext4", "-d", source, image)
    frame = json.loads(assay.output("frame", "--files", image))
    digest = hashlib.sha256()
    for _ in range(2048):
        digest.update(bytes(1 << 20))
    digest.update(b"end")
    assert files_of(frame)[b"/sparse"]["sha256"] == digest.hexdigest()
