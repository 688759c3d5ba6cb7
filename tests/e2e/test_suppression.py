"""assay scan with VEX documents and ignore files: what is suppressed, by whom, and the status."""
import io
import itertools
import json
import os
import pathlib
import tarfile
import urllib.parse

import pytest

from conftest import run

SAMPLES = pathlib.Path(os.environ.get("ASSAY_FEEDS", "/nonexistent")) / "samples"


NOW = "1795219200"  # 2026-11-21T00:00:00Z


def frame(path, system, packages):
    """One that was made long ago."""
    path.write_text(json.dumps({
        "schema": "assay.frame/1", "assay": "0", "target": "web.qcow2",
        "created": "2020-01-01T00:00:00Z", "state": "read", "coverage": [], "volumes": [],
        "systems": [{"os": {"root": "disk0p1", **system}, "packages": packages}]}))
    return path


def osv(number, package, ecosystem="Debian:13", fixed="9"):
    return {"id": f"CVE-2024-{number}", "modified": "2024-06-01T00:00:00Z", "details": "A flaw.",
            "affected": [{"package": {"ecosystem": ecosystem, "name": package},
                          "ranges": [{"type": "ECOSYSTEM",
                                      "events": [{"introduced": "0"}, {"fixed": fixed}]}]}]}


def deb(name, version="1.0-1", **more):
    return {"type": "deb", "name": name, "version": version, "arch": "amd64",
            "path": "/var/lib/dpkg/status", **more}


class Scan:
    """Scans one frame with one database, in a folder of its own."""

    def __init__(self, assay, folder, system, packages, records):
        feed = folder / "feed.jsonl"
        feed.write_text("".join(json.dumps(r) + "\n" for r in records))
        self.assay, self.folder, self.database = assay, folder, folder / "a.db"
        self.frame = frame(folder / "frame.json", system, packages)
        assay.output("db", "import", "--db", self.database, feed)

    def run(self, *options):
        return self.assay("scan", "--db", self.database, *options, self.frame, cwd=self.folder,
                          env={**os.environ, "SOURCE_DATE_EPOCH": NOW})

    def report(self, *options, status=None):
        """What is said about the target."""
        done = self.run("--format", "json", "--show-suppressed", *options)
        assert status in (None, done.returncode) and done.returncode != 2, done.stderr.decode()
        (target,) = json.loads(done.stdout)["targets"]
        return target

    def findings(self, *options, status=None):
        (system,) = self.report(*options, status=status)["systems"]
        return [f for f in system["findings"] if "suppressed_by" in f]

    def suppressed(self, *options, status=None):
        """id -> (by, reason)"""
        return {f["id"]: (f["suppressed_by"], f.get("suppressed_reason"))
                for f in self.findings(*options, status=status)}


DEBIAN = {"id": "debian", "version_id": "13", "codename": "trixie", "hostname": "web1",
          "pretty_name": "Debian GNU/Linux 13 (trixie)"}


@pytest.fixture
def scan(assay, tmp_path):
    return Scan(assay, tmp_path, DEBIAN,
                [deb("curl"), deb("libssl3", source="openssl", source_version="3.0-1")],
                [osv(1001, "curl"), osv(1002, "curl"), osv(1003, "openssl")])


def write(folder, name, content):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def openvex(*statements):
    return {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:doc", "author": "Us",
            "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": [
                {"vulnerability": {"name": v}, "products": [{"@id": p}], "status": s, **more}
                for v, p, s, more in statements]}


def test_openvex_suppresses_and_the_status_follows(scan, tmp_path):
    assert scan.run().returncode == 1
    document = write(tmp_path, "v.json", openvex(
        ("CVE-2024-1001", "pkg:deb/debian/curl@1.0-1", "not_affected",
         {"justification": "vulnerable_code_not_present"}),
        ("CVE-2024-1002", "pkg:deb/debian/curl@2", "not_affected", {}),
        ("CVE-2024-1003", "pkg:deb/debian/openssl?arch=source", "fixed", {})))
    by = f"{document}: OpenVEX urn:doc by Us"
    assert scan.suppressed("--vex", document, status=1) == {
        "CVE-2024-1001": (by, "not affected: vulnerable_code_not_present"),
        "CVE-2024-1003": (by, "fixed")}
    everything = write(tmp_path, "w.json", openvex(("CVE-2024-1002", "web.qcow2", "fixed", {})))
    assert len(scan.suppressed("--vex", document, "--vex", everything, status=0)) == 3


