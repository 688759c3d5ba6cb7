"""What an OLTP load in a node feels of introspections that run back to back. Used by bench.py.

Rounds without introspections, with them and no limit set (so as the service is without settings), and
with not even the usual pause between two snapshots take turns; each of the latter is compared with the
rounds without that are next to it. Where the pause or limits leave enough time between two
introspections, what the load feels is counted around each of them (felt.py)."""
import contextlib
import signal
import threading
import time

import felt
import machine_disk
import node_disks
import oltp
import paired
from service_node import Failed, Node, on_cpus

WATCH_CPUS = {1}  # the service's and this program's; the load has node_disks.LOAD_CPUS
PERIOD = 120  # seconds of its rate that a limited introspection reads
BURST = 3600  # seconds of its rate that one may read at once
PERCENT = 1  # of its time that a limited one holds a snapshot
SETTLE = 1  # seconds of a round that do not count
FIRST = 90  # seconds, at most, until the first introspection of a round
WARM = 10
FEW = 3  # introspections that show how often they come
DISKS = {"file": node_disks.file, "qemu": machine_disk.qemu, "rbd": node_disks.rbd,
         "neighbour": node_disks.neighbour}
ALONE, UNLIMITED, LIMITED = "alone", "unlimited", "limited"


class Looking:
    """Introspections back to back while it is entered."""

    def __init__(self, node):
        self.node, self.done, self.failure = node, [], None
        self.first, self.ended = threading.Event(), threading.Event()

    def run(self):
        try:
            while not self.ended.is_set():
                one = self.node.introspect(until=self.ended)
                self.done += [one] if one is not None else []
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
        self.kind, self.introspections = kind, []

    def run(self, node, seconds, load):
        load.check()
        with Looking(node) if node else contextlib.nullcontext() as looking:
            if looking:
                # From there on they come as often as the pauses allow, not sooner for the pause
                # that the rounds before have been.
                looking.first.wait(FIRST)
            time.sleep(SETTLE)
            before = len(looking.done) if looking else 0
            self.begin = time.time()
            time.sleep(seconds)
            self.end = time.time()
            self.introspections = looking.done[before:] if looking else []
        self.middle = (self.begin + self.end) / 2
        load.check()

    def take(self, transactions):
        self.latencies = sorted(t for at, t in transactions if self.begin <= at < self.end)
        self.rate = len(self.latencies) / (self.end - self.begin)


def order(kinds, rounds):
    """Alone before and behind each of the others, whose order changes."""
    for i in range(rounds):
        yield from (ALONE, *(kinds if i % 2 == 0 else reversed(kinds)))
    if rounds:
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
    count = sum(len(r.introspections) for r in rounds)
    return text + (f"   {count} introspections" if kind != ALONE else "")


def services(stack, disk, assay, database):
    """A function that starts one of this disk, with more settings than the disk's own."""
    def start(**more):
        return stack.enter_context(Node(assay, disk.location, database,
                                        {**disk.settings, **more}, WATCH_CPUS))
    return start


def limited(start, read):
    """With a limit of bytes at which what one introspection has read lasts for PERIOD. It passes at
    once: a snapshot is not held for the limit's sake."""
    rate = max(1, read // PERIOD)
    return start(limits={"introspection": {"bytes_per_second": rate}, "burst_seconds": BURST},
                 workers={"snapshot_percent": PERCENT})


def moment(node):
    """An introspection, when it began to touch the disk, and for how long it went on; without what
    it waited."""
    one = node.introspect()
    seconds = sum(s["microseconds"] for s in one["steps"]) / 1e6
    return felt.Moment(time.time() - seconds, seconds, one)


def now_and_then(node, count):
    """Moments of introspections that come as often as limits allow; a few where that is so often
    that what each one costs cannot be told apart."""
    time.sleep(felt.BESIDE)
    moments = [moment(node) for _ in range(FEW)]
    while len(moments) < count and felt.apart(moments):
        moments.append(moment(node))
    time.sleep(felt.AFTER + felt.BESIDE)
    return moments


def largest(introspections):
    """The one that read most. A line about it, too."""
    one = max(introspections, key=lambda i: i["bytes_read"])
    steps = " ".join(f"{s['step']} {s['microseconds'] / 1000:.0f}" for s in one["steps"])
    return one["bytes_read"], (f"  one introspection reads up to"
                               f" {one['bytes_read'] / (1 << 20):.1f} MiB ({steps} ms)")


def measure(name, assay, database, options, line):
    with contextlib.ExitStack() as stack:
        disk = stack.enter_context(DISKS[name](options.memory))
        line(f"{name}: {disk.what}")
        with on_cpus(node_disks.LOAD_CPUS):
            folder = stack.enter_context(oltp.mounted(disk.load, node_disks.images.FOLDER / "load"))
            server = stack.enter_context(oltp.Server(folder))
            load = stack.enter_context(oltp.Load(server))
        start = services(stack, disk, assay, database)
        by = {UNLIMITED: start()}
        if options.no_pause:
            by["no pause"] = start(workers={"snapshot_percent": 100})
        time.sleep(WARM)
        done = []
        for kind in order(list(by), options.rounds):
            done.append(Round(kind))
            done[-1].run(by.get(kind), options.seconds, load)
        moments = {UNLIMITED: now_and_then(by[UNLIMITED], options.introspections)}
        read, text = largest([m.introspection for m in moments[UNLIMITED]] + [
            i for r in done if r.kind == UNLIMITED for i in r.introspections])
        line(text)
        moments[LIMITED] = now_and_then(limited(start, read), options.introspections)
        load.check()
        transactions = load.end()
        for r in done:
            r.take(transactions)
        for kind in (ALONE, *by) if options.rounds else ():
            line(told(kind, done))
        for kind, some in moments.items():
            for text in felt.told(kind, transactions, some):
                line(text)


def interrupted(*_):
    """What has been started is ended; a second one does not get in the way of that."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def run(assay, database, options, line):
    """options: disk (names, empty: all), rounds, seconds, introspections, memory. line(text) prints
    one."""
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
         f" {options.rounds} times {3 if options.no_pause else 2} rounds of {options.seconds} s")
    for name in options.disk or DISKS:
        try:
            with on_cpus(WATCH_CPUS):
                measure(name, assay, database, options, line)
        except (RuntimeError, Failed) as failure:
            line(f"  failed: {failure}")
