"""Nodes from HIL and M2, and callers that HIL vouches for."""
import base64
import json
import os
import signal
import subprocess

import pytest

from conftest import TIMEOUT
from hil import Hil, M2, M2Database
from service import Service

PASSWORD = "hils-own-password"


class Site:
    def __init__(self, assay, folder):
        self.database = M2Database(folder / "m2.db")
        for project in ("alpha", "beta"):
            self.database.project(project)
            golden = self.database.image(project, "golden")
            self.golden = int(golden.removeprefix("7img"))
        self.hil = Hil({"ann": PASSWORD, "bob": "another"},
                       {"alpha": ({"ann"}, {}), "beta": ({"bob"}, {})})
        self.m2 = M2(self.hil.users, self.database)
        self.config = folder / "assay.yaml"
        self.config.write_text(f"hil: {{url: '{self.hil.url}'}}\nstorage:\n  m2: {{url: '{self.m2.url}', "
                               f"database: '{self.database.path}', uid: '7', pool: m2}}\n")
        self.service = Service(assay.path, folder, "--config", self.config)
        self.admin = self.service.token(self.service.login())["token"]
        self.ids = {name: self.project(name) for name in ("alpha", "beta")}

    def project(self, name):
        return self.service.make("/v1/projects", {"name": name, "locations": ["rbd:m2/7img*"]},
                                 self.admin)["id"]

    def disk(self, project, name):
        return self.database.image(project, name, self.golden)

    def basic(self, method, path, body=None, user="ann", password=PASSWORD):
        word = base64.b64encode(f"{user}:{password}".encode()).decode()
        return self.service.call(method, path, body=body,
                                 headers={"Authorization": "Basic " + word})

    def load(self, body, project="alpha", status=200, **more):
        answer = self.service.call("POST", f"/v1/projects/{project}/imports", self.admin,
                                   {**body, **more})
        assert answer.status == status, answer
        return answer.json

    def nodes(self, project="alpha"):
        found = self.service.call("GET", f"/v1/projects/{project}/nodes", self.admin).json["items"]
        return {n["name"]: n for n in found}


@pytest.fixture
def site(assay, tmp_path):
    site = Site(assay, tmp_path)
    yield site
    site.service.stop()
    site.hil.close()
    site.m2.close()


def counts(answer):
    return {k: answer[k] for k in ("made", "changed", "same", "gone", "refused") if answer[k]}


def test_a_reload_forgets_and_finds_m2(site):
    whole = site.config.read_text()
    site.config.write_text(whole.split("storage:")[0])
    site.service.process.send_signal(signal.SIGHUP)
    site.service.wait_for("settings read again")
    assert "M2 is not set" in site.load({"from": "m2-db"}, status=422)["detail"]
    site.config.write_text(whole)
    site.service.process.send_signal(signal.SIGHUP)
    site.service.wait_for("settings read again", 2)
    assert counts(site.load({"from": "m2-db"})) == {}


def test_an_import_from_m2s_database_is_repeatable(site):
    images = {name: site.disk("alpha", name) for name in ("n1", "n2")}
    site.database.image("alpha", "snap", site.golden, snapshot=True)
    site.disk("beta", "of-beta")
    assert counts(site.load({"from": "m2-db"}, dry_run=True)) == {"made": 2}
    assert site.nodes() == {}
    assert counts(site.load({"from": "m2-db"})) == {"made": 2}
    nodes = site.nodes()
    assert {n: v["disks"] for n, v in nodes.items()} == {n: ["rbd:m2/" + i]
                                                         for n, i in images.items()}
    assert {v["source"] for v in nodes.values()} == {"m2"}
    before = site.service.call("GET", "/v1/projects/alpha/nodes/n1", site.admin).headers["etag"]
    assert counts(site.load({"from": "m2-db"})) == {"same": 2}
    assert before == site.service.call("GET", "/v1/projects/alpha/nodes/n1",
                                       site.admin).headers["etag"]
    # A new disk of an old name, one gone, one new; what people have set stays.
    site.service.call("PATCH", "/v1/projects/alpha/nodes/n1", site.admin,
                      {"labels": {"rack": "7"}, "schedule": "6h"})
    for name in images:
        site.database.remove(name)
    site.disk("alpha", "n3")
    new = site.disk("alpha", "n1")
    answer = site.load({"from": "m2-db"})
    assert counts(answer) == {"made": 1, "changed": 1, "gone": 1}
    assert {n["name"]: n["result"] for n in answer["nodes"]} == {"n1": "changed", "n2": "gone",
                                                                 "n3": "made"}
    nodes = site.nodes()
    assert nodes["n1"]["disks"] == ["rbd:m2/" + new] and nodes["n1"]["labels"] == {"rack": "7"}
    assert nodes["n1"]["schedule"] == "6h"
    assert list(nodes["n2"]["labels"]) == ["import.gone"]
    site.disk("alpha", "n2")
    assert counts(site.load({"from": "m2-db"})) == {"changed": 1, "same": 2}
    assert site.nodes()["n2"]["labels"] == {}


