"""Access to a document of `stress/run.py --json` by server and point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from hdrh.histogram import HdrHistogram

from report import intervals, units
from rig import sweep

Record = dict[str, Any]


class Point(NamedTuple):
    """A number of clients and the planned requests per second (None in a closed loop)."""

    clients: int
    target: float | None


class Interval(NamedTuple):
    """A median over runs and its 95 % interval; None with fewer than three runs."""

    median: float
    low: float | None
    high: float | None


class Figure(NamedTuple):
    """A figure of a summary: its name, and how its values are formatted. C{divisor} converts the document's unit to the
    axis's."""

    name: str
    title: str
    unit: str
    text: Callable[[float], str]
    more_is_better: bool = False
    divisor: float = 1.0


RATE = Figure("per_second", "Requests per second", "requests/s", units.number, more_is_better=True)
P99 = Figure("p99_us", "99th percentile of the latency", "", units.time)
CPU = Figure("cpu_us_per_operation", "CPU per request", "", units.time)
SWITCHES = Figure("switches_per_operation", "Context switches per request", "per request", units.number)
CALLS = Figure("system_calls_per_operation", "System calls per request", "per request", units.number)
MEMORY = Figure("resident_per_connection", "Memory per connection", "KiB", units.kib, divisor=units.KIB)
CONNECT = Figure("connect_per_second", "Connections per second", "connections/s", units.number, True)
LOAD = Figure("load_cpu_us_per_operation", "CPU of the load per request", "", units.time)

FIGURES = {each.name: each for each in (RATE, P99, CPU, SWITCHES, CALLS, MEMORY, CONNECT, LOAD)}
MAIN_FIGURES = (RATE, P99, CPU, MEMORY)


class Measured:
    """
    The contents of a document. Of a sweep only the result is used, unless C{whole}.

    @ivar whole: the document as it was written.
    @ivar document: the same; of a sweep, the result of held().
    @ivar bound: the bound on the p99 of a sweep, in microseconds.
    @ivar servers: names of those with a summary, in the document's order.
    @ivar points: all measured points, by clients, then by planned rate.
    """

    def __init__(self, document: Record, whole: bool = False) -> None:
        self.whole = document
        self.plan: Record = document["plan"]
        self.bound: float | None = self.plan["pacing"].get("p99_us")
        if self.bound and not whole:
            document = held(document, self.bound)
        self.document = document
        self._summaries = {(each["server"], point_of(each)): each for each in document["summaries"]}
        named = [each["name"] for each in document["servers"]]
        seen = {server for server, _ in self._summaries}
        self.servers = [*(name for name in named if name in seen), *sorted(seen - set(named))]
        self.points = sorted({point for _, point in self._summaries}, key=lambda p: (p.clients, p.target or 0.0))
        self._differences = {
            (each["figure"], point_of(each), each["one"], each["other"]): each for each in document["differences"]
        }

    @property
    def open_loop(self) -> bool:
        return bool(self.plan["pacing"]["loop"] == "open")

    @property
    def fewest_runs(self) -> int:
        """The number of runs of the summary with the fewest."""
        return min((each["runs"] for each in self._summaries.values()), default=0)

    @property
    def most_runs(self) -> int:
        """The number of runs of the summary with the most."""
        return max((each["runs"] for each in self._summaries.values()), default=0)

    def summary(self, server: str, point: Point) -> Record | None:
        """Return the summary of a server at a point, or None."""
        return self._summaries.get((server, point))

    def summaries(self) -> list[tuple[str, Point, Record]]:
        """Return all summaries, by point and then by server."""
        each = [(server, point, self.summary(server, point)) for point in self.points for server in self.servers]
        return [(server, point, summary) for server, point, summary in each if summary]

    def limit(self, server: str, point: Point) -> str | None:
        """Return what other than the server limited it: load, machine, saturated or None."""
        summary = self.summary(server, point)
        return summary["limited_by"] if summary else None

    def figures(self, server: str, point: Point) -> Record:
        """Return all known figures of a server at a point, as in the document."""
        found: Record = (self.summary(server, point) or {"figures": {}})["figures"]
        return found

    def interval(self, server: str, point: Point, figure: Figure) -> Interval | None:
        """Return a figure, or None if it is unknown."""
        found = self.figures(server, point).get(figure.name)
        return Interval(found["median"], found["low"], found["high"]) if found else None

    def known(self, figure: Figure) -> bool:
        """Return whether any server has this figure at any point."""
        return any(figure.name in each["figures"] for each in self._summaries.values())

    def runs(self, server: str, point: Point) -> list[Record]:
        """Return the runs of a summary."""
        return [each for each in self.document["runs"] if each["server"] == server and point_of(each) == point]

    def middle_run(self, server: str, point: Point) -> Record | None:
        """Return the run with the median rate of its point, or the next lower one."""
        runs = sorted(self.runs(server, point), key=lambda run: float(run["operations"]["per_second"]))
        return runs[(len(runs) - 1) // 2] if runs else None

    def same(self, figure: Figure, point: Point, one: str, other: str) -> bool:
        """
        Return whether the difference between two servers is not significant; an unknown difference counts as
        significant.

        The document compares each server with the first one only; other pairs are compared here, in the same way.
        """
        at = self._differences
        difference = at.get((figure.name, point, one, other)) or at.get((figure.name, point, other, one))
        if difference:
            return difference["real"] is False
        values, others = (self.figures(name, point)[figure.name]["values"] for name in (one, other))
        servers = sum(place == point for _, place in self._summaries)
        found = intervals.ratio(values, others, intervals.comparisons(servers))
        return found.real is False if found else values == others

    def errors(self, server: str, point: Point | None = None) -> Counter[str]:
        """Return a server's errors by kind, at a point, or in all runs."""
        runs = self.runs(server, point) if point else [run for run in self.whole["runs"] if run["server"] == server]
        return errors_of(runs)


def held(document: Record, bound: float) -> Record:
    """Return a sweep's document with only the runs that are its result: of each server and repeat the one at the
    highest rate that held the bound, without that rate, so that they form one point. Servers that held it at no rate
    are left out."""
    found = sweep.best(document["runs"], bound / 1e6).values()
    runs = [{**run, "target_per_second": None} for run in found if sweep.holds(run, bound / 1e6)]
    summaries = intervals.summaries(runs)
    return {**document, "runs": runs, "summaries": summaries, "differences": intervals.differences(runs, summaries)}


def errors_of(runs: Iterable[Record]) -> Counter[str]:
    """Return the sum of the errors of runs by kind."""
    total: Counter[str] = Counter()
    for run in runs:
        total.update(run["errors"])
    return +total


def point_of(record: Record) -> Point:
    """Return the point of a run, a summary or a difference."""
    return Point(record["clients"], record["target_per_second"])


def histogram(latency: Record) -> Any:
    return HdrHistogram.decode(latency["histogram"])


def added(latencies: Iterable[Record]) -> Any:
    """Return the sum of histograms; percentiles cannot be added."""
    total = HdrHistogram(1, 3_600_000_000, 3)
    for latency in latencies:
        total.decode_and_add(latency["histogram"])
    return total


def percentiles(values: Any, levels: Iterable[float]) -> dict[float, float]:
    """Return the microseconds at percentiles (0 to 100); empty for an empty histogram."""
    if not values.get_total_count():
        return {}
    found: dict[float, float] = values.get_percentile_to_value_dict(list(levels))
    return found
