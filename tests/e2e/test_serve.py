"""The service as a process: first start, settings, stopping, and what holds for every call."""
import concurrent.futures
import html
import http.client
import json
import signal
import socket
import sqlite3
import subprocess

import pytest

from conftest import TIMEOUT, run
from postgres import Postgres
from service import PASSWORD, Service


@pytest.fixture
def service(assay, tmp_path):
    started = Service(assay.path, tmp_path)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()


@pytest.fixture
def admin(service):
    return service.token(service.login())["token"]


def node(name):
    return {"name": name, "disks": ["rbd:pool/" + name]}


# --- starting and stopping ------------------------------------------------------------------------

def test_the_first_start_tells_the_password_once(assay, tmp_path):
    command = [assay.path, "serve", "--listen", "127.0.0.1:0", "--store",
               f"sqlite:{tmp_path}/new/folder/store.db"]
    outputs = []
    for _ in range(2):
        with (tmp_path / "out").open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True)
            assert "listening" in process.stderr.readline()
            process.terminate()
            assert process.wait(TIMEOUT) == 0
            process.stderr.close()
        outputs.append((tmp_path / "out").read_text())
    assert outputs[0].startswith("administrator: admin\npassword: ")
    assert len(outputs[0].split()[-1]) >= 40
    assert outputs[1] == ""
    assert (tmp_path / "new/folder/store.db").stat().st_mode & 0o77 == 0
    assert outputs[0].split()[-1].encode() not in (tmp_path / "new/folder/store.db").read_bytes()


def test_the_password_goes_to_a_file_only_its_owner_reads(assay, tmp_path):
    file = tmp_path / "password"
    process = subprocess.Popen([assay.path, "serve", "--listen", "127.0.0.1:0", "--store",
                                f"sqlite:{tmp_path}/store.db", "--admin-password-file", file],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "listening" in process.stderr.readline()
    process.terminate()
    assert process.communicate(timeout=TIMEOUT)[0] == ""
    assert file.stat().st_mode & 0o777 == 0o600 and len(file.read_text().strip()) >= 40


def test_sigterm_finishes_what_is_being_answered(service, admin):
    """Logins take tens of milliseconds each: some are certainly being answered."""
    names = [f"user{i}" for i in range(4)]
    for name in names:
        service.make("/v1/users", {"name": name, "password": PASSWORD}, admin)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(service.login, n) for n in names]
        concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
        assert service.stop() == 0
    for one in running:
        try:
            assert one.result().startswith("assay_s_")
        except OSError:
            pass  # it was not let in any more
    assert "stopping" in service.log.read_text()


