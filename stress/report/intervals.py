"""What several runs say together: medians with intervals, and which differences are real.

The interval is the bootstrap's for a median, by percentiles: the runs are drawn anew, with
replacement, as many as there were, and the middle 95 % of the medians of such draws are taken
(Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). For medians of few
runs the chance of each outcome can be worked out, so nothing is drawn: the result is that of
endlessly many draws, always the same, and needs neither scipy nor a seed.

What the interval can tell depends on the runs. Of three, four or five it is the lowest to the
highest value, and the true median lies in that with a chance of 1 - 2 / 2**runs: 75 %, 88 %, 94 %.

Latencies are added up as histograms; percentiles are never averaged. HdrHistogram's percentile p
of n values is the value of rank p * n / 100, rounded to a whole number and at least 1, to three
digits: of 50 values or fewer the p99 is the highest, of 500 or fewer the p99.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import comb
from statistics import median, mode
from typing import Any, Callable, NamedTuple

from rig.histogram import merged

FEWEST_RUNS = 3
TAIL_SHARE = 0.025  # on either side of an interval of 95 %

Run = dict[str, Any]
"""A run, a summary, a difference and a document are as stress/report/schema.json has them."""
Chances = list[tuple[float, float]]
"""Values, each with its chance."""


# Medians of draws


def _among_lowest(n: int, rank: int, lowest: int) -> float:
    """Return the chance that, of n draws out of n values, that of the given rank is among the lowest values."""
    share = lowest / n
    return sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(rank, n + 1))


def _at(n: int, rank: int, place: int) -> float:
    """Return the chance that the draw of the given rank is the value at this place, from 0."""
    return _among_lowest(n, rank, place + 1) - _among_lowest(n, rank, place)


def _apart(n: int, one: int, other: int) -> float:
    """Return the chance that the two middle draws, of an even number, are the values at two different places."""
    half = n // 2
    below = ((one + 1) / n) ** half - (one / n) ** half
    above = ((n - other) / n) ** half - ((n - other - 1) / n) ** half
    return comb(n, half) * below * above


def medians(values: Sequence[float]) -> Chances:
    """Return each median that a draw of as many values, with replacement, can have, with its chance."""
    ordered, n = sorted(values), len(values)
    if n % 2:
        return [(value, _at(n, n // 2 + 1, place)) for place, value in enumerate(ordered)]
    found = []
    for one, value in enumerate(ordered):
        apart = [(other, _apart(n, one, other)) for other in range(one + 1, n)]
        found.append((value, _at(n, n // 2, one) - sum(chance for _, chance in apart)))
        found += [((value + ordered[other]) / 2, chance) for other, chance in apart]
    return found


def _outside(chances: Iterable[tuple[float, float]]) -> float:
    """Return the first value up to which, itself included, there is the chance of a tail."""
    total = 0.0
    for value, chance in chances:
        total += chance
        if total >= TAIL_SHARE:
            return value
    raise ValueError("chances that do not come to 1")


def bounds(chances: Chances) -> tuple[float, float]:
    """Return the interval that holds the middle 95 %."""
    ordered = sorted(chances)
    return _outside(ordered), _outside(reversed(ordered))


def interval(values: Sequence[float]) -> dict[str, Any]:
    """Return the schema's interval: the median of one or more values, and its bounds, None with fewer than three."""
    low, high = bounds(medians(values)) if len(values) >= FEWEST_RUNS else (None, None)
    return {"median": median(values), "low": low, "high": high, "values": list(values)}


class Ratio(NamedTuple):
    """One median by another, the interval of that, and whether it leaves out 1; None with fewer than three runs."""

    ratio: float
    low: float | None
    high: float | None
    real: bool | None


def ratio(one: Sequence[float], other: Sequence[float]) -> Ratio | None:
    """Compare two servers' values; None where one is missing or not above 0, of which there is no ratio."""
    if not (one and other) or min(*one, *other) <= 0:
        return None
    middle = median(one) / median(other)
    if min(len(one), len(other)) < FEWEST_RUNS:
        return Ratio(middle, None, None, None)
    low, high = bounds([(a / b, p * q) for a, p in medians(one) for b, q in medians(other)])
    return Ratio(middle, low, high, not low <= 1 <= high)


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
    """Return the intervals of all figures that are known of these runs."""
    found = {}
    for name, of in FIGURES.items():
        values = [value for value in map(of, runs) if value is not None]
        if values:
            found[name] = interval(values)
    return found


