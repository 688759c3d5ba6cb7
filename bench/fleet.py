"""Ten thousand nodes: what is installed on them, made of real package names and of the versions that
real advisories speak of, for tests/unit/introspect/judge-fleet.c."""
import collections
import json
import re
import subprocess

SYSTEMS = [  # ecosystem, os-release
    ("Debian:11", {"id": "debian", "version_id": "11", "codename": "bullseye",
                   "pretty_name": "Debian GNU/Linux 11 (bullseye)"}),
    ("Debian:12", {"id": "debian", "version_id": "12", "codename": "bookworm",
                   "pretty_name": "Debian GNU/Linux 12 (bookworm)"}),
    ("Debian:13", {"id": "debian", "version_id": "13", "codename": "trixie",
                   "pretty_name": "Debian GNU/Linux 13 (trixie)"}),
    ("Ubuntu:20.04:LTS", {"id": "ubuntu", "version_id": "20.04", "codename": "focal",
                          "pretty_name": "Ubuntu 20.04.6 LTS"}),
    ("Ubuntu:22.04:LTS", {"id": "ubuntu", "version_id": "22.04", "codename": "jammy",
                          "pretty_name": "Ubuntu 22.04.3 LTS"}),
    ("Ubuntu:24.04:LTS", {"id": "ubuntu", "version_id": "24.04", "codename": "noble",
                          "pretty_name": "Ubuntu 24.04 LTS"}),
    ("AlmaLinux:8", {"id": "almalinux", "version_id": "8.10", "pretty_name": "AlmaLinux 8.10"}),
    ("AlmaLinux:9", {"id": "almalinux", "version_id": "9.4", "pretty_name": "AlmaLinux 9.4"}),
]
ALWAYS, SOMETIMES = 540, 200  # judge-fleet gives a node three of ten of the second kind
FEEDS = ("debian/debian-osv-2025-02-12.jsonl.zst", "ubuntu/ubuntu-osv-converted-2024-08-09.jsonl.zst",
         "rpm/almalinux-osv-2026-08-21.jsonl.zst")
UPDATE = "debian/debian-dsa-dla-osv-2025-02-13_2026-08-21.jsonl.zst"


def records(path):
    text = subprocess.run(["zstd", "-dc", path], check=True, stdout=subprocess.PIPE).stdout
    for line in text.splitlines():
        yield json.loads(line)


def numbers(version):
    return [(int(n) if n else 0, t) for n, t in re.findall(r"(\d*)(\D*)", version)]


def fixed_versions(feeds):
    """ecosystem -> package -> versions that mended something, oldest first."""
    found = collections.defaultdict(lambda: collections.defaultdict(set))
    for name in FEEDS:
        for record in records(feeds / name):
            for affected in record.get("affected", []):
                package = affected["package"]
                for r in affected.get("ranges", []):
                    for event in r["events"]:
                        if event.get("fixed", "0") != "0":
                            found[package.get("ecosystem")][package.get("name")].add(event["fixed"])
    return {ecosystem: {name: sorted(versions, key=numbers) for name, versions in packages.items()}
            for ecosystem, packages in found.items()}


def host_packages():
    """Binary package and source of this (Debian) machine: real systems have more than what
    advisories speak of."""
    text = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${source:Package}\n"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return [line.split() for line in sorted(set(text.splitlines()))]


KERNEL = [["linux-image-amd64", "linux"], ["linux-headers-amd64", "linux"],
          ["linux-libc-dev", "linux"]]  # containers have none, nodes do, and most flaws are in it


def with_older(versions):
    """A node that is older than any of them has none of the fixes."""
    return (["1.0-1"] + versions)[-7:] if versions else ["1.0-1", "1.0-2", "1.1-1"]


def deb_packages(versions):
    pairs = [pair for pair in host_packages() if pair[1] != "linux"]
    step = max(1, len(pairs) // (ALWAYS + SOMETIMES))
    return [{"name": binary, "source": source, "arch": "amd64",
             "versions": with_older(versions.get(source, []))} for binary, source in KERNEL + pairs[::step]]


def rpm_packages(versions):
    plain = [{"name": f"{binary}-el", "arch": "x86_64", "vendor": "AlmaLinux",
              "versions": with_older([])} for binary, _ in host_packages()[:ALWAYS]]
    spoken = [{"name": name, "arch": "x86_64", "vendor": "AlmaLinux",
               "versions": with_older(versions[name])} for name in sorted(versions)[::7]]
    return (spoken[:250] + plain)[:ALWAYS] + spoken[250:250 + SOMETIMES]


def make(feeds, path):
    versions = fixed_versions(feeds)
    fleet = []
    for ecosystem, os in SYSTEMS:
        rpm = os["id"] == "almalinux"
        known = versions.get(ecosystem, {})
        packages = rpm_packages(known) if rpm else deb_packages(known)
        fleet.append({"os": {"root": "disk0p1", **os}, "type": "rpm" if rpm else "deb",
                      "packages": packages[:ALWAYS + SOMETIMES]})
    path.write_text(json.dumps(fleet))
    return fleet


def week(feeds, path):
    """The advisories of the first week after the others' data."""
    with path.open("w", encoding="utf-8") as out:
        for record in records(feeds / UPDATE):
            if record["published"] < "2025-02-21":
                out.write(json.dumps(record) + "\n")
