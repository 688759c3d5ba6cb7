"""Hooks: other systems ask for introspections, and prove who they are."""
import hashlib
import hmac
import json
import time

import pytest

from introspections import Store
from service import Service


class Scene:
    def __init__(self, assay, folder):
        self.service = Service(assay.path, folder, "--workers", "0")
        self.store = Store(self.service.store)
        self.admin = self.service.login()
        for project in ("web", "other"):
            self.service.make("/v1/projects", {"name": project, "locations": ["/srv/*"]}, self.admin)
        self.service.make("/v1/projects/web/nodes", {"name": "db1", "disks": ["/srv/db1"]},
                          self.admin)
        self.service.make("/v1/projects/web/images", {
            "name": "golden", "kind": "file", "location": "/srv/golden"}, self.admin)

    def hook(self, name, **values):
        made = self.service.make("/v1/projects/web/hooks", {"name": name, **values}, self.admin)
        return made["secret"]

    def call(self, hook, body, headers, project="web"):
        return self.service.call("POST", f"/v1/projects/{project}/hooks/{hook}", body=body,
                                 headers={"Content-Type": "application/json", **headers})

    def asked(self):
        return sorted((r["thing_name"], r["requested_by"]) for r in self.store.rows(
            "SELECT thing_name, requested_by FROM introspection"))


@pytest.fixture(scope="module")
def scene(assay, tmp_path_factory):
    made = Scene(assay, tmp_path_factory.mktemp("hooks"))
    yield made
    made.service.stop()


def signature(secret, *parts):
    return hmac.new(secret.encode(), b"".join(parts), hashlib.sha256).hexdigest()


def github(secret, body):
    return {"X-Hub-Signature-256": "sha256=" + signature(secret, body)}


def timed(secret, body, seconds=None):
    seconds = str(int(seconds or time.time()))
    return {"X-Assay-Signature":
            f"t={seconds},v1=" + signature(secret, seconds.encode(), b".", body)}


def test_a_signed_call_is_heeded_once(scene):
    secret = scene.hook("push", examines="node", thing="db1")
    body = b'{"ref": "refs/heads/main"}'
    first = scene.call("push", body, github(secret, body))
    assert first.status == 202, first
    assert first.json["node"] == "db1"
    assert ("db1", "hook:push") in scene.asked()
    again = scene.call("push", body, github(secret, body))
    assert again.status == 202 and again.json == first.json
    assert again.headers["idempotent-replayed"] == "true"
    later = scene.call("push", body, timed(secret, body))
    assert later.status == 202 and "idempotent-replayed" not in later.headers
    assert scene.call("push", body, {"Authorization": f"Bearer {secret}"}).status == 202


def test_the_body_names_the_image(scene):
    secret = scene.hook("registry", examines="image", pointer="/events/0/target/repository")

    def call(name):
        body = json.dumps({"events": [{"target": {"repository": name}}]}).encode()
        return scene.call("registry", body, timed(secret, body))
    answer = call("golden")
    assert answer.status == 202 and answer.json["image"] == "golden"
    assert ("golden", "hook:registry") in scene.asked()
    assert call("unknown").status == 404
    assert call(7).status == 422
    assert scene.call("registry", b"{", timed(secret, b"{")).status == 400


def test_who_has_not_the_secret_learns_nothing(scene):
    secret = scene.hook("guarded", examines="node", thing="db1")
    before = scene.asked()
    body = b"{}"
    refused = [scene.call("guarded", body, headers) for headers in (
        {}, github("wrong", body), github(secret, b"{ }"), timed(secret, body, time.time() - 400),
        timed(secret, body, time.time() + 400), {"Authorization": f"Bearer {scene.admin}"},
        {"Authorization": "Bearer " + secret[:-1]}, {"X-Hub-Signature-256": "sha256="})]
    refused.append(scene.call("nothing", body, github(secret, body)))
    refused.append(scene.call("guarded", body, github(secret, body), "other"))
    refused.append(scene.call("guarded", body, github(secret, body), "nowhere"))
    for answer in refused:
        assert (answer.status, answer.json["detail"]) == (401, refused[0].json["detail"]), answer
    assert scene.asked() == before


def test_secrets_are_told_once_and_kept_sealed(scene):
    secret = scene.hook("sealed", examines="node", thing="db1")
    for path in ("/v1/projects/web/hooks", "/v1/projects/web/hooks/sealed"):
        answer = scene.service.call("GET", path, scene.admin)
        assert answer.status == 200 and secret not in answer.text
    kept, = scene.store.rows("SELECT secret FROM hook WHERE name = 'sealed'")
    assert secret not in kept["secret"]
    body = b"{}"
    scene.call("sealed", body, {"Authorization": f"Bearer {secret}"})
    assert secret not in scene.service.log.read_text()
    assert scene.service.call("DELETE", "/v1/projects/web/hooks/sealed",
                              scene.admin).status == 204
    assert scene.call("sealed", body, github(secret, body)).status == 401


def test_what_a_hook_examines_is_said_one_way(scene):
    for wrong in ({}, {"thing": "db1", "pointer": "/a"}, {"pointer": "a"}, {"pointer": "/~"},
                  {"thing": "db9"}):
        answer = scene.service.call("POST", "/v1/projects/web/hooks", scene.admin,
                                    {"name": "wrong", "examines": "node", **wrong})
        assert answer.status == 422, answer
