"""The charts of a page, drawn with matplotlib: SVG to stand in the page, SVG and PNG files for slides.

matplotlib, since it is kept by many, draws without a browser or a network, and gives SVG and PNG of one figure.
Text stays text in the SVG, so that it can be read aloud and takes the page's font; matplotlib lays it out with its
own font, which is wider than most.

Each chart is drawn twice, wide for desks and paper and narrow for phones, as text that shrinks with a chart can't be
read. The colours of text and lines are swapped for CSS variables in the page's copy; those of the servers are Okabe
and Ito's, told apart by the colour-blind and on both grounds. Markers and dashes differ as well.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from report import units
from report.lookup import P99, RATE, Figure, Measured, Point, added, histogram, percentiles

INK, MUTED, LINE, PAPER = "#1b1f24", "#59636e", "#d4d9de", "#fffffe"
VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", LINE: "var(--line)", PAPER: "var(--paper)"}
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK)
MARKERS = "os^DvPX*"
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (6, 2, 1, 2)), (0, (1, 1.5)), (0, (8, 2, 1, 1, 1, 2)))

WIDE_PX, NARROW_PX = 720, 350  # units of the SVG, which are the page's pixels
PANEL_PX = 270  # height of one
LEGEND_ROW_PX = 17  # height of one
GAP_PX = 5  # around a panel
PER_INCH = 72
SLIDE_DPI = 216
FIRST_X = 1.25  # of the axis of percentiles, which is 1/(1-p): the 20th
LEVELS = (50, 90, 99, 99.9, 99.99)
LINEAR_AXIS_RATIO = {
    "connections": 3,
    "planned requests per second": 20,
}  # up to this ratio of its ends an axis is linear
LOG_AXIS_RATIO = 30  # from this ratio of the largest to the smallest an axis is logarithmic
SPARSE_TICKS_RATIO = 1000  # and to this one it has a mark between powers of ten
MAX_PANELS = 6

STYLE: dict[Any, Any] = {
    "axes.edgecolor": MUTED, "axes.labelcolor": INK, "axes.facecolor": "none", "axes.linewidth": 0.8,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 12, "axes.titlelocation": "left",
    "axes.labelsize": 12, "axes.grid": True, "axes.axisbelow": True, "grid.color": LINE, "grid.linewidth": 0.8,
    "text.color": INK, "text.parse_math": False, "xtick.color": MUTED, "ytick.color": MUTED,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "xtick.labelsize": 11, "ytick.labelsize": 11,
    "font.family": "DejaVu Sans", "font.size": 12, "legend.frameon": False, "legend.fontsize": 11.5,
    "lines.linewidth": 1.8, "lines.markersize": 6, "svg.fonttype": "none", "hatch.linewidth": 0.8,
}  # fmt: skip


class Style(NamedTuple):
    """How a server looks in every chart."""

    colour: str
    marker: str
    dashes: Any


class Chart(NamedTuple):
    """A chart to be drawn: `paint` fills a drawing, knowing whether it is for a phone."""

    name: str
    title: str
    description: str
    paint: Callable[[Drawing, bool], None]


class Drawn(NamedTuple):
    """A chart as it stands in the page: two SVG elements."""

    name: str
    wide: str
    narrow: str


def styles(names: Sequence[str]) -> dict[str, Style]:
    """Give each server a look."""
    return {
        name: Style(COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)], DASHES[at % len(DASHES)])
        for at, name in enumerate(names)
    }


def draw(chart: Chart, folder: Path) -> Drawn:
    """Draw a chart for the page, and write NAME.svg and NAME.png into the folder."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": chart.name}):
        drawing = painted(chart, narrow=False)
        wide = svg(drawing)
        for ending in ("svg", "png"):
            drawing.savefig(
                folder / f"{chart.name}.{ending}", dpi=SLIDE_DPI, facecolor="white", metadata=undated(ending)
            )
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": f"{chart.name}-narrow"}):
        narrow = svg(painted(chart, narrow=True))
    return Drawn(chart.name, inlined(wide, chart, "wide"), inlined(narrow, chart, "narrow"))


def undated(ending: str) -> dict[str, Any] | None:
    """Leave the date out, so that the same document gives the same files."""
    return {"Date": None} if ending == "svg" else None


