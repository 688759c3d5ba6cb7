"""Frames and reports, with hostile text in every string, are what parsers of others expect."""
import csv
import html.parser
import io
import json
import re
import xml.etree.ElementTree

import jsonschema
import pytest

from conftest import REPOSITORY, run

DOCS = REPOSITORY / "docs"
FRAMES = ["json", "csv", "cyclonedx", "spdx"]
REPORTS = ["json", "sarif", "html", "csv", "junit", "cyclonedx", "spdx", "table"]
HOSTILE = "<script>alert('x')</script>"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ID = re.compile(r"SPDXRef-[a-zA-Z0-9.-]+$")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


@pytest.fixture(scope="module")
def sample(assay):
    """Text of the made-up report or frame in a format."""
    program = REPOSITORY / assay.path.rsplit("/", 1)[0] / "tests" / "unit" / "report-sample"

    def get(what, name):
        return run(program, what, name).decode()

    return get


def schema(name):
    return json.loads((DOCS / f"{name}.schema.json").read_text())


def closed(node):
    """The same schema with no members allowed that it does not describe."""
    if isinstance(node, list):
        return [closed(n) for n in node]
    if not isinstance(node, dict):
        return node
    out = {k: closed(v) for k, v in node.items()}
    if isinstance(out.get("properties"), dict) and out.get("type") == "object":
        out["additionalProperties"] = False
    return out


def validate(document, name):
    frame = closed(schema("frame"))
    wanted = closed(schema(name))
    resolver = jsonschema.RefResolver.from_schema(wanted, store={frame["$id"]: frame})
    validator = jsonschema.Draft202012Validator(wanted, resolver=resolver)
    errors = [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(document)]
    assert errors == []


def test_schema_of_frames_is_what_the_program_prints(assay):
    assert assay.output("schema", "frame").decode() == (DOCS / "frame.schema.json").read_text()


@pytest.mark.parametrize("name", ["frame", "report"])
def test_schemas_are_schemas(name):
    jsonschema.Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("what", ["frame", "report"])
def test_json_fits_its_schema(sample, what):
    validate(json.loads(sample(what, "json")), what)


def test_every_field_of_findings_is_described_and_used(sample):
    report = json.loads(sample("report", "json"))
    used = set()
    for target in report["targets"]:
        for system in target["systems"]:
            for finding in system["findings"]:
                used.update(finding)
    assert used == set(schema("report")["$defs"]["finding"]["properties"])


def members(document):
    """Every object of a JSON document."""
    if isinstance(document, dict):
        yield document
        document = document.values()
    if not isinstance(document, str):
        for value in document if hasattr(document, "__iter__") else []:
            yield from members(value)


