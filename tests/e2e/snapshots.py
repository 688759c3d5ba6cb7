"""Views of disks, made by the program's drivers without a service around them."""
import json
import pathlib
import signal
import subprocess

from conftest import REPOSITORY, TIMEOUT

# enum assay_error
ERRORS = ["corrupt", "unsupported", "limit", "not found", "denied", "i/o", "invalid"]


class Refused(Exception):
    def __init__(self, line):
        _, code, self.message = line.split(" ", 2)
        self.code = ERRORS[int(code)]
        super().__init__(f"{self.code}: {self.message}")


def answer(line):
    line = line.strip()
    if line.startswith("error "):
        raise Refused(line)
    return line


class View:
    """One that is open, in a process of its own."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        try:
            self.disk = json.loads(answer(self.process.stdout.readline()))
        except BaseException:
            self.close()
            raise

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return answer(self.process.stdout.readline())

    def read(self, path):
        assert self.ask(f"read {path}") == "ok"
        return pathlib.Path(path).read_bytes()

    def verify(self):
        assert self.ask("verify") == "ok"

    def close(self):
        self.process.stdin.close()
        self.status = self.process.wait(TIMEOUT)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        assert self.status == 0


class Snapshots:
    def __init__(self, assay, settings=None):
        self.program = (REPOSITORY / assay.path).parent / "tests" / "unit" / "snapshot-view"
        self.settings = settings
        self.count = 0

    def command(self, options, *words):
        return [str(self.program), *(["--settings", json.dumps(self.settings)] if self.settings
                                     else []), *options, "--", *map(str, words)]

    def __call__(self, *words, options=()):
        done = subprocess.run(self.command(options, *words), stdout=subprocess.PIPE, text=True,
                              timeout=TIMEOUT)
        return answer(done.stdout)

    def plan(self, location, *options):
        self.count += 1
        return self("plan", location, f"01{self.count:024d}", options=options)

    def make(self, handle, *options):
        return View(self.command(options, "make", handle))

    def drop(self, handle, *options):
        """As if what was read were kept, and compared with later, unless options say otherwise."""
        assert self("drop", handle, options=options) == "ok"

    def killed_in(self, function, *words, options=()):
        """Does what the words say, and dies as it calls that function of a loaded library."""
        done = subprocess.run(self.command(["--kill-in", function, *options], *words),
                              stdout=subprocess.PIPE, timeout=TIMEOUT)
        return done.returncode == -signal.SIGKILL

    def killed_at_each_call(self, handle, *options):
        """Yields after each time that making was killed, one system call later than before."""
        for n in range(1, 100000):
            said = self("make", handle, options=[*options, "--kill-at", str(n)])
            if said == "done":
                return
            assert said == "killed"
            yield n