def test_suppressed_ones_are_counted_and_shown_only_when_asked_for(scan, tmp_path):
    rules = write(tmp_path, "rules", 'CVE-2024-1001 reason="it is a decoy"\n')
    table = scan.run("--ignore-file", rules).stdout.decode()
    assert "CVE-2024-1001" not in table and "1 suppressed" in table
    shown = scan.run("--ignore-file", rules, "--show-suppressed").stdout.decode()
    assert "CVE-2024-1001" in shown and f"by {rules} line 1: it is a decoy\n" in shown
    html = scan.run("--ignore-file", rules, "--show-suppressed", "--format", "html").stdout.decode()
    assert "it is a decoy" in html


def test_the_ignore_file_of_the_folder_counts(scan, tmp_path):
    write(tmp_path, ".assayignore", "package=curl\npackage=openssl\n")
    assert scan.suppressed(status=0) == {
        "CVE-2024-1001": (".assayignore line 1", None),
        "CVE-2024-1002": (".assayignore line 1", None),
        "CVE-2024-1003": (".assayignore line 2", None)}


def test_a_rule_past_its_day_is_named_and_hides_nothing(scan, tmp_path):
    rules = write(tmp_path, "rules",
                  "package=* expires=2026-11-20\nCVE-2024-1001 expires=2026-11-21")
    report = scan.report("--ignore-file", rules)
    assert [(c["object"], c["state"], c["reason"]) for c in report["coverage"]
            if c["kind"] == "ignore file"] == [
                (str(rules), "read", "2 statements; 1 finding suppressed"),
                (f"{rules} line 1", "skipped", "expired on 2026-11-20: ignores nothing any more")]
    table = scan.run("--ignore-file", rules)
    assert b"expired on 2026-11-20" in table.stdout and table.returncode == 1


def test_an_old_frame_is_judged_by_today(scan):
    scan.frame = frame(scan.folder / "old.json", {**DEBIAN, "version_id": "10"}, [])
    (support,) = [c for c in scan.report(status=3)["coverage"] if "support" in c["object"]]
    assert support["reason"].startswith("Debian 10 is past its end of life (2022-09-10)")


@pytest.mark.parametrize("option,text,message", [
    ("--ignore-file", "CVE-1\nCVE-2 until=2030-01-01\n", "line 2: no key 'until'"),
    ("--ignore-file", "CVE-1 expires=soon\n", "line 1: expires: 'soon' is not a date"),
    ("--vex", "{}", "no VEX document (OpenVEX, CSAF or CycloneDX, as JSON)"),
    ("--vex", "nothing", "no VEX document"),
    ("--vex", '{"a":', "offset"),
    ("--vex", '{"@context":"https://openvex.dev/ns","statements":[{"status":"odd"}]}',
     "statement 1: no status 'odd'"),
    ("--vex", None, "No such file"),
    ("--ignore-file", None, "No such file"),
])
def test_a_wrong_file_is_refused(scan, tmp_path, option, text, message):
    path = write(tmp_path, "wrong", text) if text is not None else tmp_path / "missing"
    done = scan.run(option, path)
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 2 and done.stdout == b""
    assert len(lines) == 1 and message in lines[0] and path.name in lines[0]


def test_cyclonedx_about_our_own_bill_of_materials(scan, tmp_path):
    bom = json.loads(scan.run("--format", "cyclonedx").stdout)
    (ref,) = [c["bom-ref"] for c in bom["components"] if c["name"] == "curl"]
    link = (f"urn:cdx:{bom['serialNumber'].removeprefix('urn:uuid:')}/{bom['version']}"
            f"#{urllib.parse.quote(ref, safe='')}")
    document = write(tmp_path, "v.json", {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "vulnerabilities": [{"id": "CVE-2024-1001", "affects": [{"ref": link}],
                             "analysis": {"state": "false_positive", "detail": "No."}}]})
    assert scan.suppressed("--vex", document) == {
        "CVE-2024-1001": (f"{document}: CycloneDX", "not affected: No")}


