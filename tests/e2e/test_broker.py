"""Work by a real RabbitMQ: jobs flow, and none is lost or done twice, whatever is restarted."""
import collections
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from conftest import REPOSITORY, TIMEOUT, run
from introspections import Store, Worker, small_image
from postgres import free_port
from rabbitmq import RabbitMQ
from service import Service

pytestmark = pytest.mark.xdist_group("rabbitmq")


@pytest.fixture(scope="module")
def rabbitmq():
    server = RabbitMQ()
    yield server
    server.remove()


def test_threads_are_fed_by_the_broker(rabbitmq):
    build = REPOSITORY / os.path.dirname(os.environ.get("ASSAY", REPOSITORY / "build" / "assay"))
    done = subprocess.run([build / "tests" / "unit" / "test-queue-feed"],
                          env={**os.environ, "ASSAY_TEST_BROKER": rabbitmq.url},
                          capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not ok" not in done.stdout and "SKIP" not in done.stdout
    queues = rabbitmq.control("-s", "list_queues", "name", "type", "messages").decode()
    assert "assay.jobs\tquorum\t0" in queues


class Scene:
    """A service that runs no jobs, whose project watches a folder: each file put there makes one."""

    def __init__(self, assay, folder, broker):
        self.assay, self.path, self.folder = assay, folder, folder / "watched"
        self.folder.mkdir()
        self.image = small_image(folder, packages=2)
        self.environment = {**os.environ, "ASSAY_DB": str(folder / "none.db"),
                            "ASSAY_BROKER": broker, "ASSAY_WATCH_SETTLE_SECONDS": "1"}
        self.service = Service(assay.path, folder, "--workers", "0", environment=self.environment)
        self.store = Store(self.service.store)
        self.workers = []
        admin = self.service.login()
        locations = [str(self.folder), f"{self.folder}/*"]
        self.service.make("/v1/projects", {"name": "p", "locations": locations}, admin)
        self.service.make("/v1/projects/p/images", {
            "name": "folder", "kind": "folder", "location": str(self.folder)}, admin)
        self.count = 0

    def put(self, count):
        for _ in range(count):
            hidden = self.folder / f".{self.count}.qcow2"
            shutil.copy(self.image, hidden)
            hidden.rename(self.folder / f"{self.count}.qcow2")
            self.count += 1

    def worker(self):
        made = Worker(self.assay, self.service.store, self.path / f"worker{len(self.workers)}.log",
                      "--workers", "2", environment=self.environment)
        self.workers.append(made)
        return made

    def ended(self):
        return self.store.rows("SELECT id FROM introspection WHERE state NOT IN"
                               " ('queued', 'running')")

    def wait(self, condition):
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.05)

    def logs(self):
        return "".join(p.read_text()[-3000:] for p in [self.service.log, *self.path.glob("*.log")])

    def check(self):
        """Each file was examined, and its end is told once."""
        told = collections.Counter(
            json.loads(e["data"])["introspection"] for e in self.store.rows(
                "SELECT data FROM event WHERE kind IN ('introspection.finished',"
                " 'introspection.failed', 'introspection.cancelled')"))
        rows = self.store.rows("SELECT id, state, reason FROM introspection")
        assert len(rows) == self.count
        assert all(r["state"] == "done" for r in rows), rows
        assert told == {r["id"]: 1 for r in rows}
        jobs = self.store.rows("SELECT state FROM job WHERE kind = 'introspect'")
        assert [j["state"] for j in jobs] == ["done"] * self.count

    def end(self):
        for worker in self.workers:
            worker.kill()
        self.service.stop(signal.SIGKILL)


@pytest.fixture
def scene(assay, tmp_path, rabbitmq):
    # Workers that could not reach the broker leave the messages of what they did: to others they
    # would do no harm, but these count.
    rabbitmq.delete("assay.jobs")
    made = Scene(assay, tmp_path, rabbitmq.url)
    yield made
    made.end()
    assert "guest:guest" not in made.logs()


def test_rabbitmq_and_workers_are_killed_amid_100_jobs(scene, rabbitmq):
    first, _ = scene.worker(), scene.worker()
    scene.put(50)
    scene.wait(lambda: len(scene.ended()) >= 10)
    rabbitmq.stop(signal.SIGKILL)
    scene.put(50)
    first.kill()
    scene.wait(lambda: len(scene.ended()) >= 20)
    rabbitmq.start()
    first.start()
    scene.wait(lambda: len(scene.ended()) >= 60)
    rabbitmq.stop()
    first.kill()
    rabbitmq.start()
    first.start()
    scene.wait(lambda: len(scene.ended()) == 100)
    scene.check()
    scene.wait(lambda: b"assay.jobs\t0" in rabbitmq.control("-s", "list_queues", "name",
                                                            "messages"))


def test_a_broker_that_cannot_be_reached_at_first(scene, rabbitmq):
    rabbitmq.stop()
    scene.service.stop()
    scene.service.start()
    scene.worker()
    scene.put(5)
    scene.wait(lambda: len(scene.ended()) == 5)
    assert "jobs to the broker: broker 127.0.0.1:" in scene.service.log.read_text()
    rabbitmq.start()
    for log in (scene.service.log, scene.path / "worker0.log"):
        scene.wait(lambda log=log: "works again" in log.read_text())
    scene.put(5)
    scene.wait(lambda: len(scene.ended()) == 10)
    scene.check()


def test_messages_that_are_lost(scene, rabbitmq):
    scene.put(5)
    scene.wait(lambda: b"assay.jobs\t5" in rabbitmq.control("-s", "list_queues", "name",
                                                            "messages"))
    rabbitmq.control("delete_queue", "assay.jobs")
    scene.worker()
    scene.wait(lambda: len(scene.ended()) == 5)
    scene.check()


def certificate(folder, name):
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
        folder / f"{name}.key", "-out", folder / f"{name}.pem")
    return folder / f"{name}.pem"


def test_over_tls_with_the_right_certificate_only(assay, tmp_path):
    good, bad, port = certificate(tmp_path, "good"), certificate(tmp_path, "bad"), free_port()
    server = RabbitMQ([f"listeners.ssl.local = 127.0.0.1:{port}",
                       f"ssl_options.certfile = {good}", f"ssl_options.cacertfile = {good}",
                       f"ssl_options.keyfile = {tmp_path / 'good.key'}"])
    url = f"amqps://guest:guest@localhost:{port}/?cacertfile="
    service = Service(assay.path, tmp_path, "--workers", "0",
                      environment={**os.environ, "ASSAY_BROKER": url + str(bad)})
    try:
        service.wait_for("jobs to the broker: broker localhost:.*cert verification failed")
        assert b"assay.jobs" not in server.control("-s", "list_queues", "name")
        service.stop()
        service.environment["ASSAY_BROKER"] = url + str(good)
        service.start()
        deadline = time.monotonic() + TIMEOUT
        while b"assay.jobs" not in server.control("-s", "list_queues", "name"):
            assert time.monotonic() < deadline, service.log.read_text()
    finally:
        service.stop(signal.SIGKILL)
        server.remove()
