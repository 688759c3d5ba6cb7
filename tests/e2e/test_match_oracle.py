"""What scan finds in real systems is what a slow reading of the same advisories finds, with dpkg
and rpm themselves comparing the versions. The rules are those of docs/advisories.md."""
import collections
import json
import os
import pathlib
import re
import subprocess

import pytest

import debian_root
import rpm_databases
import system_image
from conftest import TIMEOUT, run
from debian_root import RELEASES

FEEDS = pathlib.Path(os.environ.get("ASSAY_FEEDS", "/nonexistent"))
CVES = FEEDS / "debian" / "debian-osv-2025-02-12.jsonl.zst"
ALMA = FEEDS / "rpm" / "almalinux-osv-2026-08-21.jsonl.zst"
LATER = FEEDS / "debian" / "debian-dsa-dla-osv-2025-02-13_2026-08-21.jsonl.zst"
with_feeds = pytest.mark.skipif(not CVES.exists(), reason="ASSAY_FEEDS names no folder of feeds")


class Dpkg:
    """dpkg's word about versions; each pair is asked for once."""

    def __init__(self):
        self.known = {}

    def older(self, a, b):
        if (a, b) not in self.known:
            done = subprocess.run(["dpkg", "--compare-versions", a, "lt", b], timeout=TIMEOUT,
                                  stderr=subprocess.DEVNULL)
            self.known[a, b] = done.returncode == 0
        return self.known[a, b]


@pytest.fixture(scope="module")
def dpkg():
    return Dpkg()


class Rpm:
    """rpm's word; all pairs at once, since each call of rpm costs more than a thousand pairs."""

    def __init__(self, folder, pairs):
        pairs = sorted(set(pairs))
        (folder / "pairs").write_text("".join(f"{a}\t{b}\n" for a, b in pairs))
        script = ('%{lua: for line in io.lines("' + str(folder / "pairs") + '") do '
                  'local a, b = line:match("(%S+)\\t(%S+)"); print(rpm.vercmp(a, b) .. "\\n") end}')
        self.known = dict(zip(pairs, map(int, run("rpm", "--eval", script).split()), strict=True))

    def older(self, a, b):
        return self.known[a, b] < 0


