"""The advisory database from outside: what goes in comes out, and nothing breaks what was there."""
import bz2
import fcntl
import gzip
import hashlib
import json
import lzma
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import tarfile
import time
import zipfile

import pytest

from conftest import run


def osv(number, package="a", fixed="1.0-2", ecosystem="Debian:12", **more):
    return {"id": f"CVE-2024-{number:04}", "modified": "2024-06-01T00:00:00Z",
            "published": "2024-05-01T00:00:00Z", "details": f"Flaw number {number}.",
            "affected": [{"package": {"ecosystem": ecosystem, "name": package},
                          "ranges": [{"type": "ECOSYSTEM",
                                      "events": [{"introduced": "0"}, {"fixed": fixed}]}]}],
            **more}


def kev(*cves):
    return {"title": "Catalog", "catalogVersion": "2026.01.01",
            "dateReleased": "2026-01-01T00:00:00Z",
            "vulnerabilities": [{"cveID": c, "dateAdded": "2024-07-01", "dueDate": "2024-07-21",
                                 "knownRansomwareCampaignUse": "Unknown"} for c in cves]}


def lines(records):
    return "".join(json.dumps(r) + "\n" for r in records).encode()


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "osv.jsonl"
    path.write_bytes(lines(osv(n, f"p{n % 7}") for n in range(1, 201)))
    return path


@pytest.fixture
def database(tmp_path):
    return tmp_path / "db" / "a.db"


def export(assay, database):
    """Every fact, without what depends on when and from what file it was imported."""
    facts = [json.loads(line) for line in
             assay.output("db", "export", "--db", database).splitlines()]
    for fact in facts:
        for name in ("imported", "source", "sha256"):
            fact.pop(name, None)
    return sorted(json.dumps(f, sort_keys=True) for f in facts)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def leftovers(database):
    return sorted(p.name for p in database.parent.iterdir()
                  if p.name not in (database.name, database.name + ".lock"))


def test_what_goes_in_comes_out(assay, database, records):
    assay.output("db", "import", "--db", database, records)
    facts = [json.loads(f) for f in export(assay, database)]
    statements = {(f["id"], f["package"], f["fixed"]) for f in facts if f["type"] == "statement"}
    assert statements == {(f"CVE-2024-{n:04}", f"p{n % 7}", "1.0-2") for n in range(1, 201)}
    titles = {f["id"]: f["title"] for f in facts if f["type"] == "record"}
    assert titles["CVE-2024-0007"] == "Flaw number 7"
    status = json.loads(assay.output("db", "status", "--db", database, "--format", "json"))
    (feed,) = status["feeds"]
    assert feed["name"] == "osv-cve" and feed["records"] == 200
    assert feed["data_date"] == "2024-06-01T00:00:00Z"
    assert feed["sha256"] == digest(records)
    assert b"osv-cve" in assay.output("db", "status", "--db", database)


