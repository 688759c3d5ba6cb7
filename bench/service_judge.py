"""The service's judging of ten thousand nodes: used by bench.py."""
import json
import pathlib
import shutil
import sys

import fleet
import images
from measure import measure

NODES = 10_000
FLEET = images.TOP / "build" / "tests" / "unit" / "judge-fleet"
STORE = images.FOLDER / "fleet.db"
BEFORE, AFTER = images.FOLDER / "fleet-before.db", images.FOLDER / "fleet-after.db"


def databases(assay, feeds):
    """The advisories that the nodes are judged by at first, and a week's more."""
    week = images.FOLDER / "week.jsonl"
    for path in (BEFORE, AFTER):
        path.unlink(missing_ok=True)
    measure(assay, "db", "import", "--db", BEFORE, *(feeds / f for f in fleet.FEEDS),
            feeds / "cve")
    shutil.copy(BEFORE, AFTER)
    fleet.week(feeds, week)
    measure(assay, "db", "import", "--db", AFTER, week)


def said(taken):
    if taken.status != 0:
        sys.exit(f"bench: {taken.error.strip()}")
    return [json.loads(line) for line in taken.output.decode().splitlines()]


def fill(url, feeds):
    description = images.FOLDER / "fleet.json"
    fleet.make(feeds, description)
    taken = measure(FLEET, url, BEFORE, "fill", description, NODES)
    return taken, said(taken)[0]


def measure_store(url, row, rejudge):
    taken = rejudge()
    row(f"judge {NODES} nodes again, a week's advisories", taken, f"{said(taken)[0]['seconds']} s of it judging")
    row("the same, nothing new", measure(FLEET, url, AFTER, "rejudge"))
    for id_ in ("CVE-2023-44487", "DSA-5866-1", "DSA-5868-1"):
        found = said(measure(FLEET, url, AFTER, "affected", id_))[0]
        print(f"    {id_}: {found['things']} nodes; counted in {1000 * found['count_seconds']:.0f} ms, "
              f"the first 500 with their packages in {1000 * found['page_seconds']:.0f} ms", flush=True)
    counted = said(measure(FLEET, url, AFTER, "count"))[0]
    print(f"    list of the worst vulnerabilities of all: {1000 * counted['list_seconds']:.0f} ms",
          flush=True)


def on_sqlite(assay, feeds, row):
    url = f"sqlite:{STORE}"
    if not (STORE.exists() and BEFORE.exists() and AFTER.exists()):
        STORE.unlink(missing_ok=True)
        databases(assay, feeds)
        taken, filled = fill(url, feeds)
        row(f"keep and judge {NODES} frames", taken, f"{filled['packages'] // NODES} packages each")
    copy = images.FOLDER / "fleet-judged.db"
    for old in images.FOLDER.glob("fleet-judged.db*"):
        old.unlink()
    shutil.copy(STORE, copy)
    url = f"sqlite:{copy}"
    measure_store(url, row, lambda: measure(FLEET, url, AFTER, "rejudge"))


def on_postgresql(assay, feeds, row):
    sys.path.insert(0, str(pathlib.Path(images.TOP) / "tests" / "e2e"))
    from postgres import Postgres  # pylint: disable=import-outside-toplevel
    server = Postgres()
    try:
        databases(assay, feeds)
        taken, filled = fill(server.url, feeds)
        row(f"keep and judge {NODES} frames", taken, f"{filled['packages'] // NODES} packages each")
        measure_store(server.url, row, lambda: measure(FLEET, server.url, AFTER, "rejudge"))
    finally:
        server.remove()
