"""Introspection of a node as a whole: from a disk image to what the store knows of it."""
import json
import os
import signal
import sqlite3
import subprocess
import time

import pytest

from conftest import TIMEOUT, run
from introspections import Store, Worker, small_image
from service import Service


class Site:
    """A service whose project "p" may examine a folder, or what a pattern says."""

    def __init__(self, assay, folder, store=None, options=(), images=None, pattern=None,
                 environment=None):
        self.images = images or folder / "images"
        self.images.mkdir(exist_ok=True)
        self.service = Service(assay.path, folder, *options, store=store,
                               environment={"ASSAY_DB": str(folder / "none.db"),
                                            **(environment or {})})
        self.store = Store(self.service.store)
        self.admin = self.service.login()
        self.service.make("/v1/projects", {"name": "p", "locations": [
            pattern or f"{self.images}/*"]}, self.admin)

    def node(self, name, *disks, **options):
        body = {"name": name, "disks": [str(d) for d in disks]}
        if options:
            body["options"] = options
        return self.service.make("/v1/projects/p/nodes", body, self.admin)

    def ask(self, node, *wishes):
        answer = self.service.call("POST", f"/v1/projects/p/nodes/{node}/introspections",
                                   self.admin, {w: True for w in wishes})
        assert answer.status == 202, answer
        return answer.json["id"]

    def cancel(self, identifier):
        path = f"/v1/projects/p/introspections/{identifier}/cancel"
        assert self.service.call("POST", path, self.admin).status == 200

    def examined(self, node, *wishes):
        return self.store.ended(self.ask(node, *wishes))


@pytest.fixture
def site(assay, tmp_path):
    made = Site(assay, tmp_path)
    yield made
    made.service.stop()


def steps(row):
    return [s["step"] for s in json.loads(row["steps"])]


def stored_frame(site, row):
    found = site.store.rows(f"SELECT hex(body) AS body FROM frame WHERE id = '{row['frame']}'")
    packed = bytes.fromhex(found[0]["body"])
    return json.loads(subprocess.run(["zstd", "-q", "-d", "-c"], input=packed, check=True,
                                     stdout=subprocess.PIPE, timeout=TIMEOUT).stdout)


def inspectors(service):
    """Processes below the service's own."""
    return run("sh", "-c", f"pgrep -P {service.process.pid} || true").decode().split()


def test_a_node_is_examined(site, assay):
    image = small_image(site.images)
    site.node("db", image)
    row = site.examined("db")
    assert row["state"] == "done" and row["handles"] == "[]" and row["reason"] is None
    assert steps(row) == ["snapshot", "open", "inspect", "drop", "frame", "match", "report"]
    assert 0 < row["created"] <= row["started"] <= row["finished"]
    assert 0 < row["bytes_read"] < image.stat().st_size
    assert site.store.events(row["id"]) == [
        "introspection.queued", "introspection.started", *["introspection.step"] * 7,
        "introspection.finished"]
    frame, same = stored_frame(site, row), json.loads(assay.output("frame", image))
    assert len(frame["systems"][0]["packages"]) == 20
    for volatile in ("created", "target"):
        frame.pop(volatile), same.pop(volatile)
    assert frame == same
    assert json.loads(row["summary"])["packages"] == 20
    assert inspectors(site.service) == []


def test_an_unchanged_disk_is_not_read_again(site):
    image = small_image(site.images)
    site.node("db", image)
    deadline, row = time.monotonic() + TIMEOUT, site.examined("db")
    # What was written within the last seconds may be written again without its times' changing.
    while not row["reused"]:
        assert time.monotonic() < deadline
        before, row = row, site.examined("db")
    assert row["frame"] == before["frame"] and row["bytes_read"] == 0
    assert "inspect" not in steps(row) and row["state"] == "done"
    assert json.loads(row["summary"])["packages"] == 20
    fresh = site.examined("db", "fresh")
    assert not fresh["reused"] and fresh["frame"] != row["frame"]
    # Wishes that may make another frame of the same bytes.
    for wish in ({"quiesce": "agent"}, {"crash_consistent": True}, {"quiesce": None}):
        site.service.call("PATCH", "/v1/projects/p/nodes/db", site.admin, {"options": wish})
        assert [site.examined("db")["reused"] for _ in range(2)] == [0, 1], wish
    os.utime(image)
    assert not site.examined("db")["reused"]
    # Other wishes need another frame.
    site.service.call("PATCH", "/v1/projects/p/nodes/db", site.admin, {"options": {"files": True}})
    with_files = site.examined("db")
    assert not with_files["reused"] and stored_frame(site, with_files)["systems"][0]["files"]


