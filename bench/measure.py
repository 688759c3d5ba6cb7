"""Runs a command and tells what it took: time, memory of all its processes, bytes from the disk."""
import collections
import os
import subprocess
import tempfile
import threading
import time

FAST = 0.001  # seconds between two looks at first, when short commands may end
SLOW = 0.02

Taken = collections.namedtuple("Taken", "seconds memory disk status output error")


def descendants(pid):
    """Not every kernel has /proc/PID/task/TID/children."""
    parents = collections.defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                    parent = int(f.read().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has ended
            parents[parent].append(int(name))
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += parents[pid]
    return found


def field(path, name):
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            if line.startswith(name):
                return int(line.split()[1])
    return 0


class Watcher(threading.Thread):
    """Keeps the last known peak of each process: what happens in its last milliseconds is not
    seen, and of a short one nothing but the largest process, which the kernel keeps."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.done = pid, threading.Event()
        self.memory, self.disk = {}, {}

    def run(self):
        begun = time.monotonic()
        while not self.done.wait(FAST if time.monotonic() - begun < 1 else SLOW):
            for pid in descendants(self.pid):
                try:
                    self.memory[pid] = field(f"/proc/{pid}/status", "VmHWM:") * 1024
                    self.disk[pid] = field(f"/proc/{pid}/io", "read_bytes:")
                except OSError:
                    pass


def drop_caches():
    """False when this user may not."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
            f.write("3\n")
    except OSError:
        return False
    return True


def measure(*command, timeout=3600, **options):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        options.setdefault("stdout", out)
        begun = time.monotonic()
        # Waited for by hand: only wait4() tells what this one and its children took.
        process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stderr=err,
                                   **options)  # pylint: disable=consider-using-with
        watcher = Watcher(process.pid)
        watcher.start()
        late = threading.Timer(timeout, process.kill)
        late.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        late.cancel()
        watcher.done.set()
        watcher.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Taken(seconds, max(usage.ru_maxrss * 1024, sum(watcher.memory.values())),
                     max(usage.ru_inblock * 512, sum(watcher.disk.values())), process.returncode,
                     out.read(), err.read().decode(errors="replace"))


def best(count, *command, **options):
    """The fastest of several runs: the others waited for something else."""
    return min((measure(*command, **options) for _ in range(count)), key=lambda t: t.seconds)
