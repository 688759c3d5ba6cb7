"""Who may do what: every route of the API by every kind of caller."""
import itertools
import sqlite3

import pytest

from introspections import VULNERABILITY, advisories, small_image
from service import PASSWORD, Service

CALLERS = ["none", "expired", "other", "viewer", "operator", "owner", "auditor", "admin"]
# What a route answers to the callers, in that order.
OPEN = [200] * 8
USER = [401, 401] + [200] * 6
AUDITOR = [401, 401, 403, 403, 403, 403, 200, 200]
ADMIN = [401, 401, 403, 403, 403, 403, 403, 200]
VIEWER = [401, 401, 404, 200, 200, 200, 200, 200]
OPERATOR = [401, 401, 404, 403, 200, 200, 403, 200]
OWNER = [401, 401, 404, 403, 403, 200, 403, 200]
REMOVER = [401, 401, 404, 403, 403, 403, 403, 200]  # of a project: it is known, but not theirs


def made(statuses, success=201):
    return [success if s == 200 else s for s in statuses]


MATRIX = {
    "GET /healthz": OPEN,
    "GET /readyz": OPEN,
    "GET /metrics": OPEN,
    "GET /v1/openapi.yaml": OPEN,
    "GET /v1/openapi.json": OPEN,
    "GET /v1/docs": OPEN,
    "POST /v1/login": OPEN,
    "POST /v1/logout": made(USER, 204),
    "GET /v1/me": USER,
    "POST /v1/me/password": USER,
    "GET /v1/users": AUDITOR,
    "POST /v1/users": made(ADMIN),
    "GET /v1/users/{user}": AUDITOR,
    "PATCH /v1/users/{user}": ADMIN,
    "DELETE /v1/users/{user}": made(ADMIN, 204),
    "GET /v1/tokens": USER,
    "POST /v1/tokens": made(USER),
    "DELETE /v1/tokens/{token}": [401, 401] + [404] * 6,  # of another user, for everybody
    "GET /v1/projects": USER,
    "POST /v1/projects": made(ADMIN),
    "GET /v1/projects/{project}": VIEWER,
    "PATCH /v1/projects/{project}": OWNER,
    "DELETE /v1/projects/{project}": made(REMOVER, 204),
    "GET /v1/projects/{project}/members": VIEWER,
    "PUT /v1/projects/{project}/members/{user}": made(OWNER),
    "DELETE /v1/projects/{project}/members/{user}": made(OWNER, 204),
    "POST /v1/projects/{project}/imports": [401, 401, 404, 403, 422, 422, 403, 422],  # M2 is not set
    "GET /v1/credentials": AUDITOR,
    "POST /v1/credentials": made(ADMIN),
    "GET /v1/credentials/{credential}": AUDITOR,
    "PATCH /v1/credentials/{credential}": ADMIN,
    "DELETE /v1/credentials/{credential}": made(ADMIN, 204),
    "GET /v1/projects/{project}/credentials": VIEWER,
    "POST /v1/projects/{project}/credentials": made(OWNER),
    "GET /v1/projects/{project}/credentials/{credential}": VIEWER,
    "PATCH /v1/projects/{project}/credentials/{credential}": OWNER,
    "DELETE /v1/projects/{project}/credentials/{credential}": made(OWNER, 204),
    "GET /v1/projects/{project}/notifications": OWNER,
    "POST /v1/projects/{project}/notifications": made(OWNER),
    "GET /v1/projects/{project}/notifications/{notification}": OWNER,
    "PATCH /v1/projects/{project}/notifications/{notification}": OWNER,
    "DELETE /v1/projects/{project}/notifications/{notification}": made(OWNER, 204),
    "POST /v1/projects/{project}/notifications/{notification}/test": made(OWNER, 202),
    "GET /v1/projects/{project}/notifications/{notification}/deliveries": OWNER,
    "GET /v1/projects/{project}/notifications/{notification}/deliveries/{delivery}": OWNER,
    # It is on its way: 409 for those who may.
    "POST /v1/projects/{project}/notifications/{notification}/deliveries/{delivery}/again":
        made(OWNER, 409),
    "GET /v1/projects/{project}/hooks": VIEWER,
    "POST /v1/projects/{project}/hooks": made(OWNER),
    "GET /v1/projects/{project}/hooks/{hook}": VIEWER,
    # Only the hook's secret counts.
    "POST /v1/projects/{project}/hooks/{hook}": [401] * 8,
    "DELETE /v1/projects/{project}/hooks/{hook}": made(OWNER, 204),
    "GET /v1/nodes": USER,
    "GET /v1/projects/{project}/nodes": VIEWER,
    "POST /v1/projects/{project}/nodes": made(OPERATOR),
    "GET /v1/projects/{project}/nodes/{node}": VIEWER,
    "PATCH /v1/projects/{project}/nodes/{node}": OPERATOR,
    "DELETE /v1/projects/{project}/nodes/{node}": made(OPERATOR, 204),
    "GET /v1/events": USER,
    "GET /v1/projects/{project}/events": VIEWER,
    "GET /v1/images": USER,
    "GET /v1/projects/{project}/images": VIEWER,
    "POST /v1/projects/{project}/images": made(OPERATOR),
    "GET /v1/projects/{project}/images/{image}": VIEWER,
    "PATCH /v1/projects/{project}/images/{image}": OPERATOR,
    "DELETE /v1/projects/{project}/images/{image}": made(OPERATOR, 204),
    "GET /v1/projects/{project}/nodes/{node}/introspections": VIEWER,
    "POST /v1/projects/{project}/nodes/{node}/introspections": made(OPERATOR, 202),
    "GET /v1/projects/{project}/nodes/{node}/report": VIEWER,
    "GET /v1/projects/{project}/nodes/{node}/findings": VIEWER,
    "GET /v1/projects/{project}/nodes/{node}/frame": VIEWER,
    "GET /v1/projects/{project}/nodes/{node}/frames": VIEWER,
    "GET /v1/projects/{project}/nodes/{node}/frames/{frame}": VIEWER,
    "GET /v1/projects/{project}/images/{image}/introspections": VIEWER,
    "POST /v1/projects/{project}/images/{image}/introspections": made(OPERATOR, 202),
    "GET /v1/projects/{project}/images/{image}/report": VIEWER,
    "GET /v1/projects/{project}/images/{image}/findings": VIEWER,
    "GET /v1/projects/{project}/images/{image}/frame": VIEWER,
    "GET /v1/projects/{project}/images/{image}/frames": VIEWER,
    "GET /v1/projects/{project}/images/{image}/frames/{frame}": VIEWER,
    # With HTTP Basic only, which none of the callers has.
    "POST /bmi_introspect/": [400] * 8,
    "GET /bmi_introspect/{introspection}": [400] * 8,
    "GET /v1/introspections": USER,
    "GET /v1/projects/{project}/introspections": VIEWER,
    "GET /v1/projects/{project}/introspections/{introspection}": VIEWER,
    "POST /v1/projects/{project}/introspections/{introspection}/cancel": OPERATOR,
    "GET /v1/vulnerabilities": USER,
    "GET /v1/vulnerabilities/{vulnerability}": VIEWER,  # in a project that "other" does not see
    "GET /v1/advisories/status": USER,
}
serial = map(str, itertools.count())