def frames(site):
    return site.store.rows("SELECT count(*) AS n FROM frame")[0]["n"]


def check_reload(site, config, process, wait_for):
    """How many frames are kept changes while it runs."""
    site.node("db", small_image(site.images))
    for _ in range(2):
        assert site.examined("db", "fresh")["state"] == "done"
    assert frames(site) == 2
    config.write_text("frames: {keep: 1}\n")
    process.send_signal(signal.SIGHUP)
    wait_for("settings read again")
    assert site.examined("db", "fresh")["state"] == "done" and frames(site) == 1
    config.write_text("frames: {keep: 0}\n")
    process.send_signal(signal.SIGHUP)
    wait_for("frames.keep: a number from 1 to 10000; the old settings stay")
    assert site.examined("db", "fresh")["state"] == "done" and frames(site) == 1
    config.write_text("limits: {introspection: {iops: 1}, burst_seconds: 3600}\n")
    process.send_signal(signal.SIGHUP)
    wait_for("settings read again", 2)
    assert site.examined("db", "fresh")["state"] == "done" and frames(site) == 2
    # Its reads have to be paid for before the next one.
    waiting, deadline = site.ask("db", "fresh"), time.monotonic() + TIMEOUT
    while site.store.introspection(waiting)["step"] != "wait":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    site.cancel(waiting)


def test_a_reload_reaches_the_workers_of_the_service(assay, tmp_path):
    config = tmp_path / "assay.yaml"
    config.write_text("")
    site = Site(assay, tmp_path, options=["--config", config])
    check_reload(site, config, site.service.process, site.service.wait_for)
    assert site.service.stop() == 0


def test_a_reload_reaches_a_worker(assay, tmp_path):
    config = tmp_path / "assay.yaml"
    config.write_text("")
    site = Site(assay, tmp_path, options=["--workers", "0"])
    worker = Worker(assay, site.service.store, tmp_path / "worker.log", "--config", config,
                    environment={**os.environ, "ASSAY_DB": str(tmp_path / "none.db"),
                                 "ASSAY_KEY_FILE": str(site.service.key_file)})
    worker.wait_for("working")
    check_reload(site, config, worker.process, worker.wait_for)
    assert worker.stop()[0] == 0
    assert site.service.stop() == 0


def test_what_is_asked_for_again_before_it_began_is_one(assay, tmp_path):
    site = Site(assay, tmp_path, options=["--workers", "0"])
    site.node("db", site.images / "none")
    first = site.ask("db")
    assert site.ask("db") == first
    assert site.ask("db", "fresh") != first
    site.cancel(first)
    assert site.store.introspection(first)["state"] == "cancelled"
    assert site.store.events(first)[-1] == "introspection.cancelled"
    assert site.ask("db") != first
    site.service.stop()


def test_disks_of_one_node_belong_together(site, tmp_path):
    """A system on the second disk, nothing on the first."""
    image, empty = small_image(site.images), site.images / "empty.raw"
    run("truncate", "-s", "10M", empty)
    site.node("db", empty, image)
    frame = stored_frame(site, site.examined("db"))
    assert [v["name"] for v in frame["volumes"] if v["kind"] == "disk"] == ["disk0", "disk1"]
    assert frame["systems"][0]["os"]["root"].startswith("disk1")


