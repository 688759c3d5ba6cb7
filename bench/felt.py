"""What a load feels of something that happens now and then, for a moment: what is missing around each
moment, against the seconds before and behind it. That sees much less than rounds do, in which the
load's own rate drifts, and only what follows within AFTER seconds."""
import bisect
import math

import paired

BEFORE = 0.2  # seconds of the window
AFTER = 3.8
BESIDE = 16  # on both sides of the window: what the load does by itself
SPAN = BEFORE + AFTER
EVEN = 2  # the load has its own times of so many seconds, of which a window has whole ones


class Seconds:
    """Transactions, by when they ended."""

    def __init__(self, transactions):
        self.ends = sorted(at for at, _ in transactions)

    def count(self, begin, end):
        return bisect.bisect_left(self.ends, end) - bisect.bisect_left(self.ends, begin)

    def lost(self, moment, seconds=0):
        """Seconds' worth of load that are missing since the moment of something that took so long."""
        begin = moment - BEFORE
        end = begin + SPAN + EVEN * math.ceil(seconds / EVEN - 0.25)
        beside = (self.count(begin - BESIDE, begin) + self.count(end, end + BESIDE)) / (2 * BESIDE)
        return end - begin - self.count(begin, end) / beside


def told(transactions, moments):
    """moments: pairs of a beginning and how long it took, in order. Lines for people: also of moments
    half-way between two that are far enough apart, when there was nothing."""
    seconds = Seconds(transactions)
    begins = [begin for begin, _ in moments]
    distance = (begins[-1] - begins[0]) / (len(begins) - 1)
    between = [(a + b + SPAN) / 2 for a, b in zip(begins, begins[1:])
               if b - a > 2 * (BESIDE + SPAN)]
    yield f"  limited    {len(moments)} introspections, one every {distance:.1f} s"
    for what, lost in (("each takes", [seconds.lost(*m) for m in moments]),
                       ("nothing takes", [seconds.lost(b) for b in between])):
        if not lost:
            continue
        middle, low, high = paired.estimate(lost)
        share = f"{-100 * middle / distance:+6.2f} %"
        if low is not None:
            share += f"  [{-100 * high / distance:+.2f} ... {-100 * low / distance:+.2f}]"
        yield f"    {what} {middle:.3f} s of the load: {share}"
