"""A load as databases make it: pgbench (TPC-B-like) on PostgreSQL, whose data is in a folder."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from service_node import MEMORY

PROGRAMS = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
SCALE, CLIENTS = 20, 4
# Checkpoints are asked for, so that each round has as many, however fast it is.
CHECKPOINT = "CHECKPOINT \\watch 2"
SETTINGS = {"fsync": "on", "synchronous_commit": "on", "shared_buffers": "128MB",
            "checkpoint_timeout": "1h", "max_wal_size": "4GB", "min_wal_size": "128MB",
            "autovacuum": "off", "listen_addresses": ""}


def why_not():
    if not PROGRAMS or not (PROGRAMS[-1] / "pgbench").exists():
        return "PostgreSQL is not installed"
    return None


class Server:
    """PostgreSQL refuses to run as root: it runs as its package's user."""

    def __init__(self, folder, **settings):
        self.data = folder / "data"
        self.own = pathlib.Path(tempfile.mkdtemp(prefix="assay-bench-", dir=MEMORY))
        user = pwd.getpwnam("postgres")
        self.user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [],
                     "cwd": self.own}
        shutil.chown(self.own, user.pw_uid, user.pw_gid)
        shutil.chown(folder, user.pw_uid, user.pw_gid)
        self.process = None
        try:
            if not self.data.exists():
                self.run("initdb", "-D", self.data, "-U", "bench", "-A", "trust", "--no-sync",
                         "--wal-segsize=4")
            self._start({**SETTINGS, **settings})
        except BaseException:
            self.stop()
            raise

    def run(self, program, *arguments):
        done = subprocess.run([PROGRAMS[-1] / program, *map(str, arguments)], check=False,
                              capture_output=True, text=True, **self.user)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr[-500:]}")

    def _start(self, settings):
        log = self.own / "log"
        options = [word for item in settings.items() for word in ("-c", "=".join(item))]
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [PROGRAMS[-1] / "postgres", "-D", self.data, "-k", self.own, *options],
                stdout=out, stderr=out, **self.user)
        ready = [PROGRAMS[-1] / "pg_isready", "-q", "-h", self.own]
        deadline = time.monotonic() + 120
        while subprocess.run(ready, check=False, **self.user).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL: {log.read_text()[-500:]}")
            time.sleep(0.1)

    def pgbench(self, *options):
        return [PROGRAMS[-1] / "pgbench", "-h", self.own, "-U", "bench", *map(str, options),
                "postgres"]

    def fill(self):
        self.run(*self.pgbench("-i", "-q", "-s", SCALE))

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # "fast": does not wait for its clients to go
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(60)
        shutil.rmtree(self.own, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Load:
    """Runs until it is told to end; then tells of each transaction when it ended, how long it took."""

    def __init__(self, server):
        self.server, self.log = server, server.own / "transactions"
        with (server.own / "pgbench").open("wb") as out:
            self.checkpoints = subprocess.Popen(
                ["psql", "-X", "-q", "-h", server.own, "-U", "bench", "postgres"],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=out, text=True,
                **server.user)
            self.checkpoints.stdin.write(CHECKPOINT + "\n")
            self.checkpoints.stdin.flush()
            self.process = subprocess.Popen(
                server.pgbench("-n", "-c", CLIENTS, "-j", 1, "-M", "prepared", "-T", 24 * 3600,
                               "-l", f"--log-prefix={self.log}"),
                stdout=out, stderr=out, **server.user)

    def check(self):
        if self.process.poll() is not None or self.checkpoints.poll() is not None:
            raise RuntimeError("pgbench: " + (self.server.own / "pgbench").read_text()[-500:])

    def end(self):
        """Pairs of seconds since 1970 and microseconds; a few of the last ones are missing."""
        self.process.terminate()
        self.process.wait(30)
        found = []
        with open(f"{self.log}.{self.process.pid}", encoding="ascii") as f:
            for line in f:
                words = line.split()
                if len(words) == 6 and line.endswith("\n"):
                    found.append((int(words[4]) + int(words[5]) / 1e6, int(words[2])))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.process, self.checkpoints):
            if process.poll() is None:
                process.kill()
                process.wait()


@contextlib.contextmanager
def loop(path, *options):
    """A block device whose content is the file's."""
    device = subprocess.run(["losetup", "--show", "-f", *options, path], check=True,
                            stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        yield pathlib.Path(device)
    finally:
        subprocess.run(["losetup", "-d", device], check=False)


@contextlib.contextmanager
def mounted(device, folder, *options):
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *options, device, folder], check=True)
    try:
        yield folder
    finally:
        for _ in range(50):
            if subprocess.run(["umount", folder], check=False, stderr=subprocess.DEVNULL,
                              ).returncode == 0:
                break
            time.sleep(0.1)
        else:
            subprocess.run(["umount", "-l", folder], check=False)
        os.rmdir(folder)
