"""The commands that speak with a service."""
import json
import os

import pytest

from conftest import Assay
from service import PASSWORD, Service


class Commands:
    """The program as one user's, whose login is kept in a folder of its own."""

    def __init__(self, service, program, folder):
        self.service, self.folder = service, folder
        # What these commands do is done once: not by the twin with sanitizers, too.
        self.assay = Assay(program)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("ASSAY_")}
        self.environment.update(XDG_CONFIG_HOME=str(folder), HOME=str(folder))

    def __call__(self, *arguments, **environment):
        return self.assay.output(*arguments, env={**self.environment, **environment}).decode()

    def json(self, *arguments):
        return json.loads(self(*arguments, "--format", "json"))

    def refusal(self, *arguments, **environment):
        return self.assay.refusal(*arguments, env={**self.environment, **environment})


@pytest.fixture
def service(assay, tmp_path):
    started = Service(assay.path, tmp_path)
    yield started
    started.stop()


@pytest.fixture
def admin(service, assay, tmp_path):
    commands = Commands(service, assay.path, tmp_path / "admin")
    commands("login", "--server", service.address, "--password-file", service.password_file,
             "admin")
    return commands


def test_a_login_is_kept_for_its_owner_and_ends(service, admin, tmp_path):
    kept = tmp_path / "admin/assay/login.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    token = json.loads(kept.read_text())["token"]
    assert "admin" in admin("user", "list")
    # It is told to no other service, and this address could be one.
    other = service.address.replace("127.0.0.1", "localhost")
    assert "log in" in admin.refusal("user", "list", "--server", other)
    admin("logout")
    assert not kept.exists()
    assert service.call("GET", "/v1/me", token).status == 401
    assert "log in" in admin.refusal("user", "list", "--server", service.address)


def test_a_wrong_password_and_a_service_that_is_not_there(service, admin, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong\n")
    arguments = ["login", "--server", service.address, "--password-file", wrong, "admin"]
    assert "wrong name or password" in admin.refusal(*arguments)
    arguments[2] = "http://127.0.0.1:1"
    assert "127.0.0.1:1" in admin.refusal(*arguments)


def test_projects_users_and_members(service, admin, assay, tmp_path):
    (tmp_path / "secret").write_text(PASSWORD)
    admin("project", "create", "web", "--location", "rbd:web/*", "--description", "the web")
    admin("user", "create", "ann", "--password-file", tmp_path / "secret")
    admin("project", "grant", "web", "ann", "operator")
    assert [m["name"] for m in admin.json("project", "members", "web")] == ["ann"]
    table = admin("project", "members", "web").splitlines()
    assert table[0].split() == ["NAME", "USER", "ROLE", "SINCE"]
    assert table[1].split()[0] == "ann" and "operator" in table[1]
    ann = Commands(service, assay.path, tmp_path / "ann")
    ann("login", "--server", service.address, "--password-file", tmp_path / "secret", "ann")
    assert ann.json("project", "show", "web")["role"] == "operator"
    assert "administrators" in ann.refusal("project", "create", "mine")
    assert "not among the locations" in ann.refusal("node", "create", "web", "n", "--disk",
                                                    "/etc/shadow")
    admin("project", "revoke", "web", "ann")
    assert "no such project" in ann.refusal("project", "show", "web")
    admin("user", "set", "ann", "--disable")
    assert "expired" in ann.refusal("project", "list")
    admin("project", "set", "web", "--description", "gone soon")
    assert admin.json("project", "show", "web")["description"] == "gone soon"
    admin("project", "delete", "web")
    admin("user", "delete", "ann")
    assert [u["name"] for u in admin.json("user", "list")] == ["admin"]


@pytest.mark.parametrize("kind, options, changed", [
    ("node", ["--disk", "rbd:a/1", "--disk", "rbd:a/2"], ("disks", ["rbd:a/3"],
                                                          ["--disk", "rbd:a/3"])),
    ("image", ["--location", "rbd:a/1", "--kind", "rbd"], ("location", "rbd:a/3",
                                                           ["--location", "rbd:a/3"])),
])
def test_nodes_and_images(admin, kind, options, changed):
    admin("project", "create", "p", "--location", "rbd:a/*")
    admin(kind, "create", "p", "one", *options, "--label", "rack=7", "--label", "room=a=b",
          "--schedule", "0 3 * * *")
    one = admin.json(kind, "show", "p", "one")
    assert one["labels"] == {"rack": "7", "room": "a=b"} and one["schedule"] == "0 3 * * *"
    member, value, arguments = changed
    admin(kind, "set", "p", "one", *arguments, "--schedule", "never")
    two = admin.json(kind, "show", "p", one["id"])
    assert two[member] == value and two["schedule"] is None and two["labels"] == one["labels"]
    admin(kind, "set", "p", "one", "--files", "--iops", "100", "--quiesce", "agent",
          "--image-format", "raw", "--crash-consistent")
    admin(kind, "set", "p", "one", "--credential", "ceph", "--bytes-per-second", "1000000",
          "--unset", "image-format", "--unset", "crash-consistent")
    assert admin.json(kind, "show", "p", "one")["options"] == {
        "bytes_per_second": 1000000, "credential": "ceph", "files": True, "iops": 100,
        "quiesce": "agent"}
    assert "files=yes iops=100" in admin(kind, "show", "p", "one")
    for wrong in (["--image-format", "vmdk"], ["--iops", "-1"], ["--unset", "conf"],
                  ["--quiesce", "a b"]):
        assert "options." in admin.refusal(kind, "set", "p", "one", *wrong)
    for where in (["p"], []):
        assert [n["id"] for n in admin.json(kind, "list", *where)] == [one["id"]]
        assert "rack=7 room=a=b" in admin(kind, "list", *where)
    assert "NAME=VALUE" in admin.refusal(kind, "set", "p", "one", "--label", "rack")
    assert "already" in admin.refusal(kind, "create", "p", "one", *options)
    admin(kind, "delete", "p", "one")
    assert f"no such {kind}" in admin.refusal(kind, "show", "p", "one")
    assert "few arguments" in admin.refusal(kind, "show", "p")


def test_tokens_for_programs(service, admin):
    made = admin.json("token", "create", "ci", "--scope", "read", "--expires",
                      "2099-01-01T00:00:00Z")
    program = {"ASSAY_SERVER": service.address, "ASSAY_TOKEN": made["token"]}
    admin("project", "create", "p")
    admin("logout")
    assert "p" in admin("project", "list", **program)
    assert "scope" in admin.refusal("project", "create", "q", **program)
    assert "--scope" in admin.refusal("token", "create", "x", **program)


def test_long_lists_come_whole(service, admin):
    token = service.token(service.login())["token"]
    service.make("/v1/projects", {"name": "p", "locations": ["rbd:a/*"]}, token)
    for i in range(501):
        service.make("/v1/projects/p/nodes", {"name": f"n{i}", "disks": ["rbd:a/1"]}, token)
    assert len(admin.json("node", "list", "p")) == 501