def _summary(runs: list[Run]) -> dict[str, Any]:
    """Return what the runs of one server at one point say together."""
    return {
        **{name: runs[0][name] for name in ("server", "clients", "target_per_second")},
        "runs": len(runs),
        "errors": sum(sum(run["errors"].values()) for run in runs),
        "limited_by": mode(run["limited_by"] for run in runs),
        "latency": merged(run["operations"]["response"]["histogram"] for run in runs),
        "figures": _figures(runs),
    }


def summaries(runs: list[Run]) -> list[dict[str, Any]]:
    """Return a summary for each server at each point, in the order in which they first appear."""
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault((run["clients"], run["target_per_second"], run["server"]), []).append(run)
    return [_summary(group) for group in groups.values()]


# Differences


class Words(NamedTuple):
    """How a difference is told: its figure's name, and a sentence of `one`, `other` and `ratio`."""

    figure: str
    sentence: str


COMPARED = {
    "per_second": Words("operations a second", "{one} answers {ratio} times as many operations a second as {other}"),
    "p99_us": Words("p99 latency", "the p99 latency of {one} is {ratio} times that of {other}"),
    "cpu_us_per_operation": Words("CPU per operation", "{one} uses {ratio} times the CPU per operation of {other}"),
    "switches_per_operation": Words(
        "context switches per operation", "{one} has {ratio} times the context switches per operation of {other}"
    ),
    "resident_per_connection": Words(
        "memory per connection", "{one} takes {ratio} times the memory per connection of {other}"
    ),
}


def digits(number: float) -> str:
    """Return a ratio in two or three digits, never in powers of ten."""
    if number < 0.0995:
        return f"{Decimal(f'{number:.1e}'):f}"
    return f"{number:.2f}" if number < 1.995 else f"{number:.1f}" if number < 9.95 else f"{number:,.0f}"


def _within(low: float, high: float) -> str:
    return f"({digits(low)} to {digits(high)})"


def sentence(figure: str, one: str, other: str, found: Ratio) -> str:
    """Say a difference in plain words."""
    told = COMPARED[figure].sentence.format(one=one, other=other, ratio=digits(found.ratio))
    if found.low is None or found.high is None:
        return f"{told}; fewer than three runs do not tell whether that is real"
    if found.real:
        return f"{told} {_within(found.low, found.high)}: real"
    return f"no real difference in {COMPARED[figure].figure} between {one} and {other} {_within(found.low, found.high)}"


def _compared(one: dict[str, Any], other: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the differences of two servers at one point."""
    found = []
    for figure in COMPARED:
        mine, theirs = one["figures"].get(figure), other["figures"].get(figure)
        measured = ratio(mine["values"], theirs["values"]) if mine and theirs else None
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


def differences(runs: list[Run], summaries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Compare every other server with that of the first run, point by point. A figure that is not known of both, or
    not above 0 in all runs, is left out."""
    first = runs[0]["server"] if runs else None
    beside = {(each["clients"], each["target_per_second"]): each for each in summaries if each["server"] == first}
    found = []
    for each in summaries:
        other = beside.get((each["clients"], each["target_per_second"]))
        if other and each is not other:
            found += _compared(each, other)
    return found


# What is printed


def _point(each: dict[str, Any]) -> tuple[int, float]:
    return each["clients"], each["target_per_second"] or 0.0


def _where(clients: int, rate: float) -> str:
    return f"{clients:,} clients" + (f" and {rate:,.0f} operations a second planned" if rate else "")


def _terms(found: list[dict[str, Any]]) -> list[str]:
    """Return the parts of a line on all differences of two servers: those that are real, or of too few runs to tell,
    and then what does not differ."""
    terms, same = [], []
    for each in found:
        figure = COMPARED[each["figure"]].figure
        if each["real"] is False:
            same.append(figure)
        else:
            within = f" {_within(each['low'], each['high'])}" if each["real"] else ""
            terms.append(f"{figure} x {digits(each['ratio'])}{within}")
    return terms + (["no real difference in " + " and ".join(same)] if same else [])


def _line(one: str, other: str, where: str, found: list[dict[str, Any]]) -> str:
    few = any(each["real"] is None for each in found)
    unsure = "; fewer than three runs do not tell what is real" if few else ""
    return f"{one} beside {other}, {where}: {', '.join(_terms(found))}{unsure}"


def sentences(document: dict[str, Any]) -> list[str]:
    """Return a line for each server beside the first, at the point with most clients and the highest rate."""
    last = max(map(_point, document["differences"]), default=(0, 0.0))
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in document["differences"]:
        if _point(each) == last:
            pairs.setdefault((each["one"], each["other"]), []).append(each)
    return [_line(*names, _where(*last), found) for names, found in pairs.items()]
