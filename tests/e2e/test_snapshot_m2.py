"""Disks that M2 provisions: M2's REST makes the snapshot, its database names it, Ceph holds it."""
import os
import sqlite3

import pytest

from hil import M2, M2Database
from snapshots import Refused, Snapshots

pytestmark = pytest.mark.xdist_group("ceph")
CONTENT = os.urandom(300000) + bytes(3000000) + os.urandom(4096)
CONTENT += bytes(-len(CONTENT) % 512)
PASSWORD = "hils-own-password"


class Site:
    """An M2 with a project "web" whose node "db1" has a disk; cluster None: nothing but the database
    is true."""

    def __init__(self, folder, cluster=None):
        self.cluster, self.busy = cluster, False
        self.database = M2Database(folder / "m2.db")
        self.database.project("web")
        golden = self.database.image("web", "golden")
        self.disk = self.database.image("web", "db1", int(golden.removeprefix("7img")))
        self.m2 = M2({"ann": PASSWORD}, self.database)
        self.m2.calls[("PUT", "/create_snapshot/")] = self.create_snapshot
        self.m2.calls[("DELETE", "/remove_image/")] = self.remove_image
        if cluster:
            self.ceph_disk(folder)
        password = folder / "password"
        password.write_text(PASSWORD + "\n")
        self.settings = {"m2": {"url": self.m2.url, "database": self.database.path, "uid": "7",
                                "pool": "rbd", "user": "ann", "password_file": str(password)}}
        if cluster:
            self.settings["ceph"] = {"default": {"conf": str(cluster.conf)}}

    def ceph_disk(self, folder):
        raw = folder / "disk"
        raw.write_bytes(CONTENT)
        self.cluster.rbd("import", "--dest-pool", "rbd", raw, self.disk)

    def snapshots(self):
        with sqlite3.connect(self.database.path) as db:
            found = [n for n, in db.execute("SELECT name FROM image WHERE is_snapshot")]
        db.close()
        return found

    def create_snapshot(self, form):
        if form["disk_name"] != "db1":
            return 404, form["disk_name"] + " not found"
        if form["snap_name"] in self.snapshots():
            return 500, form["snap_name"] + " Already Exists"
        image = self.database.image(form["project"], form["snap_name"], 2, snapshot=True)
        if self.cluster:
            self.cluster.rbd("cp", f"rbd/{self.disk}", f"rbd/{image}")
        return 200, "Success"

    def remove_image(self, form):
        if form["img"] not in self.snapshots():
            return 404, form["img"] + " not found"
        if self.busy:
            return 500, form["img"] + " is Busy (Could have Clones)"
        with sqlite3.connect(self.database.path) as db:
            number, = db.execute("SELECT id FROM image WHERE name = ?", [form["img"]]).fetchone()
        db.close()
        if self.cluster:
            self.cluster.rbd("rm", f"rbd/7img{number}")
        self.database.remove(form["img"])
        return 200, "Success"

    def images(self):
        return self.cluster.rbd("ls", "rbd").decode().split()


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    site.m2.close()


def test_m2_makes_a_copy_that_is_read_and_removed(assay, cluster, tmp_path):
    site = Site(tmp_path, cluster)
    snapshots = Snapshots(assay, site.settings)
    handle = snapshots.plan("m2:web/db1")
    name = "assay-" + "01" + "1".zfill(24)
    assert name in handle
    for _ in range(2):  # what a run before left is replaced
        with snapshots.make(handle) as view:
            # What the node writes meanwhile is not seen.
            cluster.rbd("bench", "--io-type", "write", "--io-size", "4096", "--io-total", "65536",
                        f"rbd/{site.disk}")
            assert view.read(tmp_path / "out") == CONTENT
            view.verify()
        assert site.snapshots() == [name] and len(site.images()) == 2
        cluster.rbd("import", "--dest-pool", "rbd", tmp_path / "disk", "again")
        cluster.rbd("rm", f"rbd/{site.disk}")
        cluster.rbd("rename", "rbd/again", f"rbd/{site.disk}")
    for _ in range(2):  # dropping what is not there is no failure
        snapshots.drop(handle)
        assert site.snapshots() == [] and site.images() == [site.disk]
    site.m2.close()


def test_what_m2_refuses_is_told(assay, site):
    snapshots = Snapshots(assay, site.settings)
    with pytest.raises(Refused, match="not found: M2: /create_snapshot/.*db2 not found"):
        snapshots.make(snapshots.plan("m2:web/db2"))
    handle = snapshots.plan("m2:web/db1")
    site.create_snapshot({"project": "web", "disk_name": "db1",
                          "snap_name": "assay-01" + "2".zfill(24)})
    site.busy = True
    with pytest.raises(Refused, match="i/o: M2: /remove_image/.* is Busy"):
        snapshots.drop(handle)
    site.busy = False
    snapshots.drop(handle)
    assert site.snapshots() == []
    wrong = Snapshots(assay, {"m2": {**site.settings["m2"], "user": "bob"}})
    with pytest.raises(Refused, match="denied: M2: .*401: login failed") as refused:
        wrong.drop(handle)
    assert PASSWORD not in str(refused.value)
    site.m2.close()
    with pytest.raises(Refused, match="i/o: http://127.0.0.1"):
        snapshots.drop(handle)


def test_making_may_be_killed_at_any_moment(assay, site):
    """M2 has no image for us here: every making fails at the last step, or before."""
    snapshots = Snapshots(assay, site.settings)
    handle = snapshots.plan("m2:web/db1")
    for n in (40, 80, 120, 160, 200, 240, 280, 320, 400, 500):
        said = None
        try:
            said = snapshots("make", handle, options=["--kill-at", str(n)])
        except Refused as refused:
            said = str(refused)
        snapshots.drop(handle)
        assert site.snapshots() == [], said


@pytest.mark.parametrize("location", ["m2:", "m2:web", "m2:web/", "m2:/db1", "m2:web/db1/x",
                                      "m2:web/a;b", "m2:web/a'b", "m2:web/a b"])
def test_a_location_is_a_project_and_a_node(assay, location):
    with pytest.raises(Refused, match="invalid: .*not m2:PROJECT/NODE"):
        Snapshots(assay).plan(location)


@pytest.mark.parametrize("settings, why", [
    (None, "M2 is not set"),
    ({"m2": {"url": "http://h", "pool": "rbd"}}, "uid and pool"),
    ({"m2": {"url": "http://h", "uid": "7", "pool": "a/b"}}, "uid and pool"),
    ({"m2": {"url": "http://u:p@h", "uid": "7", "pool": "rbd"}}, "storage.m2.url"),
    ({"m2": {"uid": "7", "pool": "rbd"}}, "storage.m2.url"),
    ({"m2": {"uid": "7", "pool": "rbd", "colour": "red"}}, "storage.m2.colour"),
])
def test_settings_are_checked(assay, settings, why):
    snapshots = Snapshots(assay, settings)
    with pytest.raises(Refused, match=f"invalid: .*{why}"):
        snapshots.drop(Snapshots(assay).plan("m2:web/db1"))