def test_what_cannot_be_examined_says_why_once(site, tmp_path):
    outside = tmp_path / "outside.raw"
    outside.write_bytes(bytes(1 << 20))
    link = site.images / "link.raw"
    link.symlink_to(outside)
    reasons = {"outside": (outside, "not among the locations of the project"),
               "missing": (site.images / "missing", "missing"),
               "linked": (link, "link"),
               "unknown": ("tape:1", "no such kind of location")}
    patterns = [f"{site.images}/*", str(outside), "tape:1"]
    path = "/v1/projects/p"
    site.service.call("PATCH", path, site.admin, {"locations": patterns})
    for name, (place, _) in reasons.items():
        site.node(name, place)
    # Rights are those of the time at which it is done.
    site.service.call("PATCH", path, site.admin, {"locations": patterns[:1] + patterns[2:]})
    for name, (place, reason) in reasons.items():
        row = site.examined(name)
        assert row["state"] == "failed" and row["handles"] == "[]", row
        assert reason in row["reason"] and f"node '{name}'" in row["reason"], row["reason"]
        assert site.store.events(row["id"])[-1] == "introspection.failed"
        job = site.store.rows(f"SELECT state, attempt FROM job WHERE id = '{row['job']}'")
        assert job == [{"state": "dead", "attempt": 1}]


def test_an_image_of_another_project_is_not_read_through_its_name(site, tmp_path):
    """A disk whose guest has written the header of an image that names another file."""
    secret = small_image(tmp_path, "secret")
    overlay = site.images / "overlay.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", secret, "-F", "qcow2", overlay)
    site.node("guessed", overlay)
    site.node("db", overlay, format="qcow2")
    for name in ("guessed", "db"):
        row = site.examined(name)
        assert row["state"] == "done" and row["coverage"] == "incomplete"
        frame = stored_frame(site, row)
        assert frame["systems"] == []
        assert any("may not be opened" in (c.get("reason") or "") for c in frame["coverage"])
    # In a folder of the project it may, when somebody says that this is an image.
    base = small_image(site.images, "base")
    run("qemu-img", "rebase", "-u", "-b", base, "-F", "qcow2", overlay)
    row = site.examined("db", "fresh")
    frame = stored_frame(site, row)
    assert len(frame["systems"]) == 1, frame["coverage"]
    # And since that file may change by itself, the frame is not used again.
    assert site.store.rows(f"SELECT reads FROM frame WHERE id = '{row['frame']}'") == [
        {"reads": "[]"}]


def slow_node(site, name="slow", **options):
    """One whose inspection takes minutes, but for its being ended."""
    image = small_image(site.images, name)
    site.node(name, image, bytes_per_second=4096, **options)
    identifier = site.ask(name)
    site.store.wait(identifier, lambda row: row["step"] == "inspect")
    return identifier


def test_a_credential_stays_as_long_as_a_snapshot_that_needs_it(site):
    """Also when the node is gone: what was made with it is dropped with it."""
    path = "/v1/projects/p/credentials"
    site.service.make(path, {"name": "key", "kind": "key", "secret": "a"}, site.admin)
    identifier = slow_node(site, credential="key")
    handles = json.loads(site.store.introspection(identifier)["handles"])
    assert [h["credential"] for h in handles] == ["key"]
    refused = site.service.call("DELETE", f"{path}/key", site.admin)
    assert refused.status == 409 and "being examined with it" in refused.json["detail"]
    assert site.service.call("DELETE", "/v1/projects/p/nodes/slow", site.admin).status == 204
    site.cancel(identifier)
    site.store.wait(identifier, lambda row: row["handles"] == "[]")
    assert site.service.call("DELETE", f"{path}/key", site.admin).status == 204


def test_a_running_one_is_cancelled(site):
    identifier = slow_node(site)
    # What names the snapshots must not go before they do.
    refused = site.service.call("DELETE", "/v1/projects/p", site.admin)
    assert refused.status == 409 and "being examined" in refused.json["detail"]
    site.cancel(identifier)
    row = site.store.ended(identifier)
    assert row["state"] == "cancelled" and row["handles"] == "[]" and row["frame"] is None
    assert site.store.events(identifier).count("introspection.cancelled") == 1
    assert inspectors(site.service) == []
    assert site.service.call("DELETE", "/v1/projects/p", site.admin).status == 204


