"""Notifications of OpenStack, sent by its own library over a real RabbitMQ, start introspections."""
import json
import signal
import subprocess
import time
import uuid

import pika
import pytest

from conftest import TIMEOUT, run
from introspections import Store
from rabbitmq import RabbitMQ
from service import Service

pytestmark = pytest.mark.xdist_group("rabbitmq")
TENANT = "0123456789abcdef0123456789abcdef"
# As Cinder does it: python3-oslo.messaging, driver messagingv2.
SENDER = """
import json, sys
from oslo_config import cfg
import oslo_messaging
conf = cfg.ConfigOpts()
conf([], project="cinder")
oslo_messaging.set_transport_defaults(control_exchange="cinder")
transport = oslo_messaging.get_notification_transport(conf, url=sys.argv[1])
notifier = oslo_messaging.Notifier(transport, "snapshot.host@ceph", driver="messagingv2",
                                   topics=["notifications"])
for event, payload in json.load(sys.stdin):
    notifier.info({}, event, payload)
"""


@pytest.fixture(scope="module")
def rabbitmq():
    server = RabbitMQ()
    yield server
    server.remove()


class Scene:
    def __init__(self, assay, folder, rabbitmq):
        self.rabbitmq = rabbitmq
        self.exchange = "cinder"
        with self.channel() as channel:
            channel.exchange_declare(self.exchange, "topic", durable=False)
        settings = folder / "assay.yaml"
        settings.write_text(json.dumps({"openstack": {"notifications": [{
            "url": rabbitmq.url, "exchange": self.exchange,
            "projects": {TENANT: "web", "other": "nowhere"}}]}}))
        self.service = Service(assay.path, folder, "--workers", "0", "--config", settings)
        self.service.wait_for("listening to notifications from assay.notifications")
        self.store = Store(self.service.store)
        self.admin = self.service.login()
        self.service.make("/v1/projects", {"name": "web", "locations": [
            "rbd:volumes/*", "rbd:backups/*"]}, self.admin)

    def channel(self):
        connection = pika.BlockingConnection(pika.URLParameters(self.rabbitmq.url))
        channel = connection.channel()
        channel.confirm_delivery()
        return channel

    def send(self, *events):
        run("/usr/bin/python3", "-c", SENDER,
            self.rabbitmq.url.replace("amqp:", "rabbit:"), input=json.dumps(events).encode())

    def publish(self, body):
        with self.channel() as channel:
            channel.basic_publish(self.exchange, "notifications.info",
                                  body if isinstance(body, bytes) else json.dumps(body).encode())

    def asked(self):
        return sorted(row["thing_name"] for row in self.store.rows(
            "SELECT thing_name FROM introspection WHERE requested_by LIKE 'openstack:%'"))

    def wait(self, condition):
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, (self.asked(), self.service.log.read_text())
            time.sleep(0.05)

    def emptied(self):
        state = self.rabbitmq.control("-s", "list_queues", "name", "messages_ready",
                                      "messages_unacknowledged").decode()
        return "assay.notifications\t0\t0" in state


@pytest.fixture
def scene(assay, tmp_path, rabbitmq):
    made = Scene(assay, tmp_path, rabbitmq)
    yield made
    made.service.stop(signal.SIGKILL)
    assert "guest:guest" not in made.service.log.read_text()


def snapshot(**values):
    return ["snapshot.create.end", {"tenant_id": TENANT, "volume_id": str(uuid.uuid4()),
                                    "snapshot_id": str(uuid.uuid4()), "status": "available",
                                    **values}]


def message(event, identifier=None):
    return {"message_id": identifier or str(uuid.uuid4()), "publisher_id": "x", "priority": "INFO",
            "event_type": event[0], "payload": event[1]}


def test_snapshots_and_backups(scene):
    first, backup = snapshot(), str(uuid.uuid4())
    volume = first[1]["volume_id"]
    full = ["backup.create.end", {"tenant_id": TENANT, "volume_id": volume, "backup_id": backup,
                                  "service_metadata": json.dumps({"base": f"volume-{volume}.base"})}]
    older = ["backup.create.end", {"tenant_id": TENANT, "volume_id": volume,
                                   "backup_id": backup[::-1], "service_metadata": None}]
    scene.send(first, full, older, ["volume.create.end", {"tenant_id": TENANT}],
               snapshot(tenant_id="unknown"))
    of_snapshot = "snapshot-" + first[1]["snapshot_id"]
    names = sorted([of_snapshot, "backup-" + backup, "backup-" + backup[::-1]])
    scene.wait(lambda: scene.asked() == names)
    scene.wait(scene.emptied)
    images = {i["name"]: i for i in scene.service.call(
        "GET", "/v1/projects/web/images", scene.admin).json["items"]}
    assert {n: i["location"] for n, i in images.items()} == {
        of_snapshot: f"rbd:volumes/volume-{volume}@{of_snapshot}",
        "backup-" + backup: f"rbd:backups/volume-{volume}.base",
        "backup-" + backup[::-1]: f"rbd:backups/volume-{volume}.backup.{backup[::-1]}"}
    assert images[of_snapshot]["labels"] == {"openstack": "snapshot", "volume": volume}


