"""Tokens of a real Keystone: who they speak for, and that their rights end with them."""
import concurrent.futures
import json
import os
import sqlite3
import subprocess
import time

import pytest

import keystone as the_keystone
from conftest import TIMEOUT
from service import Service
from test_events import Listener, event_identifier

pytestmark = pytest.mark.xdist_group("keystone")


@pytest.fixture(scope="module")
def cloud():
    """Projects alpha and beta with users named after their roles in alpha; "other" is in beta."""
    k = the_keystone.Keystone()
    try:
        k.projects = {name: k.make("project", name=name, domain_id="default")
                      for name in ("alpha", "beta", "gamma")}
        k.users = {}
        roles = {"reader": "reader", "member": "member", "manager": "admin", "stranger": "odd",
                 "watcher": "watch"}
        for user, role in roles.items():
            k.users[user] = k.make("user", name=user, password=the_keystone.PASSWORD,
                                   domain_id="default")
            k.grant(k.users[user], k.projects["alpha"], role)
        k.users["other"] = k.make("user", name="other", password=the_keystone.PASSWORD,
                                  domain_id="default")
        k.grant(k.users["other"], k.projects["beta"], "admin")
        k.grant(k.users["member"], k.projects["beta"], "reader")
        yield k
    finally:
        k.remove()


def settings(cloud, folder, **more):
    password = folder / "keystone-password"
    password.write_text(the_keystone.PASSWORD + "\n")
    values = {"url": cloud.url, "user": "admin", "project": "admin", "password_file": password,
              **more}
    config = folder / "assay.yaml"
    config.write_text("keystone:\n" + "".join(f"  {k}: {v}\n" for k, v in values.items()))
    return config


def serve(assay, cloud, folder, **more):
    service = Service(assay.path, folder, "--config", settings(cloud, folder, **more))
    service.admin = service.login()
    service.ids = {}
    for name in ("alpha", "beta"):
        service.ids[name] = service.make("/v1/projects", {
            "name": name, "locations": ["rbd:a/*"]}, service.admin)["id"]
        service.make(f"/v1/projects/{name}/nodes", {"name": "n-" + name, "disks": ["rbd:a/1"]},
                     service.admin)
    return service


@pytest.fixture(scope="module")
def service(assay, cloud, tmp_path_factory):
    service = serve(assay, cloud, tmp_path_factory.mktemp("service"),
                    roles="{reader: viewer, member: operator, admin: owner, watch: auditor}")
    yield service
    service.stop()


def call(service, token, method, path, body=None):
    return service.call(method, path, body=body, headers={"X-Auth-Token": token})


def test_roles_are_those_of_keystone(service, cloud):
    wanted = {"reader": (200, 403, 403), "member": (200, 201, 403), "manager": (200, 201, 200),
              "stranger": (404, 404, 404), "watcher": (200, 403, 403)}
    for user, statuses in wanted.items():
        token = cloud.token(user, "alpha")
        got = (call(service, token, "GET", "/v1/projects/alpha/nodes").status,
               call(service, token, "POST", "/v1/projects/alpha/nodes",
                    {"name": "of-" + user, "disks": ["rbd:a/1"]}).status,
               call(service, token, "PATCH", "/v1/projects/alpha", {"description": user}).status)
        assert got == statuses, (user, got)
    me = call(service, cloud.token("reader", "alpha"), "GET", "/v1/me").json
    assert me["name"] == "reader@keystone"
    assert me["external"] == "keystone:" + cloud.users["reader"]
    project = call(service, cloud.token("member", "alpha"), "GET", "/v1/projects/alpha").json
    assert project["role"] == "operator"


def test_a_token_sees_the_project_that_it_is_for_and_no_other(service, cloud):
    for user, own, foreign in (("member", "alpha", "beta"), ("member", "beta", "alpha"),
                               ("other", "beta", "alpha")):
        token = cloud.token(user, own)
        listed = call(service, token, "GET", "/v1/projects").json["items"]
        assert [p["name"] for p in listed] == [own]
        nodes = call(service, token, "GET", "/v1/nodes?limit=500").json["items"]
        assert {n["project"] for n in nodes} == {service.ids[own]}
        for path in ("", "/nodes", "/nodes/n-" + foreign, "/members", "/credentials"):
            for project in (foreign, service.ids[foreign]):
                answer = call(service, token, "GET", f"/v1/projects/{project}{path}")
                assert answer.status == 404, answer
        assert call(service, token, "GET", "/v1/users").status == 403
    watcher = cloud.token("watcher", "alpha")
    assert {p["name"] for p in call(service, watcher, "GET", "/v1/projects").json["items"]} >= {
        "alpha", "beta"}


