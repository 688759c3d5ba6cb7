"""What a load feels of something that happens now and then, for a moment: what is missing around each
moment, against the seconds before and behind it. That sees much less than rounds do, in which the
load's own rate drifts, and only what follows within AFTER seconds."""
import bisect
import collections
import math

import paired

BEFORE = 0.2  # seconds of the window
AFTER = 3.8
BESIDE = 16  # on both sides of the window: what the load does by itself
SPAN = BEFORE + AFTER
EVEN = 2  # the load has its own times of so many seconds, of which a window has whole ones

Moment = collections.namedtuple("Moment", "begin seconds introspection")


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


def apart(moments):
    """Whether what is felt of each is not felt of its neighbours."""
    return all(b.begin - a.begin - a.seconds > BESIDE + SPAN
               for a, b in zip(moments, moments[1:]))


def told(what, transactions, moments):
    """Lines for people. Also of times half-way between two that are far enough apart, when there was
    nothing: what is seen then is what this cannot see."""
    distance = (moments[-1].begin - moments[0].begin) / (len(moments) - 1)
    yield f"  {what:<10} {len(moments)} introspections, one every {distance:.1f} s"
    if not apart(moments):
        yield "    too close together to tell what each takes"
        return
    seconds = Seconds(transactions)
    between = [(a.begin + b.begin + SPAN) / 2 for a, b in zip(moments, moments[1:])
               if b.begin - a.begin > 2 * (BESIDE + SPAN)]
    for who, lost in (("each", [seconds.lost(m.begin, m.seconds) for m in moments]),
                      ("nothing", [seconds.lost(at) for at in between])):
        if not lost:
            continue
        middle, low, high = paired.estimate(lost)
        share = f"{-100 * middle / distance:+6.2f} %"
        if low is not None:
            share += f"  [{-100 * high / distance:+.2f} ... {-100 * low / distance:+.2f}]"
        yield f"    {who} takes {middle:.3f} s of the load: {share}"
