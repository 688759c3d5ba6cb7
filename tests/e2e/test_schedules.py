"""Times of schedules, beside those that croniter counts."""
import datetime
import os
import random
import subprocess

import croniter

from conftest import REPOSITORY, TIMEOUT

# Not all days: croniter takes a list of all of them for "*", crontab(5) does not.
RANGES = [(0, 59), (0, 23), (2, 31), (1, 12), (0, 5)]
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = "sun mon tue wed thu fri sat".split()
COUNT = 4000


def following(lines):
    build = os.path.dirname(os.environ.get("ASSAY", REPOSITORY / "build" / "assay"))
    program = REPOSITORY / build / "tests" / "unit" / "schedule-next"
    done = subprocess.run([program], input="".join(f"{s}\t{t}\n" for s, t in lines), check=True,
                          stdout=subprocess.PIPE, text=True, timeout=TIMEOUT)
    return done.stdout.split()


def value(dice, field):
    number = dice.randint(*RANGES[field])
    if field == 3 and dice.random() < 0.3:
        return number, MONTHS[number - 1]
    if field == 4 and dice.random() < 0.3:
        return number, DAYS[number]
    return number, str(number)


def part(dice, field):
    one = value(dice, field)
    if dice.random() < 0.5:
        return one[1]
    other = value(dice, field)
    low, high = sorted([one, other])
    step = f"/{dice.randint(1, 7)}" if dice.random() < 0.4 else ""
    # croniter takes a range of one as no range, and has no step for it
    return f"{low[1]}-{high[1]}{step}" if low[0] < high[0] else low[1]


def expression(dice):
    """Fields that begin with "*" but restrict are left out for days: crontab(5) of Debian takes them
    as not restricting, croniter otherwise."""
    fields = []
    for i in range(5):
        kind = dice.random()
        if kind < 0.4:
            fields.append("*")
        elif kind < 0.6 and i not in (2, 4):
            fields.append(f"*/{dice.randint(1, 12)}")
        else:
            fields.append(",".join(part(dice, i) for _ in range(dice.choice([1, 1, 2, 3]))))
    return " ".join(fields)


def test_times_are_those_of_croniter():
    dice = random.Random(20261121)
    first = int(datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc).timestamp())
    lines = [(expression(dice), first + dice.randrange(20 * 365 * 86400)) for _ in range(COUNT)]
    compared = 0
    for (text, after), ours in zip(lines, following(lines), strict=True):
        start = datetime.datetime.fromtimestamp(after, datetime.timezone.utc)
        try:
            theirs = int(croniter.croniter(text, start, max_years_between_matches=500)
                         .get_next(float))
        except croniter.CroniterBadDateError:
            # No such day; but it gives up a 30 February too when a weekday would be enough.
            assert ours == "invalid" or text.split()[4] != "*", (text, after, ours)
            continue
        assert ours == str(theirs), (text, start.isoformat(), ours, theirs)
        compared += 1
    assert compared > COUNT * 0.9