def containers(folder, data):
    """The same records in every form that can be imported."""
    whole = [json.loads(line) for line in data.splitlines()]
    array = json.dumps(whole).encode()
    pretty = json.dumps(whole, indent=2).encode()
    (folder / "lines.jsonl").write_bytes(data)
    (folder / "array.json").write_bytes(array)
    (folder / "pretty").write_bytes(pretty)
    (folder / "x.json.gz").write_bytes(gzip.compress(array))
    (folder / "x.jsonl.xz").write_bytes(lzma.compress(data))
    (folder / "x.jsonl.bz2").write_bytes(bz2.compress(data))
    run("zstd", "-q", folder / "lines.jsonl", "-o", folder / "x.jsonl.zst")
    (folder / "tree" / "deep").mkdir(parents=True)
    for i, record in enumerate(whole):
        place = folder / "tree" / ("deep" if i % 2 else ".") / f"{i}.json"
        place.write_text(json.dumps(record))
    with zipfile.ZipFile(folder / "x.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for i, record in enumerate(whole):
            z.writestr(f"{i}.json", json.dumps(record))
    for kind in ("", "gz", "xz", "bz2"):
        with tarfile.open(folder / f"x.tar{'.' if kind else ''}{kind}", f"w:{kind}") as t:
            t.add(folder / "tree", "tree")
    run("zstd", "-q", folder / "x.tar")
    with tarfile.open(folder / "nested.tar", "w") as t:
        t.add(folder / "x.json.gz", "inside/x.json.gz")
    return ["array.json", "pretty", "x.json.gz", "x.jsonl.xz", "x.jsonl.bz2", "x.jsonl.zst",
            "tree", "x.zip", "x.tar", "x.tar.gz", "x.tar.xz", "x.tar.bz2", "x.tar.zst",
            "nested.tar"]


def test_every_container_holds_the_same(assay, tmp_path, database, records):
    assay.output("db", "import", "--db", database, records)
    expected = export(assay, database)
    folder = tmp_path / "forms"
    folder.mkdir()
    for name in containers(folder, records.read_bytes()):
        other = tmp_path / f"{name}.db"
        assay.output("db", "import", "--db", other, folder / name)
        assert export(assay, other) == expected, name


def test_the_name_of_a_file_says_nothing(assay, tmp_path, database, records):
    lying = tmp_path / "kev.csv"
    shutil.copy(records, lying)
    out = assay.output("db", "import", "--db", database, lying)
    assert out.startswith(b"osv-cve ")


def test_lookup(assay, tmp_path, database, records):
    catalogue = tmp_path / "k.json"
    catalogue.write_text(json.dumps(kev("CVE-2024-0007")))
    assay.output("db", "import", "--db", database, records, catalogue)
    found = json.loads(assay.output("db", "lookup", "--db", database, "--format", "json",
                                    "CVE-2024-0007"))
    assert found["known_exploited"] is True and found["kev_due"] == "2024-07-21T00:00:00Z"
    assert [r["title"] for r in found["records"]] == ["Flaw number 7"]
    assert [(s["package"], s["fixed"]) for s in found["statements"]] == [("p0", "1.0-2")]
    found = json.loads(assay.output("db", "lookup", "--db", database, "--format", "json", "p3"))
    assert len(found["statements"]) == len([n for n in range(1, 201) if n % 7 == 3])
    assert b"Known to be exploited" in assay.output("db", "lookup", "--db", database,
                                                    "CVE-2024-0007")
    assert "nothing in the database" in assay.refusal("db", "lookup", "--db", database, "nosuch")


def test_reimport_replaces_only_that_feed(assay, tmp_path, database, records):
    catalogue = tmp_path / "k.json"
    catalogue.write_text(json.dumps(kev("CVE-2024-0001", "CVE-2024-0002")))
    assay.output("db", "import", "--db", database, records, catalogue)
    before = export(assay, database)
    catalogue.write_text(json.dumps(kev("CVE-2024-0003")))
    assay.output("db", "import", "--db", database, catalogue)
    after = export(assay, database)
    assert {json.loads(f)["id"] for f in after if '"score"' in f} == {"CVE-2024-0003"}

    def others(facts):
        return [f for f in facts if '"kev"' not in f and '"score"' not in f]
    assert others(after) == others(before)


def test_records_of_osv_are_added_and_replaced_one_by_one(assay, tmp_path, database, records):
    assay.output("db", "import", "--db", database, records)
    newer = [osv(7, "p0", "1.0-9"), osv(900, "q"),
             osv(8, withdrawn="2024-07-01T00:00:00Z"), osv(9, "stale", "7")]
    for record in newer[:3]:
        record["modified"] = "2024-07-01T00:00:00Z"
    newer[3]["modified"] = "2020-01-01T00:00:00Z"
    update = tmp_path / "update.jsonl"
    update.write_bytes(lines(newer))
    assay.output("db", "import", "--db", database, update)
    facts = [json.loads(f) for f in export(assay, database)]
    fixed = {f["id"]: (f["package"], f["fixed"]) for f in facts if f["type"] == "statement"}
    assert fixed["CVE-2024-0007"] == ("p0", "1.0-9")
    assert fixed["CVE-2024-0900"] == ("q", "1.0-2")
    assert fixed["CVE-2024-0009"] == ("p2", "1.0-2")
    assert "CVE-2024-0008" not in fixed
    assert len(fixed) == 200


def test_import_twice_gives_the_same(assay, database, records):
    assay.output("db", "import", "--db", database, records)
    first = export(assay, database)
    assay.output("db", "import", "--db", database, records)
    assert export(assay, database) == first


# --- what must not break it ------------------------------------------------------------------------

def test_half_a_percent_malformed_is_counted(assay, tmp_path, database, records):
    bad = tmp_path / "bad.jsonl"
    data = records.read_bytes().splitlines(keepends=True)
    data[50] = data[50][:30] + b"\n"
    bad.write_bytes(b"".join(data))
    done = assay("db", "import", "-v", "--db", database, bad)
    assert done.returncode == 0
    assert b"1 malformed" in done.stdout
    assert b"record 51" in done.stderr
    facts = export(assay, database)
    assert len([f for f in facts if '"statement"' in f]) == 199


def test_two_percent_malformed_is_refused(assay, tmp_path, database, records):
    assay.output("db", "import", "--db", database, records)
    before = export(assay, database)
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(lines(osv(n, fixed="9") for n in range(1, 99)) + b'{"id":7}\n{"broken\n')
    catalogue = tmp_path / "k.json"
    catalogue.write_text(json.dumps(kev("CVE-2024-0001")))
    done = assay("db", "import", "--db", database, bad, catalogue)
    assert done.returncode == 2
    assert b"osv-cve: refused: 2 of 100 records malformed" in done.stderr
    assert done.stdout.startswith(b"kev ")
    after = export(assay, database)
    assert [f for f in after if '"kev"' not in f and '"score"' not in f] == before
    assert len([f for f in after if '"score"' in f]) == 1


def test_a_truncated_archive_is_refused(assay, tmp_path, database, records):
    assay.output("db", "import", "--db", database, records)
    before = digest(database)
    for name, data in (("x.gz", gzip.compress(records.read_bytes())),
                       ("x.xz", lzma.compress(records.read_bytes()))):
        cut = tmp_path / name
        cut.write_bytes(data[:len(data) // 2])
        assert name in assay.refusal("db", "import", "--db", database, cut)
        assert digest(database) == before
    assert leftovers(database) == []


def test_a_changed_archive_is_refused(assay, tmp_path, database, records):
    """Every container has a checksum, and it is checked."""
    folder = tmp_path / "forms"
    folder.mkdir()
    containers(folder, records.read_bytes())
    run("zstd", "-q", "-f", "--check", folder / "lines.jsonl", "-o", folder / "x.jsonl.zst")
    for name in ("x.json.gz", "x.jsonl.xz", "x.jsonl.bz2", "x.jsonl.zst"):
        data = bytearray((folder / name).read_bytes())
        data[-6 if name.endswith("gz") else -2] ^= 0x55
        (folder / name).write_bytes(data)
        assert name in assay.refusal("db", "import", "--db", database, folder / name)
        assert not database.exists()


def test_gzip_members_are_one_stream(assay, tmp_path, database, records):
    assay.output("db", "import", "--db", database, records)
    expected = export(assay, database)
    data = records.read_bytes()
    several = tmp_path / "several.gz"
    several.write_bytes(gzip.compress(data[:1000]) + gzip.compress(b"") +
                        gzip.compress(data[1000:]) + bytes(512))
    other = tmp_path / "other.db"
    assay.output("db", "import", "--db", other, several)
    assert export(assay, other) == expected


def test_what_is_no_feed_is_said(assay, tmp_path, database):
    other = tmp_path / "hello.txt"
    other.write_text("hello\n")
    assert "nothing in it is a feed" in assay.refusal("db", "import", "--db", database, other)
    assert "no such feed" in assay.refusal("db", "import", "--db", database, "--feed", "x", other)
    assert "No such file" in assay.refusal("db", "import", "--db", database, tmp_path / "none")
    assert not database.exists()
    assert "assay db import" in assay.refusal("db", "status", "--db", database)


def test_other_formats_are_refused_by_name(assay, tmp_path, database, records):
    assay.output("db", "import", "--db", database, records)
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA user_version=99")
    assert "format 99" in assay.refusal("db", "status", "--db", database)
    assert "format 99" in assay.refusal("db", "import", "--db", database, records)
    for junk in (b"hello" * 1000, b"SQLite format 3\0" + bytes(5000), database.read_bytes()[:9000]):
        database.write_bytes(junk)
        assert str(database) in assay.refusal("db", "status", "--db", database)


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """Enough records that an import takes a moment."""
    path = tmp_path_factory.mktemp("big") / "big.jsonl"
    with path.open("wb") as out:
        for n in range(1, 60001):
            out.write(lines([osv(n, f"package{n % 5000}", f"{n}.1-1")]))
    return path


def test_killed_imports_leave_the_old_database(assay, database, records, big):
    assay.output("db", "import", "--db", database, records)
    before = digest(database)
    started = time.monotonic()
    assay.output("db", "import", "--db", database.with_name("time.db"), big)
    whole = time.monotonic() - started
    killed = 0
    for i in range(8):
        child = subprocess.Popen([assay.path, "db", "import", "--db", database, big],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            child.wait(timeout=whole * (i + 1) / 10)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            killed += 1
        status = json.loads(assay.output("db", "status", "--db", database, "--format", "json"))
        if status["feeds"][0]["records"] == 60000:
            break  # the new one is there as a whole: this one was killed too late
        assert digest(database) == before
    assert killed > 0
    assay.output("db", "import", "--db", database, records)
    assert [n for n in leftovers(database) if not n.startswith("time.db")] == []


def test_a_limit_on_file_size_leaves_the_old_database(assay, database, records, big):
    assay.output("db", "import", "--db", database, records)
    before = digest(database)
    for limit in (100_000, 1_000_000, 3_000_000):
        done = assay("db", "import", "--db", database, big,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert digest(database) == before
        assert leftovers(database) == []


@pytest.fixture
def tiny_disk(tmp_path):
    """A filesystem of two megabytes."""
    place = tmp_path / "tiny"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=2m", "assay-test", place)
    yield place
    run("umount", place)


def test_a_full_disk_leaves_the_old_database(assay, tiny_disk, records, big):
    database = tiny_disk / "a.db"
    assay.output("db", "import", "--db", database, records)
    before = digest(database)
    text = assay.refusal("db", "import", "--db", database, big)
    assert "full" in text or "No space" in text
    assert digest(database) == before
    assert leftovers(database) == []


def test_two_imports_do_not_mix(assay, database, records):
    assay.output("db", "import", "--db", database, records)
    with open(f"{database}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another import" in assay.refusal("db", "import", "--db", database, records)
    assay.output("db", "import", "--db", database, records)


def test_who_reads_keeps_the_old_one(assay, tmp_path, database, records):
    assay.output("db", "import", "--db", database, records)
    reader = sqlite3.connect(f"file:{database}?immutable=1", uri=True)
    count = reader.execute("SELECT count(*) FROM vulnerability").fetchone()
    more = tmp_path / "more.jsonl"
    more.write_bytes(lines([osv(900)]))
    assay.output("db", "import", "--db", database, more)
    assert reader.execute("SELECT count(*) FROM vulnerability").fetchone() == count
    new = sqlite3.connect(f"file:{database}?immutable=1", uri=True)
    assert new.execute("SELECT count(*) FROM vulnerability").fetchone() == (count[0] + 1,)


def test_a_link_stays_a_link(assay, tmp_path, database, records):
    assay.output("db", "import", "--db", database, records)
    link = tmp_path / "link.db"
    link.symlink_to(database)
    assay.output("db", "import", "--db", link, records)
    assert link.is_symlink() and database.is_file()


def test_the_environment_names_the_database(assay, tmp_path, records):
    place = tmp_path / "env" / "a.db"
    environment = {**os.environ, "ASSAY_DB": str(place)}
    assay.output("db", "import", records, env=environment)
    assert place.is_file()
    assert str(place).encode() in assay.output("db", "status", env=environment)
