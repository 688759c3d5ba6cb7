"""A small Debian 12 that runs in QEMU, for what this machine's kernel or first process may not have:
device mapper, systemd, a guest agent whose filesystems may be frozen."""
import base64
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time

from conftest import REPOSITORY, run
from introspections import advisories, small_image
from machine import Machine

KEPT = REPOSITORY / "build" / "roots"
PACKAGES = [
    "systemd-sysv", "udev", "dbus", "dmsetup", "lvm2", "thin-provisioning-tools", "xfsprogs", "e2fsprogs",
    "curl", "qemu-guest-agent", "busybox-static", "kmod", "linux-image-cloud-amd64",
    # what the program is linked to
    "libarchive13", "libcurl4", "libdeflate0", "libexpat1", "libext2fs2", "libglib2.0-0",
    "libjansson4", "libmagic1", "libmicrohttpd12", "libnbd0", "libpq5", "librabbitmq4",
    "libseccomp2", "libsodium23", "libsqlite3-0", "libssl3", "libxxhash0", "libyaml-0-2",
    "libzstd1", "zlib1g"]
LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*",
            "/lib/modules/*/kernel/net/*", "/lib/modules/*/kernel/sound/*"]
# What a guest does at its start that no test looks at.
MASKED = ["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
          "e2scrub_reap.service", "fstrim.timer", "getty@tty1.service", "serial-getty@ttyS0.service",
          "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
          "systemd-pstore.service", "modprobe@drm.service", "systemd-random-seed.service"]
# A second agent, so that tests may give commands while the first one serves the program.
TEST_AGENT = r"""[Unit]
BindsTo=dev-virtio\x2dports-test.device
After=dev-virtio\x2dports-test.device
[Service]
ExecStart=/usr/sbin/qemu-ga -m virtio-serial -p /dev/virtio-ports/test -t /run/test-agent
RuntimeDirectory=test-agent
[Install]
WantedBy=multi-user.target
"""
INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
for module in {modules}; do /bin/busybox insmod $module; done
until /bin/busybox mount -t ext4 /dev/vda /root; do /bin/busybox sleep 0.1; done
/bin/busybox umount /dev
exec /bin/busybox switch_root /root /sbin/init
"""
RECIPE = 1  # to be raised when what follows makes another image of the same packages
# Nested virtualization is often there and fails halfway, at a register or by being too slow.
ACCELERATOR = "tcg,thread=multi"
MAKING = 900
BOOTING = 300
COMMAND = 120


def make_initrd(tree, folder):
    """One that loads what the root's disk needs, and no more."""
    top = folder / "initrd"
    for name in ("bin", "dev", "root"):
        (top / name).mkdir(parents=True)
    shutil.copy(tree / "bin/busybox", top / "bin/busybox")
    version = next((tree / "lib/modules").iterdir()).name
    modules = []
    for module in ("virtio_pci", "virtio_blk"):
        said = run("modprobe", "--dirname", tree, "--set-version", version, "--show-depends", module)
        for line in said.decode().splitlines():
            if line.startswith("insmod"):
                path = pathlib.Path(line.split()[1])
                if path.name not in modules:
                    modules.append(path.name)
                    shutil.copy(path, top / path.name)
    (top / "init").write_text(INIT.format(modules=" ".join(modules)))
    (top / "init").chmod(0o755)
    names = "\n".join(str(p.relative_to(top)) for p in sorted(top.rglob("*")))
    packed = run(tree / "bin/busybox", "cpio", "-o", "-H", "newc", cwd=top, input=names.encode())
    (folder / "initrd.img").write_bytes(packed)
    shutil.rmtree(top)


