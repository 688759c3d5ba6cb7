"""Introspections, reports and vulnerabilities over REST, on real images and a real database."""
import base64
import concurrent.futures
import csv
import io
import json
import time
import urllib.parse

import pytest

from hil import Hil
from introspections import VULNERABILITY, advisories, small_image
from service import PASSWORD, Service
from test_remote import Commands

NODE = "/v1/projects/alpha/nodes/db"


class Site:
    """Projects "alpha" (member "ann") and "beta" (member "bob"), each with a node "db"."""

    def __init__(self, assay, folder, *options):
        images = folder / "images"
        images.mkdir()
        self.image = small_image(images)
        database = advisories(assay, folder, {"package3": "2.0-1", "package4": "1.0-2",
                                              "package5": "0.9-1"})
        self.service = Service(assay.path, folder, *options,
                               environment={"ASSAY_DB": str(database)})
        self.admin = self.service.login()
        self.tokens = {}
        for project, user in (("alpha", "ann"), ("beta", "bob")):
            self.service.make("/v1/projects", {"name": project, "locations": [f"{images}/*"]},
                              self.admin)
            self.service.make("/v1/users", {"name": user, "password": PASSWORD}, self.admin)
            self.service.call("PUT", f"/v1/projects/{project}/members/{user}", self.admin,
                              {"role": "operator"})
            self.tokens[user] = self.service.login(user)
            self.service.make(f"/v1/projects/{project}/nodes",
                              {"name": "db", "disks": [str(self.image)]}, self.tokens[user])

    def call(self, method, path, *arguments, user="ann", **options):
        return self.service.call(method, path, self.tokens[user], *arguments, **options)

    def examine(self, path=NODE, user="ann", **wishes):
        done = self.call("POST", f"{path}/introspections", wishes, {"Prefer": "wait=60"}, user=user)
        assert done.status == 200 and done.json["state"] == "done", done
        return done.json


@pytest.fixture(scope="module")
def site(assay, tmp_path_factory):
    made = Site(assay, tmp_path_factory.mktemp("site"))
    yield made
    made.service.stop()


def test_an_introspection_is_asked_for_and_waited_for(site):
    asked = site.call("POST", f"{NODE}/introspections", {"fresh": True})
    assert asked.status == 202 and asked.json["state"] == "queued"
    location = asked.headers["location"]
    assert location.endswith(asked.json["id"])
    done = site.examine(fresh=True)
    assert done["requested_by"] == "ann" and done["coverage"] == "complete"
    assert [s["step"] for s in done["steps"]][0] == "snapshot"
    assert all(s["microseconds"] >= 0 for s in done["steps"])
    history = site.call("GET", f"{NODE}/introspections").json["items"]
    assert history[0] == done and asked.json["id"] in [i["id"] for i in history]
    assert site.call("GET", f"/v1/projects/alpha/introspections/{done['id']}").json == done
    listed = site.call("GET", "/v1/introspections?limit=1").json
    assert listed["items"] == [done]
    again = site.call("POST", f"/v1/projects/alpha/introspections/{done['id']}/cancel")
    assert again.status == 409


def test_waiting_holds_no_thread(assay, tmp_path):
    """More wait than there are threads, for something that nobody does."""
    service = Service(assay.path, tmp_path, environment={"ASSAY_WORKERS_THREADS": "0", "ASSAY_THREADS": "2"})
    try:
        admin = service.login()
        service.make("/v1/projects", {"name": "p", "locations": ["/none"]}, admin)
        for n in range(6):
            service.make("/v1/projects/p/nodes", {"name": f"n{n}", "disks": ["/none"]}, admin)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            waiting = [pool.submit(service.call, "POST", f"/v1/projects/p/nodes/n{n}/introspections",
                                   admin, {}, {"Prefer": "wait=60"}) for n in range(5)]
            short = service.call("POST", "/v1/projects/p/nodes/n5/introspections", admin, {},
                                 {"Prefer": "respond-async, wait=1"})
            assert short.status == 202 and short.json["state"] == "queued"
            assert short.headers["preference-applied"] == "wait"
            found = []
            while len(found) < 6:
                found = service.call("GET", "/v1/introspections", admin).json["items"]
            for one in found:
                path = f"/v1/projects/p/introspections/{one['id']}/cancel"
                assert service.call("POST", path, admin).json["state"] == "cancelled"
            for one in waiting:
                answer = one.result()
                assert answer.status == 200 and answer.json["state"] == "cancelled"
    finally:
        service.stop()