def test_what_must_not_be_is_refused_and_the_others_are_made(site):
    site.service.make("/v1/projects/alpha/nodes", {"name": "mine", "disks": ["rbd:m2/7img9"]},
                      site.admin)
    for name in ("mine", "good", "bad name", "../x", "\x1b[31m"):
        site.disk("alpha", name)
    answer = site.load({"from": "m2-db"})
    assert counts(answer) == {"made": 1, "refused": 4}
    assert all(n["reason"] for n in answer["nodes"] if n["result"] == "refused")
    assert site.nodes()["mine"]["disks"] == ["rbd:m2/7img9"]
    site.service.call("PATCH", "/v1/projects/beta", site.admin, {"locations": ["rbd:other/*"]})
    site.disk("beta", "n1")
    answer = site.basic("POST", "/v1/projects/beta/imports", {"from": "m2-db"}, "bob", "another")
    assert counts(answer.json) == {"refused": 1}, answer
    assert "locations" in answer.json["nodes"][0]["reason"]


def test_an_import_from_hil_brings_network_cards_and_no_secrets(site):
    site.hil.projects["alpha"][1].update({"n1": {"eth0": "52:54:00:00:00:01", "ib0": "a0"},
                                          "n2": {}})
    image = site.disk("alpha", "n1")
    wish = {"from": "hil", "user": "ann", "password": PASSWORD}
    answer = site.load(wish)
    assert counts(answer) == {"made": 1, "refused": 1}
    assert "no disk" in answer["nodes"][1]["reason"]
    node = site.nodes()["n1"]
    assert node["disks"] == ["rbd:m2/" + image] and node["source"] == "hil"
    assert node["labels"] == {"hil.project": "alpha", "nic.eth0": "52:54:00:00:00:01",
                              "nic.ib0": "a0"}
    assert counts(site.load(wish, disk="rbd:m2/7img-{node}")) == {"made": 1, "changed": 1}
    assert site.nodes()["n2"]["disks"] == ["rbd:m2/7img-n2"]
    everything = b"".join(p.read_bytes() for p in site.service.folder.iterdir()
                          if p.name.startswith(("store", "log")))
    assert PASSWORD.encode() not in everything and b"top-secret" not in everything


def test_an_import_by_m2s_rest_asks_for_the_target_of_each_node(site):
    site.hil.projects["alpha"][1].update({"n1": {}, "idle": {}})
    image = site.disk("alpha", "n1")
    site.service.make("/v1/projects/alpha/credentials",
                      {"name": "hil", "kind": "password", "secret": PASSWORD}, site.admin)
    answer = site.load({"from": "m2", "user": "ann", "credential": "hil"})
    assert counts(answer) == {"made": 1, "refused": 1}
    assert site.nodes()["n1"]["disks"] == ["rbd:m2/" + image]


def test_what_the_others_answer_is_told(site):
    wish = {"from": "hil", "user": "ann", "password": "wrong"}
    site.load(wish, status=403)
    site.load({"from": "hil"}, status=422)
    site.load({"from": "hil", "user": "ann", "password": PASSWORD, "project": "none"}, status=422)
    site.hil.close()
    answer = site.service.call("POST", "/v1/projects/alpha/imports", site.admin, wish)
    assert answer.status == 503 and "wrong" not in answer.text, answer
    os.unlink(site.database.path)
    site.load({"from": "m2-db"}, status=503)
    assert not os.path.exists(site.database.path)


def test_the_command_line(site, tmp_path):
    site.disk("alpha", "n1")
    done = subprocess.run(
        [site.service.command[0], "node", "import", "alpha", "--from", "m2-db", "--format", "json"],
        capture_output=True, text=True, timeout=TIMEOUT,
        env={**os.environ, "ASSAY_SERVER": site.service.address, "ASSAY_TOKEN": site.admin})
    assert done.returncode == 0, done
    assert counts(json.loads(done.stdout)) == {"made": 1}


def test_hils_users_are_operators_of_their_projects(site):
    assert site.basic("GET", "/v1/projects/alpha/nodes").status == 200
    made = site.basic("POST", "/v1/projects/alpha/nodes", {"name": "n", "disks": ["rbd:m2/7img1"]})
    assert made.status == 201, made
    assert site.basic("GET", f"/v1/projects/{site.ids['alpha']}").json["role"] == "operator"
    for path in ("/v1/projects/alpha/credentials", "/v1/projects/alpha/members/x"):
        assert site.basic("POST" if "cred" in path else "DELETE", path,
                          {"name": "c", "kind": "key", "secret": "s"} if "cred" in path else None
                          ).status == 403
    for user, password, project in (("ann", "wrong", "alpha"), ("ann", PASSWORD, "beta"),
                                    ("nobody", "x", "alpha"), ("bob", "another", "alpha")):
        assert site.basic("GET", f"/v1/projects/{project}/nodes", None, user, password).status == 401
    assert site.basic("GET", "/v1/projects/none/nodes").status == 404
    assert site.basic("GET", "/v1/projects").status == 401  # names no project
    assert site.basic("GET", "/v1/projects/beta/nodes", None, "bob", "another").status == 200


def test_hil_is_asked_once_a_minute_and_guessing_is_slowed_down(site):
    for _ in range(3):
        assert site.basic("GET", "/v1/projects/alpha/nodes").status == 200
    assert len(site.hil.requests) == 1
    got = [site.basic("GET", "/v1/projects/alpha", None, "bob", f"guess{i}").status
           for i in range(7)]
    assert got == [401] * 5 + [429] * 2
    assert site.basic("GET", "/v1/projects/beta", None, "bob", "another").status == 429
    assert site.basic("GET", "/v1/projects/alpha").status == 200
    assert len(site.hil.requests) == 6
    site.hil.close()
    assert site.basic("GET", "/v1/projects/alpha").status == 200
    answer = site.basic("GET", "/v1/projects/beta")
    assert answer.status == 503 and int(answer.headers["retry-after"]) > 0, answer
