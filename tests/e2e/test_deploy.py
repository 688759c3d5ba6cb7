"""deploy/: that units, container and manifests are what they should be, as far as can be tried without
systemd (test_guest_systemd.py has one), a registry or a cluster."""
import os
import pathlib
import re
import subprocess
import tempfile

import pytest
import yaml

from conftest import REPOSITORY, TIMEOUT
from service import Service

DEPLOY = REPOSITORY / "deploy"
UNITS = ["assay.service", "assay-worker.service"]


def run(*command, **options):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True,
                          timeout=TIMEOUT, **options)


# --- systemd -----------------------------------------------------------------------------------------


def unit_text(name, program):
    text = (DEPLOY / "systemd" / f"{name}.in").read_text()
    return text.replace("@bindir@/assay", str(program))


def service_section(name):
    """key -> values, as systemd reads it."""
    values = {}
    for line in unit_text(name, "/usr/bin/assay").splitlines():
        found = re.match(r"(\w+)=(.*)$", line)
        if found:
            values.setdefault(found[1], []).append(found[2])
    return values


@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_the_unit(assay, name, tmp_path):
    unit = tmp_path / name
    unit.write_text(unit_text(name, pathlib.Path(assay.path).resolve()))
    done = run("systemd-analyze", "verify", "--man=no", unit)
    ours = [line for line in done.stderr.splitlines() if name in line]
    assert done.returncode == 0 and not ours, done.stderr


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_exposes_little(assay, name, tmp_path):
    unit = tmp_path / name
    unit.write_text(unit_text(name, pathlib.Path(assay.path).resolve()))
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", unit)
    assert done.returncode == 0, done.stdout  # 0.0 (nothing) to 10.0; here at most 2.0
    print(done.stdout.splitlines()[-1])


def allowed_calls(filters):
    """Names of SystemCallFilter= lines, groups resolved as systemd does."""
    groups, group = {}, None
    for line in run("systemd-analyze", "--no-pager", "syscall-filter").stdout.splitlines():
        line = re.sub("\x1b[^m]*m", "", line)
        if line.startswith("@"):
            group = line.strip()
            groups[group] = []
        elif group and line.startswith("    ") and not line.strip().startswith("#"):
            groups[group].append(line.strip())

    def expand(word):
        if not word.startswith("@"):
            return {word}
        return set().union(*(expand(w) for w in groups[word]))

    allowed = set()
    for line in filters:
        for word in line.removeprefix("~").split():
            allowed = allowed - expand(word) if line.startswith("~") else allowed | expand(word)
    return allowed | {"execve", "exit", "exit_group", "getrlimit", "rt_sigreturn", "sigreturn"}


CONFINE = """
import ctypes, os, sys
import seccomp
filter = seccomp.SyscallFilter(seccomp.ERRNO(1))
for name in sys.argv[1].split():
    try:
        filter.add_rule(seccomp.ALLOW, name)
    except (RuntimeError, ValueError, OSError):
        pass  # not of this architecture
os.setgroups([])
os.setresgid(64000, 64000, 64000)
os.setresuid(64000, 64000, 64000)
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
filter.load()
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("name", UNITS)
def test_the_inspector_has_its_sandbox_under_the_unit(assay, name):
    """As the unit does it: another user without capabilities, no_new_privs, its system calls."""
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    calls = allowed_calls(service_section(name)["SystemCallFilter"])
    assert "seccomp" in calls and "mount" not in calls and "ptrace" not in calls
    # A folder of its own: pytest's are for root alone, and those above them are not the test's.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program = pathlib.Path(folder) / "assay"
        program.write_bytes(pathlib.Path(REPOSITORY / "build" / "assay").read_bytes())
        program.chmod(0o755)
        done = run("/usr/bin/python3", "-c", CONFINE, " ".join(sorted(calls)), program, "version",
                   "--sandbox", cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "have root's rights: denied" in done.stdout


# --- containers --------------------------------------------------------------------------------------


def needed_packages():
    """Debian's packages of the libraries that the program itself wants."""
    done = run("readelf", "-d", REPOSITORY / "build" / "assay")
    libraries = re.findall(r"NEEDED.*\[(.+)\]", done.stdout)
    found = run("ldd", REPOSITORY / "build" / "assay").stdout
    packages = set()
    for library in libraries:
        path = re.search(rf"{re.escape(library)} => (\S+)", found)
        if path:
            real = os.path.realpath(path[1])
            owner = run("dpkg-query", "-S", real)
            if owner.returncode != 0:  # a merged /usr
                owner = run("dpkg-query", "-S", real.removeprefix("/usr"))
            packages.add(owner.stdout.split(":")[0])
    return packages - {"libc6", ""}


