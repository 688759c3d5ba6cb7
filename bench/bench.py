#!/usr/bin/env python3
"""Used by `make bench`: measures assay beside other ways to the same facts, and prints a table.

Nothing is asserted: the numbers depend on the machine and on what else it does. The disks are kept
in build/bench. What is only done when it is asked for: judge-postgresql."""
import argparse
import json
import os
import pathlib
import re
import shutil
import sys

import images
import overhead
import service_introspect
import service_judge
import service_rest
from measure import best, drop_caches, measure

TOP = images.TOP
ASSAY = os.environ.get("ASSAY") or TOP / "build" / "assay"
FEEDS = pathlib.Path(os.environ.get("ASSAY_FEEDS") or TOP / ".." / "shared" / "feeds")
DATABASE = images.FOLDER / "advisories.db"
STATUS = "/var/lib/dpkg/status"
# No KVM everywhere, and never required: libguestfs runs its appliance under emulation.
GUESTFS = dict(os.environ, LIBGUESTFS_BACKEND="direct", LIBGUESTFS_BACKEND_SETTINGS="force_tcg")
MIB = 1 << 20


def heading(text):
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def row(what, taken, *notes):
    memory = f"{taken.memory / MIB:8.0f} MiB" if taken.memory else " " * 12
    print(f"{what:<46} {taken.seconds:9.3f} s {memory}  {'  '.join(notes)}", flush=True)
    if taken.status not in (0, 1, 3):
        last = taken.error.strip().splitlines()[-1:] or ["no message"]
        print(f"    status {taken.status}: {last[0]}", flush=True)


def skip(what, why):
    print(f"{what:<46}   skipped: {why}", flush=True)


def from_disk(taken):
    return f"{taken.disk / MIB:.1f} MiB from disk"


def feeds():
    """Of the distributions: what a node may be judged by."""
    return [FEEDS / folder for folder in ("debian", "ubuntu", "alpine", "rpm")
            if (FEEDS / folder).is_dir()]


def import_feeds():
    DATABASE.unlink(missing_ok=True)
    return measure(ASSAY, "db", "import", "--db", DATABASE, *feeds())


def database():
    """The database, made if it is not there. None without feeds."""
    if not DATABASE.exists() and feeds():
        images.FOLDER.mkdir(parents=True, exist_ok=True)
        import_feeds()
    return DATABASE if DATABASE.exists() else None


def count_packages(frame):
    return sum(len(system["packages"]) for system in frame["systems"])


def scan_command():
    if database() is not None:
        return [ASSAY, "scan", "--db", DATABASE, "--fail-on", "none", images.debian()]
    return [ASSAY, "frame", images.debian()]


def bench_scan():
    heading("Packages and vulnerabilities of a 4 GiB qcow2 with a full Debian system")
    command = scan_command()
    if database() is None:
        skip("advisories", f"no feeds in {FEEDS}; packages only")
    warm = best(5, *command)
    row(f"assay {command[1]}, warm", warm)
    if drop_caches():
        cold = measure(*command)
        row(f"assay {command[1]}, cold", cold, from_disk(cold))
    else:
        skip("cold", "this user may not drop caches")
    packages = json.loads(measure(ASSAY, "frame", images.debian()).output)
    print(f"    {count_packages(packages)} packages", flush=True)
    peer_convert(warm)
    peer_libguestfs(warm)


def peer_convert(warm):
    raw = images.FOLDER / "converted.raw"
    begun = [measure("qemu-img", "convert", "-O", "raw", images.debian(), raw),
             measure("debugfs", "-R", f"cat {STATUS}", f"{raw}?offset={images.START}")]
    raw.unlink(missing_ok=True)
    total = begun[0]._replace(seconds=sum(t.seconds for t in begun),
                              memory=max(t.memory for t in begun))
    row("qemu-img convert + debugfs cat status", total,
        f"{total.seconds / warm.seconds:.0f} times as long, reads no advisory")


