"""A document of `stress/run.py --json`, looked up by server and point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from hdrh.histogram import HdrHistogram

from report import intervals, units
from rig import sweep

Record = dict[str, Any]


class Point(NamedTuple):
    """Where servers are compared: so many clients, and the planned requests a second (None in a closed loop)."""

    clients: int
    target: float | None


class Interval(NamedTuple):
    """A median over runs, and what bounds it in 95 of 100 cases; None with fewer than three runs."""

    median: float
    low: float | None
    high: float | None


class Figure(NamedTuple):
    """One of a summary's figures: how it is called, and how its values are written."""

    name: str
    title: str
    unit: str
    text: Callable[[float], str]
    more_is_better: bool = False
    divisor: float = 1.0  # from the document's unit to the axis's


RATE = Figure("per_second", "Requests per second", "requests/s", units.number, more_is_better=True)
P99 = Figure("p99_us", "99th percentile of the latency", "", units.time)
CPU = Figure("cpu_us_per_operation", "CPU per request", "", units.time)
SWITCHES = Figure("switches_per_operation", "Context switches per request", "per request", units.number)
CALLS = Figure("system_calls_per_operation", "System calls per request", "per request", units.number)
MEMORY = Figure("resident_per_connection", "Memory per connection", "KiB", units.kib, divisor=units.KIB)
CONNECT = Figure("connect_per_second", "Connections made per second", "connections/s", units.number, True)
LOAD = Figure("load_cpu_us_per_operation", "CPU that the load took per request", "", units.time)

FIGURES = {each.name: each for each in (RATE, P99, CPU, SWITCHES, CALLS, MEMORY, CONNECT, LOAD)}
MAIN_FIGURES = (RATE, P99, CPU, MEMORY)
FEWEST_RUNS = 3  # with fewer runs no interval can be told


class Measured:
    """
    What a document says. Of a sweep only the answer counts, unless `whole`.

    whole: the document as it was written.
    document: the same; of a sweep, what `held` gives.
    bound: of a sweep, the microseconds that the p99 had to stay within.
    servers: names of those with a summary, in the document's order.
    points: all that were measured, by clients, then by planned rate.
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
        """Whether requests had a planned time."""
        return bool(self.plan["pacing"]["loop"] == "open")

    @property
    def fewest_runs(self) -> int:
        """How many runs the summary with the fewest stands for."""
        return min((each["runs"] for each in self._summaries.values()), default=0)

    def summary(self, server: str, point: Point) -> Record | None:
        """All runs of a server at a point, or None if there was none."""
        return self._summaries.get((server, point))

    def summaries(self) -> list[tuple[str, Point, Record]]:
        """All there are, by point and then by server."""
        each = [(server, point, self.summary(server, point)) for point in self.points for server in self.servers]
        return [(server, point, summary) for server, point, summary in each if summary]

    def limit(self, server: str, point: Point) -> str | None:
        """What but the server set the pace: load, machine or saturated."""
        summary = self.summary(server, point)
        return summary["limited_by"] if summary else None

    def figures(self, server: str, point: Point) -> Record:
        """All figures that are known of a server at a point, as the document has them."""
        found: Record = (self.summary(server, point) or {"figures": {}})["figures"]
        return found

    def interval(self, server: str, point: Point, figure: Figure) -> Interval | None:
        """A figure, or None where it is not known."""
        found = self.figures(server, point).get(figure.name)
        return Interval(found["median"], found["low"], found["high"]) if found else None

    def known(self, figure: Figure) -> bool:
        """Whether any server at any point has this figure."""
        return any(figure.name in each["figures"] for each in self._summaries.values())

    def runs(self, server: str, point: Point) -> list[Record]:
        """The runs behind a summary."""
        return [each for each in self.document["runs"] if each["server"] == server and point_of(each) == point]

    def middle_run(self, server: str, point: Point) -> Record | None:
        """The run whose rate is the median of its point's, or the next below."""
        runs = sorted(self.runs(server, point), key=lambda run: float(run["operations"]["per_second"]))
        return runs[(len(runs) - 1) // 2] if runs else None

    def same(self, figure: Figure, point: Point, one: str, other: str) -> bool:
        """Whether the difference between two servers may be chance; it is taken for real where nothing tells.

        The document compares each server with the first only; others are compared here, in the same way.
        """
        at = self._differences
        told = at.get((figure.name, point, one, other)) or at.get((figure.name, point, other, one))
        if told:
            return told["real"] is False
        mine, theirs = (self.figures(name, point)[figure.name]["values"] for name in (one, other))
        found = intervals.ratio(mine, theirs)
        return found.real is False if found else mine == theirs

    def errors(self, server: str, point: Point | None = None) -> Counter[str]:
        """A server's errors by kind, at a point, or in all runs there were."""
        runs = self.runs(server, point) if point else [run for run in self.whole["runs"] if run["server"] == server]
        return errors_of(runs)


def held(document: Record, bound: float) -> Record:
    """Return a sweep's document with those runs alone that answer it: of each server and repeat the one at the highest
    rate that held the bound, without that rate, so that they stand at one point. Who held none has no run in it."""
    found = sweep.best(document["runs"], bound / 1e6).values()
    runs = [{**run, "target_per_second": None} for run in found if sweep.holds(run, bound / 1e6)]
    summaries = intervals.summaries(runs)
    return {**document, "runs": runs, "summaries": summaries, "differences": intervals.differences(runs, summaries)}


def errors_of(runs: Iterable[Record]) -> Counter[str]:
    """Add up the errors of runs, by kind."""
    total: Counter[str] = Counter()
    for run in runs:
        total.update(run["errors"])
    return +total


def point_of(record: Record) -> Point:
    """Where a run, a summary or a difference belongs."""
    return Point(record["clients"], record["target_per_second"])


def histogram(latency: Record) -> Any:
    """Decode the histogram of a latency."""
    return HdrHistogram.decode(latency["histogram"])


def added(latencies: Iterable[Record]) -> Any:
    """Add histograms up. Percentiles of several can't be had from their percentiles."""
    total = HdrHistogram(1, 3_600_000_000, 3)
    for latency in latencies:
        total.decode_and_add(latency["histogram"])
    return total


def percentiles(values: Any, levels: Iterable[float]) -> dict[float, float]:
    """Return the microseconds at percentiles (0 to 100); nothing where a histogram is empty."""
    if not values.get_total_count():
        return {}
    found: dict[float, float] = values.get_percentile_to_value_dict(list(levels))
    return found