def test_the_container_has_the_libraries():
    text = (DEPLOY / "Containerfile").read_text()
    stages = re.split(r"^FROM ", text, flags=re.M)[1:]
    assert len(stages) == 2
    installed = set(stages[1].split())
    missing = needed_packages() - installed
    assert not missing, missing
    wanted = re.search(r'build="(.*?)"', (REPOSITORY / "tools" / "install-deps").read_text(),
                       re.S)[1].split()
    assert set(wanted) <= set(stages[0].split()), set(wanted) - set(stages[0].split())


def test_the_container_is_nobody():
    text = (DEPLOY / "Containerfile").read_text()
    assert re.findall(r"^USER (.*)$", text, re.M) == ["10001:10001"]
    assert 'ENTRYPOINT ["/usr/bin/assay"]' in text


# --- settings in what starts it ----------------------------------------------------------------------


def known_variables():
    text = (REPOSITORY / "src" / "server" / "settings.c").read_text()
    return set(re.findall(r'"(ASSAY_[A-Z_]+)"', text)) | {"ASSAY_CONFIG"}


def check_settings(assay, tmp_path, text, environment):
    """What the program itself says of them."""
    config = tmp_path / "assay.yaml"
    config.write_text(text)
    unknown = {n for n in environment if n.startswith("ASSAY_")} - known_variables()
    assert not unknown, unknown
    done = run(assay.path, "serve", "--check-config", "--config", config,
               env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr


def test_the_example_of_settings(assay, tmp_path):
    check_settings(assay, tmp_path, (DEPLOY / "assay.yaml").read_text(), {})


# --- compose -----------------------------------------------------------------------------------------


def test_compose(assay, tmp_path):
    top = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = top["services"]
    assert set(services) == {"postgres", "rabbitmq", "serve", "worker"}
    for name, one in services.items():
        for other in one.get("depends_on", {}):
            assert other in services
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith(("./", "/")) or source in top["volumes"], volume
        for secret in one.get("secrets", []):
            assert secret in top["secrets"]
    for name in ("serve", "worker"):
        one = services[name]
        assert one["command"][0] == name and one["read_only"] is True
        assert one["cap_drop"] == ["ALL"] and "no-new-privileges:true" in one["security_opt"]
        environment = {k: re.sub(r"\$\{[^}]*\}", "x", v) for k, v in one["environment"].items()}
        check_settings(assay, tmp_path, "{}", environment)
    assert "healthcheck" in services["serve"] and "healthcheck" in services["postgres"]


# --- Kubernetes --------------------------------------------------------------------------------------

VERSIONS = {"Namespace": "v1", "Secret": "v1", "ConfigMap": "v1", "Service": "v1",
            "PersistentVolumeClaim": "v1", "ServiceAccount": "v1", "Deployment": "apps/v1",
            "StatefulSet": "apps/v1", "CronJob": "batch/v1", "PodDisruptionBudget": "policy/v1",
            "HorizontalPodAutoscaler": "autoscaling/v2", "ScaledObject": "keda.sh/v1alpha1",
            "NetworkPolicy": "networking.k8s.io/v1", "Kustomization": "kustomize.config.k8s.io/v1beta1"}
FOLDER = DEPLOY / "kubernetes"


def manifests():
    found = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for one in yaml.safe_load_all(path.read_text()):
            if one["kind"] != "Kustomization":
                found[one["kind"], one["metadata"]["name"]] = one
    return found


def pods():
    for (kind, name), one in manifests().items():
        if kind in ("Deployment", "StatefulSet"):
            yield name, one, one["spec"]["template"]
        elif kind == "CronJob":
            yield name, one, one["spec"]["jobTemplate"]["spec"]["template"]


def test_manifests_are_of_the_kinds_that_they_say():
    for (kind, name), one in manifests().items():
        assert one["apiVersion"] == VERSIONS[kind], (kind, name)
        assert kind == "Namespace" or one["metadata"]["namespace"] == "assay", (kind, name)
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    files = {p.name for p in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) <= files and files - set(listed) == {"autoscale-keda.yaml"}


def test_manifests_fit_each_other():
    all_of = manifests()
    for name, one, template in pods():
        labels, spec = template["metadata"]["labels"], template["spec"]
        if "selector" in one["spec"]:
            assert one["spec"]["selector"]["matchLabels"].items() <= labels.items(), name
        volumes = {v["name"]: v for v in spec.get("volumes", [])}
        volumes.update({v["metadata"]["name"]: v
                        for v in one["spec"].get("volumeClaimTemplates", [])})
        for volume in volumes.values():
            for key, kind, field in [("secret", "Secret", "secretName"),
                                     ("configMap", "ConfigMap", "name"),
                                     ("persistentVolumeClaim", "PersistentVolumeClaim",
                                      "claimName")]:
                if key in volume:
                    assert (kind, volume[key][field]) in all_of, (name, volume)
        for container in spec["containers"] + spec.get("initContainers", []):
            assert re.fullmatch(r"[a-z0-9./-]+:[A-Za-z0-9.-]+", container["image"]), container
            assert "limits" in container["resources"] and "requests" in container["resources"]
            for mount in container.get("volumeMounts", []):
                assert mount["name"] in volumes, (name, mount)
            for variable in container.get("env", []):
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                if reference:
                    secret = all_of["Secret", reference["name"]]
                    assert reference["key"] in secret["stringData"], (name, variable)
    for (kind, name), one in all_of.items():
        if kind in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
            wanted = one["spec"].get("selector") or one["spec"].get("podSelector")
            wanted = wanted.get("matchLabels", wanted)
            assert not wanted or any(wanted.items() <= t["metadata"]["labels"].items()
                                     for _, _, t in pods()), (kind, name)
        if kind in ("HorizontalPodAutoscaler", "ScaledObject"):
            target = one["spec"]["scaleTargetRef"]
            assert (target.get("kind", "Deployment"), target["name"]) in all_of


def ours():
    for name, _, template in pods():
        for container in template["spec"]["containers"]:
            if container["image"].startswith("assay:"):
                yield name, template, container


def test_our_pods_have_few_rights_and_are_asked():
    names = set()
    for name, template, container in ours():
        names.add(name)
        pod, own = template["spec"]["securityContext"], container["securityContext"]
        assert pod["runAsNonRoot"] is True and pod["runAsUser"] == 10001
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert template["spec"]["automountServiceAccountToken"] is False
        if name == "assay":
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert names == {"assay", "assay-worker", "assay-advisories"}


def test_settings_of_our_pods_are_the_programs(assay, tmp_path):
    all_of = manifests()
    config = all_of["ConfigMap", "assay"]["data"]["assay.yaml"]
    for name, _, container in ours():
        environment = {}
        for variable in container.get("env", []):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            environment[variable["name"]] = variable.get("value") or \
                all_of["Secret", reference["name"]]["stringData"][reference["key"]]
        environment = {k: v for k, v in environment.items() if k != "ASSAY_CONFIG"}
        check_settings(assay, tmp_path, config, environment)


def test_what_scaling_asks_for_is_measured(assay, tmp_path):
    """The metric of the autoscalers is one that the service tells."""
    queries = set()
    for (kind, name), one in manifests().items():
        if kind == "HorizontalPodAutoscaler":
            (metric,) = one["spec"]["metrics"]
            assert metric["external"]["metric"]["name"] == "assay_jobs_waiting"
            rules = all_rules(one)
            queries |= rules
        if kind == "ScaledObject":
            (trigger,) = one["spec"]["triggers"]
            queries.add(trigger["metadata"]["query"])
    service = Service(assay.path, tmp_path)
    admin = service.token(service.login())["token"]
    service.make("/v1/projects", {"name": "p", "locations": ["/none/*"]}, admin)
    told = service.call("GET", "/metrics").text
    assert service.stop() == 0
    for query in queries:
        (metric,) = set(re.findall(r"assay_\w+", query))
        assert re.search(rf"^# TYPE {metric} gauge$", told, re.M), metric


def all_rules(autoscaler):
    return {autoscaler["metadata"]["annotations"]["assay.example/prometheus-query"]}