def test_a_service_that_stops_gives_it_back(site):
    identifier = slow_node(site)
    begun = time.monotonic()
    assert site.service.stop() == 0
    assert time.monotonic() - begun < 10
    row = site.store.introspection(identifier)
    assert row["state"] == "queued" and row["handles"] == "[]" and row["reason"] is None
    assert site.store.rows("SELECT state, attempt FROM job WHERE kind = 'introspect'") == [
        {"state": "queued", "attempt": 0}]


def test_an_inspection_has_a_time(assay, tmp_path):
    site = Site(assay, tmp_path)
    site.service.stop()
    site.service.environment["ASSAY_WORKERS_INSPECTOR_SECONDS"] = "1"
    site.service.start()
    site.node("db", small_image(site.images), bytes_per_second=4096)
    row = site.examined("db")
    assert row["state"] == "done" and row["coverage"] == "incomplete"
    assert any("not done after 1 seconds" in (c.get("reason") or "")
               for c in stored_frame(site, row)["coverage"])
    site.service.stop()


@pytest.mark.parametrize("once", ["on", "off"])
def test_what_could_not_be_read_is_read_again(assay, serve, tmp_path, once):
    """Storage that fails a read, of the filesystem's superblock: no system without packages is
    made of that. What fails for ever is not there for the last run either, which says so."""
    raw, socket = tmp_path / "disk.raw", tmp_path / "socket"
    run("qemu-img", "convert", "-O", "raw", small_image(tmp_path), raw)
    serve("qemu-nbd", "-t", "-x", "db", "-k", socket, "--pid-file", "PIDFILE", "--image-opts",
          f"driver=blkdebug,image.driver=file,image.filename={raw},inject-error.0.event=none,"
          f"inject-error.0.iotype=read,inject-error.0.sector=2,inject-error.0.once={once}")
    location = f"nbd+unix:///db?socket={socket}"
    site = Site(assay, tmp_path, pattern=location,
                environment={"ASSAY_WORKERS_BACKOFF_SECONDS": "1", "ASSAY_WORKERS_ATTEMPTS": "2"})
    site.node("db", location, crash_consistent=True)
    row = site.examined("db")
    assert row["state"] == "done", row
    assert json.loads(row["summary"])["packages"] == (20 if once == "on" else 0), row
    unread = [c for c in stored_frame(site, row)["coverage"] if c.get("code") == "i/o"]
    assert bool(unread) == (once == "off")
    assert row["coverage"] == "incomplete"
    job = site.store.rows(f"SELECT state, attempt FROM job WHERE id = '{row['job']}'")
    assert job == [{"state": "done", "attempt": 2}]
    site.service.stop()


def test_rates_of_settings_hold(assay, tmp_path):
    """So many bytes in a second: it takes as long as that makes it."""
    config = tmp_path / "assay.yaml"
    config.write_text("limits:\n  introspection: {bytes_per_second: 200000}\n"
                      "  pool: {bytes_per_second: 100000000, iops: 100000}\n"
                      "  burst_seconds: 0\n")
    site = Site(assay, tmp_path, options=["--config", config])
    image, overlay = small_image(site.images), site.images / "overlay.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", overlay)
    site.node("db", image)
    site.node("clone", overlay, format="qcow2")
    for name in ("db", "clone"):
        row = site.examined(name)
        assert row["state"] == "done", row
        assert seconds_of(row, "inspect") > 0.5
    site.service.stop()
    config.write_text("limits:\n  introspection: {bytes: 1}\n")
    done = subprocess.run([assay.path, "serve", "--config", config, "--store",
                           f"sqlite:{tmp_path}/store.db", "--listen", "127.0.0.1:0"],
                          stderr=subprocess.PIPE, timeout=TIMEOUT, text=True)
    assert done.returncode == 2 and "limits.introspection.bytes" in done.stderr


def seconds_of(row, step):
    return {s["step"]: s["microseconds"] / 1e6 for s in json.loads(row["steps"])}[step]


