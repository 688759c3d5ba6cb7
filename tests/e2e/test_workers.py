"""Workers that are killed, hosts' databases that go away: every introspection ends exactly once, and
nothing is left beside the images."""
import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import REPOSITORY, TIMEOUT, run
from introspections import Store, Worker, small_image
from postgres import Postgres
from service import Service
from test_snapshot_quiesce import Agent

STEPS = ["snapshot", "open", "inspect", "drop", "frame", "match", "report"]


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A folder on XFS with an image that a qemu-storage-daemon has opened for writing, so that its
    snapshots are clones beside it."""
    folder = tmp_path_factory.mktemp("xfs")
    disk, mount = folder / "disk", folder / "mount"
    mount.mkdir()
    run("truncate", "-s", "400M", disk)
    run("mkfs.xfs", "-q", disk)
    run("mount", "-o", "loop", disk, mount)
    image = small_image(mount)
    pid = folder / "pid"
    daemon = subprocess.Popen(
        ["qemu-storage-daemon", "--blockdev", f"driver=file,node-name=f,filename={image}",
         "--blockdev", "driver=qcow2,node-name=q,file=f", "--nbd-server",
         f"addr.type=unix,addr.path={folder}/nbd", "--export",
         "type=nbd,id=e,node-name=q,writable=on", "--pidfile", pid])
    deadline = time.monotonic() + TIMEOUT
    while not pid.exists():
        assert daemon.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    yield image
    daemon.kill()
    daemon.wait()
    run("umount", mount)


class Fleet:
    """A store with a project and its nodes, and workers of it. The service that has made them does
    not run."""

    def __init__(self, assay, folder, images, nodes, store=None, options=None):
        self.assay, self.folder = assay, folder
        service = Service(assay.path, folder, "--workers", "0", store=store)
        self.environment = {**os.environ, "ASSAY_DB": str(folder / "none.db"),
                            "ASSAY_KEY_FILE": str(service.key_file)}
        self.url = service.store
        self.store = Store(self.url)
        admin = service.login()
        service.make("/v1/projects", {"name": "p", "locations": [f"{images[0].parent}/*"]}, admin)
        for i in range(nodes):
            body = {"name": f"n{i}", "disks": [str(images[i % len(images)])]}
            if options:
                body["options"] = options
            service.make("/v1/projects/p/nodes", body, admin)
        assert service.stop() == 0
        self.asker = (REPOSITORY / assay.path).parent / "tests" / "unit" / "introspect-ask"
        self.workers = []

    def ask(self, node, *wishes):
        return run(self.asker, self.url, "p", node, *wishes).decode().strip()

    def worker(self, *options):
        w = Worker(self.assay, self.url, self.folder / f"worker{len(self.workers)}.log", *options,
                   environment=self.environment)
        self.workers.append(w)
        return w

    def check(self, identifiers):
        """Each has ended well, once; nothing is left to be dropped."""
        rows = {r["id"]: r for r in self.store.rows("SELECT * FROM introspection")}
        finished = [json.loads(e["data"])["introspection"] for e in self.store.rows(
            "SELECT data FROM event WHERE kind = 'introspection.finished'")]
        assert sorted(finished) == sorted(identifiers)
        for i in identifiers:
            assert (rows[i]["state"], rows[i]["handles"]) == ("done", "[]"), rows[i]
        frames = [f["introspection"] for f in self.store.rows("SELECT introspection FROM frame")]
        assert len(frames) == len(set(frames))
        jobs = self.store.rows("SELECT state FROM job WHERE kind = 'introspect'")
        assert [j["state"] for j in jobs] == ["done"] * len(identifiers)


def beside(image):
    return sorted(p.name for p in image.parent.iterdir())


@pytest.fixture
def fleet(assay, tmp_path, held):
    made = Fleet(assay, tmp_path, [held], 1)
    yield made
    for w in made.workers:
        w.kill()


@pytest.mark.parametrize("step", STEPS)
def test_killed_in_a_step(fleet, held, step):
    """As soon as the store says that it is there; a step that passes too fast is tried again."""
    before = beside(held)
    watch = sqlite3.connect(f"file:{fleet.url[7:]}?mode=ro", uri=True, timeout=TIMEOUT)
    asked, hits = [], 0
    deadline = time.monotonic() + TIMEOUT
    while not hits:
        assert time.monotonic() < deadline
        asked.append(fleet.ask("n0", "fresh"))
        worker = fleet.worker("--workers", "1")
        query = f"SELECT state, step FROM introspection WHERE id = '{asked[-1]}'"
        while True:
            state, at = watch.execute(query).fetchone()
            if at == step or state == "done":
                break
        worker.kill()
        state, at = watch.execute(query).fetchone()
        hits += (state, at) == ("running", step)
        worker.start()
        assert fleet.store.ended(asked[-1])["state"] == "done"
        assert worker.stop()[0] == 0
    watch.close()
    fleet.check(asked)
    assert beside(held) == before


def test_killed_at_random(fleet, held):
    rng, before = random.Random(4), beside(held)
    fleet.environment["ASSAY_WORKERS_ATTEMPTS"] = "1000"
    asked = [fleet.ask("n0", "fresh")]
    worker = fleet.worker("--workers", "1")
    for _ in range(25):
        try:
            worker.process.wait(0.02 + rng.random() * 0.25)
        except subprocess.TimeoutExpired:
            pass
        worker.kill()
        if fleet.store.introspection(asked[-1])["state"] == "done":
            asked.append(fleet.ask("n0", "fresh"))
        worker.start()
    for i in asked:
        assert fleet.store.ended(i)["state"] == "done"
    assert worker.stop()[0] == 0
    fleet.check(asked)
    assert beside(held) == before


def test_a_disk_in_use_is_under_a_snapshot_for_a_share_of_its_time(assay, tmp_path, held):
    fleet = Fleet(assay, tmp_path, [held], 1)
    fleet.environment["ASSAY_WORKERS_SNAPSHOT_PERCENT"] = "10"
    worker = fleet.worker()
    first = fleet.store.ended(fleet.ask("n0", "fresh"))
    second = fleet.ask("n0", "fresh")
    fleet.store.wait(second, lambda row: row["step"] == "wait" or row["state"] == "done")
    second = fleet.store.ended(second)
    took = {s["step"]: s["microseconds"] for s in json.loads(first["steps"])}
    under = sum(took[step] for step in ("snapshot", "open", "inspect", "drop"))
    assert first["state"] == second["state"] == "done"
    # What the step of the snapshot does before it is made is not counted.
    assert second["started"] - first["started"] > 10 * 0.8 * under
    assert worker.stop()[0] == 0


def test_a_guest_agent_that_is_busy_is_asked_again(assay, tmp_path, held):
    """The job of a node whose image is in use is not given up for it."""
    with tempfile.TemporaryDirectory(prefix="assay-agent-") as folder:
        path = os.path.realpath(folder) + "/agent"
        agent = Agent(path, {"guest-fsfreeze-freeze": b'{"error": {"desc": "busy"}}\n'})
        config = tmp_path / "assay.yaml"
        config.write_text(json.dumps({"storage": {"agents": {"/*": path}}}))
        fleet = Fleet(assay, tmp_path, [held], 1, options={"quiesce": "agent"})
        fleet.environment["ASSAY_WORKERS_BACKOFF_SECONDS"] = "1"
        identifier = fleet.ask("n0")
        worker = fleet.worker("--config", config)
        number = fleet.store.introspection(identifier)["job"]
        job = f"SELECT state, reason FROM job WHERE id = '{number}'"
        fleet.store.wait(identifier, lambda _: fleet.store.rows(job)[0]["reason"] is not None)
        found, = fleet.store.rows(job)
        assert found["state"] in ("queued", "running") and "busy" in found["reason"], found
        agent.answers.clear()
        assert fleet.store.ended(identifier)["state"] == "done"
        assert not agent.frozen and worker.stop()[0] == 0
        agent.listener.close()


def test_a_worker_that_stops_gives_its_jobs_back(assay, tmp_path, held):
    fleet = Fleet(assay, tmp_path, [held], 1, options={"bytes_per_second": 4096})
    identifier = fleet.ask("n0")
    worker = fleet.worker()
    fleet.store.wait(identifier, lambda row: row["step"] == "inspect")
    status, seconds = worker.stop()
    assert status == 0 and seconds < 10
    row = fleet.store.introspection(identifier)
    assert (row["state"], row["handles"]) == ("queued", "[]")
    assert fleet.store.rows("SELECT state, attempt FROM job WHERE kind = 'introspect'") == [
        {"state": "queued", "attempt": 0}]


def test_a_job_that_kills_its_worker_is_given_up(assay, tmp_path, held):
    fleet = Fleet(assay, tmp_path, [held], 1, options={"bytes_per_second": 4096})
    fleet.environment["ASSAY_WORKERS_ATTEMPTS"] = "2"
    identifier = fleet.ask("n0")
    worker = fleet.worker()
    for attempt in (1, 2):
        fleet.store.wait(identifier, lambda row: fleet.store.rows(
            f"SELECT attempt FROM job WHERE id = '{row['job']}'")[0]["attempt"] == attempt
            and row["step"] == "inspect")
        worker.kill()
        worker.start()
    row = fleet.store.ended(identifier)
    assert row["state"] == "failed" and "has died" in row["reason"]
    assert fleet.store.events(identifier).count("introspection.failed") == 1
    fleet.store.wait(identifier, lambda row: row["handles"] == "[]")
    assert worker.stop()[0] == 0


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.remove()


def test_two_hundred_over_three_workers(assay, tmp_path, held, postgres):
    """Killed at random, with the database restarted in the middle."""
    rng, before, count = random.Random(5), beside(held), 200
    fleet = Fleet(assay, tmp_path, [held], 40, store=postgres.url)
    fleet.environment["ASSAY_WORKERS_ATTEMPTS"] = "1000"
    fleet.environment["ASSAY_WORKERS_BACKOFF_SECONDS"] = "1"
    asked = [fleet.ask(f"n{i}", "fresh") for i in range(40)]
    workers = [fleet.worker("--workers", "2") for _ in range(3)]
    restarted = False
    deadline = time.monotonic() + 3 * TIMEOUT
    while True:
        assert time.monotonic() < deadline
        states = {r["id"]: r["state"] for r in fleet.store.rows(
            "SELECT id, state FROM introspection")}
        done = sum(s == "done" for s in states.values())
        assert set(states.values()) <= {"queued", "running", "done"}
        if done == count:
            break
        idle = {r["thing_name"] for r in fleet.store.rows(
            "SELECT thing_name FROM introspection GROUP BY thing_name"
            " HAVING sum(CASE WHEN state = 'done' THEN 0 ELSE 1 END) = 0")}
        for name in sorted(idle)[:count - len(asked)]:
            asked.append(fleet.ask(name, "fresh"))
        if done > count / 2 and not restarted:
            postgres.stop()
            postgres.start()
            restarted = True
        victim = rng.choice(workers)
        victim.kill()
        victim.start()
    for w in workers:
        assert w.stop()[0] == 0
    assert len(asked) == count and restarted
    # Of what was killed, something was at work.
    assert fleet.store.rows("SELECT 1 AS hit FROM job WHERE attempt > 1 LIMIT 1")
    fleet.check(asked)
    assert beside(held) == before


def test_the_service_is_killed_while_it_writes(assay, tmp_path):
    """What was answered is there, and what is there is whole."""
    rng = random.Random(6)
    service = Service(assay.path, tmp_path, environment={"ASSAY_DB": str(tmp_path / "none.db")})
    image = small_image(tmp_path)
    admin = service.login()
    service.make("/v1/projects", {"name": "p", "locations": [f"{tmp_path}/*"]}, admin)
    asker = (REPOSITORY / assay.path).parent / "tests" / "unit" / "introspect-ask"
    answered = []

    def write(number):
        for i in range(10000):
            name = f"n{number}-{len(answered)}-{i}"
            try:
                answer = service.call("POST", "/v1/projects/p/nodes", admin,
                                      {"name": name, "disks": [str(image)]}, check=False)
            except (OSError, http.client.HTTPException):
                return
            assert answer.status == 201, answer
            answered.append(name)

    for round_ in range(8):
        threads = [threading.Thread(target=write, args=(f"{round_}-{t}",)) for t in range(4)]
        for t in threads:
            t.start()
        if answered:
            run(asker, service.store, "p", answered[-1], "fresh")
        time.sleep(rng.random() * 0.5)
        service.stop(signal.SIGKILL)
        for t in threads:
            t.join(TIMEOUT)
        db = sqlite3.connect(service.store[7:])
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        there = {r[0] for r in db.execute("SELECT name FROM node")}
        assert set(answered) <= there
        # Each introspection has its job and its event, and the other way round.
        assert db.execute("SELECT count(*) FROM introspection WHERE job NOT IN"
                          " (SELECT id FROM job)").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM introspection WHERE (state = 'done') <> (id IN"
                          " (SELECT introspection FROM frame))").fetchone() == (0,)
        db.close()
        service.start()
    store = Store(service.store)
    for row in store.rows("SELECT id FROM introspection"):
        assert store.ended(row["id"])["state"] == "done"
    assert service.stop() == 0


def test_a_worker_makes_no_store(assay, tmp_path):
    done = subprocess.run([assay.path, "worker", "--store", f"sqlite:{tmp_path}/typo.db"],
                          stderr=subprocess.PIPE, timeout=TIMEOUT, text=True)
    assert done.returncode == 2 and f"store {tmp_path}/typo.db: is not there" in done.stderr
    assert list(tmp_path.iterdir()) == []
