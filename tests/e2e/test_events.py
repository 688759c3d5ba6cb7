"""What happens, told as it happens: server-sent events."""
import base64
import json
import sqlite3
import time

import pytest

from conftest import TIMEOUT
from hil import Hil
from service import PASSWORD, Service

KINDS = ("introspection.queued", "introspection.finished", "findings.changed")


def event_identifier(count, seconds=0.0):
    """Of an event of now, larger than those of smaller counts in the same millisecond."""
    value = int((time.time() + seconds) * 1000) << 80 | count
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "".join(digits[value >> 5 * i & 31] for i in reversed(range(26)))


class Listener:
    """A client of the stream. last: the identifier to come back with."""

    def __init__(self, service, token, path="/v1/events", **headers):
        self.connection = service.connection()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self.connection.request("GET", path, headers={"Accept": "text/event-stream", **headers})
        self.answer = self.connection.getresponse()
        self.last = None
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.headers["Content-Type"] == "text/event-stream"

    def next(self):
        """The next event as (id, kind, data); None at the end."""
        fields = {}
        while line := self.answer.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if line == "\n" and "data" in fields:
                event = json.loads(fields["data"])
                assert (event["id"], event["kind"]) == (fields["id"], fields["event"])
                return event["id"], event["kind"], event["data"]
            fields[name] = value
            self.last = fields.get("id", self.last)
        return None

    def close(self):
        self.connection.close()


class Scene:
    """Projects "alpha" and "beta"; "ann" is a member of the first."""

    def __init__(self, service):
        self.service = service
        self.count = 0
        self.admin = service.token(service.login())["token"]
        self.projects = {name: service.make("/v1/projects", {"name": name}, self.admin)["id"]
                         for name in ("alpha", "beta")}
        service.make("/v1/users", {"name": "ann", "password": PASSWORD}, self.admin)
        self.member()
        made = service.token(service.login("ann"), ["read"])
        self.token, self.token_id = made["token"], made["id"]

    def member(self):
        self.service.call("PUT", "/v1/projects/alpha/members/ann", self.admin, {"role": "viewer"})

    def happen(self, project, kind=KINDS[0], identifier=None):
        """An event, as a worker makes one."""
        self.count += 1
        if identifier is None:
            identifier = self.now()
        with sqlite3.connect(self.service.store.removeprefix("sqlite:"), timeout=TIMEOUT) as db:
            db.execute("INSERT INTO event (id, project, kind, data, time) VALUES (?, ?, ?, ?, ?)",
                       [identifier, self.projects[project], kind,
                        json.dumps({"number": self.count}), 1])
        db.close()
        return identifier

    def now(self, seconds=0.0):
        return event_identifier(self.count, seconds)


@pytest.fixture
def scene(assay, tmp_path):
    service = Service(assay.path, tmp_path)
    yield Scene(service)
    service.process.kill()
    service.process.wait()


@pytest.fixture
def hil(assay, tmp_path):
    """A scene in which HIL vouches for "carl" in "alpha", and is asked again at each call."""
    server = Hil({"carl": "carls"}, {"alpha": ({"carl"}, {}), "beta": ({}, {})})
    config = tmp_path / "assay.yaml"
    config.write_text(f"hil: {{url: '{server.url}', cache_seconds: 0}}\n")
    service = Service(assay.path, tmp_path, "--config", config)
    made = Scene(service)
    made.hil = server
    yield made
    service.process.kill()
    service.process.wait()
    server.close()


def test_one_for_whom_hil_vouches_listens_and_is_asked_about_again(hil):
    basic = {"Authorization": "Basic " + base64.b64encode(b"carl:carls").decode()}
    path = "/v1/projects/alpha/events"
    carl = Listener(hil.service, None, path, **basic)
    hil.happen("beta")
    first = hil.happen("alpha")
    assert carl.next()[0] == first
    assert carl.next() is None
    assert carl.last > first
    missed = hil.happen("alpha")
    back = Listener(hil.service, None, path, **{"Last-Event-ID": carl.last, **basic})
    assert missed in {back.next()[0] for _ in range(2)}
    hil.hil.projects["alpha"] = ({"bob"}, {})
    assert back.next() is None
    refused = hil.service.call("GET", path, headers={"Accept": "text/event-stream", **basic})
    assert refused.status == 401


def test_events_come_as_they_happen_to_those_who_may_see_them(scene):
    ann = Listener(scene.service, scene.token)
    admin = Listener(scene.service, scene.admin)
    beta = Listener(scene.service, scene.admin, "/v1/projects/beta/events")
    some = Listener(scene.service, scene.admin, "/v1/events?kind=findings.*,introspection.failed")
    first, second = scene.happen("alpha"), scene.happen("beta", KINDS[2])
    third = scene.happen("alpha", KINDS[1])
    assert [ann.next()[0] for _ in range(2)] == [first, third]
    assert [admin.next()[0] for _ in range(3)] == [first, second, third]
    assert beta.next() == (second, KINDS[2], {"number": 2})
    assert some.next()[0] == second
    for one in (ann, admin, beta, some):
        one.close()


