"""Real advisory data, when there is a folder of them (ASSAY_FEEDS): every record of every file is
read, and what is found in a set of packages is what a slow reading of the same data finds."""
import collections
import io
import json
import os
import pathlib
import re
import subprocess
import tarfile

import pytest

from conftest import run

FEEDS = pathlib.Path(os.environ.get("ASSAY_FEEDS", "/nonexistent"))
pytestmark = pytest.mark.skipif(not FEEDS.is_dir(), reason="ASSAY_FEEDS names no folder of feeds")

# Files of forms that are not advisory feeds of packages, or not read yet.
NOT_FEEDS = ("nvd-cpe-overrides", "gentoo-glsa", "yara-", "vectors", "rustsec-advisory-db",
             "php-security", "retirejs", "nodejs-core", "oss-fuzz", "rubygems-facts", "samples",
             "README")


def files():
    if not FEEDS.is_dir():
        return []
    return sorted(p for p in FEEDS.rglob("*") if p.is_file() and
                  not any(n in str(p.relative_to(FEEDS)) for n in NOT_FEEDS))


def unpacked(path):
    tool = {".zst": "zstdcat", ".gz": "zcat"}.get(path.suffix, "cat")
    return run(tool, path)


def secdb_issues(document):
    return sum(len(issues) for entry in document["packages"]
               for issues in entry["pkg"]["secfixes"].values())


def expected(path):
    """How many records a file has, counted without the program under test."""
    data = unpacked(path)
    name = path.name
    if ".jsonl" in name:
        return sum(1 for line in data.splitlines() if line.strip())
    if "-list-" in name:
        return len(re.findall(rb"(?m)^\[", data))
    if "epss" in name:
        return len(re.findall(rb"(?m)^CVE-", data))
    if "kev" in name:
        return len(json.loads(data)["vulnerabilities"])
    members = tarfile.open(fileobj=io.BytesIO(data))
    texts = [members.extractfile(m).read() for m in members if m.isfile()]
    if "secdb" in name:
        return sum(secdb_issues(json.loads(t)) for t in texts)
    return len(texts)


@pytest.mark.parametrize("path", files(), ids=lambda p: p.name)
def test_every_record_is_read(assay, tmp_path, path):
    done = assay("db", "import", "-v", "--db", tmp_path / "a.db", path)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert "malformed" not in text, done.stderr
    assert sum(int(n) for n in re.findall(r"(\d+) records", text)) == expected(path)


# --- what is found -----------------------------------------------------------------------------

def osv_records(name):
    return map(json.loads, unpacked(FEEDS / "debian" / name).splitlines())


def fixed_in(record, release):
    """Package -> fixed version or None, for one release."""
    for affected in record["affected"]:
        package = affected.get("package") or {}
        if package.get("ecosystem") == release:
            fixed = [e["fixed"] for r in affected["ranges"] for e in r["events"] if "fixed" in e]
            yield package["name"], fixed[0] if fixed else None


class Dpkg:
    """dpkg --compare-versions, asked once about each pair."""

    def __init__(self):
        self.known = {}

    def older(self, a, b):
        if (a, b) not in self.known:
            done = subprocess.run(["dpkg", "--compare-versions", a, "lt", b])
            self.known[a, b] = done.returncode == 0
        return self.known[a, b]


def test_lookup_agrees_with_a_slow_reading(assay, tmp_path):
    """Which of some installed versions are vulnerable, by what `db lookup` says, is what the raw
    records say."""
    raw = "debian-osv-2025-02-12.jsonl.zst"
    database = tmp_path / "a.db"
    assay.output("db", "import", "--db", database, FEEDS / "debian" / raw)
    installed = {"openssh": "1:9.2p1-2+deb12u2", "glibc": "2.36-9+deb12u3", "curl": "7.88.1-10",
                 "openssl": "3.0.11-1~deb12u2", "expat": "2.5.0-1", "systemd": "252.6-1"}
    dpkg = Dpkg()
    slow = collections.defaultdict(set)
    for record in osv_records(raw):
        if record.get("withdrawn") or not record["id"].startswith("CVE-"):
            continue
        for package, fixed in fixed_in(record, "Debian:12"):
            version = installed.get(package)
            if version and (fixed is None or dpkg.older(version, fixed)):
                slow[package].add(record["id"])
    for package, version in installed.items():
        found = json.loads(assay.output("db", "lookup", "--db", database, "--format", "json",
                                        package))
        vulnerable = {s["id"] for s in found["statements"]
                      if s["ecosystem"] == "Debian:12" and s["id"].startswith("CVE-") and
                      (s.get("fixed") is None or dpkg.older(version, s["fixed"]))}
        assert vulnerable == slow[package], package