def test_what_was_answered_outlives_a_kill(service, admin):
    service.make("/v1/projects", {"name": "p", "locations": ["rbd:pool/*"]}, admin)
    made = [service.make("/v1/projects/p/nodes", node(f"n{i}"), admin)["id"] for i in range(20)]
    service.stop(signal.SIGKILL)
    with sqlite3.connect(service.folder / "store.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    service.start()
    listed = service.call("GET", "/v1/projects/p/nodes", admin).json["items"]
    assert [n["id"] for n in listed] == made


def test_the_service_manager_is_told(assay, tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(TIMEOUT)
        service = Service(assay.path, tmp_path, environment={"NOTIFY_SOCKET": path})
        assert manager.recv(100) == b"READY=1"
        service.process.send_signal(signal.SIGHUP)
        assert [manager.recv(100), manager.recv(100)] == [b"RELOADING=1", b"READY=1"]
        assert service.stop() == 0
        assert manager.recv(100) == b"STOPPING=1"


# --- settings -------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, why", [
    ("listen: nowhere", "listen 'nowhere': not ADDRESS:PORT"),
    ("listen: 127.0.0.1:99999", "listen '127.0.0.1:99999'"),
    ("store: mysql://ann:secret@db/x", "store 'mysql:': not sqlite:PATH or postgresql://...\n"),
    ("store: 'sqlite:'", "store 'sqlite:'"),
    ("proxies: [10.0.0.0/8]", "proxies: '10.0.0.0/8': not an address"),
    ("lisen: 127.0.0.1:1", "there is no such setting"),
    ("tls: {certificate: /nothing, key: /nothing}", "nothing"),
    ("tls: {certificate: /nothing}", "needs both"),
    ("threads: 0", "threads"),
    ("threads: many", "not a number"),
    ("a: &x [1]\nb: *x", "aliases"),
    ("listen: [", "line"),
    ("storage: {cehp: {}}", "storage.cehp: there is no such setting"),
    ("storage: [1]", "storage: not a map"),
    ("storage: {ceph: {user: assay}}", "storage.ceph.user: not a map"),
    ("storage: {ceph: {default: {konf: /x}}}", "storage.ceph.default.konf: there is no such"),
    ("storage: {ceph: {default: {keep_snapshots: 1}}}", "keep_snapshots: not a true or false"),
    ("storage: {ceph: {default: {keyring: /nothing}}}", "storage.ceph.default.keyring: /nothing: No"),
    ("storage: {qemu: {folder: /nothing}}", "storage.qemu.folder: /nothing: No such file"),
    ("storage: {qemu: {bitmap: maybe}}", "storage.qemu.bitmap: not a true or false"),
    ("storage: {lvm: {size: 120%}}", "storage.lvm.size: '120%'"),
    ("storage: {lvm: {sise: 1G}}", "storage.lvm.sise"),
    ("storage: {m2: {database: /nothing, uid: '7', pool: rbd}}", "storage.m2.database: /nothing: No"),
    ("storage: {m2: {database: /nothing}}", "storage.m2: uid and pool"),
    ("storage: {agents: {'rbd:*': 1}}", "storage.agents.rbd:*: not the path"),
    ("storage: {quiesce: {db: {freeze: [/bin/true]}}}", "storage.quiesce.db.thaw"),
    ("storage: {quiesce: {db: {freeze: [true], thaw: [/bin/true]}}}", "storage.quiesce.db.freeze"),
    ("storage: {quiesce: {db: {freeze: [/nothing], thaw: [/bin/true]}}}",
     "storage.quiesce.db.freeze: /nothing: No such file"),
    ("limits: {pool: {bytes: 1}}", "limits.pool.bytes: there is no such setting"),
    ("limits: {introspection: {iops: fast}}", "limits.introspection.iops: not a number"),
    ("watch: {settle: 1}", "watch.settle: there is no such setting"),
    ("watch: {look_seconds: 0}", "watch.look_seconds: a number from 1"),
    ("hil: {ca_file: /nothing, url: 'http://h'}", "hil.ca_file: /nothing: No such file"),
    ("hil: {urls: x}", "hil.urls: there is no such setting"),
    ("keystone: {url: 'http://k', user: a, password_file: /nothing}", "keystone.password_file: /noth"),
    ("smtp: {url: 'smtp://h', from: 'a@b', password_file: /nothing}", "smtp.password_file: /nothing"),
    ("smtp: {url: 'http://h', from: 'a@b'}", "smtp.url"),
    ("metrics_token_file: /nothing", "metrics_token_file: /nothing: No such file"),
    ("keep: {events_days: 40000}", "keep.events_days: a number from 0 to 36525"),
    ("keep: {introspections_days: -1}", "keep.introspections_days: not a number"),
])
def test_wrong_settings_are_told(assay, tmp_path, text, why):
    (tmp_path / "assay.yaml").write_text(text)
    arguments = ["serve", "--config", tmp_path / "assay.yaml", "--check-config"]
    assert why in assay.refusal(*arguments)


@pytest.mark.parametrize("workers", ["-1", "257"])
def test_wrong_numbers_of_workers_are_told(assay, workers):
    assert "--workers: a number from 0 to 256" in \
        assay.refusal("serve", "--check-config", "--workers", workers)