def painted(chart: Chart, narrow: bool) -> Drawing:
    """Make a drawing; the chart gives it its height."""
    width = NARROW_PX if narrow else WIDE_PX
    drawing = Drawing(figsize=(width / PER_INCH, PANEL_PX / PER_INCH), layout="constrained")
    drawing.get_layout_engine().set(h_pad=GAP_PX / PER_INCH, w_pad=GAP_PX / PER_INCH)  # type: ignore[union-attr,call-arg]
    chart.paint(drawing, narrow)
    return drawing


def svg(drawing: Drawing) -> str:
    """Return a drawing as SVG on no ground."""
    out = io.StringIO()
    drawing.savefig(out, format="svg", transparent=True, metadata=undated("svg"))
    return out.getvalue()


SVG = "{http://www.w3.org/2000/svg}"
ElementTree.register_namespace("", SVG.strip("{}"))
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def inlined(text: str, chart: Chart, variant: str) -> str:
    """Return an SVG to stand in the page: with a title and a description, the page's colours and font, and no
    identifier that nothing refers to, as matplotlib uses the same ones in every drawing."""
    root = ElementTree.fromstring(text)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    for child in [*root.findall(f"{SVG}metadata"), *root.findall(f"{SVG}defs[{SVG}style]")]:
        root.remove(child)  # the style would be the whole page's
    used = set(re.findall(r"#([\w-]+)", text))
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
    name = f"{chart.name}-{variant}"
    root.attrib.update({"class": variant, "role": "img", "aria-labelledby": f"{name}-title {name}-desc"})
    for at, (tag, words_) in enumerate((("title", chart.title), ("desc", chart.description))):
        element = ElementTree.Element(f"{SVG}{tag}", {"id": f"{name}-{tag}"})
        element.text = words_
        root.insert(at, element)
    return themed(ElementTree.tostring(root, encoding="unicode"))


def themed(text: str) -> str:
    """Swap colours and font for the page's."""
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    return re.sub(r"font: ([\d. a-z]*)'DejaVu Sans'", r"font: \1var(--sans)", text)


def grid(drawing: Drawing, narrow: bool, number: int, share_y: bool = False) -> list[Axes]:
    """Set panels side by side, or one below the other on a phone, and give the drawing its height."""
    columns = 1 if narrow or number == 1 else 2
    rows = math.ceil(number / columns)
    height = PANEL_PX if number == 1 else 50 + rows * (PANEL_PX - 35)
    drawing.set_figheight((height + (30 if number == 1 and not narrow else 0)) / PER_INCH)
    found = drawing.subplots(rows, columns, squeeze=False, sharey=share_y).flatten()
    for spare in found[number:]:
        spare.remove()
    return list(found[:number])


def legend(drawing: Drawing, looks: dict[str, Style], narrow: bool, more: Iterable[Line2D] = ()) -> None:
    """Name the servers above the panels."""
    lines = [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle=look.dashes, label=name)
        for name, look in looks.items()
    ]
    handles = [*lines, *more]
    longest = max(len(str(handle.get_label())) for handle in handles)
    room = (NARROW_PX if narrow else WIDE_PX) // (longest * 8 + 55)
    columns = max(1, min(room, len(handles)))
    more_rows = math.ceil(len(handles) / columns) - 1
    drawing.set_figheight(drawing.get_figheight() + more_rows * LEGEND_ROW_PX / PER_INCH)
    drawing.legend(
        handles=handles, loc="outside upper left", ncols=columns,
        borderpad=0, handlelength=2.6, columnspacing=1.4,
    )  # fmt: skip


def short(text: Callable[[float], str]) -> FuncFormatter:
    """Write an axis's ticks as its figure is written, without noughts at the end."""

    def format_tick(value: float, _: object) -> str:
        return re.sub(r"\.0+(?!\d)|(\.\d*[1-9])0+(?!\d)", r"\1", text(value))

    return FuncFormatter(format_tick)