def test_a_token_without_a_project_or_for_an_unknown_one_sees_nothing(service, cloud):
    for token in (cloud.token("member"), cloud.token("admin", "admin")):
        assert call(service, token, "GET", "/v1/projects").json["items"] == []
        assert call(service, token, "GET", "/v1/projects/alpha").status == 404


def test_nothing_that_lasts_is_made_of_a_token(service, cloud):
    token = cloud.token("manager", "alpha")
    assert call(service, token, "POST", "/v1/tokens", {"name": "x", "scopes": ["read"]}
                ).status == 403
    name = "reader@keystone"
    call(service, cloud.token("reader", "alpha"), "GET", "/v1/me")
    for path, body in ((f"/v1/projects/alpha/members/{name}", {"role": "owner"}),):
        assert service.call("PUT", path, service.admin, body).status == 422
    for body in ({"site_role": "admin"}, {"password": "long enough"}):
        assert service.call("PATCH", f"/v1/users/{name}", service.admin, body).status == 422
    with sqlite3.connect(service.store.removeprefix("sqlite:")) as db:
        outsiders = "(SELECT id FROM account WHERE external IS NOT NULL)"
        assert db.execute(f"SELECT count(*) FROM member WHERE account IN {outsiders}"
                          ).fetchone() == (0,)
        assert db.execute(f"SELECT count(*) FROM token WHERE account IN {outsiders}"
                          ).fetchone() == (0,)
    db.close()


def test_an_administrator_here_can_shut_one_out(service, cloud):
    user = cloud.make("user", name="shut", password=the_keystone.PASSWORD, domain_id="default")
    cloud.grant(user, cloud.projects["alpha"], "member")
    token = cloud.token("shut", "alpha")
    assert call(service, token, "GET", "/v1/me").status == 200
    for disabled, status in ((True, 401), (False, 200)):
        answer = service.call("PATCH", "/v1/users/shut@keystone", service.admin,
                              {"disabled": disabled})
        assert answer.status == 200, answer
        assert call(service, token, "GET", "/v1/me").status == status


def test_our_own_tokens_go_before_keystones(service, cloud):
    answer = service.call("GET", "/v1/me", service.admin,
                          headers={"X-Auth-Token": cloud.token("reader", "alpha")})
    assert answer.json["name"] == "admin"


def test_what_a_token_gave_ends_with_the_token_and_with_the_role(assay, cloud, tmp_path):
    service = serve(assay, cloud, tmp_path, cache_seconds=0)
    user = cloud.make("user", name="leaver", password=the_keystone.PASSWORD, domain_id="default")
    cloud.grant(user, cloud.projects["alpha"], "member")
    revoked, kept = cloud.token("leaver", "alpha"), cloud.token("leaver", "alpha")
    for token in (revoked, kept):
        assert call(service, token, "GET", "/v1/projects/alpha").status == 200
    cloud.revoke(revoked)
    assert call(service, revoked, "GET", "/v1/projects/alpha").status == 401
    assert call(service, kept, "GET", "/v1/projects/alpha").status == 200
    cloud.grant(user, cloud.projects["alpha"], "member", "DELETE")
    assert call(service, kept, "GET", "/v1/projects/alpha").status in (401, 404)
    service.stop()


def test_a_token_listens_to_its_project_until_it_is_revoked(assay, cloud, tmp_path):
    service = serve(assay, cloud, tmp_path, cache_seconds=0)
    token = cloud.token("reader", "alpha")
    headers = {"X-Auth-Token": token}
    streams = [Listener(service, None, path, **headers)
               for path in ("/v1/events", "/v1/projects/alpha/events")]
    for number, project in enumerate(("beta", "alpha")):
        with sqlite3.connect(service.store.removeprefix("sqlite:"), timeout=TIMEOUT) as db:
            db.execute("INSERT INTO event (id, project, kind, data, time) VALUES (?, ?, 'k', ?, 1)",
                       [event_identifier(number), service.ids[project],
                        json.dumps({"of": project})])
        db.close()
    assert [s.next()[2] for s in streams] == [{"of": "alpha"}] * 2
    cloud.revoke(token)
    assert [s.next() for s in streams] == [None] * 2
    again = call(service, token, "GET", "/v1/events")
    assert again.status == 401
    service.stop()


def test_a_token_ends_at_its_time(assay, cloud, tmp_path):
    cloud = the_keystone.Keystone(lifetime=6, like=cloud)
    try:
        service = serve(assay, cloud, tmp_path)  # its own login ends meanwhile, too
        token = cloud.token("admin", "admin")
        assert call(service, token, "GET", "/v1/me").status == 200
        deadline = time.monotonic() + TIMEOUT
        while call(service, token, "GET", "/v1/me").status == 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert call(service, token, "GET", "/v1/me").status == 401
        assert call(service, cloud.token("admin", "admin"), "GET", "/v1/me").status == 200
        service.stop()
    finally:
        cloud.remove()