def test_a_message_is_heeded_once_and_without_an_envelope_too(scene):
    event = snapshot()
    plain = message(event, "one-message")
    scene.publish(plain)
    scene.publish({"oslo.version": "2.0", "oslo.message": json.dumps(plain)})
    last = snapshot()
    scene.publish(message(last))
    expected = sorted("snapshot-" + e[1]["snapshot_id"] for e in (event, last))
    scene.wait(lambda: scene.asked() == expected)
    with_done = scene.service.log.read_text()
    assert "will try again" not in with_done


def test_what_makes_no_sense_is_told_in_a_line_and_dropped(scene):
    project = "/v1/projects/web"
    scene.service.call("PATCH", project, scene.admin, {"locations": ["rbd:volumes/*"]})
    backup = ["backup.create.end", {"tenant_id": TENANT, "volume_id": "v", "backup_id": "b"}]
    bad = [b"\xff\x00", b"{", b"[]", b"x" * (2 << 20), {"oslo.version": "9", "oslo.message": "{}"},
           {"oslo.version": "2.0", "oslo.message": "{"}, {"message_id": "x"},
           message(snapshot(volume_id="../../secret")), message(snapshot(volume_id=None)),
           message(backup), message(snapshot(tenant_id="other"))]
    for body in bad:
        scene.publish(body)
    good = snapshot()
    scene.publish(message(good))
    scene.wait(lambda: scene.asked() == ["snapshot-" + good[1]["snapshot_id"]])
    scene.wait(scene.emptied)
    lines = [json.loads(line)["message"] for line in scene.service.log.read_text().splitlines()
             if '"warning"' in line]
    refused = [line for line in lines if line.startswith("notifications from assay.notifications")]
    assert len(refused) == len(bad), refused
    assert any("not among the locations" in line for line in refused)
    metrics = scene.service.call("GET", "/metrics").text
    told = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if "notifications" in line)
    assert told["assay_notifications_total"] == str(len(bad) + 1)
    assert told["assay_notifications_introspections_total"] == "1"
    counts = {name: told[f'assay_notifications_refused_total{{reason="{name}"}}']
              for name in ("malformed", "too_large", "not_allowed", "other")}
    assert counts == {"malformed": "8", "too_large": "1", "not_allowed": "2", "other": "0"}


def test_what_came_while_the_service_or_the_broker_was_down(scene, rabbitmq):
    scene.service.stop(signal.SIGKILL)
    first = snapshot()
    scene.publish(message(first))
    scene.service.start()
    scene.wait(lambda: scene.asked() == ["snapshot-" + first[1]["snapshot_id"]])
    rabbitmq.stop()
    scene.service.wait_for("notifications from assay.notifications: .*; will try again")
    rabbitmq.start()
    # The exchange was OpenStack's own, and not durable: until it makes it again there is none.
    with scene.channel() as channel:
        channel.exchange_declare(scene.exchange, "topic", durable=False)
    scene.service.wait_for("listening to notifications", count=2)
    second = snapshot()
    scene.publish(message(second))
    scene.wait(lambda: len(scene.asked()) == 2)


@pytest.mark.parametrize("wrong, said", [
    ({"url": "amqp://h"}, "each has a url and projects"),
    ({"url": "http://h", "projects": {}}, "not amqp://"),
    ({"url": "amqp://h", "projects": {"a": 1}}, "projects"),
    ({"url": "amqp://h", "projects": {}, "locations": {"x": "y"}}, "locations"),
    ({"url": "amqp://h", "projects": {}, "locations": {"backup.create.end": "rbd:{x}"}},
     "placeholders"),
    ({"url": "amqp://h", "projects": {}, "more": 1}, "no such setting 'more'")])
def test_settings_are_checked(assay, tmp_path, wrong, said):
    settings = tmp_path / "assay.yaml"
    settings.write_text(json.dumps({"openstack": {"notifications": [wrong]}}))
    done = subprocess.run([assay.path, "serve", "--check-config", "--config", settings],
                          capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 2 and said in done.stderr, done.stderr
