"""Statistics of several runs: medians with intervals, and the ratio of two servers or two documents.

The interval of a median is the percentile bootstrap's: runs are resampled with replacement, as many as there were, and
the middle 95 % of the medians of such samples form the interval (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapter 13). For medians of few runs the probability of each outcome can be computed, so nothing is
drawn at random: the result is the limit of infinitely many samples, always the same, and needs neither scipy nor a
seed. With three, four or five runs the interval reaches from the lowest to the highest value, and contains the true
median with a probability of 1 - 2 / 2**runs: 75 %, 88 %, 94 %.

Two servers are compared by the ratio of their geometric means (Fleming and Wallace, How not to lie with statistics,
CACM 29(3), 1986). Its interval is Welch's, of the difference of two means with unequal variances (The generalization of
"Student's" problem, Biometrika 34, 1947), on the logarithms: figures of a benchmark vary by factors. Where several
ratios are compared, the chance of error is divided by their number (Dunn, Multiple comparisons among means, JASA 56,
1961: Bonferroni's inequality), so that with 95 % probability all intervals contain their true ratio, however the
figures depend on each other. A test of ranks could not do that: with five runs its least p is 1 / 126.

Latencies are added as histograms; percentiles are never averaged. HdrHistogram's percentile p of n values is the value
of rank p * n / 100, rounded to a whole number and at least 1, to three digits: with 50 values or fewer the p99 is the
highest, with 500 or fewer the p99.9.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cache
from math import atan, comb, cos, exp, log, pi, sin, sqrt, tan
from statistics import fmean, median, mode, variance
from typing import Any, Callable, NamedTuple

from rig.histogram import merged

FEWEST_RUNS = 3
ERROR_CHANCE = 0.05  # of 95 % intervals
TAIL_SHARE = ERROR_CHANCE / 2  # outside each end of an interval
ROUNDING = 1e-9  # of degrees of freedom that are whole but for the arithmetic
BISECTIONS = 60  # for a quantile to the precision of a float

Run = dict[str, Any]
"""A run as in stress/report/schema.json; summaries, differences and documents likewise."""
Distribution = list[tuple[float, float]]
"""Values, each with its probability."""


# Medians of samples


def _among_lowest(n: int, rank: int, lowest: int) -> float:
    """Return the probability that, of n draws out of n values, the one of a rank is among the lowest values."""
    share = lowest / n
    return sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(rank, n + 1))


def _at(n: int, rank: int, place: int) -> float:
    """Return the probability that the draw of a rank is the value at a place, from 0."""
    return _among_lowest(n, rank, place + 1) - _among_lowest(n, rank, place)


def _apart(n: int, one: int, other: int) -> float:
    """Return the probability that the two middle draws, of an even number, are the values at two different places."""
    half = n // 2
    below = ((one + 1) / n) ** half - (one / n) ** half
    above = ((n - other) / n) ** half - ((n - other - 1) / n) ** half
    return comb(n, half) * below * above


def medians(values: Sequence[float]) -> Distribution:
    """Return every median that a sample of as many values, with replacement, can have, with its probability."""
    ordered, n = sorted(values), len(values)
    if n % 2:
        return [(value, _at(n, n // 2 + 1, place)) for place, value in enumerate(ordered)]
    found = []
    for one, value in enumerate(ordered):
        apart = [(other, _apart(n, one, other)) for other in range(one + 1, n)]
        found.append((value, _at(n, n // 2, one) - sum(chance for _, chance in apart)))
        found += [((value + ordered[other]) / 2, chance) for other, chance in apart]
    return found


def _outside(distribution: Iterable[tuple[float, float]]) -> float:
    """Return the first value at which the cumulative probability reaches that of a tail."""
    total = 0.0
    for value, chance in distribution:
        total += chance
        if total >= TAIL_SHARE:
            return value
    raise ValueError("the probabilities do not add up to 1")


def bounds(distribution: Distribution) -> tuple[float, float]:
    """Return the interval that contains the middle 95 %."""
    ordered = sorted(distribution)
    return _outside(ordered), _outside(reversed(ordered))


def interval(values: Sequence[float]) -> dict[str, Any]:
    """Return the schema's interval: the median of one or more values, and its bounds, None with fewer than three."""
    low, high = bounds(medians(values)) if len(values) >= FEWEST_RUNS else (None, None)
    return {"median": median(values), "low": low, "high": high, "values": list(values)}


