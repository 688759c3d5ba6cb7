"""`assay introspect` and what goes with it, against a real service with a real image."""
import json
import re
import select
import subprocess
import time

import pytest

from conftest import TIMEOUT
from introspections import VULNERABILITY, advisories, small_image
from service import Service
from test_remote import Commands


@pytest.fixture(scope="module")
def service(assay, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    (folder / "images").mkdir()
    database = advisories(assay, folder, {"package3": "2.0-1"})
    made = Service(assay.path, folder, environment={"ASSAY_DB": str(database)})
    made.image = small_image(folder / "images")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def admin(service, assay, tmp_path_factory):
    commands = Commands(service, assay.path, tmp_path_factory.mktemp("admin"))
    commands("login", "--server", service.address, "--password-file", service.password_file,
             "admin")
    commands("project", "create", "web", "--location", f"{service.image.parent}/*")
    for name in ("db1", "db2"):
        commands("node", "create", "web", name, "--disk", service.image)
    commands("image", "create", "web", "golden", "--kind", "file", "--location", service.image)
    return commands


def status(commands, *arguments):
    done = commands.assay(*arguments, env=commands.environment)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_node_is_examined_and_its_report_printed(admin):
    code, out, err = status(admin, "introspect", "--wait", "web", "db1", "db2")
    assert code == 1, err
    assert out.count(VULNERABILITY) == 2 and "package3" in out
    assert status(admin, "introspect", "--fail-on", "critical", "web", "db1")[0] == 0
    assert status(admin, "introspect", "--fresh", "--deep", "--fail-on", "none", "web", "db1")[0] == 0
    code, out, _ = status(admin, "introspect", "--image", "--format", "json", "web", "golden")
    assert code == 1 and json.loads(out)["targets"][0]["summary"]["vulnerable_packages"] == 1


def test_statuses(service, admin):
    """As of scan: 3 when something could not be looked at, and findings do not say 1."""
    folder = service.image.parent
    missing_mount = small_image(folder, "partial", fstab="UUID=no-such-thing /data ext4 defaults 0 2\n")
    admin("node", "create", "web", "partial", "--disk", missing_mount)
    for command in (["introspect", "--wait"], ["report"]):
        for expected, words in [(1, ["db1"]), (0, ["--fail-on", "critical", "db1"]),
                                (1, ["partial"]), (3, ["--fail-on", "critical", "partial"]),
                                (3, ["--fail-on", "none", "partial"])]:
            *options, node = words
            code, out, err = status(admin, *command, *options, "web", node)
            assert code == expected, (command, words, out, err)
            assert err == "" and ("incomplete" in out.lower()) == (node == "partial"), out
    options = ["--fail-on", "critical"]
    assert status(admin, "introspect", "--wait", *options, "web", "db1", "partial")[0] == 3
    assert status(admin, "introspect", "--wait", "web", "partial", "nobody")[0] == 2
    assert status(admin, "report", "--format", "json", *options, "web", "partial")[0] == 3


def test_a_node_is_shown_as_people_read_it(admin):
    status(admin, "introspect", "--wait", "web", "db1")
    shown = admin("node", "show", "web", "db1")
    assert "{" not in shown and "}" not in shown
    lines = shown.splitlines()
    at = lines.index("report")
    assert lines[at + 1].startswith("  frame        ")
    assert any(line.startswith("  ") and "packages" in line and "20" in line for line in lines[at:])


def test_without_waiting_the_identifier_is_printed(admin):
    identifier = admin("introspect", "web", "db1").strip()
    deadline = time.monotonic() + TIMEOUT
    while admin.json("introspection", "show", "web", identifier)["state"] != "done":
        assert time.monotonic() < deadline
    assert identifier in admin("introspection", "list", "web", "db1")
    assert identifier in [i["id"] for i in admin.json("introspection", "list")]
    assert "has ended" in admin.refusal("introspection", "cancel", "web", identifier)


def test_what_cannot_be_examined(service, admin):
    assert "'/nowhere/at/all' is not among the locations" in admin.refusal(
        "node", "create", "web", "gone", "--disk", "/nowhere/at/all")
    admin("node", "create", "web", "gone", "--disk", service.image.parent / "gone")
    assert "no such node 'nobody'" in admin.refusal("introspect", "web", "nobody")
    code, _, err = status(admin, "introspect", "--wait", "web", "gone")
    assert code == 2 and "gone: failed" in err
    assert "--fail-on" in admin.refusal("introspect", "--fail-on", "bad", "web", "db1")


def test_reports(admin, tmp_path):
    status(admin, "introspect", "--wait", "web", "db1")
    code, out, _ = status(admin, "report", "web", "db1", "--format", "csv")
    assert code == 1 and VULNERABILITY in out
    assert status(admin, "report", "web", "db1", "--format", "html", "-o", tmp_path / "r.html")[0] == 1
    assert VULNERABILITY in (tmp_path / "r.html").read_text()
    assert "there is no" in admin.refusal("report", "web", "db1", "--format", "pdf")
    shown = admin("node", "show", "web", "db1")
    assert re.search(r"^ +vulnerable_packages 1$", shown, re.M), shown
    assert re.search(r"^ +state +done$|state=done", shown, re.M), shown


def test_vulnerabilities(admin):
    status(admin, "introspect", "--wait", "web", "db1")
    assert "db1" in admin("vulnerability", "show", VULNERABILITY)
    things = admin.json("vulnerability", "show", VULNERABILITY, "--project", "web")
    assert "db1" in [t["name"] for t in things]
    assert things[0]["packages"][0]["fixed_version"] == "2.0-1"
    assert "nothing that you see" in admin.refusal("vulnerability", "show", "CVE-1999-0001")
    deadline = time.monotonic() + TIMEOUT
    while [v["id"] for v in admin.json("vulnerability", "list")] != [VULNERABILITY]:
        assert time.monotonic() < deadline
    assert admin.json("vulnerability", "list", "--kev") == []


def test_events(admin):
    status(admin, "introspect", "--wait", "web", "db1")
    assert "introspection.finished" in admin("events", "--project", "web")
    assert "introspection" not in admin("events", "--kind", "findings.*").replace(
        '"introspection"', "")
    with subprocess.Popen([admin.assay.path, "events", "--follow", "--kind",
                           "introspection.finished"], env=admin.environment,
                          stdout=subprocess.PIPE, text=True) as following:
        # It may not listen yet when the first is done.
        line = ""
        for _ in range(100):
            asked = subprocess.Popen([admin.assay.path, "introspect", "--fresh", "--wait",
                                      "--fail-on", "none", "web", "db2"], env=admin.environment,
                                     stdout=subprocess.DEVNULL)
            assert asked.wait(TIMEOUT) == 0

            if select.select([following.stdout], [], [], 2)[0]:
                line = following.stdout.readline()
                break
        assert "introspection.finished" in line and "db2" in line
        following.terminate()


def test_the_program_under_the_name_of_m2s(admin, tmp_path):
    (tmp_path / "bmi").symlink_to(admin.assay.path)

    def bmi(*arguments):
        done = subprocess.run([tmp_path / "bmi", *arguments], env=admin.environment,
                              capture_output=True, text=True, timeout=TIMEOUT)
        return done.returncode, done.stdout, done.stderr

    code, out, err = bmi("introspect", "web", "db1", "db2")
    assert code == 1, err
    found = [{"id": VULNERABILITY, "pName": "package3", "pVersion": "1.0-1", "osName": "debian 12"}]
    assert [json.loads(line) for line in out.splitlines()] == [found, found]
    assert bmi("introspect", "web", "nobody")[0] == 2
    assert bmi("snap", "ls", "web")[0] == 2
    for words in (["--help"], ["introspect", "--help"]):
        code, out, _ = bmi(*words)
        assert code == 0 and "Examples:\n  bmi introspect web db1" in out