def a_credential():
    return {"name": "new" + next(serial), "kind": "password", "secret": "of nobody"}


def a_notification():
    return {"name": "new" + next(serial), "kind": "webhook", "url": "https://hooks.example/a",
            "events": ["findings.changed"]}


def body_of(route):
    bodies = {
        "POST /v1/login": {"name": "viewer", "password": PASSWORD},
        "POST /v1/me/password": {"password": PASSWORD, "new_password": PASSWORD},
        "POST /v1/users": {"name": "new" + next(serial)},
        "PATCH /v1/users/{user}": {"disabled": True},
        "POST /v1/tokens": {"name": "more", "scopes": ["read"]},
        "POST /v1/projects": {"name": "new" + next(serial)},
        "PATCH /v1/projects/{project}": {"description": "changed"},
        "PUT /v1/projects/{project}/members/{user}": {"role": "viewer"},
        "PATCH /v1/credentials/{credential}": {"secret": "another"},
        "PATCH /v1/projects/{project}/credentials/{credential}": {"secret": "another"},
        "POST /v1/projects/{project}/imports": {"from": "m2-db"},
        "POST /v1/credentials": a_credential(),
        "POST /v1/projects/{project}/credentials": a_credential(),
        "POST /v1/projects/{project}/notifications": a_notification(),
        "PATCH /v1/projects/{project}/notifications/{notification}": {"enabled": False},
        "POST /v1/projects/{project}/hooks": {"name": "new" + next(serial), "examines": "node",
                                              "pointer": "/name"},
        "POST /v1/projects/{project}/hooks/{hook}": {"name": "x"},
        "POST /v1/projects/{project}/nodes": {"name": "new" + next(serial), "disks": ["rbd:a/1"]},
        "POST /v1/projects/{project}/images": {"name": "new" + next(serial), "kind": "rbd",
                                               "location": "rbd:a/1"},
    }
    return bodies.get(route, {"labels": {"a": "b"}} if route.startswith("PATCH") else None)