NO_REQUESTS = [
    (400, b"GET /healthz\r\n\r\n"),
    (400, b"GET /healthz HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n"),
    (400, b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n"),
    (413, b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n"),
    (414, b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    (431, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100000 + b"\r\n\r\n"),
    (505, b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n")]


def test_what_is_no_request_is_answered_with_a_page_and_the_connection_closed(service):
    """By libmicrohttpd, as the documentation says: no problem document."""
    for status, sent in NO_REQUESTS:
        with socket.create_connection((service.host, int(service.port)), TIMEOUT) as connection:
            connection.sendall(sent)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.status == status, (sent[:80], answer.status)
            assert b"<html>" in answer.read() and answer.headers["Connection"] == "close"
    assert service.call("GET", "/healthz").status == 200


def test_options_go_over_the_environment_and_that_over_the_file(assay, tmp_path):
    (tmp_path / "assay.yaml").write_text("listen: 127.0.0.2:0\nsession_hours: 1\n")
    service = Service(assay.path, tmp_path, "--config", tmp_path / "assay.yaml",
                      environment={"ASSAY_LISTEN": "127.0.0.3:0", "ASSAY_SESSION_HOURS": "2"})
    assert service.host == "127.0.0.1"
    cookie = service.call("POST", "/v1/login", body={"name": "admin", "password": PASSWORD})
    assert "Max-Age=7200" in cookie.headers["set-cookie"]
    assert service.stop() == 0


def certificate(folder, name):
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
        f"/CN={name}", "-keyout", folder / "key.pem", "-out", folder / "certificate.pem")


def served_name(service):
    done = subprocess.run(["openssl", "s_client", "-connect", f"{service.host}:{service.port}"],
                          input=b"", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          timeout=TIMEOUT, check=False)
    return done.stdout.decode()


def test_tls_with_a_certificate_that_is_renewed(assay, tmp_path):
    certificate(tmp_path, "first.example")
    service = Service(assay.path, tmp_path, "--tls-certificate", tmp_path / "certificate.pem",
                      "--tls-key", tmp_path / "key.pem")
    assert service.scheme == "https"
    session = service.login()
    assert "first.example" in served_name(service)
    certificate(tmp_path, "second.example")
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("settings read again")
    assert "second.example" in served_name(service)
    answer = service.call("GET", "/v1/me", session)
    assert answer.status == 200 and "strict-transport-security" in answer.headers
    (tmp_path / "key.pem").write_text("nonsense")
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("the old settings stay")
    assert service.call("GET", "/v1/me", session).status == 200
    assert service.stop() == 0


def test_a_reload_names_what_needs_a_restart(assay, tmp_path):
    config = tmp_path / "assay.yaml"
    config.write_text("session_hours: 1\n")
    service = Service(assay.path, tmp_path, "--config", config)
    config.write_text("session_hours: 2\nworkers: {per_project: 3, threads: 3}\nframes: {keep: 4}\n"
                      "limits: {pool: {iops: 5}}\nstorage: {lvm: {size: 20%}}\n"
                      "watch: {settle_seconds: 3}\nopenstack: {}\n")
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("settings read again")
    log = service.log.read_text()
    named = {line.split("reload: ")[1].split(" has changed")[0] for line in log.splitlines()
             if "needs a restart" in line}
    assert named == {"workers.threads", "watch.settle_seconds", "openstack"}
    cookie = service.call("POST", "/v1/login", body={"name": "admin", "password": PASSWORD})
    assert "Max-Age=7200" in cookie.headers["set-cookie"]
    config.write_text("session_hours: 3\nstorage: {lvn: {}}\n")
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("storage.lvn: there is no such setting; the old settings stay")
    cookie = service.call("POST", "/v1/login", body={"name": "admin", "password": PASSWORD})
    assert "Max-Age=7200" in cookie.headers["set-cookie"]
    assert service.stop() == 0


def test_on_postgresql(assay, tmp_path_factory):
    database, service = Postgres(), None
    try:
        service = Service(assay.path, tmp_path_factory.mktemp("service"), store=database.url)
        admin = service.token(service.login())["token"]
        service.make("/v1/projects", {"name": "p", "locations": ["rbd:pool/*"]}, admin)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda i: service.make("/v1/projects/p/nodes", node(f"n{i}"),
                                                        admin)["id"], range(40)))
        listed = service.call("GET", "/v1/projects/p/nodes?limit=500", admin).json["items"]
        assert {n["id"] for n in listed} == set(made)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            same = list(pool.map(lambda _: service.call(
                "POST", "/v1/projects/p/nodes", admin, node("once"), {"Idempotency-Key": "k"}),
                range(16)))
        assert {a.status for a in same} == {201} and len({a.text for a in same}) == 1
        for method, path, body, headers, status in not_utf8("/v1/projects/p"):
            assert service.call(method, path, admin, body, headers).status == status, path
        database.stop()
        assert service.call("GET", "/readyz").status == 503
        assert service.call("GET", "/healthz").status == 200
        database.start()
        # Each connection notices once that its server is gone.
        answers = [service.call("GET", "/v1/projects/p/nodes", admin).status for _ in range(20)]
        assert answers[-1] == 200 and set(answers) <= {200, 503}
        assert service.stop() == 0
    finally:
        if service:
            service.process.kill()
        database.remove()


# --- every call -----------------------------------------------------------------------------------

def not_utf8(project):
    return [
        ("GET", f"{project}%ff", None, {}, 400),
        ("GET", "/v1/nodes?after=%ff", None, {}, 400),
        ("GET", f"{project}/nodes/%ed%a0%80", None, {}, 400),
        ("POST", "/v1/projects/%ff/hooks/%ff", {}, {}, 400),
        ("POST", "/v1/projects", {"name": "q"}, {"Idempotency-Key": "\xff\xfe"}, 400),
    ]


def test_problems(service, admin):
    service.make("/v1/projects", {"name": "p", "locations": ["rbd:pool/*"]}, admin)
    nodes = "/v1/projects/p/nodes"
    cases = [
        ("GET", "/nothing", None, {}, 404),
        ("GET", "/v1/projects/", None, {}, 404),
        ("PUT", "/v1/projects", None, {}, 405),
        ("GET", "/v1/projects/nothing", None, {}, 404),
        ("GET", "/v1/projects?limit=0", None, {}, 400),
        ("GET", "/v1/projects?limit=x", None, {}, 400),
        ("GET", "/v1/nodes?label=x", None, {}, 400),
        *not_utf8("/v1/projects/p"),
        ("GET", "/v1/projects/p/introspections?limit=5&state=failed", None, {}, 400),
        ("POST", nodes, b"{", {"Content-Type": "application/json"}, 400),
        ("POST", nodes, b'{"name":"a","name":"b"}', {"Content-Type": "application/json"}, 400),
        ("POST", nodes, b"name=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("POST", nodes, b"{}", {}, 415),
        ("POST", nodes, b" " * (5 << 20), {"Content-Type": "application/json"}, 413),
        ("POST", nodes, {"name": "a"}, {}, 422),
        ("POST", nodes, {**node("a"), "more": 1}, {}, 422),
        ("POST", nodes, {**node("a"), "disks": []}, {}, 422),
        ("POST", nodes, {**node("a"), "labels": {"a": 1}}, {}, 422),
        ("POST", nodes, {**node("a"), "name": "a/b"}, {}, 422),
        ("POST", nodes, {**node("a"), "schedule": "sometimes"}, {}, 422),
        ("POST", nodes, [1], {}, 422),
        ("POST", "/v1/users", {"name": "u", "password": "short"}, {}, 422),
        ("DELETE", "/v1/users/admin", None, {}, 409),
        ("DELETE", "/v1/projects/p", None, {"If-Match": '"v77"'}, 412),
        ("DELETE", "/v1/projects/p", None, {"If-Match": "junk"}, 412),
    ]
    for method, path, body, headers, status in cases:
        answer = service.call(method, path, admin, body, headers)
        assert answer.status == status, (method, path, body if len(str(body)) < 99 else "", answer)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["status"] == status and answer.json["detail"]
        assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert service.call("PUT", "/v1/projects", admin).headers["allow"] == "GET, HEAD, POST"
    assert service.call("GET", "/v1/nodes?label=x", admin).json["detail"] == \
        "label: the query has no such member"
    assert "name: not of the form ^[A-Za-z0-9]" in \
        service.call("POST", nodes, admin, {**node("a"), "name": "a/b"}).json["detail"]


def test_what_is_no_json_is_not_repeated(service):
    body = b'{"name": "ann",\n"password": "s3cret\\u0000"}'
    answer = service.call("POST", "/v1/login", None, body, {"Content-Type": "application/json"})
    assert answer.status == 400 and "line 2" in answer.json["detail"]
    assert "s3cret" not in answer.text and "s3cret" not in service.log.read_text()


def test_every_described_member_of_a_query_is_taken(service, admin):
    service.make("/v1/projects", {"name": "queried", "locations": ["rbd:*"]}, admin)
    service.make("/v1/projects/queried/nodes", node("n"), admin)
    parts = service.description["components"]["parameters"]
    values = {"limit": "5", "severity": "low", "format": "json", "width": "80",
              "project": "queried"}
    for method, path, operation in service.operations():
        if method != "GET" or operation["x-access"] == "anyone":
            continue
        for given in operation.get("parameters", []):
            given = parts[given["$ref"].split("/")[-1]] if "$ref" in given else given
            if given["in"] == "query":
                name = given["name"]
                asked = path.format_map(Known(project="queried", node="n")) + \
                    f"?{name}={values.get(name, 'x')}"
                answer = service.call("GET", asked, admin)
                assert "no such member" not in answer.text, asked


class Known(dict):
    def __missing__(self, key):
        return "none"


def test_a_changed_thing_is_not_changed_again_unseen(service, admin):
    service.make("/v1/projects", {"name": "p", "locations": ["rbd:pool/*"]}, admin)
    service.make("/v1/projects/p/nodes", node("n"), admin)
    path = "/v1/projects/p/nodes/n"
    seen = service.call("GET", path, admin)
    etag = seen.headers["etag"]
    assert service.call("GET", path, admin, headers={"If-None-Match": etag}).status == 304
    first = service.call("PATCH", path, admin, {"schedule": "6h"}, {"If-Match": etag})
    assert first.status == 200 and first.json["schedule"] == "6h"
    assert first.json["disks"] == ["rbd:pool/n"]
    second = service.call("PATCH", path, admin, {"schedule": "1h"}, {"If-Match": etag})
    assert second.status == 412
    again = service.call("GET", path, admin, headers={"If-None-Match": etag})
    assert again.status == 200 and again.headers["etag"] == first.headers["etag"]
    assert service.call("PATCH", path, admin, {"schedule": None}).json["schedule"] is None
    assert service.call("DELETE", path, admin, headers={"If-Match": etag}).status == 412
    assert service.call("DELETE", path, admin).status == 204
    assert service.call("GET", path, admin).status == 404


def test_lists_have_etags_and_pages(service, admin):
    service.make("/v1/projects", {"name": "p", "locations": ["rbd:pool/*"]}, admin)
    made = [service.make("/v1/projects/p/nodes", node(f"n{i}"), admin)["id"] for i in range(7)]
    path, seen = "/v1/projects/p/nodes?limit=3", []
    after = ""
    while True:
        page = service.call("GET", path + after, admin)
        seen += [n["id"] for n in page.json["items"]]
        if "next" not in page.json:
            assert "link" not in page.headers
            break
        assert f"after={page.json['next']}" in page.headers["link"]
        after = "&after=" + page.json["next"]
    assert seen == made
    etag = service.call("GET", path, admin).headers["etag"]
    assert service.call("GET", path, admin, headers={"If-None-Match": etag}).status == 304
    service.call("DELETE", "/v1/projects/p/nodes/n0", admin)
    assert service.call("GET", path, admin, headers={"If-None-Match": etag}).status == 200


def test_a_repeated_request_is_done_once(service, admin):
    service.make("/v1/projects", {"name": "p", "locations": ["rbd:pool/*"]}, admin)
    nodes, key = "/v1/projects/p/nodes", {"Idempotency-Key": "k 1"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(
            lambda _: service.call("POST", nodes, admin, node("n"), key), range(8)))
    assert {a.status for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    assert sum("idempotent-replayed" in a.headers for a in answers) == 7
    assert service.call("POST", nodes, admin, node("m"), key).status == 422
    assert service.call("POST", nodes, admin, node("m"), {"Idempotency-Key": ""}).status == 400
    # What failed is tried again.
    other = {"Idempotency-Key": "k 2"}
    assert service.call("POST", nodes, admin, node("n"), other).status == 409
    service.call("DELETE", nodes + "/n", admin)
    assert service.call("POST", nodes, admin, node("n"), other).status == 201
    # A secret is told once, and kept nowhere.
    body = {"name": "t", "scopes": ["read"]}
    told = service.call("POST", "/v1/tokens", admin, body, {"Idempotency-Key": "k 3"})
    assert service.call("POST", "/v1/tokens", admin, body, {"Idempotency-Key": "k 3"}).status == 409
    service.stop()
    stored = b"".join(f.read_bytes() for f in service.folder.glob("store.db*"))
    assert told.json["token"].encode() not in stored


def test_sessions_by_cookie(service):
    answer = service.call("POST", "/v1/login", body={"name": "admin", "password": PASSWORD})
    flags = answer.headers["set-cookie"]
    assert "HttpOnly" in flags and "SameSite=Strict" in flags and "Secure" not in flags
    cookie = {"Cookie": "other=1; " + flags.split(";")[0]}
    assert service.call("GET", "/v1/me", headers=cookie).json["name"] == "admin"
    own = {**cookie, "Origin": service.address}
    foreign = {**cookie, "Origin": "https://elsewhere.example"}
    assert service.call("POST", "/v1/projects", None, {"name": "p"}, foreign).status == 403
    assert service.call("POST", "/v1/projects", None, {"name": "p"}, own).status == 201
    assert service.call("POST", "/v1/logout", headers=own).status == 204
    assert service.call("GET", "/v1/me", headers=cookie).status == 401


def test_guessing_passwords_is_slowed_down(service):
    wrong = {"name": "admin", "password": "wrong"}
    assert [service.call("POST", "/v1/login", body=wrong).status for _ in range(5)] == [401] * 5
    answer = service.call("POST", "/v1/login", body={"name": "admin", "password": PASSWORD})
    assert answer.status == 429 and 0 < int(answer.headers["retry-after"]) <= 300


def test_a_flood_of_logins_is_told_to_come_again(assay, tmp_path):
    service = Service(assay.path, tmp_path, environment={"ASSAY_THREADS": "32"})
    body = {"name": "admin", "password": PASSWORD}
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: service.call("POST", "/v1/login", body=body), range(32)))
    assert {a.status for a in answers} <= {200, 503} and 200 in {a.status for a in answers}
    assert all(a.headers["retry-after"] == "1" for a in answers if a.status == 503)
    assert service.login()
    assert service.stop() == 0


def test_a_new_password_needs_the_old_one(service, admin):
    service.make("/v1/users", {"name": "ann", "password": PASSWORD}, admin)
    session, other = service.login("ann"), service.login("ann")
    body = {"password": "wrong", "new_password": "another password"}
    assert service.call("POST", "/v1/me/password", session, body).status == 403
    body["password"] = PASSWORD
    assert service.call("POST", "/v1/me/password", session, body).status == 200
    assert service.call("GET", "/v1/me", session).status == 200
    assert service.call("GET", "/v1/me", other).status == 401
    assert service.login("ann", "another password")


def test_a_disabled_user_is_shut_out(service, admin):
    service.make("/v1/users", {"name": "ann", "password": PASSWORD}, admin)
    token = service.token(service.login("ann"))["token"]
    assert service.call("GET", "/v1/me", token).status == 200
    service.call("PATCH", "/v1/users/ann", admin, {"disabled": True})
    assert service.call("GET", "/v1/me", token).status == 401
    refused = service.call("POST", "/v1/login", body={"name": "ann", "password": PASSWORD})
    assert refused.status == 401


def test_the_log_is_json_without_secrets(service, admin):
    given = service.call("GET", "/v1/me?token=hush", admin, headers={"X-Request-Id": "mine-1"})
    assert given.headers["x-request-id"] == "mine-1"
    forged = service.call("GET", "/v1/me", admin, headers={"X-Request-Id": 'x"} {"'})
    assert len(forged.headers["x-request-id"]) == 26
    service.stop()
    text = service.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    mine = [l for l in lines if l.get("request_id") == "mine-1"][0]
    assert mine["user"] == "admin" and mine["route"] == "/v1/me" and mine["status"] == 400
    for secret in (admin, PASSWORD, "hush", "assay_s_"):
        assert secret not in text


def test_metrics_and_documents(service, admin):
    service.call("GET", "/v1/projects/nothing", admin)
    text = service.call("GET", "/metrics").text
    assert ('assay_http_requests_total{route="/v1/projects/{project}",method="GET",status="404"} 1'
            in text)
    page = service.call("GET", "/v1/docs").text
    for _, path, operation in service.operations():
        assert path in page and operation["summary"] in html.unescape(page)
    assert service.call("GET", "/v1/openapi.yaml").text.startswith("openapi: 3.1")


def test_head_is_get_without_a_body(service):
    answer = service.call("HEAD", "/healthz", check=False)
    assert answer.status == 200 and answer.text == "" and answer.headers["content-length"] == "15"


@pytest.mark.parametrize("bytes_sent", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET /%00%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
    b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer \xff\r\n\r\n",
], ids=["nothing", "word", "version", "tls", "bytes", "long", "negative", "chunks", "token"])
def test_garbage_is_survived(service, bytes_sent):
    with socket.create_connection((service.host, int(service.port)), TIMEOUT) as peer:
        try:
            peer.sendall(bytes_sent)
            peer.shutdown(socket.SHUT_WR)
            peer.recv(65536 if b"HTTP" in bytes_sent else 0)
        except OSError:
            pass  # it has hung up, before or after it had all
    assert service.call("GET", "/healthz").status == 200