# --- documents as vendors publish them ---------------------------------------------------------

@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """Documents of Red Hat, SUSE and Ubuntu, each in a folder."""
    (packed,) = SAMPLES.glob("feed-format-samples-*.tar.zst") or [None]
    folder = tmp_path_factory.mktemp("published")
    with tarfile.open(fileobj=io.BytesIO(run("zstdcat", packed))) as archive:
        for member in archive.getmembers():
            for prefix, name in (("vuls/redhat/vex/v2/", "redhat"), ("vuls/suse/csaf_vex/", "suse"),
                                 ("vuls/ubuntu/vex/", "old-ubuntu"),
                                 ("vunnel/ubuntu/vex/cve/", "ubuntu")):
                if member.isfile() and member.name.removeprefix("./").startswith(prefix):
                    (folder / name).mkdir(exist_ok=True)
                    (folder / name / pathlib.Path(member.name).name).write_bytes(
                        archive.extractfile(member).read())
    return folder


needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(),
                                   reason="ASSAY_FEEDS names no folder of feeds")


def in_archives(folder):
    """Every JSON document under a folder, unpacked by tar."""
    for path in sorted(folder.iterdir()):
        if ".tar" in path.name:
            tool = {".zst": "zstdcat", ".bz2": "bzcat", ".xz": "xzcat"}[path.suffix]
            with tarfile.open(fileobj=io.BytesIO(run(tool, path))) as archive:
                for member in archive.getmembers():
                    if member.name.endswith(".json"):
                        yield json.loads(archive.extractfile(member).read())
        elif path.suffix == ".json":
            yield json.loads(path.read_bytes())


@needs_samples
def test_every_vendor_s_documents_are_read(scan, published):
    for vendor in ("redhat", "suse", "ubuntu", "old-ubuntu"):
        report = scan.report("--vex", published / vendor)
        (entry,) = [c for c in report["coverage"] if c["kind"] == "VEX document"]
        assert entry["state"] == "read" and not entry["reason"].startswith("0 statements"), vendor
        assert entry["reason"].endswith("0 findings suppressed"), vendor


@needs_samples
def test_red_hat_s_statements_about_its_own_packages(assay, tmp_path, published):
    """Of each CVE, the source packages that Red Hat Enterprise Linux 9 has and that are not
    affected: all of them are suppressed, and nothing else."""
    expected, sources = set(), set()
    for document in in_archives(published / "redhat"):
        if document["document"]["category"] != "csaf_vex":
            continue
        for v in document["vulnerabilities"]:
            for product in v["product_status"].get("known_not_affected", []):
                platform, _, name = product.partition(":")
                if platform == "red_hat_enterprise_linux_9" and ":" not in name:
                    expected.add((v["cve"], name.split("/")[-1]))
                    sources.add(name.split("/")[-1])
            for product in v["product_status"].get("known_affected", []):
                if product.startswith("red_hat_enterprise_linux_9:"):
                    sources.add(product.partition(":")[2].split("/")[-1])
    cves = {cve for cve, _ in expected}
    assert len(expected) > 2 and sources - {name for _, name in expected}
    packages = [{"type": "rpm", "name": name, "version": "1-1.el9", "arch": "x86_64",
                 "vendor": "Red Hat, Inc.", "source_rpm": f"{name}-1-1.el9.src.rpm"}
                for name in sources]
    records = [{**osv(n, name, "Red Hat:enterprise_linux:9::baseos"), "id": f"RHSA-2024:{n:04}",
                "upstream": [cve]}
               for n, (cve, name) in enumerate(itertools.product(sorted(cves), sorted(sources)))]
    scan = Scan(assay, tmp_path, {
        "id": "rhel", "version_id": "9.4", "cpe": "cpe:/o:redhat:enterprise_linux:9::baseos",
        "pretty_name": "Red Hat Enterprise Linux 9.4 (Plow)"}, packages, records)
    assert {(f["id"], f["package"]["name"])
            for f in scan.findings("--vex", published / "redhat")} == expected