class Scene:
    """A project "alpha" with members, and "beta", whose owner is the caller "other"."""

    def __init__(self, service):
        self.service = service
        self.admin = service.token(service.login())["token"]
        self.projects = {name: self.project(name) for name in ("alpha", "beta")}
        self.tokens = {"none": None, "admin": self.admin}
        for name in ("other", "viewer", "operator", "owner", "auditor", "expired", "victim"):
            service.make("/v1/users", {"name": name, "password": PASSWORD,
                                       "site_role": "auditor" if name == "auditor" else None},
                         self.admin)
            made_token = service.token(service.login(name))
            self.tokens[name] = made_token["token"]
            if name in ("viewer", "operator", "owner"):
                self.member("alpha", name, name)
            if name == "expired":
                self.member("alpha", name, "owner")
                self.expire(made_token["id"])
            if name == "victim":
                self.victims_token = made_token["id"]
        self.member("beta", "other", "owner")
        self.examined = {kind: self.examine(kind) for kind in ("node", "image")}
        # What is asked for from here on stays in the queue.
        service.stop()
        service.environment["ASSAY_WORKERS_THREADS"] = "0"
        service.start()

    def examine(self, kind):
        """A node or image of alpha that was examined: its identifier and its frame's."""
        image = small_image(self.service.folder, kind)
        body = {"name": "examined", **({"disks": [str(image)]} if kind == "node" else
                                       {"kind": "file", "location": str(image)})}
        made_thing = self.service.make(f"/v1/projects/alpha/{kind}s", body, self.admin)["id"]
        done = self.service.call("POST", f"/v1/projects/alpha/{kind}s/{made_thing}/introspections",
                                 self.admin, {}, {"Prefer": "wait=60"})
        assert done.status == 200 and done.json["state"] == "done", done
        return made_thing, done.json["frame"]

    def introspection(self, project):
        node = self.thing(project, "node")
        asked = self.service.call("POST", f"/v1/projects/{project}/nodes/{node}/introspections",
                                  self.admin)
        assert asked.status == 202, asked
        return asked.json["id"]

    def expire(self, token):
        with sqlite3.connect(self.service.store.removeprefix("sqlite:")) as db:
            db.execute("UPDATE token SET expires = 1 WHERE id = ?", [token])
        db.close()

    def project(self, name):
        locations = ["rbd:a/*", f"{self.service.folder}/*"]
        return self.service.make("/v1/projects", {"name": name, "locations": locations},
                                 self.admin)

    def member(self, project, user, role):
        answer = self.service.call("PUT", f"/v1/projects/{project}/members/{user}", self.admin,
                                   {"role": role})
        assert answer.status in (200, 201), answer

    def user(self, project, is_member):
        user = self.service.make("/v1/users", {"name": "user" + next(serial)}, self.admin)
        if is_member:
            self.member(project, user["id"], "viewer")
        return user["id"]

    def thing(self, project, kind):
        body = {"name": kind + next(serial)}
        body.update({"disks": ["rbd:a/1"]} if kind == "node" else
                    {"kind": "rbd", "location": "rbd:a/1"})
        return self.service.make(f"/v1/projects/{project}/{kind}s", body, self.admin)["id"]

    def address(self, route, project="alpha"):
        """The path of a route, with new things in it."""
        method, path = route.split(" ")
        if route == "DELETE /v1/projects/{project}":
            fresh = self.project("fresh" + next(serial))["id"]
            for role in ("viewer", "operator", "owner"):
                self.member(fresh, role, role)
            return path.format(project=fresh)
        names = {}
        if "{user}" in path:
            names["user"] = self.user(project, method == "DELETE" and "members" in path)
        if "{credential}" in path:
            of = f"/v1/projects/{project}" if "{project}" in path else "/v1"
            names["credential"] = self.service.make(of + "/credentials", a_credential(),
                                                    self.admin)["id"]
        if "{notification}" in path:
            of = f"/v1/projects/{project}/notifications"
            names["notification"] = self.service.make(of, a_notification(), self.admin)["id"]
            if "{delivery}" in path:
                tried = self.service.call("POST", f"{of}/{names['notification']}/test", self.admin)
                names["delivery"] = tried.json["id"]
        if "{introspection}" in path:
            names["introspection"] = self.introspection(project)
        if "{hook}" in path:
            names["hook"] = self.service.make(f"/v1/projects/{project}/hooks", {
                "name": "hook" + next(serial), "examines": "node", "pointer": "/name"},
                self.admin)["id"]
        for kind in ("node", "image"):
            if "{" + kind + "}" not in path:
                continue
            if path.split("/")[-1] in ("report", "findings", "frame", "{frame}"):
                names[kind], names["frame"] = self.examined[kind]
            else:
                names[kind] = self.thing(project, kind)
        return path.format(project=project, token=self.victims_token, vulnerability=VULNERABILITY,
                           **names)


