"""The program towards people and pipelines: exit statuses, the same bytes for the same input, one
line for a mistake."""
import json
import os
import pty
import stat
import subprocess

import pytest

import system_image
from conftest import TIMEOUT, run

FRAMES = ["json", "csv", "cyclonedx", "spdx"]
REPORTS = ["table", "json", "sarif", "html", "csv", "junit", "cyclonedx", "spdx"]
# Findings of the disk, by severity; the one of medium is known to be exploited.
FLAWS = {"CVE-2030-0001": ("bash", "high"), "CVE-2030-0002": ("bash", "low"),
         "CVE-2030-0003": ("coreutils", "medium")}


def record(cve, package, urgency):
    return {"id": cve, "modified": "2030-01-01T00:00:00Z", "affected": [{
        "package": {"ecosystem": "Debian:12", "name": package},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
        "ecosystem_specific": {"urgency": urgency}}]}


@pytest.fixture(scope="module")
def made(assay, debian_small, tmp_path_factory):
    """disk, clean (a disk of another release, without findings), partial (a mount is missing),
    empty (no system), frame, database."""
    folder = tmp_path_factory.mktemp("made")
    lines = [record(cve, *what) for cve, what in FLAWS.items()]
    lines.append({**record("CVE-2030-0009", "bash", "high")})
    lines[-1]["affected"][0]["package"]["ecosystem"] = "Debian:13"
    lines[-1]["affected"][0]["ranges"][0]["events"].append({"fixed": "1"})
    (folder / "osv.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "kev.json").write_text(json.dumps({
        "title": "Catalog", "catalogVersion": "1", "dateReleased": "2030-01-01T00:00:00Z",
        "vulnerabilities": [{"cveID": "CVE-2030-0003", "dateAdded": "2030-01-01",
                             "dueDate": "2030-02-01", "knownRansomwareCampaignUse": "Unknown"}]}))
    (folder / "epss.csv").write_text("#model_version:v1,score_date:2030-01-01T00:00:00+0000\n"
                                     "cve,epss,percentile\nCVE-2030-0002,0.7,0.9\n")
    database = folder / "a.db"
    assay.output("db", "import", "--db", database, folder / "osv.jsonl", folder / "kev.json",
                 folder / "epss.csv")
    places = {"database": database, "folder": folder, "missing": folder / "nowhere"}
    changes = {"disk": ("", "12"), "clean": ("", "13"),
               "partial": ("UUID=no-such-thing /data ext4 defaults 0 2\n", "12"),
               "partial-clean": ("UUID=no-such-thing /data ext4 defaults 0 2\n", "13")}
    for name, (fstab, release) in changes.items():
        tree = folder / f"{name}-tree"
        run("cp", "-a", debian_small, tree)
        (tree / "etc/fstab").write_text(fstab)
        os_release = tree / "usr/lib/os-release"
        os_release.write_text(os_release.read_text().replace('="12"', f'="{release}"'))
        places[name] = system_image.filesystem("ext4", folder / name, tree, size=48 << 20)
    places["empty"] = system_image.filesystem("ext4", folder / "empty", None, size=8 << 20)
    places["frame"] = folder / "frame.json"
    assay.output("frame", "-o", places["frame"], places["disk"])
    return places


def arguments_of(made, words):
    return [made.get(word, word) for word in words]


def scan(assay, made, *words, **options):
    return assay("scan", "--db", made["database"], *arguments_of(made, words), **options)


# --- statuses -----------------------------------------------------------------------------------------

STATUSES = [
    (1, ["disk"]), (0, ["clean"]), (0, ["--fail-on", "none", "disk"]),
    (1, ["--fail-on", "any", "disk"]), (1, ["--fail-on", "high", "disk"]),
    (0, ["--fail-on", "critical", "disk"]), (1, ["--fail-on", "kev", "disk"]),
    (1, ["--fail-on", "epss:0.7", "disk"]), (0, ["--fail-on", "epss:0.71", "disk"]),
    (1, ["--fail-on", "critical,kev", "disk"]), (0, ["--fail-on", "critical,epss:0.8", "disk"]),
    (0, ["--severity", "critical", "disk"]), (1, ["--severity", "high", "disk"]),
    (0, ["--severity", "high", "--fail-on", "kev", "disk"]),
    (3, ["empty"]), (3, ["partial-clean"]), (1, ["partial"]), (3, ["--fail-on", "none", "partial"]),
    (3, ["--fail-on", "critical", "partial"]),
    (1, ["clean", "disk"]), (1, ["disk", "clean"]), (3, ["clean", "empty"]), (1, ["empty", "disk"]),
    (2, ["missing"]), (2, ["missing", "disk"]), (2, ["disk", "missing"]), (2, ["missing", "empty"]),
    (1, ["frame"]), (0, ["--fail-on", "critical", "frame"]), (1, ["frame", "clean"]),
    (0, ["--together", "clean", "empty"]),  # the second disk of a system may hold none
]