# Ratios


def probability_within(t: float, freedom: int) -> float:
    """Return the probability that Student's t with whole degrees of freedom, 1 or more, is between -t and t: the finite
    series of Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4."""
    angle = atan(t / sqrt(freedom))
    odd = freedom % 2
    term = total = (cos(angle) if odd else 1.0) * (freedom > 1)
    for k in range(1 + odd, freedom - 2, 2):
        term *= k / (k + 1) * cos(angle) ** 2
        total += term
    total *= sin(angle)
    return 2 / pi * (angle + total) if odd else total


@cache
def t_limit(freedom: int, chance: float) -> float:
    """Return the t that the absolute value of Student's t exceeds with a probability of C{chance}."""
    low, high = 0.0, pi / 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if 1 - probability_within(sqrt(freedom) * tan(middle), freedom) > chance:
            low = middle
        else:
            high = middle
    return sqrt(freedom) * tan(high)


class Ratio(NamedTuple):
    """The ratio of two geometric means, its interval, and whether that excludes 1; None with fewer than three runs."""

    ratio: float
    low: float | None
    high: float | None
    real: bool | None


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean of values above 0."""
    return exp(fmean(map(log, values)))


def ratio(one: Sequence[float], other: Sequence[float], comparisons: int = 1) -> Ratio | None:
    """Return the ratio of two servers' values, as one of a number of comparisons; None if a value is not above 0, or
    one of them has no values."""
    if not (one and other) or min(*one, *other) <= 0:
        return None
    first, second = ([log(value) for value in values] for values in (one, other))
    middle = fmean(first) - fmean(second)
    if min(len(one), len(other)) < FEWEST_RUNS:
        return Ratio(exp(middle), None, None, None)
    reach = _reach(first, second, ERROR_CHANCE / comparisons)
    low, high = exp(middle - reach), exp(middle + reach)
    return Ratio(exp(middle), low, high, not low <= 1 <= high)


def _reach(one: Sequence[float], other: Sequence[float], chance: float) -> float:
    """Return half the length of Welch's interval of the difference of two means. The degrees of freedom are rounded
    down, which makes it longer."""
    parts = [(variance(values) / len(values), len(values)) for values in (one, other)]
    total = sum(part for part, _ in parts)
    if not total:
        return 0.0
    freedom = total**2 / sum(part**2 / (n - 1) for part, n in parts)
    return t_limit(int(freedom + ROUNDING), chance) * sqrt(total)


# Summaries


def _response(name: str) -> Callable[[Run], float | None]:
    return lambda run: run["operations"]["response"][name]


def _side(name: str) -> Callable[[Run], float | None]:
    return lambda run: run["side"][name] if run["side"] else None


FIGURES: dict[str, Callable[[Run], float | None]] = {
    "per_second": lambda run: run["operations"]["per_second"],
    **{name: _response(name) for name in ("p50_us", "p99_us", "p999_us", "max_us")},
    "connect_per_second": lambda run: run["connect"]["per_second"],
    **{
        name: _side(name)
        for name in (
            "cpu_us_per_operation",
            "switches_per_operation",
            "system_calls_per_operation",
            "resident_per_connection",
        )
    },
    "load_cpu_us_per_operation": lambda run: run["load"]["cpu_us_per_operation"],
}


def _figures(runs: list[Run]) -> dict[str, Any]:
    """Return the intervals of all known figures of these runs."""
    found = {}
    for name, of in FIGURES.items():
        values = [value for value in map(of, runs) if value is not None]
        if values:
            found[name] = interval(values)
    return found


def _summary(runs: list[Run]) -> dict[str, Any]:
    """Return the summary of the runs of one server at one point."""
    return {
        **{name: runs[0][name] for name in ("server", "clients", "target_per_second")},
        "runs": len(runs),
        "errors": sum(sum(run["errors"].values()) for run in runs),
        "limited_by": mode(run["limited_by"] for run in runs),
        "latency": merged(run["operations"]["response"]["histogram"] for run in runs),
        "figures": _figures(runs),
    }


def summaries(runs: list[Run]) -> list[dict[str, Any]]:
    """Return a summary for each server at each point, in the order of their first runs."""
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault((run["clients"], run["target_per_second"], run["server"]), []).append(run)
    return [_summary(group) for group in groups.values()]


# Differences


COMPARED = {
    "per_second": "operations/s",
    "p99_us": "p99 latency",
    "cpu_us_per_operation": "CPU per operation",
    "switches_per_operation": "context switches per operation",
    "resident_per_connection": "memory per connection",
}
"""The compared figures and their names."""


def digits(number: float) -> str:
    """Return a ratio in two or three digits, without an exponent."""
    if number < 0.0995:
        return f"{Decimal(f'{number:.1e}'):f}"
    return f"{number:.2f}" if number < 1.995 else f"{number:.1f}" if number < 9.95 else f"{number:,.0f}"


def _within(low: float, high: float) -> str:
    return f"({digits(low)}x to {digits(high)}x)"


def sentence(figure: str, one: str, other: str, found: Ratio) -> str:
    """Return a sentence on the difference between two servers in a figure."""
    name = COMPARED[figure]
    text = f"{name} of {one}: {digits(found.ratio)}x {other}"
    if found.low is None or found.high is None:
        return f"{text}; significance unknown with fewer than three runs"
    if found.real:
        return f"{text} {_within(found.low, found.high)}, significant"
    return f"no significant difference in {name} between {one} and {other} {_within(found.low, found.high)}"


def _compared(one: dict[str, Any], other: dict[str, Any], comparisons: int) -> list[dict[str, Any]]:
    """Return the differences of two servers at one point, where a number of figures is compared."""
    found = []
    for figure in COMPARED:
        first, second = one["figures"].get(figure), other["figures"].get(figure)
        measured = ratio(first["values"], second["values"], comparisons) if first and second else None
        if measured:
            found.append(
                {
                    "figure": figure,
                    **{name: one[name] for name in ("clients", "target_per_second")},
                    "one": one["server"],
                    "other": other["server"],
                    **measured._asdict(),
                    "sentence": sentence(figure, one["server"], other["server"], measured),
                }
            )
    return found


def comparisons(servers: int) -> int:
    """Return how many figures are compared at a point with that many servers."""
    return max(1, servers - 1) * len(COMPARED)


def differences(runs: list[Run], summaries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the differences of every other server to that of the first run, point by point. A figure that is unknown
    for one of them, or not above 0 in all runs, is left out. The intervals of a point hold together."""
    first = runs[0]["server"] if runs else None
    base = {_point(each): each for each in summaries if each["server"] == first}
    servers = Counter(map(_point, summaries))
    found = []
    for each in summaries:
        other = base.get(_point(each))
        if other and each is not other:
            found += _compared(each, other, comparisons(servers[_point(each)]))
    return found