def scale_values(axes: Axes, values: Sequence[float], text: Callable[[float], str], vertical: bool = True) -> None:
    """Let an axis begin at nought, or be logarithmic where values are too far apart for that."""
    axis = axes.yaxis if vertical else axes.xaxis
    set_scale, set_limits = (axes.set_yscale, axes.set_ylim) if vertical else (axes.set_xscale, axes.set_xlim)
    lowest, highest = min(values, default=0.0), max(values, default=0.0)
    if 0 < lowest * LOG_AXIS_RATIO < highest:
        set_scale("log")
        set_limits(lowest * 0.7, highest * 1.4)
        axis.set_major_locator(
            LogLocator(10, (1.0, 3.0) if highest < lowest * SPARSE_TICKS_RATIO else (1.0,), numticks=8)
        )
        axis.set_minor_locator(NullLocator())
    else:
        set_limits(min(0.0, lowest * 1.15), highest * 1.15 or 1.0)
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(short(text))


def spread_ticks(axes: Axes, values: Sequence[float], near: float, narrow: bool) -> None:
    """Name points, as many as have room, on an axis that is logarithmic where they are far apart."""
    far = values[-1] > near * values[0]
    if far:
        axes.set_xscale("log", base=2)
    at = [math.log(value) if far else value for value in values]
    room = (0.19 if narrow else 0.1) * (at[-1] - at[0])
    ticks = [len(at) - 1]
    for each in range(len(at) - 2, -1, -1):
        if at[ticks[-1]] - at[each] >= room:
            ticks.append(each)
    axes.xaxis.set_major_locator(FixedLocator([values[each] for each in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: units.count(value)))
    axes.set_xmargin(0.06)


class Across(NamedTuple):
    """What a chart's x axis is, and its panels: the rate where several were planned, else the connections."""

    label: str
    of: Callable[[Point], float]
    panels: list[tuple[str, list[Point]]]


def across(measured: Measured) -> Across:
    """Choose the x axis that suits a document's points."""
    planned = [point for point in measured.points if point.target is not None]
    if len({point.target for point in planned}) < 2:
        return Across("connections", lambda point: point.clients, [("", measured.points)])
    clients = sorted({point.clients for point in planned})
    panels = [
        (f"{units.count(number)} connections" if len(clients) > 1 else "", [p for p in planned if p.clients == number])
        for number in clients[-MAX_PANELS:]
    ]
    return Across("planned requests per second", lambda point: point.target or 0.0, panels)


def against(measured: Measured, figure: Figure, looks: dict[str, Style]) -> Chart:
    """Draw a figure against connections or planned rate: lines with intervals, or bars where there is one point."""
    axis = across(measured)
    single = all(len(points) == 1 for _, points in axis.panels)

    def paint(drawing: Drawing, narrow: bool) -> None:
        if single:
            bars(drawing, measured, figure, looks, [points[0] for _, points in axis.panels], narrow)
            return
        own = {name: look for name, look in looks.items() if has(measured, name, figure)}
        for axes, (title, points) in zip(grid(drawing, narrow, len(axis.panels)), axis.panels):
            axes.set_title(", ".join(each for each in (title, figure.unit) if each))
            lines(axes, measured, figure, own, points, axis.of)
            spread_ticks(axes, [axis.of(point) for point in points], LINEAR_AXIS_RATIO[axis.label], narrow)
            axes.set_xlabel(axis.label)
        legend(drawing, own, narrow)

    shape = "bars, one for each server" if single else f"a line for each server against {axis.label}"
    text = f"{figure.title}: {shape}, medians with 95 % intervals. The table below has all values."
    return Chart(figure.name.replace("_", "-"), figure.title, text, paint)


def has(measured: Measured, name: str, figure: Figure) -> bool:
    """Whether a server has a figure at some point."""
    return any(measured.interval(name, point, figure) for point in measured.points)


def lines(
    axes: Axes, measured: Measured, figure: Figure, looks: dict[str, Style], points: Sequence[Point],
    of: Callable[[Point], float],
) -> None:  # fmt: skip
    """Draw a line for each server; a point that the server did not limit is hollow."""
    drawn: list[float] = []
    for name, look in looks.items():
        found = [(point, each) for point in points if (each := measured.interval(name, point, figure))]
        x = [of(point) for point, _ in found]
        y = [each.median / figure.divisor for _, each in found]
        below, above = (
            zip(*[whiskers(each.median, each.low, each.high, figure) for _, each in found]) if found else ((), ())
        )
        axes.errorbar(x, y, yerr=(below, above), color=look.colour, linestyle=look.dashes, capsize=3, elinewidth=1)
        for at, (point, _) in enumerate(found):
            face = PAPER if measured.limit(name, point) else look.colour
            axes.plot(x[at], y[at], look.marker, color=look.colour, markerfacecolor=face, zorder=3)
        drawn += [*y, *(value - low for value, low in zip(y, below)), *(value + high for value, high in zip(y, above))]
    scale_values(axes, drawn, units.number if figure.divisor != 1 else figure.text)


def whiskers(median: float, low: float | None, high: float | None, figure: Figure) -> tuple[float, float]:
    """Return how far an interval reaches below and above the median, in the axis's unit."""
    below = median - low if low is not None else 0.0
    above = high - median if high is not None else 0.0
    return max(0.0, below) / figure.divisor, max(0.0, above) / figure.divisor


def bars(
    drawing: Drawing, measured: Measured, figure: Figure, looks: dict[str, Style], points: Sequence[Point], narrow: bool
) -> None:
    """Draw a bar for each server; one that the server did not limit is hatched. Where values are too far apart for
    bars, dots on a logarithmic axis."""
    every = [(name, point, measured.interval(name, point, figure)) for point in points for name in looks]
    rows = [(name, point, each) for name, point, each in every if each]
    values = [each.median / figure.divisor for _, _, each in rows]
    ends = [(each.high if each.high is not None else each.median) / figure.divisor for _, _, each in rows]
    drawing.set_figheight((70 + (34 if narrow else 38) * len(rows)) / PER_INCH)
    axes = drawing.subplots()
    scale_values(axes, [*values, *ends], units.number if figure.divisor != 1 else figure.text, vertical=False)
    for at, (name, point, each) in enumerate(rows):
        bar(axes, at, values[at], looks[name], bool(measured.limit(name, point)))
        reach = [[part] for part in whiskers(each.median, each.low, each.high, figure)]
        if any(part[0] for part in reach):
            axes.errorbar([values[at]], [at], xerr=reach, color=INK, capsize=3, elinewidth=1, linestyle="none")
        place_of_text = (max(ends[at], 0.0), at)
        axes.annotate(figure.text(each.median), place_of_text, (7, 0), textcoords="offset points", va="center")
    names = [f"{name}, {units.count(point.clients)}" if len(points) > 1 else name for name, point, _ in rows]
    frame(axes, names, figure.unit, narrow)


def frame(axes: Axes, names: Sequence[str], unit: str, narrow: bool) -> None:
    """Name the rows of bars, the first on top, and leave room for the values beside them."""
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(unit)
    left, right = axes.get_xlim()
    linear, log = (1.3, 8) if narrow else (1.1, 3)
    axes.set_xlim(left, right * (log if axes.get_xscale() == "log" else linear))


def bar(axes: Axes, at: int, value: float, look: Style, limited: bool) -> None:
    """Draw one value, hatched or hollow where the server did not limit it."""
    if axes.get_xscale() == "log":
        axes.plot(value, at, look.marker, color=look.colour, markerfacecolor=PAPER if limited else look.colour)
    else:
        axes.barh(at, value, 0.62, color="none" if limited else look.colour, edgecolor=look.colour,
                  hatch="////" if limited else None, linewidth=1)  # fmt: skip


def curve(values: Any) -> tuple[list[float], list[float]]:
    """Return a histogram's curve: x is 1/(1-p), y the latency, up to the percentile that one value in all decides."""
    number = values.get_total_count()
    first, last = math.log10(FIRST_X), math.log10(max(2, number))
    steps = max(2, int(24 * (last - first)))
    x = [10 ** (first + (last - first) * at / steps) for at in range(steps + 1)]
    found = percentiles(values, [100 * (1 - 1 / each) for each in x])
    return x, list(found.values()) if len(found) == len(x) else [0.0] * len(x)


def trace(axes: Axes, values: Any, look: Style, dashes: Any, hollow: bool) -> list[float]:
    """Draw a percentile curve, with markers at the levels that have names, and return its latencies."""
    if not values.get_total_count():
        return []
    x, y = curve(values)
    axes.plot(x, y, color=look.colour, linestyle=dashes)
    named = [level for level in LEVELS if 100 / (100 - level) <= x[-1]]
    at = percentiles(values, named)
    face = PAPER if hollow else look.colour
    axes.plot([100 / (100 - p) for p in at], list(at.values()), look.marker, color=look.colour, markerfacecolor=face)
    return y


def percentile_axes(axes: Axes, drawn: Sequence[float], reach: float) -> None:
    """Set the axes of percentile curves: each nine has the same width."""
    axes.set_xscale("log")
    axes.set_xlim(FIRST_X, max(110.0, reach * 1.15))
    levels = [level for level in (*LEVELS, 99.999) if 100 / (100 - level) <= axes.get_xlim()[1]]
    axes.xaxis.set_major_locator(FixedLocator([100 / (100 - level) for level in levels]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 - 100 / x:.5g}"))
    scale_values(axes, [value for value in drawn if value > 0], units.time)


class Curve(NamedTuple):
    """A histogram to be drawn by percentile, and how; hollow marks set it apart."""

    values: Any
    look: Style
    dashes: Any
    hollow: bool


def curves(drawing: Drawing, narrow: bool, panels: Sequence[tuple[str, Sequence[Curve]]]) -> None:
    """Draw percentile curves in panels that share their axes."""
    each_axes = grid(drawing, narrow, len(panels), share_y=True)
    drawn: list[float] = []
    for axes, (title, each) in zip(each_axes, panels):
        axes.set_title(title)
        for one in each:
            drawn += trace(axes, *one)
    reach = max((one.values.get_total_count() for _, each in panels for one in each), default=1)
    for axes in each_axes:
        percentile_axes(axes, drawn, reach)
        axes.tick_params(labelleft=True)
        axes.set_xlabel("percentile")


def latency(measured: Measured, looks: dict[str, Style]) -> Chart:
    """Draw latency by percentile, a panel for each point."""
    points = chosen(measured.points)

    def paint(drawing: Drawing, narrow: bool) -> None:
        panels = [(place(point) if len(points) > 1 else "", responses(measured, point, looks)) for point in points]
        curves(drawing, narrow, panels)
        legend(drawing, looks, narrow)

    of = "a panel for each point and a line for each server" if len(points) > 1 else "a line for each server"
    text = f"Latency by percentile, {of}; every nine of the percentile has the same width. The table has the values."
    return Chart("latency", "Latency by percentile", text, paint)


def responses(measured: Measured, point: Point, looks: dict[str, Style]) -> list[Curve]:
    """Return the response times of all servers at a point."""
    return [
        Curve(histogram(summary["latency"]), look, look.dashes, bool(measured.limit(name, point)))
        for name, look in looks.items()
        if (summary := measured.summary(name, point))
    ]


def place(point: Point) -> str:
    """Name a point in a panel's title."""
    rate = f", {units.number(point.target)}/s" if point.target is not None else ""
    return f"{units.plural(point.clients, 'connection')}{rate}"


def chosen(points: Sequence[Point]) -> list[Point]:
    """Return at most six points, the first and the last among them."""
    if len(points) <= MAX_PANELS:
        return list(points)
    return [points[round(at * (len(points) - 1) / (MAX_PANELS - 1))] for at in range(MAX_PANELS)]


FROM_SEND = (0, (2, 1.5))  # the dashes of service time


def both_clocks(measured: Measured, point: Point, looks: dict[str, Style]) -> Chart:
    """Draw, for an open loop, latency from the planned start beside latency from the send, a panel for each server."""
    names = [name for name in looks if measured.runs(name, point)]

    def paint(drawing: Drawing, narrow: bool) -> None:
        curves(drawing, narrow, [(name, clocks(measured.runs(name, point), looks[name])) for name in names])
        plan = Line2D([], [], color=MUTED, marker="o", label="from the planned start")
        sent = Line2D(
            [], [], color=MUTED, marker="o", markerfacecolor=PAPER, linestyle=FROM_SEND, label="from the send"
        )
        legend(drawing, {}, narrow, [plan, sent])

    text = f"Response and service time by percentile at {place(point)}, a panel for each server."
    return Chart("response-service", "Response time and service time", text, paint)


def clocks(runs: Sequence[dict[str, Any]], look: Style) -> list[Curve]:
    """Return the response time of runs, and their service time."""
    kinds = (("response", "-"), ("service", FROM_SEND))
    return [
        Curve(added(run["operations"][kind] for run in runs), look, dashes, kind == "service") for kind, dashes in kinds
    ]


def tried(measured: Measured, looks: dict[str, Style]) -> Chart:
    """Draw the p99 at each rate that a sweep tried, and what it was to stay within."""
    base = against(measured, P99, looks)

    def paint(drawing: Drawing, narrow: bool) -> None:
        base.paint(drawing, narrow)
        for axes in drawing.axes:
            axes.axhline(measured.bound or 0.0, color=MUTED, linewidth=1.2, linestyle=(0, (1, 1.5)), zorder=1)

    text = f"{base.description} The dotted line is what it had to stay within."
    return Chart("tried", "The rates that were tried", text, paint)


def achieved(measured: Measured, looks: dict[str, Style]) -> Chart:
    """Draw the achieved rate against the planned."""
    axis = across(measured)
    base = against(measured, RATE, looks)

    def paint(drawing: Drawing, narrow: bool) -> None:
        base.paint(drawing, narrow)
        for axes, (_, points) in zip(drawing.axes, axis.panels):
            dotted: dict[str, Any] = {"color": MUTED, "linewidth": 1.2, "linestyle": (0, (1, 1.5)), "zorder": 1}
            planned = [point.target or 0.0 for point in points]
            if len(points) == 1:
                axes.axvline(planned[0], **dotted)
            elif len(set(planned)) == 1:
                axes.axhline(planned[0], **dotted)
            else:
                axes.plot(*[[planned[0] + (planned[-1] - planned[0]) * at / 50 for at in range(51)]] * 2, **dotted)

    text = f"{base.description} The dotted line is the plan."
    return Chart("achieved", "Planned and achieved rate", text, paint)


class Track(NamedTuple):
    """One line of a look each second: what it is, and how it is read of a look."""

    title: str
    text: Callable[[float], str]
    of: Callable[[dict[str, Any]], float | None]


def cpu_share(look: dict[str, Any]) -> float | None:
    """The cores' time that a server used in a second, as a share of one."""
    return look["user_share"] + look["system_share"] if "user_share" in look else None


TRACKS = (
    Track("done a second", units.number, lambda look: float(look["done"])),
    Track("p99 of the second", units.time, lambda look: look.get("p99_us")),
    Track("CPU, of one core", units.share, cpu_share),
    Track("resident memory, MiB", units.number, lambda look: look["resident"] / 2**20 if "resident" in look else None),
    Track("worst lag of the loop", units.time, lambda look: look.get("loop_lag_us")),
)


def tracks(series: dict[str, list[dict[str, Any]]]) -> list[Track]:
    """Return those that some server has."""
    return [track for track in TRACKS if any(track.of(look) is not None for looks in series.values() for look in looks)]


def over_time(series: dict[str, list[dict[str, Any]]], looks: dict[str, Style], point: Point) -> Chart:
    """Draw what was seen each second of one run of each server; what was before the operations is pale."""
    shown = tracks(series)

    def paint(drawing: Drawing, narrow: bool) -> None:
        for axes, track in zip(grid(drawing, narrow, len(shown)), shown):
            drawn: list[float] = []
            for name, seen in series.items():
                for phase, part in stretches(seen):
                    at = [(look["at_seconds"], value) for look in part if (value := track.of(look)) is not None]
                    drawn += [value for _, value in at]
                    stroke(axes, at, looks[name], phase == "operate")
            scale_values(axes, drawn, track.text)
            axes.set_title(track.title)
            axes.set_xlabel("seconds")
            axes.set_xlim(0, max(look["at_seconds"] for seen in series.values() for look in seen) * 1.02)
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        legend(drawing, {name: looks[name] for name in series}, narrow)

    what = ", ".join(track.title for track in shown)
    text = f"Each second of one run of each server at {place(point)}: {what}. The table sums it up."
    return Chart("time", "Second by second", text, paint)


def stretches(seen: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Cut a series where its phase changes; neighbours share a look, so that lines meet."""
    part: list[dict[str, Any]] = []
    for look in seen:
        part.append(look)
        if look["phase"] != part[0]["phase"]:
            yield part[0]["phase"], part
            part = [look]
    if part:
        yield part[0]["phase"], part


def stroke(axes: Axes, at: Sequence[tuple[float, float]], look: Style, working: bool) -> None:
    """Draw a stretch of a series."""
    if at:
        alone = look.marker if working and len(at) == 1 else ""
        x, y = zip(*at)
        axes.plot(
            x, y, color=look.colour, linestyle=look.dashes, marker=alone, alpha=1 if working else 0.45, linewidth=1.5
        )
