"""The service with one node. What it stores is kept in memory: in life it runs elsewhere, and its own
writing is not what storage of nodes feels."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import tempfile
import threading
import time

MEMORY = "/dev/shm"
WAIT = 30  # seconds that the service holds an answer back, at most


@contextlib.contextmanager
def on_cpus(cpus):
    """What is started meanwhile runs there; None: anywhere."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def starting(cpus):
    """What is started meanwhile runs there, and Ctrl-C in a terminal does not reach it: it is ended in
    its turn."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with on_cpus(cpus):
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


NEVER = threading.Event()


class Failed(Exception):
    """An introspection that should not have."""


class Node:
    def __init__(self, assay, location, database=None, settings=None, cpus=None):
        """location: of its disk. database: of advisories, or None."""
        self.folder = tempfile.TemporaryDirectory(prefix="assay-bench-", dir=MEMORY)
        folder = pathlib.Path(self.folder.name)
        password = secrets.token_hex(16)
        (folder / "password").write_text(password + "\n")
        (folder / "settings").write_text(json.dumps(
            {"key_file": str(folder / "key"), **(settings or {}),
             "workers": {"threads": 1, **(settings or {}).get("workers", {})}}))
        self.log = folder / "log"
        command = [assay, "serve", "--config", folder / "settings", "--listen", "127.0.0.1:0",
                   "--store", f"sqlite:{folder}/store.db", "--admin-password-file",
                   folder / "password"]
        if database:
            command += ["--advisories", database]
        with self.log.open("wb") as log, starting(cpus):
            self.process = subprocess.Popen([str(c) for c in command], stdout=log, stderr=log)
        try:
            self.address, self.token = self._address(), None
            self.token = self.ask("POST", "/v1/login", {"name": "admin",
                                                        "password": password})["token"]
            self.ask("POST", "/v1/projects", {"name": "p", "locations": [location]})
            self.ask("POST", "/v1/projects/p/nodes", {"name": "n", "disks": [location]})
        except BaseException:
            self.stop()
            raise

    def _address(self):
        while not (found := re.search(r"listening on http://([\d.]+:\d+)", self.log.read_text())):
            if self.process.poll() is not None:
                raise Failed(self.log.read_text())
            time.sleep(0.01)
        return found[1]

    def ask(self, method, path, body=None, wait=False):
        connection = http.client.HTTPConnection(self.address, timeout=2 * WAIT)
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if wait:
            headers["Prefer"] = f"wait={WAIT}"
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               headers)
            answer = connection.getresponse()
            said = json.loads(answer.read())
        if answer.status >= 400:
            raise Failed(f"{method} {path}: {said}")
        return said

    def introspect(self, deep=False, until=None):
        """One, to its end; None when `until` is set before, and then it is cancelled."""
        one = self.ask("POST", "/v1/projects/p/nodes/n/introspections",
                       {"deep": deep, "fresh": True}, wait=until is None)
        path = f"/v1/projects/p/introspections/{one['id']}"
        while one["finished"] is None:
            if not (until or NEVER).wait(0.02):
                one = self.ask("GET", path)
            else:
                with contextlib.suppress(Failed):  # it may have ended by now
                    self.ask("POST", path + "/cancel")
                while self.ask("GET", path)["finished"] is None:
                    time.sleep(0.02)
                return None
        if one["state"] != "done":
            raise Failed(f"the introspection {one['state']}: {one['reason']}")
        return one

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