@pytest.mark.parametrize("limited", ["introspection", "pool"])
def test_what_was_read_is_paid_for_before_the_next_snapshot(assay, tmp_path, limited):
    """The first passes at once; the next waits, without a snapshot, until its rate allows it."""
    config = tmp_path / "assay.yaml"
    config.write_text(f"limits: {{{limited}: {{bytes_per_second: 100000}}}}\n")
    site = Site(assay, tmp_path, options=["--config", config])
    site.node("db", small_image(site.images))
    first = site.examined("db", "fresh")
    owed = first["bytes_read"] / 100000
    assert owed > 1
    second = site.ask("db", "fresh")
    waiting = site.store.wait(second, lambda row: row["step"] == "wait")
    assert waiting["state"] == "queued" and waiting["handles"] == "[]"
    row = site.store.ended(second)
    assert row["state"] == "done"
    # The clocks of both ends are read a little apart.
    assert (row["started"] - first["started"]) / 1e6 > 0.9 * owed
    for one in (first, row):
        assert seconds_of(one, "inspect") < owed
    site.service.stop()


def test_an_end_that_cannot_be_stored_is_a_failure(assay, tmp_path):
    """It is not tried for ever."""
    site = Site(assay, tmp_path, environment={"ASSAY_WORKERS_ATTEMPTS": "1"})
    db = sqlite3.connect(site.store.url[7:], timeout=TIMEOUT)
    db.execute("CREATE TRIGGER broken BEFORE INSERT ON frame"
               " BEGIN SELECT RAISE(ABORT, 'no frame today'); END")
    db.close()
    site.node("db", small_image(site.images))
    row = site.examined("db")
    assert row["state"] == "failed" and "no frame today" in row["reason"]
    site.service.stop()


def test_what_was_read_is_charged_before_it_ends(site):
    """Whoever is next looks at what is paid as soon as it has ended."""
    db = sqlite3.connect(site.store.url[7:], timeout=TIMEOUT)
    db.execute("CREATE TRIGGER unpaid BEFORE UPDATE ON job"
               " WHEN NEW.kind = 'introspect' AND NEW.state = 'done'"
               " AND NOT EXISTS (SELECT 1 FROM rate_account)"
               " BEGIN SELECT RAISE(ABORT, 'nothing was charged'); END")
    db.close()
    site.node("db", small_image(site.images), bytes_per_second=1000000)
    row = site.examined("db")
    assert row["state"] == "done"
    assert site.store.events(row["id"]).count("introspection.started") == 1


def test_of_one_node_one_runs_at_a_time(site):
    """Also when a thread is free, as what is asked for after it shows, and by other wishes."""
    first = slow_node(site)
    site.node("other", small_image(site.images, "other"))
    second, other = site.ask("slow", "deep"), site.ask("other")
    row = site.store.wait(other, lambda row: row["state"] == "done"
                          or site.store.introspection(second)["step"] != "")
    assert row["state"] == "done"
    waiting = site.store.introspection(second)
    assert (waiting["state"], waiting["step"], waiting["reason"]) == ("queued", "", None)
    assert site.store.introspection(first)["state"] == "running"
    assert site.store.events(second) == ["introspection.queued"]
    site.cancel(first)
    assert site.store.ended(first)["state"] == "cancelled"
    # What the first has read is paid for before the second begins.
    waiting = site.store.wait(second, lambda row: row["step"] != "")
    assert (waiting["state"], waiting["step"]) == ("queued", "wait")
    site.cancel(second)
    assert site.store.ended(second)["state"] == "cancelled"


def test_one_that_waits_for_its_rate_is_cancelled(site):
    site.node("db", small_image(site.images), bytes_per_second=1)
    identifier = site.ask("db")
    site.store.wait(identifier, lambda row: row["step"] == "inspect")
    site.cancel(identifier)
    site.store.ended(identifier)
    again = site.ask("db")
    site.store.wait(again, lambda row: row["step"] == "wait")
    site.cancel(again)
    assert site.store.ended(again)["state"] == "cancelled"
    assert site.store.events(again)[-1] == "introspection.cancelled"
    assert site.store.events(again).count("introspection.cancelled") == 1


def test_a_credential_that_is_gone_is_named(site):
    site.node("db", small_image(site.images), credential="storage")
    row = site.examined("db")
    assert row["state"] == "failed" and "credential 'storage'" in row["reason"]