def test_who_comes_back_misses_nothing(scene):
    ids = [scene.happen("alpha", identifier=scene.now(-3600 + 3 * i))
           for i in range(30)]
    back = Listener(scene.service, scene.token, **{"Last-Event-ID": ids[20]})
    late = scene.happen("alpha", identifier=scene.now(-5))
    # Ten seconds before it may be told again, nothing else, and all that is behind it.
    told = [back.next()[0] for _ in range(3 + 9 + 1)]
    assert told == ids[17:20] + ids[21:] + [late]
    back.close()
    all_of_them = Listener(scene.service, scene.token, "/v1/events?after=0")
    assert [all_of_them.next()[0] for _ in range(31)] == ids + [late]
    all_of_them.close()


def test_a_long_past_comes_in_several_answers(scene):
    with sqlite3.connect(scene.service.store.removeprefix("sqlite:")) as db:
        db.executemany("INSERT INTO event (id, project, kind, data, time) VALUES (?, ?, 'k', '{}',"
                       " 1)", [(f"01M7YP88J3{i:016}", scene.projects["alpha"])
                               for i in range(2500)])
    db.close()
    seen, after = [], "0"
    for _ in range(2):
        part = Listener(scene.service, scene.token, f"/v1/events?after={after}")
        while event := part.next():
            seen.append(event[0])
        part.close()
        after = seen[-1]
    part = Listener(scene.service, scene.token, f"/v1/events?after={after}")
    for _ in range(2500 + 2000):  # all are of one millisecond, and told again for that
        event = part.next()
        seen.append(event[0])
        if event[0].endswith("2499"):
            break
    part.close()
    assert len(set(seen)) == 2500


@pytest.mark.parametrize("how", ["revoked", "expired", "disabled", "no member"])
def test_the_stream_ends_with_the_right_to_listen(scene, how):
    one = Listener(scene.service, scene.token, "/v1/projects/alpha/events")
    other = Listener(scene.service, scene.token)
    first = scene.happen("alpha")
    assert one.next()[0] == first and other.next()[0] == first
    call = scene.service.call
    if how == "revoked":
        assert call("POST", "/v1/logout", scene.token).status == 204
    elif how == "expired":
        with sqlite3.connect(scene.service.store.removeprefix("sqlite:")) as db:
            db.execute("UPDATE token SET expires = 1 WHERE id = ?", [scene.token_id])
        db.close()
    elif how == "disabled":
        assert call("PATCH", "/v1/users/ann", scene.admin, {"disabled": True}).status == 200
    else:
        assert call("DELETE", "/v1/projects/alpha/members/ann", scene.admin).status == 204
    scene.happen("alpha")  # is told to nobody
    assert one.next() is None
    if how != "no member":
        assert other.next() is None
    else:
        scene.member()
        third = scene.happen("alpha")
        assert other.next()[0] == third
    one.close()
    other.close()


def test_many_listeners_and_the_end_of_the_service(scene):
    listeners = [Listener(scene.service, scene.token) for _ in range(100)]
    happened = scene.happen("alpha")
    assert {one.next()[0] for one in listeners} == {happened}
    # They hold no thread: others are answered.
    assert scene.service.call("GET", "/v1/me", scene.token).status == 200
    assert scene.service.stop() == 0
    assert [one.next() for one in listeners] == [None] * 100
    for one in listeners:
        one.close()


def test_pages_of_what_is_kept(scene):
    ids = [scene.happen(p, k) for p in ("alpha", "beta") for k in KINDS]
    call = scene.service.call
    assert [e["id"] for e in call("GET", "/v1/events", scene.token).json["items"]] == ids[:3]
    assert [e["id"] for e in call("GET", "/v1/projects/beta/events?kind=findings.changed",
                                  scene.admin).json["items"]] == ids[5:]
    first = call("GET", "/v1/events?limit=2", scene.admin).json
    rest = call("GET", f"/v1/events?after={first['next']}", scene.admin).json
    assert [e["id"] for e in first["items"] + rest["items"]] == ids and "next" not in rest
    assert call("GET", "/v1/projects/beta/events", scene.token).status == 404
    wrong = call("GET", "/v1/events?after=x", scene.token, headers={"Accept": "text/event-stream"})
    assert wrong.status == 400


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_kind_that_is_none(scene, accept):
    answer = scene.service.call("GET", "/v1/events?kind=findings.*,introspecton.*", scene.token,
                                headers={"Accept": accept})
    assert answer.status == 400
    assert answer.json["detail"].startswith("kind: 'introspecton.*' is none of findings.changed, ")
