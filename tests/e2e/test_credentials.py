"""Secrets that the service keeps: sealed in the store, and nowhere else."""
import json
import os
import pathlib
import shutil
import stat
import subprocess

import pytest

from conftest import TIMEOUT
from service import PASSWORD, Service

SECRETS = ["Quiet-Harbour-%d" % i for i in range(6)]


@pytest.fixture(scope="module")
def service(assay, tmp_path_factory):
    service = Service(assay.path, tmp_path_factory.mktemp("service"))
    yield service
    service.stop()


@pytest.fixture(scope="module")
def admin(service):
    return service.token(service.login())["token"]


def cli(service, admin, *args, **more):
    return subprocess.run([service.command[0], *args], capture_output=True, text=True,
                          timeout=TIMEOUT, env={**os.environ, "ASSAY_SERVER": service.address,
                                                "ASSAY_TOKEN": admin}, **more)


def everything(folder):
    """All bytes that the service has written, the key file aside."""
    return b"".join(p.read_bytes() for p in pathlib.Path(folder).rglob("*")
                    if p.is_file() and p.name != "secret.key" and p.name != "password")


def test_a_secret_is_in_no_answer_no_log_and_not_in_the_store(service, admin, tmp_path):
    answers = []

    def call(method, path, body=None, headers=None):
        answers.append(service.call(method, path, admin, body, headers).text)
        return answers[-1]

    service.make("/v1/projects", {"name": "sealed", "locations": ["rbd:a/*"]}, admin)
    for base in ("/v1/credentials", "/v1/projects/sealed/credentials"):
        call("POST", base, {"name": "c", "kind": "key", "secret": SECRETS[0]},
             {"Idempotency-Key": base})
        call("POST", base, {"name": "c", "kind": "key", "secret": SECRETS[1]})        # taken
        call("POST", base, {"name": "d", "kind": "wrong", "secret": SECRETS[2]})
        call("POST", base, {"name": "/", "kind": "key", "secret": SECRETS[2]})
        call("POST", base, {"name": "e", "secret": SECRETS[2], "unknown": SECRETS[2]})
        call("POST", base, json.dumps({"secret": SECRETS[2]})[:-1].encode(),
             {"Content-Type": "application/json"})
        call("PATCH", base + "/c", {"secret": SECRETS[3]})
        call("PATCH", base + "/none", {"secret": SECRETS[4]})
        call("GET", base)
        call("GET", base + "/c")
    call("POST", "/v1/users", {"name": "ann", "password": SECRETS[5]})
    call("POST", "/v1/login", {"name": "ann", "password": SECRETS[4]})
    call("POST", "/v1/me/password", {"password": SECRETS[4], "new_password": SECRETS[3]})
    call("GET", "/v1/users?password=" + SECRETS[2])
    call("GET", "/metrics")
    written = everything(service.folder)
    for secret in SECRETS:
        assert not any(secret in a for a in answers), secret
        assert secret.encode() not in written, secret
    for token in (admin, service.login()):
        assert token.encode() not in written
    assert PASSWORD.encode() not in written


def test_the_command_line(service, admin, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(SECRETS[0] + "\n")
    service.make("/v1/projects", {"name": "cli"}, admin)
    made = cli(service, admin, "credential", "create", "cli", "ceph", "--kind", "key",
               "--secret-file", str(secret), "--description", "of the pool")
    assert made.returncode == 0 and SECRETS[0] not in made.stdout, made
    asked = cli(service, admin, "credential", "create", "--site", "mail", input=SECRETS[1] + "\n")
    assert asked.returncode == 0, asked
    shown = cli(service, admin, "credential", "list", "cli", "--format", "json")
    assert [(c["name"], c["kind"], c["description"]) for c in json.loads(shown.stdout)] == [
        ("ceph", "key", "of the pool")]
    assert cli(service, admin, "credential", "replace", "cli", "ceph", "--secret-file",
               str(secret)).returncode == 0
    assert cli(service, admin, "credential", "delete", "cli", "ceph").returncode == 0
    assert cli(service, admin, "credential", "delete", "--site", "mail").returncode == 0
    assert cli(service, admin, "credential", "delete", "--site", "mail").returncode == 2


def test_the_key_is_private_and_wanted_again(assay, tmp_path):
    service = Service(assay.path, tmp_path)
    key = tmp_path / "secret.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    service.stop()

    def refusal():
        ended = subprocess.run([str(c) for c in service.command], capture_output=True, text=True,
                               timeout=TIMEOUT)
        assert ended.returncode == 2 and ended.stderr.count("\n") == 1, ended
        return ended.stderr

    key.chmod(0o644)
    assert "mode 0644" in refusal()
    key.chmod(0o600)
    kept = key.read_bytes()
    key.unlink()
    assert "is missing" in refusal() and not key.exists()
    key.write_text("A" * 43 + "\n")
    key.chmod(0o600)
    assert "does not hold the key" in refusal()
    key.write_bytes(kept)
    service.start()
    service.stop()


def test_a_key_is_changed_while_the_service_runs(assay, tmp_path):
    elsewhere = tmp_path / "keys" / "the.key"
    service = Service(assay.path, tmp_path, "--key-file", elsewhere)
    admin = service.login()
    service.make("/v1/credentials", {"name": "c", "kind": "key", "secret": "x"}, admin)
    before = elsewhere.read_text().split("\n")
    changed = assay("key", "rotate", "--store", service.store, "--key-file", elsewhere)
    assert changed.returncode == 0 and b"1\n" in changed.stdout, changed
    after = elsewhere.read_text().split("\n")
    assert after[2] == before[1] and after[1] != before[1]
    service.make("/v1/credentials", {"name": "d", "kind": "key", "secret": "y"}, admin)
    again = assay("key", "rotate", "--store", service.store, "--key-file", elsewhere)
    assert again.returncode == 0 and b"2\n" in again.stdout, again
    assert before[1] not in elsewhere.read_text()
    service.stop()
    shutil.copy(elsewhere, tmp_path / "copy")
    service.start()
    service.stop()


def test_the_key_of_a_store_that_is_not_there_is_not_changed(assay, tmp_path):
    refused = assay.refusal("key", "rotate", "--store", f"sqlite:{tmp_path}/typo/store.db")
    assert f"store {tmp_path}/typo/store.db: is not there" in refused
    assert not list(tmp_path.iterdir())


def test_metrics_may_want_a_token(assay, tmp_path):
    token = tmp_path / "metrics-token"
    token.write_text("a-token-of-prometheus\n")
    service = Service(assay.path, tmp_path,
                      environment={"ASSAY_METRICS_TOKEN_FILE": str(token)})
    for given, status in ((None, 401), ("wrong", 401), ("a-token-of-prometheus", 200),
                          (service.login(), 401)):
        assert service.call("GET", "/metrics", given).status == status, given
    assert service.call("GET", "/healthz").status == 200
    service.stop()