def peer_libguestfs(warm):
    commands = {
        "guestfish cat status": ("guestfish", "--ro", "-a", images.debian(), "-i", "cat", STATUS),
        "virt-inspector": ("virt-inspector", "-a", images.debian()),
    }
    for name, command in commands.items():
        if shutil.which(command[0]) is None:
            skip(name, f"{command[0]} is not installed")
            continue
        taken = measure(*command, env=GUESTFS, timeout=900)
        if taken.status != 0:
            skip(name, (taken.error.strip().splitlines() or ["it failed"])[-1])
        else:
            row(f"{name} (no KVM)", taken, f"{taken.seconds / warm.seconds:.0f} times as long")


def on_all_cores(folder, *tools):
    """Each tool over all files below folder, all at once, together as many processes as cores."""
    each = max(1, (os.cpu_count() or 1) // len(tools))
    runs = " ".join(f"find {folder} -type f -print0 | xargs -0 -P {each} {tool} >/dev/null &"
                    for tool in tools)
    return "sh", "-c", f"{runs} wait"


def bench_files():
    heading("Every file of that system, hashed: SHA-1 and SHA-256")
    listed = measure(ASSAY, "ls", "-R", "--format", "json", "--volume", "disk0p1",
                     images.debian(), "/")
    files = [json.loads(line) for line in listed.output.splitlines()]
    size = sum(f["size"] for f in files if f["type"] == "file")
    print(f"    {sum(f['type'] == 'file' for f in files)} files, {size / MIB:.0f} MiB", flush=True)

    def rate(taken, *notes):
        return (f"{size / MIB / taken.seconds:.0f} MiB/s", *notes)

    with open(os.devnull, "wb") as null, images.mounted(
            images.debian_raw(), "ro", f"offset={images.START}", "noload") as folder:
        sums = best(3, *on_all_cores(folder, "sha1sum", "sha256sum"))
        row("sha1sum and sha256sum, mounted", sums, *rate(sums))
        hashed = best(3, ASSAY, "ls", "-R", "--hash", "--volume", "disk0p1", images.debian(), "/",
                      stdout=null)
        row("assay ls -R --hash", hashed,
            *rate(hashed, f"{100 * sums.seconds / hashed.seconds:.0f} % of those"))
        types = measure(*on_all_cores(folder, "file --mime-type"))
        both = types._replace(seconds=types.seconds + sums.seconds, memory=0)
        row("sha1sum, sha256sum and file --mime-type", both, *rate(both))
        taken = measure(ASSAY, "frame", "--files", "--no-media-types", "-o", "/dev/null",
                        images.debian())
        row("assay frame --files --no-media-types", taken,
            *rate(taken, f"{100 * sums.seconds / taken.seconds:.0f} % of sha1sum and sha256sum"))
        taken = measure(ASSAY, "frame", "--files", "-o", "/dev/null", images.debian())
        row("assay frame --files, media types too", taken,
            *rate(taken, f"{100 * both.seconds / taken.seconds:.0f} % of those"))


def bench_walk():
    heading("A million files")
    with open(os.devnull, "wb") as null:
        for kind in ("ext4", "xfs"):
            image = images.million(kind)
            walk = (ASSAY, "ls", "-R", "--volume", "disk0", image, "/")
            row(f"assay ls -R, {kind}, warm", best(2, *walk, stdout=null))
            if drop_caches():
                cold = measure(*walk, stdout=null)
                row(f"assay ls -R, {kind}, cold", cold, from_disk(cold))
            with images.mounted(image, "ro") as folder:
                drop_caches()
                row(f"find -ls, {kind}, mounted, cold", measure("find", folder, "-ls", stdout=null))
            row(f"assay frame --files, {kind}",
                measure(ASSAY, "frame", "--files", "-o", "/dev/null", image))


def bench_database():
    heading("Advisory database")
    if not feeds():
        skip("import", f"no feeds in {FEEDS}")
        return
    taken = import_feeds()
    said = taken.output.decode() + taken.error
    records = sum(int(n) for n in re.findall(r"(\d+) records", said))
    size = sum(path.stat().st_size for folder in feeds() for path in folder.iterdir())
    row("assay db import", taken, f"{records} records, {records / taken.seconds:.0f} a second",
        f"{size / MIB:.0f} MiB packed, database {DATABASE.stat().st_size / MIB:.0f} MiB")
    frame = images.FOLDER / "frame.json"
    facts = json.loads(measure(ASSAY, "frame", images.debian()).output)
    facts["systems"][0]["packages"] = facts["systems"][0]["packages"][:600]
    frame.write_text(json.dumps(facts))
    matched = best(10, ASSAY, "scan", "--db", DATABASE, "--fail-on", "none", "--timings", frame)
    steps = dict(re.findall(r"^(.*): ([0-9.]+) ms$", matched.error, re.MULTILINE))
    row(f"scan a frame of {count_packages(facts)} packages", matched, "report included")
    print(f"    of it opening {steps['open advisories']} ms, matching {steps['match']} ms", flush=True)


def bench_judge(where=service_judge.on_sqlite, name="SQLite"):
    heading(f"The service: {service_judge.NODES} nodes judged again, {name}")
    if not feeds():
        skip("judging", f"no feeds in {FEEDS}")
        return
    images.FOLDER.mkdir(parents=True, exist_ok=True)
    where(ASSAY, FEEDS, row)


def bench_judge_postgresql():
    bench_judge(service_judge.on_postgresql, "PostgreSQL")


def bench_overhead():
    heading("An OLTP load in a node, and introspections of it back to back")
    overhead.run(ASSAY, database(), OPTIONS, lambda text: print(text, flush=True))


def bench_rest():
    heading(f"REST: {service_rest.CLIENTS} clients read from {service_rest.NODES} nodes on SQLite")
    service_rest.run(ASSAY, lambda text: print(text, flush=True))


def bench_introspect():
    heading("Introspections of a 10 GB disk by the service")
    service_introspect.run(ASSAY, database(), lambda text: print(text, flush=True))


BENCHES = {"scan": bench_scan, "files": bench_files, "walk": bench_walk,
           "database": bench_database, "judge": bench_judge, "rest": bench_rest,
           "introspect": bench_introspect, "overhead": bench_overhead}
OPTIONS = argparse.Namespace()
ASKED_FOR = {"judge-postgresql": bench_judge_postgresql}


def read_options():
    """Into OPTIONS; the names of the benches to run."""
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    parser.add_argument("name", nargs="*", metavar="NAME",
                        help=f"of {', '.join({**BENCHES, **ASKED_FOR})}; all but the last")
    of_overhead = parser.add_argument_group("overhead")
    of_overhead.add_argument("--disk", action="append", choices=list(overhead.DISKS))
    of_overhead.add_argument("--rounds", type=int, default=6, help="alone and unlimited")
    of_overhead.add_argument("--seconds", type=int, default=6, help="of each")
    of_overhead.add_argument("--introspections", type=int, default=6,
                             help="of which what each costs is counted, unlimited and limited")
    of_overhead.add_argument("--no-pause", action="store_true",
                             help="also without the usual pause between two snapshots")
    of_overhead.add_argument("--memory", action="store_true", help="has the storage in memory")
    names = parser.parse_args(namespace=OPTIONS).name or list(BENCHES)
    for name in names:
        if name not in {**BENCHES, **ASKED_FOR}:
            parser.error(f"no {name}")
    return names


def main():
    names = read_options()
    if os.geteuid() != 0:
        sys.exit("bench: only root can make and mount the disks")
    try:
        for name in names:
            {**BENCHES, **ASKED_FOR}[name]()
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")


if __name__ == "__main__":
    main()
