"""The tables of a page as plain values for its template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from report import units
from report.charts import LEVELS, Track, ordered, place, tracks
from report.lookup import (
    CONNECT,
    CPU,
    MAIN_FIGURES,
    MEMORY,
    P99,
    RATE,
    Figure,
    Measured,
    Point,
    added,
    errors_of,
    histogram,
    percentiles,
    point_of,
)
from rig.result import server_share

MARKS = {"load": "*", "machine": "†", "saturated": "‡", "ended": "§"}
NOTES = {
    "load": "Limited by the load, a process of which used a whole core: the server's capacity may be higher.",
    "machine": "Limited by the full machine, which server and load share: the server's capacity may be higher.",
    "saturated": "The plan exceeded the capacity: latency from the planned start grows with the duration of the run.",
    "ended": "The server ended during the run: the figures are of the time before.",
}
MIN_VALUES_ABOVE = 10  # with fewer values above it a percentile is too uncertain


class Cell(NamedTuple):
    """A value, its interval, and the mark of what limited it."""

    text: str
    bounds: str = ""
    mark: str = ""


class Row(NamedTuple):
    """A row's header, its cells, the mark of what limited all of them, and the group of rows that it belongs to."""

    name: str
    cells: Sequence[Cell]
    mark: str = ""
    group: str = ""


class Table(NamedTuple):
    """
    A table.

    @ivar head: the titles of the columns, that of the row headers first.
    @ivar notes: marks and their meanings.
    @ivar words: whether the cells are text and not numbers.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Row]
    notes: Sequence[tuple[str, str]] = ()
    words: bool = False


EMPTY = Cell(units.NONE)


def mark(measured: Measured, server: str, point: Point) -> str:
    """Return the mark of what limited a server at a point."""
    return MARKS.get(measured.limit(server, point) or "", "")


def noted(measured: Measured, points: Iterable[Point]) -> list[tuple[str, str]]:
    """Return the marks of these points with their meanings."""
    found = {measured.limit(server, point) for point in points for server in measured.servers}
    return [(MARKS[kind], NOTES[kind]) for kind in MARKS if kind in found]


def bounded(measured: Measured, server: str, point: Point, figure: Figure) -> Cell:
    """Return a median with its interval."""
    each = measured.interval(server, point, figure)
    if each is None:
        return EMPTY
    known = each.low is not None and each.high is not None and each.low < each.high
    bounds = units.between(figure.text, each.low or 0.0, each.high or 0.0) if known else ""
    return Cell(figure.text(each.median), bounds, mark(measured, server, point))


def named(measured: Measured, point: Point) -> str:
    """Return a point's name in a row, without what all points have in common."""
    rates = {each.target for each in measured.points}
    numbers = {each.clients for each in measured.points}
    rate = [f"{units.number(point.target)}/s" if point.target is not None else "unbounded"] if len(rates) > 1 else []
    clients = [units.count(point.clients)] if len(numbers) > 1 or not rate else []
    return ", ".join([*clients, *rate])


def axis(measured: Measured) -> str:
    """Return the title of the column of points."""
    names = ["connections"] if len({each.clients for each in measured.points}) > 1 else []
    names += ["planned"] if len({each.target for each in measured.points}) > 1 else []
    return ", ".join(names) or "connections"


def group(measured: Measured, point: Point) -> str:
    """Return a point's name above its rows; empty if there is only one point."""
    return place(point) if len(measured.points) > 1 else ""


Show = Callable[[str, Point], Cell]
"""Returns the cell of a server at a point."""


def crossed(measured: Measured, figure: Figure, points: Sequence[str], corner: str, beside: str, show: Show) -> Table:
    """
    Return a figure of all servers at all points, without its caption: a row for each of those of which there are more.

    With a single point the bounds of a cell have a column of their own, and the servers have the order of the chart.
    C{corner} is the title of the points, C{beside} that of the bounds.
    """
    notes = noted(measured, measured.points)
    if len(points) >= len(measured.servers):
        cells = [[show(server, point) for server in measured.servers] for point in measured.points]
        return Table("", [corner, *measured.servers], [Row(*row) for row in zip(points, cells)], notes)
    if len(points) > 1:
        rows = [Row(server, [show(server, point) for point in measured.points]) for server in measured.servers]
        return Table("", ["server", *points], rows, notes)
    (point,) = measured.points
    shown = {server: show(server, point) for server in ordered(measured, figure, measured.servers, point)}
    known = any(cell.bounds for cell in shown.values())
    rows = [
        Row(server, [cell._replace(bounds=""), *([Cell(cell.bounds or units.NONE)] if known else [])])
        for server, cell in shown.items()
    ]
    return Table("", ["server", figure.title, *([beside] if known else [])], rows, notes)


def matrix(measured: Measured, figure: Figure) -> Table:
    """Return a figure of all servers at all points, with its intervals."""
    points = [named(measured, point) for point in measured.points]
    table = crossed(
        measured, figure, points, axis(measured), "95 % interval",
        lambda server, point: bounded(measured, server, point, figure),
    )  # fmt: skip
    apart = len(points) == 1 and len(table.rows) > 1
    interval = ", each above its 95 % interval" if measured.fewest_runs > 2 and not apart else ""
    by = f" by {axis(measured)}" if table.head[0] == "server" and not apart else ""
    return table._replace(caption=f"{figure.title}{by}. Medians over the runs{interval}.")