def test_a_report_in_every_form(site):
    site.examine()
    report = site.call("GET", f"{NODE}/report").json
    findings = report["targets"][0]["systems"][0]["findings"]
    assert {(f["id"], f["package"]["name"]) for f in findings} == {
        (VULNERABILITY, "package3"), ("CVE-2024-10002", "package4")}
    types = {"sarif": "application/sarif+json", "html": "text/html", "csv": "text/csv",
             "cyclonedx": "application/vnd.cyclonedx+json", "spdx": "application/spdx+json",
             "junit": "application/xml", "table": "text/plain", "json": "application/json"}
    for name, media in types.items():
        by_name = site.call("GET", f"{NODE}/report?format={name}")
        by_type = site.call("GET", f"{NODE}/report", headers={"Accept": f"{media}, */*;q=0.1"})
        for answer in (by_name, by_type):
            assert answer.status == 200 and answer.headers["content-type"].startswith(media)
            assert name in ("html", "junit", "spdx", "cyclonedx") or VULNERABILITY in answer.text
    rows = list(csv.DictReader(io.StringIO(site.call("GET", f"{NODE}/report?format=csv").text)))
    assert len([r for r in rows if VULNERABILITY in r.values()]) == 1
    assert site.call("GET", f"{NODE}/report?format=pdf").status == 400


def test_findings_are_paged_and_filtered(site):
    site.examine()
    path = f"{NODE}/findings"
    first = site.call("GET", f"{path}?limit=1").json
    second = site.call("GET", f"{path}?limit=1&after={first['next']}").json
    assert "next" not in second
    assert {f["id"] for f in first["items"] + second["items"]} == {VULNERABILITY, "CVE-2024-10002"}
    only = site.call("GET", f"{path}?package=package4&fixable=true").json["items"]
    assert [f["fixed_version"] for f in only] == ["1.0-2"]
    assert site.call("GET", f"{path}?kev=true").json["items"] == []
    assert site.call("GET", f"{path}?severity=critical").json["items"] == []
    assert site.call("GET", f"{path}?severity=bad").status == 400
    assert site.call("GET", f"{path}?after=1").status == 400
    assert site.call("GET", f"{path}?after={'0' * 26}:0:0:0:1:CVE-1").status == 404


def all_findings(site, path, limit):
    """As they come on pages of that size."""
    items, after = [], ""
    while True:
        page = site.call("GET", f"{path}?limit={limit}{after}").json
        assert len(page["items"]) == limit or "next" not in page
        items += page["items"]
        if "next" not in page:
            return items
        after = f"&after={urllib.parse.quote(page['next'])}"


