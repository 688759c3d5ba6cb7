"""What happens is told to webhooks and by e-mail, through the service as a process."""
import base64
import email
import hashlib
import hmac
import http.server
import json
import os
import re
import signal
import sqlite3
import ssl
import subprocess
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
import pytest

from conftest import TIMEOUT
from postgres import free_port
from service import Service

SECRET = "a secret of the tests"
MAIL_PASSWORD = "mail password"


def wait_until(condition, what):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Receiver:
    """A webhook's server: answers as it is told, and remembers what came."""

    def __init__(self):
        self.came, self.failures, self.hold = [], 0, None
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.came.append((self.path, dict(self.headers), body))
                if receiver.hold is not None:
                    receiver.hold.wait(TIMEOUT)
                if self.path == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/elsewhere")
                elif self.path == "/gone":
                    self.send_response(410)
                elif receiver.failures > 0:
                    receiver.failures -= 1
                    self.send_response(503)
                else:
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Mailbox:
    """A mail server that wants TLS and a password; it refuses some recipients."""

    def __init__(self, folder):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", folder / "mail.key", "-out", folder / "mail.pem"],
                       check=True, capture_output=True)
        self.certificate = folder / "mail.pem"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, folder / "mail.key")
        self.mails, self.port = [], free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, tls_context=context,
                                     require_starttls=True, auth_required=True,
                                     authenticator=self.authenticate)
        self.controller.start()

    def authenticate(self, server, session, envelope, mechanism, data):
        good = data.login == b"assay" and data.password == MAIL_PASSWORD.encode()
        return AuthResult(success=good)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory):
    mailbox = Mailbox(tmp_path_factory.mktemp("mail"))
    yield mailbox
    mailbox.controller.stop()


class Scene:
    def __init__(self, service, folder):
        self.service, self.folder = service, folder
        self.admin = service.token(service.login())["token"]

    def project(self, name):
        self.service.make("/v1/projects", {"name": name, "locations": [f"{self.folder}/*"]},
                          self.admin)
        return f"/v1/projects/{name}"

    def notification(self, project, name, **values):
        body = {"name": name, "events": ["introspection.failed"], **values}
        if body.get("kind", "webhook") == "webhook":
            body = {"kind": "webhook", "secret": SECRET, **body}
        self.service.make(f"{project}/notifications", body, self.admin)
        return f"{project}/notifications/{name}"

    def deliveries(self, notification):
        answer = self.service.call("GET", f"{notification}/deliveries", self.admin)
        assert answer.status == 200, answer
        return answer.json["items"]


@pytest.fixture(scope="module")
def scene(assay, tmp_path_factory, mailbox):
    folder = tmp_path_factory.mktemp("service")
    (folder / "mail-password").write_text(MAIL_PASSWORD + "\n")
    environment = {"ASSAY_SMTP_URL": f"smtp://localhost:{mailbox.port}",
                   "ASSAY_SMTP_FROM": "assay@site.example", "ASSAY_SMTP_USER": "assay",
                   "ASSAY_SMTP_PASSWORD_FILE": str(folder / "mail-password"),
                   "ASSAY_SMTP_CA_FILE": str(mailbox.certificate),
                   "ASSAY_WORKERS_BACKOFF_SECONDS": "1", "ASSAY_WORKERS_ATTEMPTS": "1",
                   "ASSAY_WEBHOOKS_PRIVATE_ADDRESSES": "allowed"}
    service = Service(assay.path, folder, environment=environment)
    yield Scene(service, folder)
    assert service.stop() == 0
    log = service.log.read_text()
    assert SECRET not in log and MAIL_PASSWORD not in log and "/hook-path" not in log


