"""Statistics of differences that are seen in pairs, with as little assumed of them as possible."""


def between(points, at):
    """The line through the two of points (pairs, by the first) that are next to `at`, there."""
    before = [p for p in points if p[0] < at]
    after = [p for p in points if p[0] > at]
    if not before or not after:
        return (before or after)[-1 if before else 0][1]
    (x0, y0), (x1, y1) = before[-1], after[0]
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)


def signed_rank_counts(n):
    """How many of the 2^n signs of n ranks give each sum of positive ones."""
    counts = [1] + [0] * (n * (n + 1) // 2)
    for rank in range(1, n + 1):
        for total in range(len(counts) - 1, rank - 1, -1):
            counts[total] += counts[total - rank]
    return counts


def estimate(values, confidence=0.95):
    """Middle, low and high: the Hodges-Lehmann estimate and its interval after Wilcoxon's signed
    ranks. Low and high are None where there are too few values for that confidence."""
    means = sorted((a + b) / 2 for i, a in enumerate(values) for b in values[i:])
    middle = (means[(len(means) - 1) // 2] + means[len(means) // 2]) / 2
    counts, tail, cut = signed_rank_counts(len(values)), 0, 0
    while tail + counts[cut] <= (1 - confidence) / 2 * 2 ** len(values):
        tail += counts[cut]
        cut += 1
    if cut == 0:
        return middle, None, None
    return middle, means[cut - 1], means[-cut]
