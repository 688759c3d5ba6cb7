"""The disk of a running Debian, seen through its QEMU and held still by its own guest agent."""
import json
import socket
import subprocess

import pytest

from conftest import TIMEOUT, run
from introspections import PACKAGE, VULNERABILITY, advisories
from service import Service
from snapshots import Snapshots


def frozen(guest):
    """What the agent that the program asks says itself."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(TIMEOUT)
        s.connect(f"{guest.monitor}.agent")
        s.sendall(b'\xff{"execute": "guest-sync-delimited", "arguments": {"id": 7}}\n'
                  b'{"execute": "guest-fsfreeze-status"}\n')
        lines = s.makefile("rb")
        while b'{"return": 7}' not in lines.readline():
            pass  # answers to somebody before
        return json.loads(lines.readline())["return"] != "thawed"


def features(image):
    said = subprocess.run(["dumpe2fs", "-h", image], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, check=True).stdout
    return next(line for line in said.splitlines() if line.startswith("Filesystem features")).split()


@pytest.mark.parametrize("quiesce", [[], ["--quiesce", "agent"]], ids=["as it is", "held still"])
def test_one_instant_of_a_running_system(assay, guest, tmp_path, quiesce):
    snapshots, out = Snapshots(assay), tmp_path / "out"
    before = guest.state()
    handle = snapshots.plan(guest.location("vd0"))
    guest("date >/root/marker; sync; cp /etc/passwd /root/marker2")
    marker, passwd = guest("cat /root/marker"), guest("cat /etc/passwd")
    with snapshots.make(handle, *quiesce) as view:
        guest("echo later >/root/marker; dd if=/dev/urandom of=/root/noise bs=1M count=4 status=none;"
              " sync")
        assert view.ask(f"read {out}") == "ok"
        view.verify()
    snapshots.drop(handle)
    assert assay.output("cat", out, "/root/marker").decode() == marker
    # What has not been synchronized is there, and no log to replay, because it was held still.
    assert ("needs_recovery" in features(out)) == (not quiesce)
    if quiesce:
        assert assay.output("cat", out, "/root/marker2").decode() == passwd
        run("e2fsck", "-fn", out)
    out.unlink()
    assert not frozen(guest) and guest.state() == before
    assert guest("cat /root/marker; rm /root/marker* /root/noise; sync") == "later\n"


def test_a_killed_snapshot_lets_the_system_go_on(assay, guest):
    """Killed while the system is held still, or right before or after."""
    snapshots = Snapshots(assay)
    before = guest.state()
    handle = snapshots.plan(guest.location("vd0"))
    for n in range(70, 1000, 12):
        if snapshots("make", handle, options=["--quiesce", "agent", "--kill-at", str(n)]) == "done":
            break
        assert not frozen(guest)
        guest.wait("timeout 20 sh -c 'touch /root/alive; sync'")
    snapshots.drop(handle)
    assert not frozen(guest) and guest.state() == before


def test_the_service_sees_a_package_installed_just_now(assay, guest, tmp_path):
    database = advisories(assay, tmp_path, {"package3": "2.0-1"})
    service = Service(assay.path, tmp_path, environment={"ASSAY_DB": str(database)})
    try:
        admin, node = service.login(), "/v1/projects/web/nodes/db"
        service.make("/v1/projects", {"name": "web", "locations": [f"qemu:{guest.folder}/*"]}, admin)
        service.make("/v1/projects/web/nodes",
                     {"name": "db", "disks": [guest.location("vd0")],
                      "options": {"quiesce": "agent"}}, admin)
        before, found = guest.state(), []
        for _ in range(2):
            done = service.call("POST", f"{node}/introspections", admin, {"fresh": True},
                                {"Prefer": "wait=60"})
            assert done.status == 200 and done.json["state"] == "done", done
            report = service.call("GET", f"{node}/report?format=json", admin, check=False)
            found.append(VULNERABILITY in report.text)
            guest.write_file("/root/package", PACKAGE.format(name="package3"))
            guest("cat /root/package >>/var/lib/dpkg/status")
        assert found == [False, True]
        assert guest.state() == before and not frozen(guest)
    finally:
        service.stop()
