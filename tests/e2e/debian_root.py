"""Root trees of real Debian releases, made by mmdebstrap from Debian's own packages."""
import concurrent.futures
import hashlib
import os
import shutil
import subprocess

import pytest

from conftest import REPOSITORY, run

KEPT = REPOSITORY / "build" / "roots"

RELEASES = {"bullseye": "11", "bookworm": "12", "trixie": "13"}
# Beyond the essential packages; a kernel in one of them, epochs and sources of other names in all.
PACKAGES = {"bullseye": ["login", "openssl"],
            "bookworm": ["linux-image-cloud-amd64", "login", "openssl", "vim-tiny"],
            "trixie": ["login", "openssl", "passwd"]}
# What no test looks at and only costs time.
LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*",
            "/usr/lib/modules/*/kernel/*", "/lib/modules/*/kernel/*"]
TIMEOUT = 600


def build(suite, folder):
    """The tree of a suite below folder. Fails with what mmdebstrap says last."""
    tree = folder / suite
    command = ["mmdebstrap", "--quiet", "--variant=essential",
               f"--include={','.join(PACKAGES[suite])}",
               "--customize-hook=echo machine >$1/etc/hostname",
               "--customize-hook=rm $1/etc/resolv.conf",
               *[f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT], suite]
    # Kept from one run of the tests to the next: fetching and unpacking takes minutes.
    KEPT.mkdir(parents=True, exist_ok=True)
    recipe = hashlib.sha256(" ".join(command).encode()).hexdigest()[:16]
    archive = KEPT / f"{suite}-{recipe}.tar"
    if not archive.exists():
        done = subprocess.run([*command, f"{folder}/{suite}.tar"], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
        if done.returncode != 0:
            last = [line for line in done.stdout.splitlines() if line.startswith("E:")]
            raise RuntimeError(f"mmdebstrap cannot make {suite}: "
                               f"{' '.join(last) or done.stdout[-500:]}")
        run("mv", f"{folder}/{suite}.tar", f"{archive}.{os.getpid()}")
        os.rename(f"{archive}.{os.getpid()}", archive)
    tree.mkdir()
    run("tar", "-xf", archive, "-C", tree)
    return tree


class DebianRoots:
    """All suites are built at once, at first use."""

    def __init__(self, folder):
        self.folder = folder
        self.pool = concurrent.futures.ThreadPoolExecutor(len(RELEASES))
        self.trees = None

    def __call__(self, suite):
        if os.geteuid() != 0:
            pytest.fail("only root can make a system's tree with its owners")
        if self.trees is None:
            self.trees = {s: self.pool.submit(build, s, self.folder) for s in RELEASES}
        try:
            return self.trees[suite].result()
        except RuntimeError as failure:
            pytest.fail(str(failure))


def packages(tree):
    """What dpkg itself says is installed: (name, version, source, source version, architecture)."""
    text = run("dpkg-query", f"--admindir={tree}/var/lib/dpkg", "-W", "-f",
               "${db:Status-Status}\t${Package}\t${Version}\t${source:Package}\t${source:Version}\t"
               "${Architecture}\n").decode()
    rows = [line.split("\t") for line in text.splitlines()]
    return sorted(tuple(row[1:]) for row in rows if row[0] == "installed")


def colon_lines(path):
    return [line.split(":") for line in path.read_text().splitlines()]


def users(tree):
    return sorted((f[0], int(f[2]), int(f[3]), f[4], f[5], f[6])
                  for f in colon_lines(tree / "etc" / "passwd"))


def groups(tree):
    return sorted((f[0], int(f[2]), tuple(m for m in f[3].split(",") if m))
                  for f in colon_lines(tree / "etc" / "group"))


def small(tree, folder):
    """Copies to folder what inspection needs of a tree, and little more."""
    for path in ("etc", "var/lib/dpkg", "usr/lib/os-release", "usr/bin/dash", "bin", "lib", "boot"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        run("cp", "-a", tree / path, folder / path)
    run("cp", "-a", "--parents", *[m.relative_to(tree) for m in tree.glob("usr/lib/modules/*")],
        folder, cwd=tree)
    for initrd in folder.glob("boot/initrd*"):
        initrd.unlink()
    (folder / "usr/bin/sh").symlink_to("dash")
    shutil.rmtree(folder / "var/lib/dpkg/info")
    (folder / "var/lib/dpkg/info").mkdir()
    for name in ("var/log", "home", "data", "srv", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    return folder
