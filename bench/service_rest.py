"""REST under load: reads a second and how long they take, with 64 clients on 10,000 nodes."""
import http.client
import json
import pathlib
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

NODES, CLIENTS, SECONDS = 10_000, 64, 10
PASSWORD = "a password for the bench"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

SCRIPT = """
local names, after = {names}, {after}
request = function()
    local path = "/v1/projects/p/nodes/n" .. math.random(0, names - 1)
    if {choice} then
        path = "/v1/projects/p/nodes?limit=50&after=" .. after[math.random({count})]
    end
    return wrk.format("GET", path, {{["Authorization"] = "Bearer {token}"}})
end
{delay}
"""
# What is asked for, when a page is, and how long a client waits between two reads.
KINDS = [("one node", "false", 0), ("a page of 50", "true", 0),
         ("nine nodes to a page", "math.random(10) == 1", 0),
         ("  the same, unhurried", "math.random(10) == 1", 26)]


class Service:
    def __init__(self, assay, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "password").write_text(PASSWORD + "\n")
        self.log = self.folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [assay, "serve", "--listen", "127.0.0.1:0", "--store",
                 f"sqlite:{self.folder}/store.db", "--admin-password-file",
                 self.folder / "password", "--workers", "0"], stdout=log, stderr=log)
        while not (found := re.search(r"listening on http://([\d.]+:\d+)", self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.01)
        self.address = found[1]

    def post(self, path, body, token=None):
        connection = http.client.HTTPConnection(self.address)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection.request("POST", path, json.dumps(body), headers)
        return json.loads(connection.getresponse().read())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def identifiers(count):
    """In order, as the service makes them."""
    now = int(time.time() * 1000) << 80
    for i in range(count):
        number, text = now + (i << 40) + secrets.randbits(40), ""
        for _ in range(26):
            text, number = ALPHABET[number & 31] + text, number >> 5
        yield text


def fill(service, project):
    """Straight into the store: this is not what is measured."""
    ids = list(identifiers(NODES))
    with sqlite3.connect(service.folder / "store.db", timeout=60) as db:
        db.executemany(
            "INSERT INTO node (id, project, name, disks, labels, schedule, source, created)"
            " VALUES (?, ?, ?, ?, ?, '', 'own', ?)",
            ((one, project, f"n{i}", f'["rbd:pool/n{i}"]', '{"rack":"7"}', 10**15 + i)
             for i, one in enumerate(ids)))
    db.close()
    return ids


def load(service, token, ids, choice, wait):
    script = service.folder / "load.lua"
    after = [ids[i] for i in range(0, NODES - 50, NODES // 100)]
    script.write_text(SCRIPT.format(
        names=NODES, token=token, count=len(after), choice=choice,
        after="{" + ",".join(f'"{one}"' for one in after) + "}",
        delay=f"delay = function() return {wait} end" if wait else ""))
    done = subprocess.run(["wrk", "-t", "2", "-c", str(CLIENTS), "-d", f"{SECONDS}s", "--latency",
                           "-s", script, f"http://{service.address}"], capture_output=True,
                          text=True, check=True)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])
    at = dict(re.findall(r"(\d+)%\s+([\d.]+\w+)", done.stdout))
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    return rate, at, int(wrong[1]) if wrong else 0


def run(assay, line):
    """line(text) prints one."""
    if shutil.which("wrk") is None:
        line("skipped: wrk is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        service = Service(assay, folder)
        try:
            session = service.post("/v1/login", {"name": "admin", "password": PASSWORD})["token"]
            made = service.post("/v1/tokens", {"name": "bench", "scopes": ["read"]}, session)
            project = service.post("/v1/projects", {"name": "p"}, session)["id"]
            ids = fill(service, project)
            for what, choice, wait in KINDS:
                rate, at, wrong = load(service, made["token"], ids, choice, wait)
                line(f"{what:<24} {rate:8.0f} reads/s   p50 {at['50']:>8}   p99 {at['99']:>8}"
                     + (f"   {wrong} answered wrong" if wrong else ""))
        finally:
            service.stop()