@pytest.mark.parametrize("status,words", STATUSES, ids=lambda x: x if isinstance(x, int) else
                         " ".join(x))
def test_status_of(assay, made, status, words):
    done = scan(assay, made, *words)
    assert done.returncode == status, done.stderr.decode()
    assert (done.returncode == 2) == (b"nowhere" in done.stderr)


def test_what_can_be_scanned_is_reported_beside_what_cannot(assay, made):
    done = scan(assay, made, "--format", "json", "missing", "disk", "clean")
    targets = json.loads(done.stdout)["targets"]
    assert [t["target"] for t in targets] == [str(made["disk"]), str(made["clean"])]
    assert len(done.stderr.splitlines()) == 1


def findings(done):
    (target,) = json.loads(done.stdout)["targets"]
    return {(f["id"], f["package"]["name"], f["severity"])
            for s in target["systems"] for f in s["findings"]}


def test_severity_hides_what_is_below(assay, made):
    every = {(cve, name, severity) for cve, (name, severity) in FLAWS.items()}
    assert findings(scan(assay, made, "--format", "json", "disk")) == every
    found = findings(scan(assay, made, "--format", "json", "--severity", "medium", "disk"))
    assert found == {f for f in every if f[2] != "low"}


def test_a_frame_is_judged_as_its_disk(assay, made):
    assert findings(scan(assay, made, "--format", "json", "frame")) == findings(
        scan(assay, made, "--format", "json", "disk"))


def test_a_frame_of_what_could_not_be_looked_at_stays_incomplete(assay, made, tmp_path):
    assert assay("frame", "-o", tmp_path / "f", made["partial-clean"]).returncode == 3
    assert scan(assay, made, tmp_path / "f").returncode == 3


def test_without_a_database_nothing_is_clean(assay, made, tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"),
                   "ASSAY_DB": str(tmp_path / "none.db")}
    done = assay("scan", "--format", "json", made["clean"], env=environment)
    (target,) = json.loads(done.stdout)["targets"]
    assert done.returncode in (2, 3) and not target["complete"]
    refused = assay("scan", "--db", tmp_path / "none.db", made["clean"])
    assert refused.returncode == 2 and len(refused.stderr.splitlines()) == 1


# --- the same bytes ---------------------------------------------------------------------------------

ENVIRONMENTS = [{"TZ": "UTC", "LC_ALL": "C"},
                {"TZ": "Asia/Kolkata", "LC_ALL": "C.UTF-8", "COLUMNS": "40", "HOME": "/nonexistent"}]


def twice(assay, *arguments):
    outputs = []
    for more in ENVIRONMENTS:
        done = assay(*arguments, env={**os.environ, "SOURCE_DATE_EPOCH": "1900000000", **more})
        assert done.returncode in (0, 1), done.stderr.decode()
        outputs.append(done.stdout)
    return outputs


@pytest.mark.parametrize("how", FRAMES)
def test_frames_are_the_same_bytes(assay, made, how):
    first, second = twice(assay, "frame", "--format", how, made["disk"])
    assert first and (first == second) is True


@pytest.mark.parametrize("how", FRAMES)
def test_frames_of_files_are_the_same_bytes(assay, made, how):
    first, second = twice(assay, "frame", "--files", "--format", how, made["disk"])
    assert first and (first == second) is True


@pytest.mark.parametrize("how", REPORTS)
def test_reports_are_the_same_bytes(assay, made, how):
    first, second = twice(assay, "scan", "--db", made["database"], "--format", how, made["disk"],
                          made["clean"])
    assert b"CVE-2030-0001" in first and (first == second) is True


def test_the_way_a_disk_is_stored_does_not_change_its_facts(assay, made, tmp_path):
    packed = system_image.qcow2(tmp_path / "q", made["disk"])
    one, other = (json.loads(assay.output("frame", "--files", t)) for t in (made["disk"], packed))
    assert one["systems"] == other["systems"] and len(one["systems"][0]["files"]) > 200


# --- where output goes -------------------------------------------------------------------------------