def set_up(tree):
    (tree / "etc/hostname").write_text("guest\n")
    (tree / "etc/machine-id").write_text(32 * "1" + "\n")
    (tree / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 0\n")
    units = tree / "etc/systemd/system"
    for unit in MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    (units / "test-agent.service").write_text(TEST_AGENT)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants/test-agent.service").symlink_to("../test-agent.service")


def make(folder):
    """disk.img, vmlinuz and initrd.img in folder."""
    tree = folder / "tree"
    command = ["mmdebstrap", "--quiet", "--variant=essential", f"--include={','.join(PACKAGES)}",
               *[f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT], "bookworm",
               f"{folder}/tree.tar"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, timeout=MAKING,
                          env={**os.environ, "INITRD": "No"})
    assert done.returncode == 0, done.stdout[-1000:]
    tree.mkdir()
    run("tar", "-xf", folder / "tree.tar", "-C", tree)
    (folder / "tree.tar").unlink()
    set_up(tree)
    make_initrd(tree, folder)
    shutil.copy(next(tree.glob("boot/vmlinuz-*")), folder / "vmlinuz")
    run("truncate", "-s", "1G", folder / "disk.img")
    run("mke2fs", "-q", "-t", "ext4", "-d", tree, folder / "disk.img")
    shutil.rmtree(tree)


def image():
    """The folder with a guest's disk, kernel and initrd; kept from one run of the tests to the next."""
    recipe = hashlib.sha256(json.dumps([RECIPE, PACKAGES, LEFT_OUT, MASKED, TEST_AGENT, INIT])
                            .encode()).hexdigest()[:16]
    kept = KEPT / f"guest-{recipe}"
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / "guest.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            new = KEPT / f"guest-{recipe}.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            make(new)
            new.rename(kept)
    return kept


def program_disk(assay, folder):
    """A disk with what `make install` installs, the helper that makes single snapshots, an image of a
    node and advisories for it."""
    build = (REPOSITORY / assay.path).parent
    top, disk = folder / "installed", folder / "program.img"
    run("meson", "install", "--no-rebuild", "--quiet", "--destdir", top, cwd=build)
    shutil.copy(build / "tests/unit/snapshot-view", top / "usr/local/bin/snapshot-view")
    (top / "srv").mkdir()
    small_image(top / "srv")
    advisories(assay, top / "srv", {"package3": "2.0-1"})
    for path in (top / "srv").iterdir():
        path.chmod(0o644)
    run("truncate", "-s", "64M", disk)
    run("mke2fs", "-q", "-t", "ext4", "-d", top, disk)
    shutil.rmtree(top)
    return disk


class Guest(Machine):
    """vd0 is its root, vd1 has the program, vd2 (/dev/vdc) is empty. The monitor's agent is its own."""

    def __init__(self, assay, folder):
        kept, overlay, empty = image(), folder / "root.qcow2", folder / "empty.img"
        run("qemu-img", "create", "-q", "-f", "qcow2", "-b", kept / "disk.img", "-F", "raw", overlay)
        run("truncate", "-s", "2G", empty)
        begun = time.monotonic()
        super().__init__(
            [(overlay, "qcow2"), (program_disk(assay, folder), "raw"), (empty, "raw")],
            accel=ACCELERATOR, memory=512, extra=[
                "-kernel", kept / "vmlinuz", "-initrd", kept / "initrd.img", "-smp", "2",
                "-append", "console=ttyS0 quiet rw root=/dev/vda systemd.show_status=false "
                           "mitigations=off random.trust_cpu=on",
                "-cpu", "max", "-no-reboot",
                "-chardev", "file,id=console,path=FOLDER/console", "-serial", "chardev:console",
                "-device", "virtio-serial-pci", "-device", "virtio-rng-pci",
                "-chardev", "socket,id=agent,path=FOLDER/monitor.agent,server=on,wait=off",
                "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
                "-chardev", "socket,id=test,path=FOLDER/test.agent,server=on,wait=off",
                "-device", "virtserialport,chardev=test,name=test"])
        try:
            self.agent = socket.socket(socket.AF_UNIX)
            self.agent.settimeout(BOOTING)
            self.agent.connect(str(self.folder / "test.agent"))
            self.lines = self.agent.makefile("rb")
            self.ask("guest-ping")
            self.boot_seconds = time.monotonic() - begun
            self.agent.settimeout(COMMAND)
            self("mkdir /program && mount -o ro /dev/vdb /program && cp -a /program/. / && ldconfig")
        except BaseException as failure:
            said = self.console
            self.__exit__()
            raise AssertionError(f"{failure!r}; console: {said}") from failure

    def ask(self, command, **arguments):
        """A command of the agent's protocol."""
        call = {"execute": command, "arguments": arguments}
        try:
            self.agent.sendall(json.dumps(call).encode() + b"\n")
            answer = json.loads(self.lines.readline())
        except (OSError, ValueError) as failure:
            raise AssertionError(f"{command}: {failure!r}; console: {self.console}") from failure
        assert "return" in answer, answer
        return answer["return"]

    def start(self, script):
        """Runs a shell's script. What it said is known when finish() returns."""
        return self.ask("guest-exec", path="/bin/sh", arg=["-c", script],
                        env=["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                             "HOME=/root"], **{"capture-output": True})["pid"]

    def finish(self, pid, seconds=COMMAND):
        deadline = time.monotonic() + seconds
        while True:
            state = self.ask("guest-exec-status", pid=pid)
            if state["exited"]:
                break
            assert time.monotonic() < deadline, f"still runs; console: {self.console}"
            time.sleep(0.02)  # between two looks
        out, err = (base64.b64decode(state.get(name, "")).decode(errors="replace")
                    for name in ("out-data", "err-data"))
        return subprocess.CompletedProcess(pid, state.get("exitcode", -state.get("signal", 0)), out,
                                           err)

    def run(self, script):
        """Its status, stdout and stderr."""
        return self.finish(self.start(script))

    def __call__(self, script):
        """Standard output of a script that has to work."""
        done = self.run(script)
        assert done.returncode == 0, f"{script}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def write_file(self, path, text):
        data = base64.b64encode(text.encode()).decode()
        self(f"mkdir -p $(dirname {path}) && echo {data} | base64 -d >{path}")

    def wait(self, script, seconds=COMMAND):
        """Until it ends with 0; its output."""
        deadline = time.monotonic() + seconds
        while True:
            done = self.run(script)
            if done.returncode == 0:
                return done.stdout
            assert time.monotonic() < deadline, f"{script}: {done.stdout}{done.stderr}"

    def stop(self):
        self.agent.close()
        super().stop()

    @property
    def console(self):
        """The end of what its kernel and first process said."""
        path = self.folder / "console"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""