def key(measured: Measured, point: Point) -> Table:
    """Return the main figures of each server at a point."""
    shown = [figure for figure in MAIN_FIGURES if measured.known(figure)]
    wrong = {server: sum(measured.errors(server, point).values()) for server in measured.servers}
    rows = []
    for server in measured.servers:
        if measured.summary(server, point):
            cells = [bounded(measured, server, point, figure)._replace(bounds="", mark="") for figure in shown]
            cells += [Cell(units.count(wrong[server]))] if any(wrong.values()) else []
            rows.append(Row(server, cells, mark(measured, server, point)))
    p99 = "median p99" if measured.most_runs > 1 else "p99"
    heads = {RATE: "requests/s", P99: p99, CPU: "CPU per request", MEMORY: "memory per connection"}
    head = ["server", *(heads[figure] for figure in shown), *(["errors"] if any(wrong.values()) else [])]
    rate = ", at the highest rate that held the p99" if measured.bound else ""
    return Table(f"At {place(point)}{rate}; medians over the runs.", head, rows, noted(measured, [point]))


def level_cells(values: Any) -> list[Cell]:
    """Return the percentiles of a histogram that have enough values above them."""
    number = values.get_total_count()
    found = percentiles(values, LEVELS)
    sure = [number * (1 - level / 100) >= MIN_VALUES_ABOVE or level <= 99 for level in LEVELS]
    return [Cell(units.time(found[level])) if found and enough else EMPTY for level, enough in zip(LEVELS, sure)]


def levels(measured: Measured) -> list[str]:
    """Return the titles of percentiles of the sum of histograms, which are not those of the medians of several runs."""
    return [f"p{level:g}{' of all answers' if measured.most_runs > 1 else ''}" for level in LEVELS]


def latency(measured: Measured) -> Table:
    """Return the percentiles of latency: a row for each point and server."""
    rows = []
    for server, point, summary in measured.summaries():
        values = histogram(summary["latency"])
        number = values.get_total_count()
        most = Cell(units.time(values.get_max_value())) if number else EMPTY
        cells = [*level_cells(values), most, Cell(units.count(number))]
        rows.append(Row(server, cells, mark(measured, server, point), group(measured, point)))
    head = ["server", *levels(measured), "max", "answers"]
    caption = (
        "Latency of all answers of a point's runs together, by the sum of their histograms. Percentiles above p99 with "
        "fewer than ten answers above them are left out."
    )
    return Table(caption, head, rows, noted(measured, measured.points))


def both_clocks(measured: Measured, point: Point) -> Table:
    """Return response and service times at a point."""
    rows = []
    for server in measured.servers:
        for kind, text in (("response", "from the planned start"), ("service", "from the send")):
            runs = measured.runs(server, point)
            if runs:
                cells = level_cells(added(run["operations"][kind] for run in runs))
                rows.append(Row(text, cells, mark(measured, server, point), server))
    return Table(f"Response and service time of all answers at {place(point)}.", ["latency", *levels(measured)], rows)


def achieved(measured: Measured) -> Table:
    """Return achieved rates, each with its share of the plan, of all servers at all points."""
    table = crossed(
        measured, RATE, [place(point) for point in measured.points], "planned", "of the plan",
        lambda server, point: of_plan(measured, server, point),
    )  # fmt: skip
    return table._replace(caption="Achieved requests/s, medians over the runs, with their shares of the plan.")


def of_plan(measured: Measured, server: str, point: Point) -> Cell:
    """Return a rate with its share of the plan in place of its interval."""
    cell, rate = bounded(measured, server, point, RATE), measured.interval(server, point, RATE)
    if rate is None or not point.target:
        return cell
    return cell._replace(bounds=f"{100 * rate.median / point.target:.1f}{units.SPACE}%")


def connecting(measured: Measured) -> Table:
    """Return the rate, latency and failures of connects."""
    rows = []
    for server, point, _ in measured.summaries():
        runs = measured.runs(server, point)
        found = percentiles(added(run["connect"]["latency"] for run in runs), (50, 99, 100))
        times = [Cell(units.time(value)) for value in found.values()] or [EMPTY] * 3
        failures = Cell(units.count(sum(run["connect"]["failed"] for run in runs)))
        rate = bounded(measured, server, point, CONNECT)._replace(mark="", bounds="")
        rows.append(Row(server, [rate, *times, failures], "", group(measured, point)))
    head = ["server", "connections/s", "p50", "p99", "max", "failed"]
    return Table("Connections per second, and the latency of a connect.", head, rows)


def over_time(series: dict[str, list[dict[str, Any]]]) -> Table:
    """Return minimum, median and maximum of each track of the time series during the operations."""
    shown = tracks(series)
    rows = []
    for server, seconds in series.items():
        working = [second for second in seconds if second["phase"] == "operate"]
        rows.append(Row(server, [extremes(track, working) for track in shown]))
    caption = "Seconds of the operations: the median, above minimum and maximum."
    return Table(caption, ["server", *(track.title for track in shown)], rows)