def test_pages_and_reports_hold_what_a_scan_of_the_frame_finds(assay, tmp_path):
    """Also when the advisories change between two pages: none is told twice, and those that there
    were before and are afterwards are all told."""
    (tmp_path / "site").mkdir()
    site = Site(assay, tmp_path / "site")
    try:
        done = site.examine()
        frame = tmp_path / "frame.json"
        frame.write_text(site.call("GET", f"{NODE}/frame").text)
        database = next((tmp_path / "site").glob("**/advisories.db"))

        def scanned():
            taken = assay("scan", "--db", database, "--format", "json", "--fail-on", "none", frame)
            return [f for s in json.loads(taken.stdout)["targets"][0]["systems"]
                    for f in s["findings"]]

        before = scanned()
        assert len(before) == 2
        assert all_findings(site, f"{NODE}/findings", 1) == before
        first = site.call("GET", f"{NODE}/findings?limit=1").json
        report = site.call("GET", f"{NODE}/report")
        again = site.call("GET", f"{NODE}/report", None, {"If-None-Match": report.headers["etag"]})
        assert again.status == 304
        (tmp_path / "new").mkdir()
        newer = advisories(assay, tmp_path / "new", {
            "package3": "2.0-1", "package4": "1.0-2", "package2": "3.0-1", "package7": "2.0-1"})
        newer.rename(database)
        after = scanned()
        assert len(after) == 4
        assert all_findings(site, f"{NODE}/findings", 3) == after
        rest = site.call("GET", f"{NODE}/findings?limit=9"
                                f"&after={urllib.parse.quote(first['next'])}").json
        seen = first["items"][-1]
        place = [(f["id"], f["package"]["name"]) for f in after].index(
            (seen["id"], seen["package"]["name"]))
        assert rest["items"] == after[place + 1:]
        changed = site.call("GET", f"{NODE}/report", None,
                            {"If-None-Match": report.headers["etag"]})
        assert changed.status == 200
        assert [f for s in changed.json["targets"][0]["systems"] for f in s["findings"]] == after
        assert done["frame"] == first["next"].split(":")[0]
    finally:
        site.service.stop()


def test_frames_are_kept(site, assay):
    done = site.examine(fresh=True)
    frame = site.call("GET", f"{NODE}/frame").json
    assert len(frame["systems"][0]["packages"]) == 20
    kept = site.call("GET", f"{NODE}/frames").json["items"]
    assert kept[0]["id"] == done["frame"] and kept[0]["locations"] == [str(site.image)]
    assert site.call("GET", f"{NODE}/frames/{done['frame']}").json == frame
    # Of another node, and of another project.
    site.service.make("/v1/projects/alpha/nodes", {"name": "new", "disks": [str(site.image)]},
                      site.tokens["ann"])
    new = "/v1/projects/alpha/nodes/new"
    for path in (f"{new}/frames/{done['frame']}", f"{new}/report", f"{new}/frame"):
        assert site.call("GET", path).status == 404


def test_lists_tell_the_last_introspection_and_counts(site):
    done = site.examine()
    listed = site.call("GET", "/v1/projects/alpha/nodes").json["items"]
    node = next(n for n in listed if n["name"] == "db")
    assert node["introspection"]["id"] == done["id"] and node["introspection"]["state"] == "done"
    assert node["report"]["summary"]["vulnerable_packages"] == 2
    assert node["report"]["advisories"]
    shown = site.call("GET", NODE)
    assert shown.json == node
    changed = site.call("PATCH", NODE, {"labels": {"rack": "7"}},
                        {"If-Match": shown.headers["etag"]})
    assert changed.status == 200
    assert site.call("PATCH", NODE, {"labels": {}},
                     {"If-Match": shown.headers["etag"]}).status == 412
    assert site.call("GET", NODE, headers={"If-None-Match": changed.headers["etag"]}).status == 304
    site.examine(fresh=True)
    assert site.call("GET", NODE, headers={"If-None-Match": changed.headers["etag"]}).status == 200


def test_two_projects_never_see_each_other(site):
    ours = site.examine()
    theirs = site.examine("/v1/projects/beta/nodes/db", user="bob")
    for user, mine, other, project in (("ann", ours, theirs, "beta"), ("bob", theirs, ours, "alpha")):
        for path in ("/v1/introspections", "/v1/events?limit=500", "/v1/nodes"):
            text = site.call("GET", path, user=user).text
            assert mine["thing"] in text and other["thing"] not in text
            assert other["id"] not in text
        for path in ("introspections", f"introspections/{other['id']}", "nodes/db/report",
                     "nodes/db/frames", f"nodes/db/frames/{other['frame']}", "nodes/db/findings",
                     "events"):
            assert site.call("GET", f"/v1/projects/{project}/{path}", user=user).status == 404
        affected = site.call("GET", f"/v1/vulnerabilities/{VULNERABILITY}", user=user).json
        assert [t["id"] for t in affected["affected"]] == [mine["thing"]]
        assert affected["affected"][0]["packages"][0]["fixed_version"] == "2.0-1"
    both = site.service.call("GET", f"/v1/vulnerabilities/{VULNERABILITY}", site.admin).json
    assert {t["id"] for t in both["affected"]} == {ours["thing"], theirs["thing"]}
    assert site.call("GET", "/v1/vulnerabilities/CVE-2024-10003").status == 404
    assert site.call("GET", f"/v1/vulnerabilities/{VULNERABILITY}?project=beta").status == 404


