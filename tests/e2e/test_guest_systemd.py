"""The units of deploy/ under a real systemd, in a guest."""
import pytest

from introspections import VULNERABILITY

SERVED = "curl -fsS --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:8080/readyz"


def show(guest, unit, *names):
    said = guest(f"systemctl show {unit} " + " ".join(f"-p {name}" for name in names))
    return dict(line.split("=", 1) for line in said.splitlines())


@pytest.fixture(scope="module")
def service(guest):
    """As docs/deploy.md says."""
    guest.write_file("/etc/assay/assay.yaml", "advisories: /srv/advisories.db\n")
    guest("systemctl daemon-reload && systemctl enable --now assay")
    yield guest
    guest("systemctl disable --now assay assay-worker; systemctl reset-failed; rm -r /etc/assay")


def test_the_service_comes_up_and_reloads(service):
    # `systemctl start` has waited for sd_notify's READY=1.
    assert show(service, "assay", "ActiveState", "SubState", "Type") == {
        "ActiveState": "active", "SubState": "running", "Type": "notify"}
    before = show(service, "assay", "MainPID")
    service("curl -fsS http://127.0.0.1:8080/readyz")
    service("systemctl reload assay")
    service.wait("journalctl -u assay | grep 'settings read again'")
    assert show(service, "assay", "ActiveState", "MainPID") == {"ActiveState": "active", **before}
    service(SERVED)
    assert service(f"stat -c %u /proc/{before['MainPID']}").strip() != "0"


def test_the_service_examines_an_image(service):
    """With the inspector's sandbox inside the unit's."""
    service("assay login --password-file /var/lib/assay/admin-password admin")
    service("assay project create web --location '/srv/*'"
            " && assay node create web db --disk /srv/node.qcow2")
    done = service.run("assay introspect --wait web db")
    assert done.returncode == 1 and VULNERABILITY in done.stdout, done
    assert "package3" in done.stdout


def test_a_killed_service_is_started_again(service):
    before = show(service, "assay", "MainPID")["MainPID"]
    service("systemctl kill -s KILL assay")
    service.wait(f"test $(systemctl show -p MainPID --value assay) -gt 0 -a "
                 f"$(systemctl show -p MainPID --value assay) != {before}"
                 " && systemctl is-active assay")
    assert show(service, "assay", "NRestarts") == {"NRestarts": "1"}
    service(SERVED)


def test_a_worker_works_beside_the_service(service):
    service("systemctl start assay-worker")
    assert show(service, "assay-worker", "ActiveState", "Type") == {
        "ActiveState": "active", "Type": "notify"}
    service("systemctl reload assay-worker")
    service("systemctl stop assay-worker")
    assert show(service, "assay-worker", "Result", "ExecMainStatus") == {
        "Result": "success", "ExecMainStatus": "0"}


def test_the_service_stops_in_order(service):
    said = service("begun=$(cut -d. -f1 /proc/uptime); systemctl stop assay;"
                   " echo $(($(cut -d. -f1 /proc/uptime) - begun))")
    print(f"stopped after {said.strip()} s")
    # Not by a signal, as it would be after TimeoutStopSec.
    assert show(service, "assay", "ActiveState", "Result", "ExecMainCode", "ExecMainStatus") == {
        "ActiveState": "inactive", "Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0"}