def check_signature(headers, body):
    seconds, signature = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})",
                                      headers["X-Assay-Signature"]).groups()
    assert abs(int(seconds) - time.time()) < 120
    wanted = hmac.new(SECRET.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert signature == wanted


def test_a_failed_introspection_is_told(scene, receiver):
    """The whole way: a node whose disk is not there, its introspection, event, webhook."""
    project = scene.project("whole")
    hook = scene.notification(project, "hook", url=receiver.url + "/hook-path?a=b")
    scene.service.make(f"{project}/nodes",
                       {"name": "db1", "disks": [f"{scene.folder}/missing.qcow2"],
                        "schedule": "1m"}, scene.admin)
    make_due(scene.service)
    wait_until(lambda: any(d["state"] == "delivered" for d in scene.deliveries(hook)),
               "the webhook was not told")
    (delivery,) = scene.deliveries(hook)
    assert delivery["status"] == 204 and delivery["reason"] is None
    mine = [c for c in receiver.came if c[0] == "/hook-path?a=b"]
    (_, headers, body), = mine
    check_signature(headers, body)
    assert headers["X-Assay-Delivery"] == delivery["id"]
    assert headers["X-Assay-Event"] == "introspection.failed"
    told = json.loads(body)
    assert told["project"]["name"] == "whole" and told["event"]["kind"] == "introspection.failed"
    assert told["event"]["data"]["name"] == "db1" and told["event"]["id"] == delivery["event"]


def make_due(service):
    """All schedules are due now."""
    path = service.store.removeprefix("sqlite:")
    with sqlite3.connect(path, timeout=TIMEOUT) as db:
        db.execute("UPDATE node SET next_due = 1 WHERE schedule <> ''")
    db.close()


def test_failures_are_repeated_with_the_same_delivery(scene, receiver):
    project = scene.project("repeated")
    hook = scene.notification(project, "hook", url=receiver.url + "/flaky")
    receiver.failures = 2
    tried = scene.service.call("POST", f"{hook}/test", scene.admin)
    assert tried.status == 202 and tried.json["state"] == "waiting"
    wait_until(lambda: scene.deliveries(hook)[0]["state"] == "delivered", "it was given up")
    came = [c for c in receiver.came if c[0] == "/flaky"]
    assert len(came) == 3 and scene.deliveries(hook)[0]["attempts"] == 3
    assert {c[1]["X-Assay-Delivery"] for c in came} == {tried.json["id"]}
    assert len({c[2] for c in came}) == 1
    for _, headers, body in came:
        check_signature(headers, body)


@pytest.mark.parametrize("path,status", [("/gone", 410)])
def test_what_will_not_get_better_is_dead_and_may_go_again(scene, receiver, path, status):
    project = scene.project("dead")
    hook = scene.notification(project, "hook", url=receiver.url + path)
    scene.service.call("POST", f"{hook}/test", scene.admin)
    wait_until(lambda: scene.deliveries(hook)[0]["state"] == "dead", "it was not given up")
    dead = scene.deliveries(hook)[0]
    assert dead["status"] == status and dead["reason"] == f"{receiver.url}: answered {status}"
    scene.service.call("PATCH", hook, scene.admin, {"url": receiver.url + "/better"})
    again = scene.service.call("POST", f"{hook}/deliveries/{dead['id']}/again", scene.admin)
    assert again.status == 202 and again.json["state"] == "waiting"
    wait_until(lambda: scene.deliveries(hook)[0]["state"] == "delivered", "it did not go again")


def test_webhooks_that_hang_keep_no_introspection_waiting(assay, tmp_path):
    receiver = Receiver()
    receiver.hold = threading.Event()
    service = Service(assay.path, tmp_path, "--workers", "1",
                      environment={"ASSAY_WEBHOOKS_PRIVATE_ADDRESSES": "allowed",
                                   "ASSAY_WORKERS_PER_PROJECT": "1"})
    scene = Scene(service, tmp_path)
    project = scene.project("held")
    hooks = [scene.notification(project, f"hook{i}", url=receiver.url + "/hang")
             for i in range(3)]
    other = scene.project("other")
    hooks.append(scene.notification(other, "hook", url=receiver.url + "/hang"))
    for hook in hooks:
        scene.service.call("POST", f"{hook}/test", scene.admin)
    wait_until(lambda: len(receiver.came) == 2, "not one of each project is sent")
    scene.service.make(f"{project}/nodes", {"name": "db1", "disks": [f"{tmp_path}/missing.qcow2"]},
                       scene.admin)
    done = scene.service.call("POST", f"{project}/nodes/db1/introspections", scene.admin, {},
                              {"Prefer": "wait=60"})
    assert done.json["state"] == "failed", done
    untold = [d for hook in hooks for d in scene.deliveries(hook) if d["attempts"] == 0]
    assert untold, "the introspection waited for all deliveries"
    receiver.hold.set()
    wait_until(lambda: all(scene.deliveries(hook)[0]["state"] == "delivered" for hook in hooks),
               "they were not delivered")
    assert service.stop() == 0
    receiver.stop()


def test_redirections_are_not_followed(scene, receiver):
    project = scene.project("moved")
    hook = scene.notification(project, "hook", url=receiver.url + "/moved")
    scene.service.call("POST", f"{hook}/test", scene.admin)
    wait_until(lambda: scene.deliveries(hook)[0]["attempts"] > 0, "it was not tried")
    assert scene.deliveries(hook)[0]["status"] == 302
    assert not [c for c in receiver.came if c[0] == "/elsewhere"]
    scene.service.call("DELETE", hook, scene.admin)


def test_a_killed_worker_does_not_lose_it(assay, receiver, tmp_path):
    """Killed while the receiver is thinking; then started again."""
    service = Service(assay.path, tmp_path, environment={
        "ASSAY_WEBHOOKS_PRIVATE_ADDRESSES": "allowed", "ASSAY_WORKERS_BACKOFF_SECONDS": "1"})
    here = Scene(service, tmp_path)
    hook = here.notification(here.project("killed"), "hook", url=receiver.url + "/killed")
    receiver.hold = threading.Event()
    tried = service.call("POST", f"{hook}/test", here.admin).json
    wait_until(lambda: any(c[0] == "/killed" for c in receiver.came), "nothing came")
    service.stop(signal.SIGKILL)
    receiver.hold.set()
    receiver.hold = None
    service.start()
    wait_until(lambda: here.deliveries(hook)[0]["state"] == "delivered", "it was lost")
    came = [c for c in receiver.came if c[0] == "/killed"]
    assert len(came) == 2
    assert {c[1]["X-Assay-Delivery"] for c in came} == {tried["id"]}
    assert service.stop() == 0


def test_private_addresses_are_refused_unless_allowed(assay, receiver, tmp_path):
    service = Service(assay.path, tmp_path)
    here = Scene(service, tmp_path)
    project = here.project("private")
    port = receiver.server.server_port
    for number, host in enumerate(["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f000001",
                                   "169.254.169.254"]):
        hook = here.notification(project, f"hook{number}", url=f"http://{host}:{port}/private")
        service.call("POST", f"{hook}/test", here.admin)
        wait_until(lambda: here.deliveries(hook)[0]["state"] == "dead", host)
        assert here.deliveries(hook)[0]["reason"].endswith(": not a public address")
    assert not [c for c in receiver.came if c[0] == "/private"]
    assert service.stop() == 0


def test_e_mail(scene, mailbox):
    project = scene.project("mail")
    scene.notification(project, "ops", kind="email", addresses=["a@x.example", "b@x.example"])
    ops = f"{project}/notifications/ops"
    scene.service.make(f"{project}/nodes",
                       {"name": "db1", "disks": [f"{scene.folder}/missing.qcow2"],
                        "schedule": "1m"}, scene.admin)
    make_due(scene.service)
    wait_until(lambda: any(d["state"] == "delivered" for d in scene.deliveries(ops)), "no mail")
    (sender, recipients, content), = mailbox.mails
    assert sender == "assay@site.example" and recipients == ["a@x.example", "b@x.example"]
    mail = email.message_from_bytes(content)
    assert mail["Subject"] == "[assay] mail: introspection of node db1 failed"
    assert mail["To"].split() == ["a@x.example,", "b@x.example"] and mail["Date"]
    text = base64.b64decode(mail.get_payload()).decode()
    assert re.search(r"^node +db1$", text, re.M) and re.search(r"^reason +\S", text, re.M)


def test_a_refused_recipient_is_told(scene, mailbox):
    project = scene.project("refused")
    ops = scene.notification(project, "ops", kind="email",
                             addresses=["a@x.example", "nobody@x.example"])
    before = len(mailbox.mails)
    scene.service.call("POST", f"{ops}/test", scene.admin)
    wait_until(lambda: scene.deliveries(ops)[0]["attempts"] > 0, "it was not tried")
    assert "550" in scene.deliveries(ops)[0]["reason"]
    assert len(mailbox.mails) == before
    scene.service.call("DELETE", ops, scene.admin)


def test_what_is_not_accepted(scene):
    project = scene.project("bad")
    for body in [{"kind": "webhook"}, {"kind": "webhook", "url": "ftp://h/"},
                 {"kind": "webhook", "url": "https://u:p@h/"},
                 {"kind": "webhook", "url": "https://h/", "addresses": ["a@b"]},
                 {"kind": "webhook", "url": "https://h/", "secret": "short"},
                 {"kind": "email"}, {"kind": "email", "addresses": []},
                 {"kind": "email", "addresses": ["a@b\r\nBcc: c@d"]},
                 {"kind": "email", "addresses": ["a@b"], "secret": SECRET},
                 {"kind": "webhook", "url": "https://h/", "events": ["node.exploded"]},
                 {"kind": "webhook", "url": "https://h/", "severity": "bad"}]:
        answer = scene.service.call("POST", f"{project}/notifications", scene.admin,
                                    {"name": "n", "events": ["findings.changed"], **body})
        assert answer.status == 422, (body, answer)


def test_commands(assay, scene, receiver):
    project = scene.project("commands")
    environment = {**os.environ, "ASSAY_SERVER": scene.service.address,
                   "ASSAY_TOKEN": scene.admin}

    def run(*arguments):
        done = subprocess.run([assay.path, "notification", *arguments, "--format", "json"],
                              env=environment, capture_output=True, text=True, check=True,
                              timeout=TIMEOUT)
        return json.loads(done.stdout) if done.stdout else None

    made = run("create", "commands", "hook", "--url", receiver.url + "/commands", "--severity",
               "high")
    assert made["secret"].startswith("assay_w_") and made["severity"] == "high"
    assert made["events"] == ["findings.changed"]
    assert "secret" not in run("list", "commands")[0]
    assert run("set", "commands", "hook", "--disable")["enabled"] is False
    assert run("set", "commands", "hook", "--enable", "--severity", "all")["severity"] is None
    tried = run("test", "commands", "hook")
    wait_until(lambda: run("deliveries", "commands", "hook")[0]["state"] == "delivered", "test")
    assert run("again", "commands", "hook", tried["id"])["state"] == "waiting"
    assert run("delete", "commands", "hook") is None and run("list", "commands") == []
