"""Introspections of the tests' own: a small node image, asking for them, and what the store says of
them, which is looked at beside the service."""
import json
import os
import pathlib
import sqlite3
import subprocess
import time

import disk_image
from conftest import TIMEOUT, run

OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nNAME="Debian GNU/Linux"\nVERSION_CODENAME=bookworm\n'
PACKAGE = ("Package: {name}\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: amd64\n"
           "Maintainer: Somebody <a@example.org>\n\n")


def small_system(folder, packages=20, fstab=None):
    """The least that is a Debian system, in a few hundred kilobytes."""
    root = folder / "small-root"
    (root / "etc").mkdir(parents=True)
    (root / "var/lib/dpkg/info").mkdir(parents=True)
    (root / "etc/os-release").write_text(OS_RELEASE)
    if fstab is not None:
        (root / "etc/fstab").write_text(fstab)
    (root / "var/lib/dpkg/status").write_text(
        "".join(PACKAGE.format(name=f"package{i}") for i in range(packages)))
    return root


def small_image(folder, name="node", packages=20, fstab=None):
    """A qcow2 image of such a system."""
    raw, image = folder / f"{name}.raw", folder / f"{name}.qcow2"
    work = folder / f"{name}.tree"
    work.mkdir()
    disk_image.blank(raw, 64 << 20)
    run("mke2fs", "-q", "-t", "ext4", "-d", small_system(work, packages, fstab), raw)
    run("qemu-img", "convert", "-O", "qcow2", raw, image)
    raw.unlink()
    run("rm", "-r", work)
    return image


VULNERABILITY = "CVE-2024-10001"


def advisories(assay, folder, fixed, name="advisories"):
    """A database whose vulnerabilities, from VULNERABILITY on, are in packages that are mended from
    a version on: {"package3": "2.0-1"}."""
    feed, database = folder / f"{name}.jsonl", folder / f"{name}.db"
    with feed.open("w", encoding="utf-8") as out:
        for n, (package, version) in enumerate(fixed.items()):
            out.write(json.dumps({
                "id": f"CVE-2024-{10001 + n}", "modified": "2025-01-01T00:00:00Z",
                "details": f"A flaw of {package}.",
                "affected": [{"package": {"ecosystem": "Debian:12", "name": package},
                              "ranges": [{"type": "ECOSYSTEM", "events": [
                                  {"introduced": "0"}, {"fixed": version}]}]}]}) + "\n")
    done = assay("db", "import", "--db", database, feed)
    assert done.returncode == 0, done.stderr
    return database


class Store:
    """What is in a service's store, as its own tools say."""

    def __init__(self, url):
        self.url = url

    def rows(self, query):
        """Of a SELECT: a list of dictionaries."""
        if self.url.startswith("sqlite:"):
            db = sqlite3.connect(f"file:{self.url[7:]}?mode=ro", uri=True, timeout=TIMEOUT)
            db.row_factory = sqlite3.Row
            try:
                return [dict(r) for r in db.execute(query)]
            finally:
                db.close()
        text = run("psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url, "-c",
                   f"SELECT coalesce(json_agg(q), '[]') FROM ({query}) q")
        return json.loads(text)

    def introspection(self, identifier):
        found = self.rows(f"SELECT * FROM introspection WHERE id = '{identifier}'")
        return found[0] if found else None

    def wait(self, identifier, condition):
        """The introspection's row once condition(row) holds."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            row = self.introspection(identifier)
            if condition(row):
                return row
            assert time.monotonic() < deadline, row
            time.sleep(0.005)

    def ended(self, identifier):
        return self.wait(identifier,
                         lambda row: row["state"] in ("done", "failed", "cancelled"))

    def events(self, identifier=None):
        """Kinds of the events of an introspection (of all), in order."""
        found = self.rows("SELECT kind, data FROM event ORDER BY id")
        return [e["kind"] for e in found
                if identifier in (None, json.loads(e["data"]).get("introspection"))]


class Worker:
    """`assay worker`, which may be killed and started again."""

    def __init__(self, assay, store, log, *options, environment=None):
        self.command = [assay.path, "worker", "--store", store, *options]
        self.environment = environment
        self.log = log
        self.start()

    def start(self):
        self.since = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(list(map(str, self.command)), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self.environment)

    def kill(self):
        self.process.kill()
        self.process.wait(TIMEOUT)

    def wait_for(self, text, count=1):
        """Until it has logged that so often since its start."""
        deadline = time.monotonic() + TIMEOUT
        while pathlib.Path(self.log).read_bytes()[self.since:].count(text.encode()) < count:
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self):
        """SIGTERM, once it heeds that. How it ended, and after how many seconds."""
        self.wait_for("working")
        begun = time.monotonic()
        self.process.terminate()
        return self.process.wait(TIMEOUT), time.monotonic() - begun
