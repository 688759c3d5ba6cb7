"""An OpenStack Keystone of the tests' own, and what clients ask of it."""
import base64
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from conftest import TIMEOUT, run
from postgres import free_port

PROGRAM = pathlib.Path("/usr/bin/keystone-wsgi-public")
PASSWORD = "a password of keystone's"


class Keystone:
    """On SQLite, with Fernet tokens that end after `lifetime` seconds. `like`: on the database of
    another one."""

    def __init__(self, lifetime=3600, like=None):
        assert PROGRAM.exists(), "keystone is not installed"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="assay-keystone-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v3"
        data = like.folder if like else self.folder
        (self.folder / "keystone.conf").write_text(
            f"[DEFAULT]\nlog_file = {self.folder}/log\n"
            f"[database]\nconnection = sqlite:///{data}/keystone.db\n"
            f"[token]\nexpiration = {lifetime}\nallow_expired_window = 0\n"
            f"[fernet_tokens]\nkey_repository = {data}/fernet-keys\n"
            f"[credential]\nkey_repository = {data}/credential-keys\n"
            "[identity]\npassword_hash_rounds = 4\n")
        self.environment = {**os.environ, "OS_KEYSTONE_CONFIG_DIR": str(self.folder),
                            "PYTHONWARNINGS": "ignore"}
        if not like:
            self.prepare()
        self.process = None
        self.start()
        self.admin = self.token("admin", "admin")

    def prepare(self):
        """What keystone-manage makes; the keys by hand, since each of its starts takes seconds."""
        for keys in ("fernet-keys", "credential-keys"):
            (self.folder / keys).mkdir(mode=0o700)
            for name in "01":
                (self.folder / keys / name).write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
        self.manage("db_sync")
        with sqlite3.connect(self.folder / "keystone.db") as db:
            db.execute("PRAGMA journal_mode = WAL")  # or its threads lock each other out
        db.close()
        self.manage("bootstrap", "--bootstrap-password", PASSWORD,
                    "--bootstrap-public-url", self.url, "--bootstrap-internal-url", self.url,
                    "--bootstrap-admin-url", self.url)

    def manage(self, *arguments):
        run("keystone-manage", "--config-file", self.folder / "keystone.conf", *arguments,
            env=self.environment)

    def start(self):
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                ["/usr/bin/python3", PROGRAM, "--host", "127.0.0.1", "--port", str(self.port)],
                env=self.environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + TIMEOUT
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "output").read_text()
            assert time.monotonic() < deadline, "Keystone does not answer"
            time.sleep(0.1)

    def answers(self):
        try:
            return self.call("GET", "/")[0] == 200
        except OSError:
            return False

    def stop(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait(TIMEOUT)

    def remove(self):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)

    def call(self, method, path, body=None, **headers):
        """Status, headers and JSON."""
        request = urllib.request.Request(
            self.url + path, method=method, data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/json",
                     **{k.replace("_", "-"): v for k, v in headers.items()}})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                text = answer.read()
                return answer.status, answer.headers, json.loads(text) if text else None
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, None

    def token(self, user, project=None, domain="Default", password=PASSWORD):
        identity = {"methods": ["password"], "password": {"user": {
            "name": user, "domain": {"name": domain}, "password": password}}}
        auth = {"auth": {"identity": identity, "scope": "unscoped"}}
        if project:
            auth["auth"]["scope"] = {"project": {"name": project, "domain": {"name": domain}}}
        status, headers, _ = self.call("POST", "/auth/tokens", auth)
        assert status == 201, status
        return headers["X-Subject-Token"]

    def make(self, kind, **values):
        status, _, made = self.call("POST", f"/{kind}s", {kind: values}, X_Auth_Token=self.admin)
        assert status == 201, (kind, values, status)
        return made[kind]["id"]

    def role(self, name):
        _, _, found = self.call("GET", f"/roles?name={name}", X_Auth_Token=self.admin)
        return found["roles"][0]["id"] if found["roles"] else self.make("role", name=name)

    def grant(self, user, project, role, method="PUT"):
        """By identifiers; the role by its name."""
        status, _, _ = self.call(method, f"/projects/{project}/users/{user}/roles/"
                                 f"{self.role(role)}", X_Auth_Token=self.admin)
        assert status == 204, status

    def revoke(self, token):
        status, _, _ = self.call("DELETE", "/auth/tokens", X_Auth_Token=self.admin,
                                 X_Subject_Token=token)
        assert status == 204, status
