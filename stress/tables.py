"""The tables of a page, as plain values that its template writes down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import words
from charts import LEVELS, Track, place, tracks
from measured import (
    CONNECT,
    CPU,
    MAIN,
    MEMORY,
    P99,
    RATE,
    SWITCHES,
    Figure,
    Measured,
    Point,
    added,
    histogram,
    percentiles,
)

MARKS = {"load": "*", "machine": "†", "saturated": "‡"}
NOTES = {
    "load": "The load set the pace, as one of its processes used all of a core: the server may do more than this.",
    "machine": "The machine was full, so that server and load took time from each other: alone the server may do more.",
    "saturated": "More was planned than could be done: latency from the planned start grows for as long as a run lasts.",
}
KEY = (RATE, P99, CPU, SWITCHES, MEMORY)
FEW_VALUES = 10  # a percentile that fewer values lie above says little


class Cell(NamedTuple):
    """A value, what bounds it, and the mark of what limited it."""

    text: str
    bounds: str = ""
    mark: str = ""


class Row(NamedTuple):
    """A row's own heading, and its cells."""

    name: str
    cells: Sequence[Cell]


class Table(NamedTuple):
    """A table: its caption, the columns' names with the first one's, rows, and what its marks mean."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Row]
    notes: Sequence[tuple[str, str]] = ()
    words: bool = False  # whether the cells are text and not numbers


EMPTY = Cell(words.NONE)


def mark(measured: Measured, server: str, point: Point) -> str:
    """Return the mark of what limited a server at a point."""
    return MARKS.get(measured.limit(server, point) or "", "")


def noted(measured: Measured, points: Iterable[Point]) -> list[tuple[str, str]]:
    """Say what the marks of these points mean."""
    found = {measured.limit(server, point) for point in points for server in measured.servers}
    return [(MARKS[kind], NOTES[kind]) for kind in MARKS if kind in found]


def bounded(measured: Measured, server: str, point: Point, figure: Figure) -> Cell:
    """Return a median with its interval below it."""
    each = measured.interval(server, point, figure)
    if each is None:
        return EMPTY
    known = each.low is not None and each.high is not None
    bounds = f"{figure.text(each.low or 0.0)} – {figure.text(each.high or 0.0)}" if known else ""
    return Cell(figure.text(each.median), bounds, mark(measured, server, point))


def named(measured: Measured, point: Point) -> str:
    """Name a point in a row: what it does not share with all others."""
    several_rates = len({each.target for each in measured.points}) > 1
    several_clients = len({each.clients for each in measured.points}) > 1
    rate = [f"{words.number(point.target)}/s" if point.target is not None else "unbounded"] if several_rates else []
    clients = [words.count(point.clients)] if several_clients or not rate else []
    return ", ".join([*clients, *rate])


def axis(measured: Measured) -> str:
    """Name the column of points."""
    several_rates = len({each.target for each in measured.points}) > 1
    several_clients = len({each.clients for each in measured.points}) > 1
    return {(True, True): "connections, plan", (True, False): "planned"}.get((several_rates, several_clients), "connections")


def matrix(measured: Measured, figure: Figure) -> Table:
    """Return a figure: a row for each point, a column for each server."""
    rows = [
        Row(named(measured, point), [bounded(measured, server, point, figure) for server in measured.servers])
        for point in measured.points
    ]
    interval = "Medians over the runs" + (", and below each its 95 % interval" if measured.fewest_runs > 2 else "")
    return Table(f"{figure.title}. {interval}.", [axis(measured), *measured.servers], rows, noted(measured, measured.points))


def key(measured: Measured, point: Point) -> Table:
    """Return the main figures of each server at one point."""
    shown = [figure for figure in KEY if measured.known(figure)]
    rows = [Row(server, [bounded(measured, server, point, figure)._replace(bounds="") for figure in shown])
            for server in measured.servers if measured.summary(server, point)]  # fmt: skip
    heads = {RATE: "requests/s", P99: "p99", CPU: "CPU / request", SWITCHES: "switches / request", MEMORY: "memory / conn."}
    marked = [(sign, text) for sign, text in noted(measured, [point])]
    return Table(f"At {place(point)}, medians over the runs", ["", *(heads[figure] for figure in shown)], rows, marked)


def level_cells(values: Any) -> list[Cell]:
    """Return the percentiles of a histogram that enough values lie above."""
    number = values.get_total_count()
    found = percentiles(values, LEVELS)
    sure = [number * (1 - level / 100) >= FEW_VALUES or level <= 99 for level in LEVELS]
    return [Cell(words.time(found[level])) if found and enough else EMPTY for level, enough in zip(LEVELS, sure)]


def latency(measured: Measured) -> Table:
    """Return percentiles: a row for each point and server."""
    rows = []
    for server, point, summary in measured.summaries():
        values = histogram(summary["latency"])
        number = values.get_total_count()
        most = Cell(words.time(values.get_max_value())) if number else EMPTY
        name = f"{named(measured, point)}  {server}" if len(measured.points) > 1 else server
        sign = mark(measured, server, point)
        cells = [*level_cells(values), most, Cell(words.count(number))]
        rows.append(Row(name, [cells[0]._replace(mark=sign), *cells[1:]]))
    head = [f"{axis(measured)}, server" if len(measured.points) > 1 else "server", *(f"p{level:g}" for level in LEVELS), "max", "values"]
    caption = "Latency. The histograms of a point's runs are added up; a percentile with fewer than ten values above it is left out."
    return Table(caption, head, rows, noted(measured, measured.points))


def both_clocks(measured: Measured, point: Point) -> Table:
    """Return response and service times at a point."""
    rows = []
    for server in measured.servers:
        for kind, text in (("response", "from the plan"), ("service", "from the send")):
            runs = measured.runs(server, point)
            if runs:
                rows.append(Row(f"{server}, {text}", level_cells(added(run["operations"][kind] for run in runs))))
    return Table(f"Response and service time at {place(point)}.", ["server", *(f"p{level:g}" for level in LEVELS)], rows)


def achieved(measured: Measured) -> Table:
    """Return planned and achieved rates."""
    rows = []
    for server, point, _ in measured.summaries():
        rate = measured.interval(server, point, RATE)
        if rate and point.target:
            part = 100 * rate.median / point.target
            cells = [Cell(words.count(point.target)), bounded(measured, server, point, RATE), Cell(f"{part:.1f} %")]
            rows.append(Row(f"{server}, {words.count(point.clients)}", cells))
    head = ["server, connections", "planned/s", "achieved/s", "of the plan"]
    return Table("Planned and achieved rate.", head, rows, noted(measured, measured.points))


def connecting(measured: Measured) -> Table:
    """Return how connections were made: the rate, the latency of one, and failures."""
    rows = []
    for server, point, _ in measured.summaries():
        runs = measured.runs(server, point)
        found = percentiles(added(run["connect"]["latency"] for run in runs), (50, 99, 100))
        times = [Cell(words.time(value)) for value in found.values()] or [EMPTY] * 3
        failures = Cell(words.count(sum(run["connect"]["failed"] for run in runs)))
        rate = bounded(measured, server, point, CONNECT)._replace(mark="", bounds="")
        rows.append(Row(f"{named(measured, point)}  {server}" if len(measured.points) > 1 else server, [rate, *times, failures]))
    head = [f"{axis(measured)}, server" if len(measured.points) > 1 else "server", "made/s", "p50", "p99", "max", "failed"]
    return Table("Connecting: connections a second, and the latency of one.", head, rows)


def over_time(series: dict[str, list[dict[str, Any]]]) -> Table:
    """Return the least, the median and the most of each line of the time series, during the operations."""
    shown = tracks(series)
    rows = []
    for server, looks in series.items():
        working = [look for look in looks if look["phase"] == "operate"]
        rows.append(Row(server, [extremes(track, working) for track in shown]))
    caption = "Seconds of the operations: the median second, and below it the least and the most."
    return Table(caption, ["server", *(track.title for track in shown)], rows)


def extremes(track: Track, looks: Sequence[dict[str, Any]]) -> Cell:
    """Return the middle of a series and its ends."""
    values = sorted(value for look in looks if (value := track.of(look)) is not None)
    if not values:
        return EMPTY
    ends = f"{track.text(values[0])} – {track.text(values[-1])}"
    return Cell(track.text(values[(len(values) - 1) // 2]), ends)


def limits(measured: Measured) -> Table:
    """Return the rows that something else than the server limited, and how busy all were."""
    rows = []
    for server, point, summary in measured.summaries():
        if summary["limited_by"]:
            runs = measured.runs(server, point)
            load = max((run["load"]["busiest_core_share"] for run in runs), default=0.0)
            idle = min((run["machine_idle_share"] for run in runs), default=0.0)
            own = [run["side"]["cpu_seconds"] / run["operations"]["seconds"] for run in runs
                   if run["side"] and run["operations"]["seconds"]]  # fmt: skip
            cells = [Cell(summary["limited_by"], mark=MARKS[summary["limited_by"]]), Cell(words.share(load)),
                     Cell(words.share(max(own))) if own else EMPTY, Cell(words.share(idle))]  # fmt: skip
            rows.append(Row(f"{server}, {place(point)}", cells))
    head = ["server", "limited by", "load, of a core", "server, of a core", "machine idle"]
    return Table("Rows that the server did not limit: how busy all were.", head, rows, noted(measured, measured.points))


def errors(measured: Measured) -> Table:
    """Return errors by server, point and kind, with the first example of each."""
    rows = []
    for server, point in dict.fromkeys((run["server"], Point(run["clients"], run["target_per_second"]))
                                       for run in measured.document["runs"]):  # fmt: skip
        examples: dict[str, str] = {}
        for run in measured.document["runs"]:
            if (run["server"], run["clients"], run["target_per_second"]) == (server, *point):
                examples = {**run["first_errors"], **examples}
        for kind, number in measured.errors(server, point).most_common():
            cells = [Cell(kind), Cell(words.count(number)), Cell(examples.get(kind, words.NONE))]
            rows.append(Row(f"{server}, {place(point)}", cells))
    return Table("Errors by kind, with the first example of each.", ["server", "kind", "number", "first example"], rows, words=True)


def differences(measured: Measured, point: Point, main: bool) -> Table:
    """Return differences between servers: those of the main figures at a point, or all others."""
    names = [figure.name for figure in MAIN]
    found = [
        each for each in measured.document["differences"]
        if (each["figure"] in names and (each["clients"], each["target_per_second"]) == point) is main
    ]  # fmt: skip
    if main:
        found.sort(key=lambda each: names.index(each["figure"]))
    rows = [Row(each["sentence"], [Cell(*ratio(each)), Cell(VERDICTS[each["real"]])]) for each in found]
    caption = f"Differences at {place(point)}." if main else "All other differences."
    return Table(caption, ["difference", "ratio", "real?"], rows, words=True)


VERDICTS = {True: "yes", False: "may be chance", None: "not certain"}


def ratio(difference: dict[str, Any]) -> tuple[str, str]:
    """Say a ratio and its interval."""
    low, high = difference["low"], difference["high"]
    known = low is not None and high is not None
    return words.number(difference["ratio"]), f"{words.number(low)} – {words.number(high)}" if known else ""


def runs(measured: Measured) -> Table:
    """Return every run."""
    rows = []
    for run in measured.document["runs"]:
        did, side = run["operations"], run["side"]
        times = [Cell(words.time(did["response"][name])) if did["response"][name] is not None else EMPTY
                 for name in ("p50_us", "p99_us", "max_us")]  # fmt: skip
        cells = [
            Cell(words.count(run["repeat"])), Cell(words.number(did["per_second"]), mark=MARKS.get(run["limited_by"], "")),
            *times, Cell(words.time(side["cpu_us_per_operation"])) if side else EMPTY,
            Cell(words.time(run["load"]["cpu_us_per_operation"])), Cell(words.share(run["machine_idle_share"])),
            Cell(words.count(sum(run["errors"].values()))),
        ]  # fmt: skip
        point = Point(run["clients"], run["target_per_second"])
        rows.append(Row(f"{run['server']}, {named(measured, point)}", cells))
    head = ["server", "run", "requests/s", "p50", "p99", "max", "CPU / request", "load’s CPU", "machine idle", "errors"]
    return Table("Every run, in the order in which they ran.", head, rows, noted(measured, measured.points))