@pytest.mark.parametrize("what", ["frame", "report"])
def test_cyclonedx_has_the_required_structure(sample, what):
    bom = json.loads(sample(what, "cyclonedx"))
    assert (bom["bomFormat"], bom["specVersion"], bom["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(f"urn:uuid:{UUID}", bom["serialNumber"])
    assert TIME.match(bom["metadata"]["timestamp"])
    refs = [m["bom-ref"] for m in members(bom) if "bom-ref" in m]
    assert len(refs) == len(set(refs))
    for dependency in bom["dependencies"]:
        assert {dependency["ref"], *dependency["dependsOn"]} <= set(refs)
    kinds = {c["type"] for c in bom["components"]}
    assert kinds == {"operating-system", "library", "file"}
    for component in bom["components"]:
        assert component["name"]
        if component["type"] == "library":
            assert re.match(r"pkg:deb/debian/[^@]+@[^?]+\?arch=", component["purl"])
    for vulnerability in bom.get("vulnerabilities", []):
        assert vulnerability["affects"]
        for affected in vulnerability["affects"]:
            assert affected["ref"] in refs
        for rating in vulnerability["ratings"]:
            assert rating["severity"] in {"critical", "high", "medium", "low", "info", "none",
                                          "unknown"}
        for advisory in vulnerability.get("advisories", []):
            assert advisory["url"].startswith("https://")
    assert ("vulnerabilities" in bom) == (what == "report")


@pytest.mark.parametrize("what", ["frame", "report"])
def test_spdx_has_the_required_structure(sample, what):
    document = json.loads(sample(what, "spdx"))
    assert document["spdxVersion"] == "SPDX-2.3"
    assert document["dataLicense"] == "CC0-1.0"
    assert document["SPDXID"] == "SPDXRef-DOCUMENT"
    assert re.fullmatch(r"https://[^#\s]+", document["documentNamespace"])
    assert TIME.match(document["creationInfo"]["created"])
    elements = [document, *document["packages"], *document.get("files", [])]
    ids = [e["SPDXID"] for e in elements]
    assert len(ids) == len(set(ids)) and all(ID.match(i) for i in ids)
    for package in document["packages"]:
        assert package["name"] and package["downloadLocation"] == "NOASSERTION"
        assert package["filesAnalyzed"] is False
        for reference in package.get("externalRefs", []):
            assert not re.search(r"\s", reference["referenceLocator"])
    for file in document.get("files", []):
        assert {c["algorithm"] for c in file["checksums"]} >= {"SHA1"}
    described = set()
    for relationship in document["relationships"]:
        assert relationship["spdxElementId"] in ids
        assert relationship["relatedSpdxElement"] in ids
        described.add(relationship["relatedSpdxElement"])
    assert described == set(ids) - {"SPDXRef-DOCUMENT"}


def test_sarif_has_the_required_structure(sample):
    log = json.loads(sample("report", "sarif"))
    assert log["version"] == "2.1.0"
    run_ = log["runs"][0]
    rules = run_["tool"]["driver"]["rules"]
    for rule in rules:
        assert rule["shortDescription"]["text"] and rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in {"error", "warning", "note"}
        if "helpUri" in rule:
            assert rule["helpUri"].startswith("https://")
        assert 0 <= float(rule["properties"].get("security-severity", 0)) <= 10
    assert len({r["id"] for r in rules}) == len(rules)
    for result in run_["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        for location in result["locations"]:
            assert location["logicalLocations"][0]["fullyQualifiedName"]
            uri = location.get("physicalLocation", {}).get("artifactLocation")
            assert uri is None or uri["uriBaseId"] in run_["originalUriBaseIds"]
    invocation = run_["invocations"][0]
    assert invocation["executionSuccessful"] is False
    levels = [n["level"] for n in invocation["toolExecutionNotifications"]]
    assert levels.count("error") == 3 and levels.count("warning") == 1


def test_junit_is_xml_with_true_counts(sample):
    root = xml.etree.ElementTree.fromstring(sample("report", "junit"))
    assert root.tag == "testsuites"
    for scope in [root, *root.iter("testsuite")]:
        assert int(scope.get("tests")) == len(list(scope.iter("testcase")))
        for tag, name in [("failure", "failures"), ("error", "errors"), ("skipped", "skipped")]:
            assert int(scope.get(name)) == len(list(scope.iter(tag)))
    assert HOSTILE in next(c for c in root.iter("testcase") if "cmd|" in c.get("name")).get("name")


def test_csv_is_a_table_without_formulas(sample):
    rows = list(csv.reader(io.StringIO(sample("report", "csv"), newline=""), strict=True))
    assert {len(r) for r in rows} == {len(rows[0])}
    table = [dict(zip(rows[0], r)) for r in rows[1:]]
    assert {r["record"] for r in table} == {"finding", "coverage"}
    for row in rows:
        for cell in row:
            assert cell == "" or cell[0] not in "=+-@\t\r"
            assert "\n" not in cell
    assert any(r["package"] == "'=cmd|' /C calc'!A0" for r in table)
    assert sum(r["state"] == "unreadable" for r in table) == 3


def test_csv_frame_splits_at_two_tabs(sample):
    lines = sample("frame", "csv").split("\n")
    assert lines.pop() == ""
    kinds = []
    for line in lines:
        kind, key, value = line.split("\t", 2)
        kinds.append(kind)
        assert isinstance(json.loads(key), str) and isinstance(json.loads(value), dict)
    assert kinds[0] == "metadata"
    assert set(kinds) == {"metadata", "os", "disk", "package", "file", "coverage"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in {"meta", "input", "br", "rect"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] == "option":
            self.open.pop()
        if tag != "rect":
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"script", "style"}:
            self.text.append(data)


def test_html_is_self_contained_and_inert(sample):
    page = Page()
    page.feed(sample("report", "html"))
    page.close()
    assert page.open == []
    assert page.tags.count("script") == 1
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on") and name not in {"src", "style", "srcset"}
        if name == "href":
            assert value.startswith("https://")
    text = "".join(page.text)
    assert HOSTILE in text  # shown as text
    for part in ["CVE-2024-45491", "LUKS encrypted: no key was given", "debian-osv"]:
        assert part in text


@pytest.mark.parametrize("what,name", [("frame", n) for n in FRAMES] +
                         [("report", n) for n in REPORTS])
def test_formats_are_deterministic(sample, what, name):
    assert sample(what, name) == sample(what, name)