@pytest.mark.parametrize("command", ["scan", "frame", "disk", "cat"])
def test_output_replaces_a_file_at_once_or_not_at_all(assay, made, tmp_path, command):
    out = tmp_path / "out"
    out.write_text("before")
    before = os.stat(out).st_ino
    more = ["/etc/hostname"] if command == "cat" else []
    base = [command, "-o", out] + (["--db", made["database"]] if command == "scan" else [])
    if command != "scan":  # scan reports what it can of several targets
        assert assay(*base, made["missing"], *more).returncode == 2
        assert out.read_text() == "before"
    mask = os.umask(0o027)
    try:
        done = assay(*base, made["disk"], *more)
    finally:
        os.umask(mask)
    assert done.returncode == (1 if command == "scan" else 0) and done.stdout == b""
    assert out.read_text() not in ("", "before") and os.stat(out).st_ino != before
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o640
    assert os.listdir(tmp_path) == ["out"]
    assert assay(*base, made["disk"], *more).returncode == done.returncode
    lines = assay(command, "-o", tmp_path / "no" / "such", *base[3:], made["disk"], *more)
    assert lines.returncode == 2 and len(lines.stderr.splitlines()) == 1


def on_terminal(assay, *arguments, **environment):
    """Standard output and error as a person sees them."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([assay.path, *map(str, arguments)], stdin=subprocess.DEVNULL,
                               stdout=theirs, stderr=theirs, env={**os.environ, **environment})
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:
        pass  # the other side is closed
    os.close(ours)
    process.wait(timeout=TIMEOUT)
    return seen


def test_colour_is_for_terminals_that_want_it(assay, made):
    arguments = ["scan", "-q", "--db", made["database"], made["disk"]]
    assert b"\033[" in on_terminal(assay, *arguments, NO_COLOR="")
    assert b"\033[" not in on_terminal(assay, *arguments, NO_COLOR="1")
    assert b"\033[" not in scan(assay, made, "disk").stdout


def test_progress_is_for_terminals(assay, made):
    assert scan(assay, made, "disk").stderr == b""
    seen = on_terminal(assay, "frame", "--files", "-o", "/dev/null", "-q", made["disk"])
    assert seen == b""


MISTAKES = [
    ["scan"], ["scan", "--format", "pdf", "disk"], ["scan", "--fail-on", "worse", "disk"],
    ["scan", "--fail-on", "epss:2", "disk"], ["scan", "--fail-on", "epss:", "disk"],
    ["scan", "--fail-on", "", "disk"], ["scan", "--severity", "bad", "disk"],
    ["scan", "--severity-source", "me", "disk"], ["scan", "--nonsense", "disk"],
    ["scan", "--timeout", "x", "disk"], ["scan", "--timeout", "-2", "disk"],
    ["scan", "--memory", "x", "disk"], ["scan", "--memory", "1", "disk"],
    ["scan", "--allow-backing", "some", "disk"], ["scan", "--input-format", "x", "disk"],
    ["scan", "folder"], ["scan", "/dev/null"], ["scan", ""], ["scan", "disk@nothing"],
    ["scan", "ftp://example.org/disk"], ["frame"], ["frame", "disk", "clean"],
    ["frame", "--format", "xml", "disk"], ["disk"], ["disk", "--format", "xml", "disk"],
    ["ls", "disk"], ["ls", "disk", "/no/such"], ["ls", "--volume", "disk9", "disk", "/"],
    ["ls", "--system", "x", "disk", "/"], ["cat", "disk"], ["cat", "disk", "/etc"],
    ["cat", "disk", "/no/such"], ["cat", "--disk", "disk", "/etc/hostname"], ["nonsense"],
    ["db"], ["db", "nonsense"], ["diff"], ["diff", "frame"], ["diff", "frame", "missing"],
]


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_gets_one_line(assay, made, words):
    words = [f"{made['disk']}@nothing" if w == "disk@nothing" else w for w in words]
    done = assay(*[words[0], *arguments_of(made, words[1:])])
    text = done.stderr.decode()
    assert done.returncode == 2 and done.stdout == b"", text
    assert len(text.splitlines()) == 1 and text.startswith("assay: "), text


def test_timings_are_told_beside_the_report(assay, made):
    plain = assay("scan", "--db", made["database"], made["frame"])
    timed = assay("scan", "--db", made["database"], "--timings", made["frame"])
    assert timed.returncode == plain.returncode == 1
    assert timed.stdout == plain.stdout
    steps = [line.rpartition(": ") for line in timed.stderr.decode().splitlines()]
    assert [step[0] for step in steps] == ["open advisories", "look at targets", "match",
                                           "write report"]
    assert all(float(step[2].removesuffix(" ms")) >= 0 for step in steps)