@pytest.fixture(scope="module")
def scene(assay, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    service = Service(assay.path, folder, environment={
        "ASSAY_DB": str(advisories(assay, folder, {"package3": "2.0-1"}))})
    yield Scene(service)
    service.stop()


def test_every_route_is_in_the_matrix(scene):
    described = {f"{method} {path}" for method, path, _ in scene.service.operations()}
    assert described == set(MATRIX)


@pytest.mark.parametrize("route", MATRIX)
def test_route(scene, route):
    method = route.split(" ")[0]
    got = []
    for caller in CALLERS:
        token = scene.tokens[caller]
        if route == "POST /v1/logout" and caller not in ("none", "expired"):
            token = scene.service.token(token)["token"]  # it ends with the call
        answer = scene.service.call(method, scene.address(route), token, body_of(route))
        got.append(answer.status)
    assert dict(zip(CALLERS, got)) == dict(zip(CALLERS, MATRIX[route]))


@pytest.mark.parametrize("route", [r for r in MATRIX if not r.startswith("GET ")
                                   and r not in ("POST /v1/login", "POST /v1/logout",
                                                "POST /v1/projects/{project}/hooks/{hook}",
                                                "POST /bmi_introspect/")])
def test_a_token_for_reading_changes_nothing(scene, route):
    token = scene.service.token(scene.admin, ["read"])["token"]
    answer = scene.service.call(route.split(" ")[0], scene.address(route), token, body_of(route))
    assert answer.status == 403, answer


def test_a_token_makes_none_that_can_do_more(scene):
    token = scene.service.token(scene.admin, ["admin"])["token"]
    answer = scene.service.call("POST", "/v1/tokens", token,
                                {"name": "x", "scopes": ["write"]})
    assert answer.status == 403, answer


@pytest.mark.parametrize("kind", ["node", "image"])
def test_things_of_another_project_are_not_there(scene, kind):
    foreign = scene.thing("alpha", kind)
    for method, body in (("GET", None), ("PATCH", {"labels": {}}), ("DELETE", None)):
        for project in ("alpha", "beta"):
            answer = scene.service.call(method, f"/v1/projects/{project}/{kind}s/{foreign}",
                                        scene.tokens["other"], body)
            assert answer.status == 404, answer
    lists = [f"/v1/{kind}s", f"/v1/projects/beta/{kind}s"]
    for path in lists:
        answer = scene.service.call("GET", path, scene.tokens["other"])
        assert foreign not in answer.text
    assert foreign in scene.service.call("GET", f"/v1/{kind}s?limit=500",
                                         scene.tokens["viewer"]).text
    projects = scene.service.call("GET", "/v1/projects", scene.tokens["other"]).json["items"]
    assert [p["name"] for p in projects] == ["beta"]


def test_nobody_names_a_disk_that_is_not_the_projects(scene):
    for disk in ("/etc/shadow", "rbd:b/1", "rbd:a/../b/1", "nbd://user:secret@host/x"):
        for caller, status in (("owner", (403, 422)), ("operator", (403, 422)),
                               ("admin", (403, 422))):
            answer = scene.service.call("POST", "/v1/projects/alpha/nodes", scene.tokens[caller],
                                        {"name": "n" + next(serial), "disks": [disk]})
            assert answer.status in status, answer
    node = scene.thing("alpha", "node")
    for caller in ("owner", "admin"):
        answer = scene.service.call("PATCH", f"/v1/projects/alpha/nodes/{node}",
                                    scene.tokens[caller], {"disks": ["/etc/shadow"]})
        assert answer.status == 403, answer
        assert "'/etc/shadow' is not among the locations" in answer.json["detail"]
    answer = scene.service.call("PATCH", "/v1/projects/alpha", scene.tokens["owner"],
                                {"locations": ["*"]})
    assert answer.status == 403, answer