def test_the_list_of_vulnerabilities(site):
    site.examine()
    deadline = time.monotonic() + 60
    while True:  # counted now and then
        listed = site.call("GET", "/v1/vulnerabilities").json["items"]
        if {v["id"] for v in listed} == {VULNERABILITY, "CVE-2024-10002"}:
            break
        assert time.monotonic() < deadline, listed
    assert all(v["things"] == 1 and v["fixable"] == 1 for v in listed)
    feeds = site.call("GET", "/v1/advisories/status").json
    assert feeds["available"] and feeds["feeds"][0]["records"] == 3


def encrypt(image):
    """What is left of a disk to somebody without its key."""
    image.write_bytes(b"LUKS\xba\xbe\0\2".ljust(1 << 20, b"\0"))


def test_what_could_not_be_examined_does_not_pass_for_clean(assay, tmp_path):
    site = Site(assay, tmp_path)
    path = f"/v1/vulnerabilities/{VULNERABILITY}"
    try:
        site.examine()
        assert site.call("GET", path).json["coverage"] == {"things": 1, "incomplete": 0,
                                                           "unexamined": 0}
        encrypt(site.image)
        assert site.examine()["coverage"] == "incomplete"
        events = site.call("GET", "/v1/projects/alpha/events?kind=findings.changed").json["items"]
        assert [(e["data"]["complete"], e["data"]["counts"]["gone"]) for e in events] == [
            (True, 0), (False, 2)]
        gone = site.call("GET", path)
        assert gone.status == 404 and gone.json["detail"].endswith(
            "known to have this vulnerability, but of 1 nodes and images 1 could not be examined "
            "and judged completely, and 0 never were examined"), gone
        refused = m2(site, "ann", PASSWORD, project="alpha", node="db")
        assert refused.status == 500, refused
        assert refused.text.strip() == "db: could not be examined completely"
        sound = small_image(tmp_path / "images", "sound")
        for name in ("sound", "new"):
            site.service.make("/v1/projects/alpha/nodes", {"name": name, "disks": [str(sound)]},
                              site.tokens["ann"])
        site.examine("/v1/projects/alpha/nodes/sound")
        shown = site.call("GET", path).json
        assert [t["name"] for t in shown["affected"]] == ["sound"]
        assert shown["coverage"] == {"things": 3, "incomplete": 1, "unexamined": 1}
        ann = Commands(site.service, assay.path, tmp_path / "ann")
        ann("login", "--server", site.service.address, "--password-file",
            site.service.password_file, "ann")
        done = ann.assay("vulnerability", "show", VULNERABILITY, env=ann.environment)
        assert done.returncode == 0 and b"sound" in done.stdout
        assert done.stderr == (b"assay: of 3 nodes and images 1 could not be examined and judged "
                               b"completely, and 1 never were examined\n")
    finally:
        site.service.stop()


def test_without_advisories_nothing_passes_for_clean(assay, tmp_path):
    service = Service(assay.path, tmp_path, environment={"ASSAY_DB": str(tmp_path / "none.db")})
    gone = service.call("GET", f"/v1/vulnerabilities/{VULNERABILITY}", service.login())
    assert gone.status == 404 and "there is no advisory database" in gone.json["detail"]
    service.stop()