def extremes(track: Track, seconds: Sequence[dict[str, Any]]) -> Cell:
    """Return the median of a series with its minimum and maximum."""
    values = sorted(value for second in seconds if (value := track.of(second)) is not None)
    if not values:
        return EMPTY
    return Cell(track.text(values[(len(values) - 1) // 2]), units.between(track.text, values[0], values[-1]))


def limits(measured: Measured) -> Table:
    """Return the rows that something other than the server limited, with the CPU usage of all."""
    rows = []
    for server, point, summary in measured.summaries():
        if summary["limited_by"]:
            runs = measured.runs(server, point)
            load = max((run["load"]["busiest_core_share"] for run in runs), default=0.0)
            idle = min((run["machine_idle_share"] for run in runs), default=0.0)
            own = [share for run in runs if (share := server_share(run)) is not None]
            others = [share for run in runs if (share := run.get("others_share")) is not None]
            cells = [Cell(summary["limited_by"]), Cell(units.share(load)),
                     Cell(units.share(max(own))) if own else EMPTY, Cell(units.share(idle)),
                     Cell(units.share(max(others))) if others else EMPTY]  # fmt: skip
            rows.append(Row(server, cells, MARKS[summary["limited_by"]], place(point)))
    head = ["server", "limited by", "load, of a core", "server, of a core", "machine idle", "other programs"]
    return Table(
        "Points where the server was not the limit: CPU of load, server and machine, and of other programs.",
        head,
        rows,
        noted(measured, measured.points),
    )


def errors(measured: Measured) -> Table:
    """Return the errors of all runs by point, server and kind, with the first example of each."""
    groups: dict[tuple[str, Point], list[dict[str, Any]]] = {}
    for run in measured.whole["runs"]:
        groups.setdefault((run["server"], point_of(run)), []).append(run)
    rows = []
    for (server, point), each in groups.items():
        for kind, number in errors_of(each).most_common():
            example = next((run["first_errors"][kind] for run in each if kind in run["first_errors"]), units.NONE)
            rows.append(Row(server, [Cell(kind), Cell(units.count(number)), Cell(example)], "", place(point)))
    head = ["server", "kind", "number", "first example"]
    return Table("Errors by kind, with the first example of each.", head, rows, words=True)


def differences(measured: Measured) -> dict[str, list[str]]:
    """Return the sentences of all differences by the name of their point, the hardest point first."""
    found: dict[str, list[str]] = {place(point): [] for point in reversed(measured.points)}
    for each in measured.document["differences"]:
        found[place(point_of(each))].append(each["sentence"])
    return {name: each for name, each in found.items() if each}


def tried(whole: Measured) -> Table:
    """Return all runs of a sweep."""
    rows = []
    for server in whole.servers:
        for point in whole.points:
            rate, p99 = (whole.interval(server, point, figure) for figure in (RATE, P99))
            if rate and point.target:
                cells = [Cell(units.count(rate.median)), Cell(units.time(p99.median)) if p99 else EMPTY]
                name = f"{server}, {units.count(point.clients)} connections"
                rows.append(Row(units.count(point.target), cells, mark(whole, server, point), name))
    caption = f"The tested rates; the bound on the p99 was {units.time(whole.bound or 0.0)}."
    return Table(caption, ["planned/s", "achieved/s", "p99"], rows, noted(whole, whole.points))


def runs(whole: Measured) -> Table:
    """Return a table of all runs."""
    rows = [
        Row(f"{run['server']}, {named(whole, point_of(run))}", run_cells(run), MARKS.get(run["limited_by"], ""))
        for run in whole.document["runs"]
    ]
    head = [
        "server",
        "run",
        "requests/s",
        "p50",
        "p99",
        "max",
        "CPU per request",
        "load CPU",
        "machine idle",
        "other programs",
        "errors",
    ]
    limited = {run["limited_by"] for run in whole.document["runs"]}
    notes = [(MARKS[kind], NOTES[kind]) for kind in MARKS if kind in limited]
    return Table("All runs, in the order of their start.", head, rows, notes)


def run_cells(run: dict[str, Any]) -> list[Cell]:
    """Return the figures of a run."""
    did, side, load = run["operations"], run["side"], run["load"]
    latencies = [did["response"][name] for name in ("p50_us", "p99_us", "max_us")]
    return [
        Cell(units.count(run["repeat"])),
        Cell(units.number(did["per_second"])),
        *(Cell(units.time(value)) if value is not None else EMPTY for value in latencies),
        *(
            Cell(units.time(cpu)) if cpu is not None else EMPTY
            for cpu in (side and side["cpu_us_per_operation"], load["cpu_us_per_operation"])
        ),
        Cell(units.share(run["machine_idle_share"])),
        Cell(units.share(run["others_share"])) if run.get("others_share") is not None else EMPTY,
        Cell(units.count(sum(run["errors"].values()))),
    ]
