"""What all end-to-end tests share: the program under test, and makers of disk images."""
import os
import pathlib
import random
import subprocess
import time

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# Longer than any command of these tests takes: what reaches it hangs.
TIMEOUT = 120
# Tests look at the same disk again and again; those of the pause between two snapshots set it.
os.environ.setdefault("ASSAY_WORKERS_SNAPSHOT_PERCENT", "100")


def run(*command, **options):
    """A tool of the test itself, which has to work. Returns its output."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=TIMEOUT, **options)
    assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def peak_memory(command, out):
    """Runs a command with its output to a file. Its status and its peak memory in KiB, that of the
    largest process. A small process starts it: the kernel counts the memory of who starts a program
    as the program's own, and that of the tests may be a gigabyte."""
    starter = ("import resource, subprocess, sys\n"
               "done = subprocess.run(sys.argv[2:], stdout=open(sys.argv[1], 'wb'))\n"
               "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n")
    said = run("/usr/bin/python3", "-c", starter, out, *command)
    status, peak = map(int, said.split())
    return status, peak


class Assay:
    """The program under test, and a twin of it (built with sanitizers) where there is one: what
    only looks is asked of both, and they have to answer the same."""

    WRITES = [("db", "import"), ("db", "update"), ("key", "rotate"), ("serve",)]

    def __init__(self, path, twin=None):
        self.path = str(path)
        self.twin = twin

    def __call__(self, *arguments, **options):
        words = tuple(map(str, arguments))
        # A sanitized inspector has no ceiling of memory (sandbox.c); files are written once, and
        # how long something took is never the same.
        alone = {"--memory", "--output", "-o", "--timings"} & set(words)
        writes = any(words[:len(w)] == w for w in self.WRITES)
        if not self.twin or writes or alone:
            return self.run(self.path, words, options)
        # Frames carry the time, which must not pass between the two.
        options["env"] = {"SOURCE_DATE_EPOCH": str(int(time.time())),
                          **(options.get("env") or os.environ)}
        done = self.run(self.path, words, options)
        options["env"]["ASSAY_DEBUG"] = "1"  # what a sanitizer says in the inspector
        same = self.run(self.twin, words, options)
        assert same.stderr == done.stderr
        assert (same.returncode, same.stdout) == (done.returncode, done.stdout)
        return done

    @staticmethod
    def run(path, words, options):
        return subprocess.run([path, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, timeout=TIMEOUT, **options)

    def output(self, *arguments, **options):
        done = self(*arguments, **options)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def refusal(self, *arguments, **options):
        """The one line that says why it did not work."""
        done = self(*arguments, **options)
        text = done.stderr.decode(errors="replace")
        assert done.returncode in (2, 3), text
        assert len(text.splitlines()) == 1, text
        return text


@pytest.fixture(scope="session")
def assay():
    return Assay(os.environ.get("ASSAY", REPOSITORY / "build" / "assay"),
                 os.environ.get("ASSAY_TWIN"))


@pytest.fixture(scope="session")
def cluster():
    """A Ceph, shared by all tests of the group "ceph": it takes seconds to start."""
    import ceph
    reason = ceph.why_not()
    if reason:
        pytest.skip(reason)
    c = ceph.Ceph()
    yield c
    c.remove()


@pytest.fixture(scope="session")
def patterns(tmp_path_factory):
    """Files of varied bytes for `write -s` of qemu-io: part noise, part compressible."""
    folder = tmp_path_factory.mktemp("patterns")
    noise = random.Random(1)
    for i in range(4):
        piece = noise.randbytes(701 + 100 * i) + bytes(900)
        (folder / str(i)).write_bytes(piece * 1200)
    return folder


@pytest.fixture
def serve(tmp_path):
    """Starts NBD servers and returns once they listen; ends them after the test. PIDFILE in the
    command is where a server says that it does."""
    servers = []

    def start(*command):
        pid_file = tmp_path / f"server{len(servers)}.pid"
        server = subprocess.Popen([str(c).replace("PIDFILE", str(pid_file)) for c in command],
                                  stdin=subprocess.DEVNULL)
        servers.append(server)
        deadline = time.monotonic() + TIMEOUT
        while not (pid_file.exists() and pid_file.read_text().strip()):
            assert time.monotonic() < deadline
            try:
                raise AssertionError(f"{command} has ended with {server.wait(timeout=0.01)}")
            except subprocess.TimeoutExpired:
                pass  # not listening yet
        return server

    yield start
    for server in servers:
        server.kill()
        server.wait()


def qemu_io(image, commands, image_format="qcow2"):
    run("qemu-io", "-f", image_format, image, input=("\n".join(commands) + "\nq\n").encode())


def random_writes(rng, patterns, size, cluster, count=50, compressed=False):
    """Commands for qemu-io: data, zeros with and without unmapping, discards; whole and part
    clusters. Compressed writes come first, and each to a place of its own: qemu does not write
    them over others."""
    commands = []
    if compressed:
        clusters = range(size // cluster)
        for i in sorted(rng.sample(clusters, min(len(clusters) // 2, 40))):
            commands.append(f"write -c -s {patterns}/{rng.randrange(4)} {i * cluster} {cluster}")
    lengths = [512, 1000, 4096, 70000, 150000, cluster // 2, cluster, 3 * cluster]
    for _ in range(count):
        length = min(rng.choice(lengths), 1 << 20)
        offset = rng.randrange(0, size - length)
        commands.append(rng.choice([f"write -s {patterns}/{rng.randrange(4)} {offset} {length}",
                                    f"write -s {patterns}/{rng.randrange(4)} {offset} {length}",
                                    f"write -z {offset} {length}",
                                    f"write -z -u {offset} {length}",
                                    f"discard {offset} {length}"]))
    return commands


@pytest.fixture(scope="session")
def debian(tmp_path_factory):
    """suite -> the root tree of that Debian release."""
    import debian_root  # which itself needs what is above
    return debian_root.DebianRoots(tmp_path_factory.mktemp("roots"))


@pytest.fixture(scope="session")
def debian_small(debian, tmp_path_factory):
    """What inspection needs of a root of Debian 12: few megabytes, so that disks are made at once.
    """
    import debian_root
    return debian_root.small(debian("bookworm"), tmp_path_factory.mktemp("small") / "root")


@pytest.fixture(scope="session")
def guest(assay, tmp_path_factory):
    """A running Debian 12 with the program installed."""
    import guest as guests
    if os.geteuid() != 0:
        pytest.fail("only root can make a system's tree with its owners")
    with guests.Guest(assay, tmp_path_factory.mktemp("guest")) as running:
        print(f"the guest was up after {running.boot_seconds:.1f} s")
        yield running