def test_events_tell_the_steps(site):
    done = site.examine(fresh=True)
    events = site.call("GET", "/v1/projects/alpha/events?limit=500&kind=introspection.*").json
    kinds = [e["kind"] for e in events["items"] if e["data"]["introspection"] == done["id"]]
    assert kinds[0] == "introspection.queued" and kinds[-1] == "introspection.finished"
    assert json.dumps(events).count("introspection.step") > 3


def m2(site, user, password, **form):
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return site.service.call("POST", "/bmi_introspect/", None, urllib.parse.urlencode(form).encode(),
                             {"Authorization": f"Basic {token}",
                              "Content-Type": "application/x-www-form-urlencoded"})


def test_clients_of_m2(site):
    done = m2(site, "ann", PASSWORD, project="alpha", node="db")
    assert done.status == 200, done
    assert sorted(done.json, key=lambda f: f["id"]) == [
        {"id": VULNERABILITY, "pName": "package3", "pVersion": "1.0-1", "osName": "debian 12"},
        {"id": "CVE-2024-10002", "pName": "package4", "pVersion": "1.0-1", "osName": "debian 12"}]
    for status, text, answer in [
            (401, "wrong", m2(site, "ann", "wrong", project="alpha", node="db")),
            (404, "beta not found", m2(site, "ann", PASSWORD, project="beta", node="db")),
            (404, "nobody not found", m2(site, "ann", PASSWORD, project="alpha", node="nobody")),
            (400, "wanted", m2(site, "ann", PASSWORD, project="alpha")),
            (400, "no credentials", site.service.call("POST", "/bmi_introspect/", None,
                                                      b"project=alpha&node=db"))]:
        assert answer.status == status and text in answer.text, answer
        assert answer.headers["content-type"].startswith("text/plain")
    own = site.call("GET", "/v1/introspections?limit=1").json["items"][0]
    token = base64.b64encode(f"bob:{PASSWORD}".encode()).decode()
    foreign = site.service.call("GET", f"/bmi_introspect/{own['id']}",
                                headers={"Authorization": f"Basic {token}"})
    assert foreign.status == 404


def test_clients_of_m2_for_whom_hil_vouches(assay, tmp_path):
    hil = Hil({"ann": "anns", "bob": "bobs"}, {"alpha": ({"ann"}, {}), "beta": ({"bob"}, {}),
                                               "only-there": ({"ann"}, {})})
    config = tmp_path / "assay.yaml"
    config.write_text(f"hil: {{url: '{hil.url}', cache_seconds: 0}}\n")
    site = Site(assay, tmp_path, "--config", config)
    done = m2(site, "ann", "anns", project="alpha", node="db")
    assert done.status == 200, done
    assert sorted(f["id"] for f in done.json) == [VULNERABILITY, "CVE-2024-10002"]
    introspection = site.call("GET", "/v1/introspections?limit=1").json["items"][0]
    assert introspection["requested_by"] == "ann@hil"
    for status, answer in [
            (401, m2(site, "ann", "wrong", project="alpha", node="db")),
            (401, m2(site, "ann", PASSWORD, project="alpha", node="db")),  # our own user's
            (401, m2(site, "ann", "anns", project="beta", node="db")),
            (404, m2(site, "ann", "anns", project="only-there", node="db")),
            (404, m2(site, "ann", "anns", project="nowhere", node="db")),
            (404, m2(site, "ann", "anns", project="alpha", node="nobody")),
            (400, m2(site, "ann", "anns", project="alpha"))]:
        assert answer.status == status, answer
        assert answer.headers["content-type"].startswith("text/plain"), answer.headers
    path = f"/bmi_introspect/{introspection['id']}"
    for user, status in (("ann:anns", 200), ("bob:bobs", 401)):
        token = base64.b64encode(user.encode()).decode()
        answer = site.service.call("GET", path, headers={"Authorization": f"Basic {token}"})
        assert answer.status == status, answer
    site.service.call("PATCH", "/v1/users/ann@hil", site.admin, {"disabled": True})
    assert m2(site, "ann", "anns", project="alpha", node="db").status == 401
    hil.close()
    assert m2(site, "ann", "anns", project="alpha", node="db").status == 503
    site.service.stop()
