"""Judging again is killed at any moment, and comes to the same as if it had not been."""
import json
import pathlib
import random
import shutil
import subprocess
import time

import pytest

from conftest import REPOSITORY, TIMEOUT, run
from postgres import Postgres
from service import Service

NODES = 80
WHAT_IS_KEPT = """
SELECT 1, t.name || ' ' || s.summary FROM subject s JOIN node t ON t.id = s.thing
UNION ALL SELECT 2, i.name || ' ' || i.version || ' ' || v.name || ' ' || coalesce(v.title, '')
 || ' ' || v.exploited || ' ' || f.severity || ' ' || f.state || ' ' || coalesce(f.fixed, '-')
 || ' ' || coalesce(f.advisories, '-') FROM finding f JOIN installed i ON i.number = f.installed
 JOIN vulnerability v ON v.number = f.vulnerability
UNION ALL SELECT 3, n.name || ' ' || i.name || ' ' || i.version || ' ' || v.name FROM notice n
 JOIN installed i ON i.number = n.installed JOIN vulnerability v ON v.number = n.vulnerability
UNION ALL SELECT 4, p.name || ' ' || v.name || ' ' || e.severity || ' ' || e.things FROM exposure e
 JOIN vulnerability v ON v.number = e.vulnerability JOIN project p ON p.id = e.project
 WHERE e.things > 0
UNION ALL SELECT 5, data FROM event"""


def feed(path, seed, flaws):
    """Flaws of made-up packages, some of them mended, and advisories about some of those."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as out:
        for n in range(flaws):
            package, fixed = f"source{rng.randrange(60)}", rng.randrange(1, 9)
            events = [{"introduced": "0"}] + ([{"fixed": f"{fixed}.0-1"}] if n % 3 else [])
            record = {"modified": "2025-01-01T00:00:00Z", "details": f"Flaw {n} of {package}.",
                      "affected": [{"package": {"ecosystem": "Debian:12", "name": package},
                                    "ranges": [{"type": "ECOSYSTEM", "events": events}]}]}
            for name in [f"CVE-2024-{10000 + n}"] + ([f"DSA-{6000 + n}-1"] if n % 5 == 1 else []):
                out.write(json.dumps({"id": name, **record}) + "\n")


@pytest.fixture(scope="module")
def fleet(assay, tmp_path_factory):
    """Where judge-fleet is, what it makes, and two states of the advisories."""
    folder = tmp_path_factory.mktemp("fleet")
    for name, seed, flaws in (("before", 1, 300), ("after", 2, 400)):
        (folder / name).mkdir()
        feed(folder / name / "d.jsonl", seed, flaws)
        done = assay("db", "import", "--db", folder / f"{name}.db", folder / name / "d.jsonl")
        assert done.returncode == 0, done.stderr
    packages = [{"name": f"binary{n}", "source": f"source{n % 60}", "arch": "amd64",
                 "versions": [f"{v}.0-1" for v in range(1, 8)]} for n in range(120)]
    system = {"os": {"root": "disk0p1", "id": "debian", "version_id": "12"}, "type": "deb",
              "packages": packages}
    (folder / "fleet.json").write_text(json.dumps([system]))
    return folder


class Fleet:
    def __init__(self, folder, url, ask):
        self.folder, self.url, self.ask = folder, url, ask

    def command(self, advisories, *words):
        program = pathlib.Path(REPOSITORY) / "build" / "tests" / "unit" / "judge-fleet"
        return [str(program), self.url, str(self.folder / f"{advisories}.db"), *map(str, words)]

    def fill(self):
        run(*self.command("before", "fill", self.folder / "fleet.json", NODES, 2))

    def judge(self):
        run(*self.command("after", "rejudge"))

    def judge_killed(self, seconds):
        """False when it was faster."""
        with subprocess.Popen(self.command("after", "rejudge"), stdout=subprocess.DEVNULL) as job:
            try:
                return job.wait(seconds) != 0
            except subprocess.TimeoutExpired:
                job.kill()
                return True

    def kept(self):
        """Things' identifiers differ from one store to another; names do not."""
        run(*self.command("after", "count"))
        lines = []
        for line in self.ask(WHAT_IS_KEPT):
            if line.startswith("5|"):
                event = json.loads(line[2:])
                del event["node"]
                line = json.dumps(event, sort_keys=True)
            lines.append(line)
        return sorted(lines)


def on_sqlite(folder, path):
    def ask(statement):
        return run("sqlite3", path, statement).decode().splitlines()
    return Fleet(folder, f"sqlite:{path}", ask)


def on_postgresql(folder, server, name):
    run("psql", "-q", server.url, "-c", f"CREATE SCHEMA {name}")
    url = f"{server.url}?options=-csearch_path%3D{name}"

    def ask(statement):
        return run("psql", "-qAt", url, "-c", statement).decode().splitlines()
    return Fleet(folder, url, ask)


def compare(whole, killed):
    for store in (whole, killed):
        store.fill()
    assert whole.kept() == killed.kept()
    whole.judge()
    kills, seconds = 0, 0.02
    while killed.judge_killed(seconds):
        kills += 1
        seconds *= 1.3
        assert seconds < TIMEOUT
    assert kills > 2
    assert whole.kept() == killed.kept()


def test_killed_on_sqlite(fleet, tmp_path):
    compare(on_sqlite(fleet, tmp_path / "whole.db"), on_sqlite(fleet, tmp_path / "killed.db"))
    assert run("sqlite3", tmp_path / "killed.db", "PRAGMA integrity_check") == b"ok\n"


def test_killed_on_postgresql(fleet):
    server = Postgres()
    try:
        compare(on_postgresql(fleet, server, "whole"), on_postgresql(fleet, server, "killed"))
    finally:
        server.remove()


def without_events(store):
    return [line for line in store.kept() if not line.startswith("{")]


def test_a_service_notices_new_advisories(assay, fleet, tmp_path):
    store, anew = (on_sqlite(fleet, tmp_path / f"{name}.db") for name in ("store", "anew"))
    store.fill()
    advisories = tmp_path / "advisories.db"
    shutil.copy(fleet / "before.db", advisories)
    service = Service(assay.path, tmp_path, "--advisories", advisories, store=store.url)
    try:
        shutil.copy(fleet / "after.db", tmp_path / "new.db")
        (tmp_path / "new.db").rename(advisories)
        deadline = time.monotonic() + TIMEOUT
        while store.ask("SELECT count(*) FROM job WHERE kind = 'rejudge' AND state = 'done'"
                        " UNION ALL SELECT count(*) FROM subject WHERE advisories <>"
                        " (SELECT number FROM advisories ORDER BY written DESC LIMIT 1)"
                        " OR uncounted = 1") not in (["1", "0"], ["2", "0"]):
            assert time.monotonic() < deadline, service.log.read_text()
            time.sleep(0.1)
    finally:
        service.stop()
    run(*anew.command("after", "fill", fleet / "fleet.json", NODES, 2))
    assert without_events(store) == without_events(anew)


def test_judging_again_is_judging_anew(fleet, tmp_path):
    again, anew = (on_sqlite(fleet, tmp_path / f"{name}.db") for name in ("again", "anew"))
    again.fill()
    again.judge()
    run(*anew.command("after", "fill", fleet / "fleet.json", NODES, 2))
    assert without_events(again) == without_events(anew)
