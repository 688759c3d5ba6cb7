"""A PostgreSQL server of the tests' own."""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROGRAMS = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Postgres:
    """It refuses to run as root, so it runs as the package's user then."""

    def __init__(self):
        assert PROGRAMS, "PostgreSQL is not installed"
        # Not below pytest's folders, which only their owner may enter.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="assay-postgres-"))
        self.port = free_port()
        self.url = f"postgresql://assay@127.0.0.1:{self.port}/postgres"
        self.options = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            shutil.chown(self.folder, user.pw_uid, user.pw_gid)
            self.options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.data = self.folder / "data"
        self._run("initdb", "-D", self.data, "-U", "assay", "-A", "trust", "--no-sync")
        self.process = None
        self.start()

    def _run(self, program, *arguments):
        subprocess.run([PROGRAMS[-1] / program, *arguments], check=True, cwd=self.folder,
                       stdout=subprocess.DEVNULL, **self.options)

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAMS[-1] / "postgres", "-D", self.data, "-p", str(self.port), "-h", "127.0.0.1",
             "-k", self.folder, "-c", "fsync=off"], cwd=self.folder,
            stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("ab"), **self.options)
        deadline = time.monotonic() + 60
        ready = [PROGRAMS[-1] / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGINT)  # "fast": does not wait for its clients to go
        self.process.wait(30)

    def remove(self):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)