def as_released(tree, folder):
    """The same system with the versions of the day of its release: without the marks that updates
    of a stable release leave ("+deb12u3", "~deb12u1"). dpkg is asked what they are, as of any."""
    status = folder / "var/lib/dpkg/status"
    for path in ("etc", "usr/lib/os-release", "var/lib/dpkg/status"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        run("cp", "-a", tree / path, folder / path)
    (folder / "var/lib/dpkg/info").mkdir()
    text = re.sub(r"(?m)^((?:Version|Source): .*?)[+~]deb1[123]u\d+", r"\1", status.read_text())
    status.write_text(text)
    return folder


def judged_as(package):
    """Source and version that advisories speak of: of signed kernels, what was signed."""
    name, version, source, source_version, _ = package
    if source.startswith("linux-signed"):
        return "linux", version
    return source, source_version


def scan(assay, tree, folder, *databases):
    """(package, id, fix) of all findings."""
    disk = system_image.filesystem("ext4", folder / "disk", tree, size=64 << 20)
    return found_in(assay, disk, folder, *databases)


def found_in(assay, disk, folder, *feeds):
    database = folder / "a.db"
    if not database.exists():
        assay.output("db", "import", "--db", database, *feeds)
    done = assay("scan", "--db", database, "--format", "json", disk)
    assert done.returncode in (0, 1, 3), done.stderr
    (target,) = json.loads(done.stdout)["targets"]
    (system,) = target["systems"]
    assert not [c for c in target["coverage"] if c["state"] in ("partial", "unreadable")
                and not c["object"].startswith("support of")]
    findings = [(f["package"]["name"], f["id"], f.get("fixed_version"))
                for f in system["findings"]]
    assert len(set(findings)) == len(findings)
    assert (done.returncode == 1) == bool(findings)
    return set(findings)


def ranges(record, ecosystem):
    """(package, introduced or None, fixed or None) of a record."""
    for affected in record.get("affected", []):
        package = affected.get("package") or {}
        if package.get("ecosystem") != ecosystem:
            continue
        for r in affected.get("ranges", []):
            introduced = None
            for event in r["events"] if r["type"] == "ECOSYSTEM" else []:
                if "introduced" in event:
                    introduced = event["introduced"]
                elif "fixed" in event:
                    yield package["name"], introduced, event["fixed"]
                    introduced = None
            if introduced is not None:
                yield package["name"], introduced, None


def slow_reading(dpkg, packages, records, ecosystem):
    """records: of one feed whose ids are CVEs. What is vulnerable, and what mends it."""
    by_source = collections.defaultdict(list)
    for package in packages:
        by_source[judged_as(package)[0]].append((package[0], judged_as(package)[1]))
    found = set()
    for record in records:
        if record.get("withdrawn"):
            continue
        for source, introduced, fixed in ranges(record, ecosystem):
            for name, version in by_source.get(source, []):
                if introduced != "0" and dpkg.older(version, introduced):
                    continue
                if fixed is None or dpkg.older(version, fixed):
                    found.add((name, record["id"], fixed))
    return found


# --- advisories of our own -------------------------------------------------------------------------

def variants(version):
    """Versions about a version: where comparing goes wrong."""
    epoch, colon, rest = version.rpartition(":")
    upstream, dash, revision = rest.rpartition("-")
    yield from (version, version + "~", version + "+", version + "+b1", version + ".1", "0~",
                f"99:{rest}", rest, epoch + colon + rest.replace(".", ".0", 1))
    if dash:
        yield from (epoch + colon + upstream, f"{epoch}{colon}{upstream}-{revision}+deb99u1",
                    f"{epoch}{colon}{upstream}-0", f"{epoch}{colon}{upstream}~rc1-{revision}",
                    f"{epoch}{colon}{upstream}+dfsg-{revision}")


def own_records(packages, ecosystem):
    number = 0
    for source, version in sorted({judged_as(p) for p in packages}):
        for other in variants(version):
            for events in ([{"introduced": "0"}, {"fixed": other}], [{"introduced": other}],
                           [{"introduced": "0"}, {"fixed": "0~~"}, {"introduced": other}]):
                number += 1
                yield {"id": f"CVE-2030-{number:05}", "modified": "2030-01-01T00:00:00Z",
                       "published": "2030-01-01T00:00:00Z",
                       "withdrawn": "2030-01-02T00:00:00Z" if number % 97 == 0 else None,
                       "affected": [{"package": {"ecosystem": e, "name": source},
                                     "ranges": [{"type": "ECOSYSTEM", "events": events}]}
                                    for e in (ecosystem, "Debian:10")[number % 31 == 0:]]}


@pytest.mark.parametrize("suite", RELEASES)
def test_versions_about_those_installed(assay, debian, dpkg, tmp_path, suite):
    tree = debian(suite)
    packages = debian_root.packages(tree)[::4]
    ecosystem = f"Debian:{RELEASES[suite]}"
    records = list(own_records(packages, ecosystem))
    (tmp_path / "osv.jsonl").write_text("".join(
        json.dumps({k: v for k, v in r.items() if v}) + "\n" for r in records))
    expected = slow_reading(dpkg, debian_root.packages(tree), records, ecosystem)
    assert len(expected) > len(packages) * 5
    cut = as_released(tree, tmp_path / "tree")
    (cut / "var/lib/dpkg/status").write_bytes((tree / "var/lib/dpkg/status").read_bytes())
    found = scan(assay, cut, tmp_path, tmp_path / "osv.jsonl")
    assert found - expected == set() and expected - found == set()


# --- Debian's advisories ------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def cve_records():
    return [r for r in map(json.loads, run("zstdcat", CVES).splitlines())
            if r["id"].startswith("CVE-")]


@with_feeds
@pytest.mark.parametrize("suite", RELEASES)
def test_debians_cves_in_a_release_with_and_without_its_updates(assay, debian, dpkg, tmp_path,
                                                               cve_records, suite):
    ecosystem = f"Debian:{RELEASES[suite]}"
    feed = tmp_path / "cves.jsonl"
    feed.write_text("".join(json.dumps(r) + "\n" for r in cve_records
                            if ecosystem in json.dumps(r)))
    before = as_released(debian(suite), tmp_path / "before")
    for tree in (before, debian(suite)):
        expected = slow_reading(dpkg, debian_root.packages(tree), cve_records, ecosystem)
        disk = tmp_path / f"{tree.name}-disk"
        system_image.filesystem("ext4", disk, tree, size=280 << 20)
        found = found_in(assay, disk, tmp_path, feed)
        assert found - expected == set() and expected - found == set()
    assert suite == "trixie" or len(expected) > 20


@with_feeds
@pytest.mark.parametrize("suite", RELEASES)
def test_later_advisories_beside_older_cves(assay, debian, dpkg, tmp_path, cve_records, suite):
    """Of two feeds the newer is right where versions differ; a fix beats that none is known."""
    ecosystem = f"Debian:{RELEASES[suite]}"
    tree = as_released(debian(suite), tmp_path / "before")
    packages = debian_root.packages(tree)
    later = [json.loads(line) for line in run("zstdcat", LATER).splitlines()]
    older = {(n, i): f for n, i, f in slow_reading(dpkg, packages, cve_records, ecosystem)}
    by_cve = [dict(r, id=cve) for r in later for cve in r["upstream"]]
    spoken = {}  # (package, CVE) -> fixes by later advisories
    for record in by_cve:
        for source, _, fixed in ranges(record, ecosystem):
            for package in packages:
                name, version = judged_as(package)
                if name == source:
                    spoken.setdefault((package[0], record["id"]), []).append((version, fixed))
    expected = set()
    for key in older.keys() | spoken.keys():
        said = spoken.get(key)
        if said is None:
            expected.add((*key, older[key]))
            continue
        open_still = [f for v, f in said if dpkg.older(v, f)]
        if open_still:  # several advisories about one CVE: all of them have to be installed
            newest = open_still[0]
            for f in open_still:
                newest = f if dpkg.older(newest, f) else newest
            expected.add((*key, newest))
    assert len(spoken) > 20 and expected
    found = scan(assay, tree, tmp_path, CVES, LATER)
    # Advisories that name no CVE have findings of their own unless they mend what a CVE's does.
    cves = {f for f in found if f[1].startswith("CVE-")}
    assert cves - expected == set() and expected - cves == set()


# --- rpm ------------------------------------------------------------------------------------------------

ALMALINUX = """NAME="AlmaLinux"
ID="almalinux"
VERSION_ID="9.4"
PRETTY_NAME="AlmaLinux 9.4"
"""


def rpm_root(folder, packages):
    """A system with packages (name, epoch or None, version, release) that rpm itself installed."""
    (folder / "root/etc").mkdir(parents=True)
    (folder / "root/etc/os-release").write_text(ALMALINUX)
    below = "".join(rpm_databases.subpackage(
        name, (f"Epoch: {epoch}\n" if epoch else "") + f"Version: {version}\nRelease: {release}")
        for name, epoch, version, release in packages)
    built = rpm_databases.build(folder, rpm_databases.spec(
        "all-of-them", "Vendor: AlmaLinux", subpackages=below))
    rpm_databases.install(folder / "root", [b for b in built if "all-of-them" not in b.name])
    listed = rpm_databases.listing(folder / "root")
    assert len(listed) == len(packages)
    return folder / "root", {p["name"]: p["version"] for p in listed}


def rpm_variants(version):
    epoch, _, rest = version.rpartition(":")
    upstream, _, release = rest.rpartition("-")
    e = epoch + ":" if epoch else ""
    yield from (version, f"0:{rest}", rest, f"1:{rest}", f"{e}{upstream}~rc1-{release}",
                f"{e}{upstream}^git1-{release}", f"{e}{upstream}.1-{release}",
                f"{e}{upstream}-{release}_1", f"{e}{upstream}-{release}.1", f"{e}{upstream}-0",
                f"{e}{upstream.replace('.', '.0', 1)}-{release}", f"{e}{upstream}a-{release}")


def test_versions_about_those_of_rpm(assay, tmp_path):
    root, installed = rpm_root(tmp_path, [
        ("one", None, "1.0", "1.el9"), ("two", "2", "2.36.1", "8.el9_2.4"),
        ("three", "1", "3.0.7~rc1", "24.el9"), ("four", None, "4.18^git2", "1.el9.alma.1"),
        ("five", "32", "9.16.23", "0.el9"), ("six", None, "2024b", "2.el9"),
        ("seven", None, "007", "1"), ("eight", "1", "1_2+3", "0.1.rc2.el9")])
    records, pairs = [], []
    for name, version in installed.items():
        for other in rpm_variants(version):
            pairs.append((version, other))
            for events in ([{"introduced": "0"}, {"fixed": other}], [{"introduced": other}]):
                records.append({"id": f"CVE-2030-{len(records):05}",
                                "modified": "2030-01-01T00:00:00Z",
                                "affected": [{"package": {"ecosystem": "AlmaLinux:9", "name": name},
                                              "ranges": [{"type": "ECOSYSTEM", "events": events}]}]})
    (tmp_path / "osv.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    packages = [(n, v, n, v, None) for n, v in installed.items()]
    expected = slow_reading(Rpm(tmp_path, pairs), packages, records, "AlmaLinux:9")
    assert len(expected) > 60
    found = scan(assay, root, tmp_path, tmp_path / "osv.jsonl")
    assert found - expected == set() and expected - found == set()


@pytest.mark.skipif(not ALMA.exists(), reason="ASSAY_FEEDS names no folder of feeds")
def test_almalinuxs_advisories(assay, tmp_path):
    """Of every tenth package that ever was mended, a version in the middle of its fixes."""
    records = [json.loads(line) for line in run("zstdcat", ALMA).splitlines()]
    fixes = collections.defaultdict(list)
    for record in records:
        for name, _, fixed in ranges(record, "AlmaLinux:9"):
            if fixed:
                fixes[name].append(fixed)
    simple = re.compile(r"(?:(\d+):)?([A-Za-z0-9._+~^]+)-([A-Za-z0-9._+~^]+)")
    names = sorted(n for n, f in fixes.items()
                   if re.fullmatch(r"[A-Za-z0-9._+-]+", n) and all(map(simple.fullmatch, f))
                   and not any(".module" in v for v in f))[::25]
    chosen = [(name, *simple.fullmatch(fixes[name][len(fixes[name]) // 2]).groups())
              for name in names]
    root, installed = rpm_root(tmp_path, chosen)
    rpm = Rpm(tmp_path, [(installed[n], f) for n in names for f in fixes[n]])
    expected = set()
    for record in records:
        for name, _, fixed in ranges(record, "AlmaLinux:9"):
            if name in installed and (fixed is None or rpm.older(installed[name], fixed)):
                expected |= {(name, cve) for cve in record["related"] if cve.startswith("CVE-")}
    assert len(expected) > 200
    found = {(n, i) for n, i, _ in scan(assay, root, tmp_path, ALMA) if i.startswith("CVE-")}
    assert found - expected == set() and expected - found == set()
