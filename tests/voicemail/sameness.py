"""How like two recordings of the same words are, once they lie on each other.

Aligned in two steps: the lag at which the loudness of 10 ms each goes together best, within what the caller of `best` allows,
then to the sample within 15 ms of that. Only samples that arrived are compared; one lag holds for all of a stretch.
"""

from operator import mul

STEP, NEAR = 80, 120


def loudness(samples):
    return [sum(abs(v) for v in samples[n : n + STEP : 4]) for n in range(0, len(samples) - STEP + 1, STEP)]


def correlation(ours, theirs):
    """Pearson's, of two lists as long as each other; 0 of a constant."""
    count = len(ours)
    if count == 0:
        return 0.0
    a, b = sum(ours) / count, sum(theirs) / count
    ab = sum(map(mul, ours, theirs)) - count * a * b
    aa, bb = sum(map(mul, ours, ours)) - count * a * a, sum(map(mul, theirs, theirs)) - count * b * b
    return ab / (aa * bb) ** 0.5 if aa > 0 and bb > 0 else 0.0


def best(ours, theirs, expected, within):
    """(correlation, lag): `theirs[n + lag]` is `ours[n]`; samples of `ours` that are None are left out."""
    plain = [v or 0 for v in ours]
    coarse = coarse_lag(plain, theirs, expected, within)
    loud = max(range(0, max(1, len(plain) - 2400), 400), key=lambda n: sum(abs(v) for v in plain[n : n + 2400 : 8]))
    part = plain[loud : loud + 2400]
    lags = range(coarse - NEAR, coarse + NEAR + 1)
    lag = max(lags, key=lambda lag: correlation(part, moved(theirs, loud + lag, len(part))))
    pairs = [(v, w) for v, w in zip(ours, moved(theirs, lag, len(ours))) if v is not None]
    return correlation([v for v, _ in pairs], [w for _, w in pairs]), lag


def coarse_lag(ours, theirs, expected, within):
    mine, other = loudness(ours), loudness(theirs)
    middle, reach = expected // STEP, within // STEP
    lags = range(middle - reach, middle + reach + 1)
    return STEP * max(lags, key=lambda lag: correlation(mine, moved(other, lag, len(mine))))


def moved(samples, lag, count):
    """`count` samples from `lag` on, silence where there are none."""
    head = max(0, min(count, -lag))
    body = samples[max(0, lag) : max(0, lag + count)]
    return [0] * head + list(body) + [0] * (count - head - len(body))
