"""Watched folders: what appears in them becomes images, each examined once."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from conftest import TIMEOUT, run
from service import Service


class Scene:
    """A service whose project "web" watches a folder for *.raw and *.qcow2 files."""

    def __init__(self, program, folder):
        self.folder = folder / "backups"
        self.folder.mkdir()
        self.service = Service(program, folder, "--workers", "0", environment={
            "ASSAY_WATCH_SETTLE_SECONDS": "1", "ASSAY_WATCH_LOOK_SECONDS": "3600"})
        self.admin = self.service.token(self.service.login())["token"]
        self.service.make("/v1/projects", {"name": "web", "locations": [f"{folder}/*", "/srv/*"]}, self.admin)

    def watch(self, pattern="", name="backups"):
        self.service.make("/v1/projects/web/images", {
            "name": name, "kind": "folder", "location": str(self.folder) + pattern}, self.admin)
        self.service.wait_for(f"watching folder {name}")

    def images(self):
        got = self.service.call("GET", "/v1/projects/web/images?limit=500", self.admin)
        return {i["name"]: i for i in got.json["items"] if i["kind"] == "file"}

    def asked(self):
        """Names of images, one for each introspection that was asked for."""
        with contextlib.closing(sqlite3.connect(self.service.folder / "store.db")) as db:
            return sorted(name for name, in db.execute(
                "SELECT thing_name FROM introspection WHERE requested_by LIKE 'watch:%'"))

    def put(self, name, size=1 << 20):
        """A file that appears as a whole."""
        hidden = self.folder / ("." + name)
        hidden.write_bytes(os.urandom(size))
        hidden.rename(self.folder / name)
        return self.folder / name

    def wait(self, condition):
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, (self.asked(), self.service.log.read_text())
            time.sleep(0.05)


@pytest.fixture
def scene(assay, tmp_path):
    made = Scene(assay.path, tmp_path)
    yield made
    if made.service.process.poll() is None:
        made.service.stop()


def test_files_become_images_once(scene):
    there = scene.put("first.raw")
    (scene.folder / "notes.txt.part").write_text("not yet")
    (scene.folder / "link.raw").symlink_to("/etc/passwd")
    (scene.folder / "sub").mkdir()
    scene.watch()
    scene.wait(lambda: scene.asked() == ["first.raw"])
    run("qemu-img", "create", "-q", "-f", "qcow2", scene.folder / "second.qcow2", "10M")
    scene.wait(lambda: scene.asked() == ["first.raw", "second.qcow2"])
    image = scene.images()["first.raw"]
    assert image["location"] == str(there)
    assert image["labels"] == {"folder": "backups"}
    assert set(scene.images()) == {"first.raw", "second.qcow2"}
    # Touched by a reader only: nothing new. Other bytes: the same image again.
    there.read_bytes()
    there.write_bytes(b"other")
    with contextlib.closing(sqlite3.connect(scene.service.folder / "store.db")) as db, db:
        db.execute("UPDATE introspection SET state = 'done'")
    scene.wait(lambda: scene.asked() == ["first.raw", "first.raw", "second.qcow2"])
    assert scene.images()["first.raw"]["id"] == image["id"]


def test_a_file_is_taken_when_it_is_complete(scene):
    scene.watch("/*.raw")
    slow = (scene.folder / "slow.raw").open("wb")
    slow.write(bytes(1 << 20))
    slow.flush()
    scene.put("other.txt")
    scene.put("fast.raw")
    # A writer that has it open for longer than the time to settle.
    scene.wait(lambda: scene.asked() == ["fast.raw"])
    scene.put("second.raw")
    scene.wait(lambda: scene.asked() == ["fast.raw", "second.raw"])
    slow.close()
    scene.wait(lambda: scene.asked() == ["fast.raw", "second.raw", "slow.raw"])


def test_an_image_that_qemu_writes_is_not_taken(scene, tmp_path):
    disk = scene.folder / "disk.raw"
    run("qemu-img", "create", "-q", "-f", "raw", disk, "1M")
    server = subprocess.Popen(["qemu-nbd", "-f", "raw", "-t", "-k", tmp_path / "socket", disk])
    try:
        deadline = time.monotonic() + TIMEOUT
        while not (tmp_path / "socket").exists():
            assert server.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        scene.watch()
        scene.put("later.raw")
        scene.wait(lambda: scene.asked() == ["later.raw"])
        assert set(scene.images()) == {"later.raw"}
    finally:
        server.terminate()
        server.wait(TIMEOUT)
    scene.wait(lambda: scene.asked() == ["disk.raw", "later.raw"])


def test_removed_and_renamed_files(scene):
    scene.watch()
    old = scene.put("old.raw")
    scene.put("leaves.raw")
    scene.wait(lambda: len(scene.asked()) == 2)
    ids = {name: image["id"] for name, image in scene.images().items()}
    (scene.folder / "leaves.raw").unlink()
    scene.wait(lambda: "gone" in scene.images()["leaves.raw"]["labels"])
    old.rename(scene.folder / "new.raw")
    scene.wait(lambda: scene.images()["old.raw"]["location"].endswith("/new.raw"))
    image = scene.images()["old.raw"]
    assert image["id"] == ids["old.raw"] and "gone" not in image["labels"]
    # Of another project's or person's name already: it gets one of its own.
    scene.service.make("/v1/projects/web/images", {"name": "taken.raw", "kind": "file",
                                                   "location": "/srv/taken.raw"}, scene.admin)
    scene.put("taken.raw")
    scene.wait(lambda: len(scene.images()) == 4)
    assert scene.asked().count("old.raw") == 1
    name, = scene.images().keys() - {"old.raw", "leaves.raw", "taken.raw"}
    assert name.startswith("taken.raw-")


def test_a_restart_scans_what_came_meanwhile_and_nothing_else(scene):
    scene.watch()
    scene.put("before.raw")
    scene.wait(lambda: scene.asked() == ["before.raw"])
    scene.service.stop(signal.SIGKILL)
    scene.put("meanwhile.raw")
    scene.service.start()
    scene.wait(lambda: scene.asked() == ["before.raw", "meanwhile.raw"])
    assert len(scene.images()) == 2


def test_several_processes_take_a_file_once(scene, assay):
    log = pathlib.Path(scene.service.folder) / "worker.log"
    with log.open("wb") as output:
        other = subprocess.Popen([assay.path, "worker", "--store", scene.service.store,
                                  "--workers", "0"], stdout=output, stderr=output,
                                 env=scene.service.environment)
    try:
        scene.service.make("/v1/projects/web/images", {
            "name": "backups", "kind": "folder", "location": str(scene.folder)}, scene.admin)
        for number in range(20):
            scene.put(f"{number}.raw", 1000)
        scene.wait(lambda: len(scene.asked()) == 20)
        both = log.read_text() + scene.service.log.read_text()
        assert both.count("watching folder") == 1
        # Whoever looks after the folder dies: the other does.
        first, second = (other, scene.service.process)
        if "watching folder" in scene.service.log.read_text():
            first, second = second, first
        first.kill()
        first.wait()
        scene.put("last.raw")
        scene.wait(lambda: "last.raw" in scene.asked())
        assert second.poll() is None and len(scene.asked()) == 21
    finally:
        other.kill()
        other.wait()


def test_a_folder_that_is_replaced_or_cannot_be_seen(scene):
    scene.watch()
    shutil.rmtree(scene.folder)
    scene.service.wait_for("watched folder backups: .*No such file")
    scene.folder.mkdir()
    scene.put("again.raw")
    scene.wait(lambda: scene.asked() == ["again.raw"])
    outside = scene.service.folder / "outside"
    outside.mkdir()
    (outside / "secret.raw").write_bytes(b"secret")
    (scene.service.folder / "link").symlink_to(outside)
    scene.service.make("/v1/projects/web/images", {
        "name": "link", "kind": "folder", "location": str(scene.service.folder / "link")},
        scene.admin)
    scene.service.wait_for("watched folder link: .*symbolic link")
    assert scene.asked() == ["again.raw"]


def test_a_folder_location_is_checked(scene):
    for location in ("srv", f"{scene.folder}/*/x", f"{scene.folder}/../etc", "rbd:a/b"):
        answer = scene.service.call("POST", "/v1/projects/web/images", scene.admin,
                                    {"name": "bad", "kind": "folder", "location": location})
        assert answer.status in (403, 422), answer
        assert json.loads(answer.text)["detail"]


def test_an_image_is_of_its_kind(scene):
    """What cannot be examined is told when it is named, or asked for, not by a run that fails."""
    ask = scene.service.call
    scene.service.make("/v1/projects", {"name": "q", "locations": [
        "/srv/x/*", "rbd:pool/*", "registry.example/*"]}, scene.admin)
    for kind, location, why in (("rbd", "/srv/x/a", "an RBD image is rbd:POOL/IMAGE"),
                                ("file", "rbd:pool/a", "a file has an absolute path"),
                                ("folder", "/srv", "'/srv/*' is not among the locations")):
        answer = ask("POST", "/v1/projects/q/images", scene.admin,
                     {"name": "a", "kind": kind, "location": location})
        assert answer.status in (403, 422) and why in answer.json["detail"], answer
    for kind, location, why in (("folder", "/srv/x", "is a watched folder"),
                                ("registry", "registry.example/web:1", "'registry' are not")):
        scene.service.make("/v1/projects/q/images",
                           {"name": kind, "kind": kind, "location": location}, scene.admin)
        answer = ask("POST", f"/v1/projects/q/images/{kind}/introspections", scene.admin, {})
        assert answer.status == 422 and why in answer.json["detail"], answer
    assert ask("GET", "/v1/projects/q/introspections", scene.admin).json["items"] == []