def test_keystone_may_be_away(assay, cloud, tmp_path):
    service = serve(assay, cloud, tmp_path)
    known, fresh = cloud.token("reader", "alpha"), cloud.token("reader", "alpha")
    assert call(service, known, "GET", "/v1/projects/alpha").status == 200
    cloud.stop()
    try:
        assert call(service, known, "GET", "/v1/projects/alpha").status == 200
        answer = call(service, fresh, "GET", "/v1/projects/alpha")
        assert answer.status == 503 and int(answer.headers["retry-after"]) > 0, answer
        assert service.call("GET", "/v1/me", service.admin).status == 200
    finally:
        cloud.start()
    assert call(service, fresh, "GET", "/v1/projects/alpha").status == 200
    service.stop()
    log = service.log.read_text()
    for secret in (known, fresh, the_keystone.PASSWORD):
        assert secret not in log


def test_wrong_tokens_are_counted_and_right_ones_go_on(assay, cloud, tmp_path):
    service = serve(assay, cloud, tmp_path)
    known, fresh = cloud.token("reader", "alpha"), cloud.token("reader", "alpha")
    assert call(service, known, "GET", "/v1/me").status == 200
    got = [call(service, f"wrong{i}", "GET", "/v1/me") for i in range(32)]
    assert [a.status for a in got] == [401] * 30 + [429] * 2
    assert int(got[-1].headers["retry-after"]) > 0
    assert call(service, fresh, "GET", "/v1/me").status == 429
    assert call(service, known, "GET", "/v1/me").status == 200
    service.stop()


def test_projects_are_made_when_that_is_wanted(assay, cloud, tmp_path):
    service = serve(assay, cloud, tmp_path, create_projects="true")
    cloud.grant(cloud.users["member"], cloud.projects["gamma"], "member")
    domain = cloud.make("domain", name="elsewhere")
    foreign = cloud.make("project", name="alpha", domain_id=domain)
    user = cloud.make("user", name="member", password=the_keystone.PASSWORD, domain_id=domain)
    cloud.grant(user, foreign, "admin")
    there = cloud.token("member", "alpha", "elsewhere")
    token = cloud.token("member", "gamma")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: call(service, token, "GET", "/v1/projects").json["items"],
                             range(16)))
    assert all([p["name"] for p in s] == ["gamma"] for s in seen)
    # A project of another domain is not taken for ours of the same name.
    assert [p["name"] for p in call(service, there, "GET", "/v1/projects").json["items"]] == [
        foreign]
    assert call(service, there, "GET", "/v1/projects/alpha").status == 404
    assert call(service, there, "GET", "/v1/me").json["name"] == "member@elsewhere@keystone"
    service.stop()


def test_the_password_may_be_a_credential_and_the_user_is_not_needed(assay, cloud, tmp_path):
    for name, more in (("sealed", {"credential": "keystone"}), ("none", {})):
        folder = tmp_path / name
        folder.mkdir()
        config = folder / "assay.yaml"
        user = "  user: admin\n  project: admin\n" if more else ""
        config.write_text(f"keystone:\n  url: {cloud.url}\n{user}" +
                          "".join(f"  {k}: {v}\n" for k, v in more.items()))
        service = Service(assay.path, folder, "--config", config)
        admin = service.login()
        service.make("/v1/projects", {"name": "alpha"}, admin)
        token = cloud.token("reader", "alpha")
        if more:
            assert call(service, token, "GET", "/v1/projects/alpha").status == 503
            service.make("/v1/credentials", {"name": "keystone", "kind": "password",
                                             "secret": the_keystone.PASSWORD}, admin)
        assert call(service, token, "GET", "/v1/projects/alpha").status == 200
        assert call(service, "wrong", "GET", "/v1/projects/alpha").status == 401
        service.stop()


@pytest.mark.parametrize("text, said", [
    ("keystone: {}", "keystone.url"),
    ("keystone: {url: 'http://user:secret@h/'}", "keystone.url"),
    ("keystone: {url: 'http://h', colour: red}", "keystone.colour"),
    ("keystone: {url: 'http://h', user: u}", "password_file"),
    ("keystone: {url: 'http://h', roles: {a: king}}", "keystone.roles.a"),
    ("keystone: {url: 'http://h', cache_seconds: 61}", "keystone.cache_seconds"),
    ("hil: {}", "hil.url"),
])
def test_wrong_settings_are_refused(assay, tmp_path, text, said):
    config = tmp_path / "assay.yaml"
    config.write_text(text + "\n")
    done = subprocess.run([assay.path, "serve", "--config", str(config), "--check-config"],
                          capture_output=True, text=True, timeout=TIMEOUT, env=dict(os.environ))
    assert done.returncode == 2 and said in done.stderr and "secret" not in done.stderr, done
