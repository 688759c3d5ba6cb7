"""What an OLTP load in a node feels of introspections that run back to back. Used by bench.py.

Rounds without introspections, with them and no limit set (so as the service is without settings),
with limits, and with not even the usual pause between two snapshots take turns; each of the latter
is compared with the rounds without that are next to it."""
import contextlib
import signal
import threading
import time

import machine_disk
import node_disks
import oltp
import paired
from service_node import Failed, Node, on_cpus

WATCH_CPUS = {1}  # the service's and this program's; the load has node_disks.LOAD_CPUS
PERIOD = 3  # seconds of its rate that a limited introspection reads
PERCENT = 1  # of its time that a limited one holds a snapshot
SETTLE = 1  # seconds of a round that do not count
FIRST = 90
WARM = 10
DISKS = {"file": node_disks.file, "qemu": machine_disk.qemu, "rbd": node_disks.rbd,
         "neighbour": node_disks.neighbour}
ALONE = "alone"


class Looking:
    """Introspections back to back while it is entered."""

    def __init__(self, node):
        self.node, self.count, self.failure = node, 0, None
        self.first, self.ended = threading.Event(), threading.Event()

    def run(self):
        try:
            while not self.ended.is_set():
                self.count += self.node.introspect(until=self.ended) is not None
                self.first.set()
        except Exception as failure:  # pylint: disable=broad-exception-caught
            self.failure = failure
            self.first.set()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        self.thread.join()
        if self.failure and kind is None:
            raise self.failure


class Round:
    def __init__(self, kind):
        self.kind, self.count = kind, 0

    def run(self, node, seconds, load):
        load.check()
        with Looking(node) if node else contextlib.nullcontext() as looking:
            if looking:
                # From there on they come as often as the limits allow, not sooner for the pause
                # that the rounds before have been.
                looking.first.wait(FIRST)
                self.count = -looking.count
            time.sleep(SETTLE)
            self.begin = time.time()
            time.sleep(seconds)
            self.end = time.time()
            self.count += looking.count if looking else 0
        self.middle = (self.begin + self.end) / 2
        load.check()

    def take(self, transactions):
        self.latencies = sorted(t for at, t in transactions if self.begin <= at < self.end)
        self.rate = len(self.latencies) / (self.end - self.begin)


def order(kinds, rounds):
    """Alone before and behind each of the others, whose order changes."""
    for i in range(rounds):
        yield from (ALONE, *(kinds if i % 2 == 0 else reversed(kinds)))
    yield ALONE


def differences(done, kind):
    """In per cent, of each round to the ones alone next to it."""
    alone = [(r.middle, r.rate) for r in done if r.kind == ALONE]
    if kind == ALONE:
        return [100 * (rate / paired.between([p for p in alone if p[0] != at], at) - 1)
                for at, rate in alone[1:-1]]
    return [100 * (r.rate / paired.between(alone, r.middle) - 1) for r in done if r.kind == kind]


def told(kind, done):
    rounds = [r for r in done if r.kind == kind]
    values = differences(done, kind)
    latencies = sorted(t for r in rounds for t in r.latencies)
    middle = sorted(r.rate for r in rounds)[len(rounds) // 2]
    text = f"  {kind:<10} {middle:7.0f} tps"
    if values:
        estimate, low, high = paired.estimate(values)
        interval = f"[{low:+6.1f} ... {high:+6.1f}]" if low is not None else "[too few rounds]"
        text += f"   {estimate:+6.1f} %  {interval:<19}"
    text += (f"   latency {sum(latencies) / len(latencies) / 1000:6.2f} ms,"
             f" p99 {latencies[len(latencies) * 99 // 100] / 1000:6.1f} ms")
    count = sum(r.count for r in rounds)
    return text + (f"   {count} introspections" if kind != ALONE else "")


def nodes(stack, disk, assay, database, no_pause):
    """Services without and with a limit, which one introspection sets."""
    def made(**more):
        return stack.enter_context(Node(assay, disk.location, database,
                                        {**disk.settings, **more}, WATCH_CPUS))
    unlimited = made()
    unlimited.introspect()
    one = unlimited.introspect()
    limit = max(1, one["bytes_read"] // PERIOD)
    by = {"unlimited": unlimited,
          "limited": made(limits={"introspection": {"bytes_per_second": limit}},
                          workers={"snapshot_percent": PERCENT})}
    if no_pause:
        by["no pause"] = made(workers={"snapshot_percent": 100})
    return by, one, limit


def measure(name, assay, database, options, line):
    with contextlib.ExitStack() as stack:
        disk = stack.enter_context(DISKS[name](options.memory))
        line(f"{name}: {disk.what}")
        with on_cpus(node_disks.LOAD_CPUS):
            folder = stack.enter_context(oltp.mounted(disk.load, node_disks.images.FOLDER / "load"))
            server = stack.enter_context(oltp.Server(folder))
            load = stack.enter_context(oltp.Load(server))
        by, one, limit = nodes(stack, disk, assay, database, options.no_pause)
        steps = " ".join(f"{s['step']} {s['microseconds'] / 1000:.0f}" for s in one["steps"])
        line(f"  one introspection reads {one['bytes_read'] / (1 << 20):.1f} MiB ({steps} ms);"
             f" limited to {limit} bytes a second and a snapshot {PERCENT} % of the time")
        time.sleep(WARM)
        done = []
        for kind in order(list(by), options.rounds):
            done.append(Round(kind))
            done[-1].run(by.get(kind), options.seconds, load)
        transactions = load.end()
        for r in done:
            r.take(transactions)
        for kind in (ALONE, *by):
            line(told(kind, done))


def interrupted(*_):
    """What has been started is ended; a second one does not get in the way of that."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def run(assay, database, options, line):
    """options: disk (names, empty: all), rounds, seconds, memory. line(text) prints one."""
    why = node_disks.why_not() or oltp.why_not()
    if why:
        line(f"skipped: {why}")
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    line(f"pgbench, TPC-B-like, scale {oltp.SCALE}, {oltp.CLIENTS} clients, a checkpoint"
         " every 2 s, on ext4 in the node's disk; difference to rounds alone before and behind (Hodges-Lehmann, 95 % by Wilcoxon)")
    line(f"the load, what holds the disk and its storage on CPU {node_disks.LOAD_CPUS}, the service"
         f" on CPU {WATCH_CPUS}, storage {'in memory' if options.memory else 'on the disk'};"
         f" {options.rounds} times {4 if options.no_pause else 3} rounds of {options.seconds} s")
    for name in options.disk or DISKS:
        try:
            with on_cpus(WATCH_CPUS):
                measure(name, assay, database, options, line)
        except (RuntimeError, Failed) as failure:
            line(f"  failed: {failure}")