# Sentences


def _point(each: dict[str, Any]) -> tuple[int, float]:
    return each["clients"], each["target_per_second"] or 0.0


def _where(clients: int, rate: float) -> str:
    return f"{clients:,} clients" + (f", {rate:,.0f} planned operations/s" if rate else "")


def _terms(found: list[dict[str, Any]]) -> list[str]:
    """Return the parts of a line on all differences of two servers: first the significant and the unknown ones."""
    terms, same = [], []
    for each in found:
        figure = COMPARED[each["figure"]]
        if each["real"] is False:
            same.append(figure)
        else:
            within = f" {_within(each['low'], each['high'])}" if each["real"] else ""
            terms.append(f"{figure} {digits(each['ratio'])}x{within}")
    return terms + (["no significant difference in " + " and ".join(same)] if same else [])


def _line(one: str, other: str, where: str, found: list[dict[str, Any]]) -> str:
    few = any(each["real"] is None for each in found)
    unsure = "; significance unknown with fewer than three runs" if few else ""
    return f"{one} compared with {other}, {where}: {', '.join(_terms(found))}{unsure}"


def sentences(document: dict[str, Any]) -> list[str]:
    """Return a line for each server compared with the first, at the point with the most clients and the highest
    rate."""
    last = max(map(_point, document["differences"]), default=(0, 0.0))
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in document["differences"]:
        if _point(each) == last:
            pairs.setdefault((each["one"], each["other"]), []).append(each)
    return [_line(*names, _where(*last), found) for names, found in pairs.items()]
