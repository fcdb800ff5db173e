"""The charts of a page, drawn with matplotlib: SVG inside the page, SVG and PNG files for slides.

matplotlib is widely maintained, needs neither a browser nor a network, and draws a figure as SVG and as PNG. Text
remains
text in the SVG, for screen readers and for the page's font; matplotlib computes the layout with its own font, which is
wider than most.

Each chart is drawn twice, wide for desktops and paper and narrow for phones, as text that shrinks with its chart is
unreadable. In the page the colours of text and lines are replaced by CSS variables; those of the servers are Okabe and
Ito's, which the colour-blind can distinguish on light and dark backgrounds; more than seven servers have the colours
that are farthest from those. Markers and dashes differ as well.
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
COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK,
    "#6a3df0", "#903018", "#00c060", "#806080", "#0048c0",
)  # fmt: skip
MARKERS = "os^DvPX*"
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (6, 2, 1, 2)), (0, (1, 1.5)), (0, (8, 2, 1, 1, 1, 2)))

WIDE_PX, NARROW_PX = 720, 350  # widths; units of the SVG are pixels of the page
PANEL_PX = 270  # height
LEGEND_ROW_PX = 17  # height
GAP_PX = 5  # around a panel
PER_INCH = 72
SLIDE_DPI = 216
FIRST_X = 1.25  # of the axis of percentiles, which is 1/(1-p): the 20th percentile
LEVELS = (50, 90, 99, 99.9, 99.99)
LINEAR_AXIS_RATIO = {
    "connections": 3,
    "planned requests per second": 20,
}  # up to this ratio of its ends an axis is linear
LOG_AXIS_RATIO = 30  # above this ratio of the largest value to the smallest an axis is logarithmic
SPARSE_TICKS_RATIO = 1000  # up to this ratio it has a tick between powers of ten
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
    """The style of a server in every chart."""

    colour: str
    marker: str
    dashes: Any


class Chart(NamedTuple):
    """A chart; C{paint} fills a drawing, and its second argument is whether that is for a phone."""

    name: str
    title: str
    description: str
    paint: Callable[[Drawing, bool], None]


class Drawn(NamedTuple):
    """A chart in the page: two SVG elements."""

    name: str
    wide: str
    narrow: str


def server_styles(names: Sequence[str]) -> dict[str, Style]:
    """Return a style for each server."""
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
    """Return the metadata without a date, so that the same document gives the same files."""
    return {"Date": None} if ending == "svg" else None


def painted(chart: Chart, narrow: bool) -> Drawing:
    """Return the drawing of a chart, which sets its height."""
    width = NARROW_PX if narrow else WIDE_PX
    drawing = Drawing(figsize=(width / PER_INCH, PANEL_PX / PER_INCH), layout="constrained")
    drawing.get_layout_engine().set(h_pad=GAP_PX / PER_INCH, w_pad=GAP_PX / PER_INCH)  # type: ignore[union-attr,call-arg]
    chart.paint(drawing, narrow)
    return drawing


def svg(drawing: Drawing) -> str:
    """Return a drawing as SVG with a transparent background."""
    out = io.StringIO()
    drawing.savefig(out, format="svg", transparent=True, metadata=undated("svg"))
    return out.getvalue()


SVG = "{http://www.w3.org/2000/svg}"
ElementTree.register_namespace("", SVG.strip("{}"))
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def inlined(text: str, chart: Chart, variant: str) -> str:
    """Return an SVG for the page: with a title and a description, the page's colours and font, and only the identifiers
    that are referenced, as matplotlib uses the same ones in every drawing."""
    root = ElementTree.fromstring(text)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    for child in [*root.findall(f"{SVG}metadata"), *root.findall(f"{SVG}defs[{SVG}style]")]:
        root.remove(child)  # the style would apply to the whole page
    used = set(re.findall(r"#([\w-]+)", text))
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
    name = f"{chart.name}-{variant}"
    root.attrib.update({"class": variant, "role": "img", "aria-labelledby": f"{name}-title {name}-desc"})
    for at, (tag, content) in enumerate((("title", chart.title), ("desc", chart.description))):
        element = ElementTree.Element(f"{SVG}{tag}", {"id": f"{name}-{tag}"})
        element.text = content
        root.insert(at, element)
    return themed(ElementTree.tostring(root, encoding="unicode"))


def themed(text: str) -> str:
    """Replace colours and font by the page's."""
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    return re.sub(r"font: ([\d. a-z]*)'DejaVu Sans'", r"font: \1var(--sans)", text)


def grid(drawing: Drawing, narrow: bool, number: int, share_y: bool = False) -> list[Axes]:
    """Return panels in two columns, or in one on a phone, and set the height of the drawing."""
    columns = 1 if narrow or number == 1 else 2
    rows = math.ceil(number / columns)
    height = PANEL_PX if number == 1 else 50 + rows * (PANEL_PX - 35)
    drawing.set_figheight((height + (30 if number == 1 and not narrow else 0)) / PER_INCH)
    found = drawing.subplots(rows, columns, squeeze=False, sharey=share_y).flatten()
    for spare in found[number:]:
        spare.remove()
    return list(found[:number])


def legend(drawing: Drawing, styles: dict[str, Style], narrow: bool, more: Iterable[Line2D] = ()) -> None:
    """Add the legend of the servers above the panels."""
    lines = [
        Line2D([], [], color=style.colour, marker=style.marker, linestyle=style.dashes, label=name)
        for name, style in styles.items()
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
    """Return a tick formatter: the figure's format without trailing zeros."""

    def format_tick(value: float, _: object) -> str:
        return re.sub(r"\.0+(?!\d)|(\.\d*[1-9])0+(?!\d)", r"\1", text(value))

    return FuncFormatter(format_tick)


def scale_values(axes: Axes, values: Sequence[float], text: Callable[[float], str], vertical: bool = True) -> None:
    """Set the scale of an axis: linear from 0, or logarithmic if the values differ too much."""
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
    """Set the ticks of an axis of points, as many as have room; it is logarithmic if the points differ too much."""
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
    """A chart's x axis and its panels: the planned rate if there are several, else the connections."""

    label: str
    of: Callable[[Point], float]
    panels: list[tuple[str, list[Point]]]


def across(measured: Measured) -> Across:
    """Return the x axis for a document's points."""
    planned = [point for point in measured.points if point.target is not None]
    if len({point.target for point in planned}) < 2:
        return Across("connections", lambda point: point.clients, [("", measured.points)])
    clients = sorted({point.clients for point in planned})
    panels = [
        (f"{units.count(number)} connections" if len(clients) > 1 else "", [p for p in planned if p.clients == number])
        for number in clients[-MAX_PANELS:]
    ]
    return Across("planned requests per second", lambda point: point.target or 0.0, panels)


def against(measured: Measured, figure: Figure, styles: dict[str, Style]) -> Chart:
    """Return a chart of a figure by connections or planned rate: lines with intervals, or bars for a single point."""
    axis = across(measured)
    single = all(len(points) == 1 for _, points in axis.panels)

    def paint(drawing: Drawing, narrow: bool) -> None:
        if single:
            bars(drawing, measured, figure, styles, [points[0] for _, points in axis.panels], narrow)
            return
        own = {name: style for name, style in styles.items() if has(measured, name, figure)}
        for axes, (title, points) in zip(grid(drawing, narrow, len(axis.panels)), axis.panels):
            axes.set_title(", ".join(each for each in (title, figure.unit) if each))
            lines(axes, measured, figure, own, points, axis.of)
            spread_ticks(axes, [axis.of(point) for point in points], LINEAR_AXIS_RATIO[axis.label], narrow)
            axes.set_xlabel(axis.label)
        legend(drawing, own, narrow)

    shape = "bars, one for each server" if single else f"a line for each server against {axis.label}"
    text = f"{figure.title}: {shape}, medians with 95 % intervals. The table below contains all values."
    return Chart(figure.name.replace("_", "-"), figure.title, text, paint)


def has(measured: Measured, name: str, figure: Figure) -> bool:
    """Return whether a server has a figure at any point."""
    return any(measured.interval(name, point, figure) for point in measured.points)


def lines(
    axes: Axes, measured: Measured, figure: Figure, styles: dict[str, Style], points: Sequence[Point],
    of: Callable[[Point], float],
) -> None:  # fmt: skip
    """Draw a line for each server; a point where something else than the server was the limit is hollow."""
    drawn: list[float] = []
    for name, style in styles.items():
        found = [(point, each) for point in points if (each := measured.interval(name, point, figure))]
        x = [of(point) for point, _ in found]
        y = [each.median / figure.divisor for _, each in found]
        below, above = (
            zip(*[whiskers(each.median, each.low, each.high, figure) for _, each in found]) if found else ((), ())
        )
        axes.errorbar(x, y, yerr=(below, above), color=style.colour, linestyle=style.dashes, capsize=3, elinewidth=1)
        for at, (point, _) in enumerate(found):
            face = PAPER if measured.limit(name, point) else style.colour
            axes.plot(x[at], y[at], style.marker, color=style.colour, markerfacecolor=face, zorder=3)
        drawn += [*y, *(value - low for value, low in zip(y, below)), *(value + high for value, high in zip(y, above))]
    scale_values(axes, drawn, units.number if figure.divisor != 1 else figure.text)


def whiskers(median: float, low: float | None, high: float | None, figure: Figure) -> tuple[float, float]:
    """Return how far an interval extends below and above the median, in the axis's unit."""
    below = median - low if low is not None else 0.0
    above = high - median if high is not None else 0.0
    return max(0.0, below) / figure.divisor, max(0.0, above) / figure.divisor


def bars(
    drawing: Drawing,
    measured: Measured,
    figure: Figure,
    styles: dict[str, Style],
    points: Sequence[Point],
    narrow: bool,
) -> None:
    """Draw a bar for each server; one where something else than the server was the limit is hatched. If the values
    differ too much for bars, draw dots on a logarithmic axis."""
    every = [
        (name, point, measured.interval(name, point, figure))
        for point in points
        for name in ordered(measured, figure, styles, point)
    ]
    rows = [(name, point, each) for name, point, each in every if each]
    values = [each.median / figure.divisor for _, _, each in rows]
    ends = [(each.high if each.high is not None else each.median) / figure.divisor for _, _, each in rows]
    drawing.set_figheight((70 + (34 if narrow else 38) * len(rows)) / PER_INCH)
    axes = drawing.subplots()
    scale_values(axes, [*values, *ends], units.number if figure.divisor != 1 else figure.text, vertical=False)
    for at, (name, point, each) in enumerate(rows):
        bar(axes, at, values[at], styles[name], bool(measured.limit(name, point)))
        reach = [[part] for part in whiskers(each.median, each.low, each.high, figure)]
        if any(part[0] for part in reach):
            axes.errorbar([values[at]], [at], xerr=reach, color=INK, capsize=3, elinewidth=1, linestyle="none")
        place_of_text = (max(ends[at], 0.0), at)
        axes.annotate(figure.text(each.median), place_of_text, (7, 0), textcoords="offset points", va="center")
    names = [f"{name}, {units.count(point.clients)}" if len(points) > 1 else name for name, point, _ in rows]
    frame(axes, names, figure.unit, narrow)


def ordered(measured: Measured, figure: Figure, names: Iterable[str], point: Point) -> list[str]:
    """Return servers by their figure at a point, the best one first, those without it last."""

    def rank(name: str) -> tuple[bool, float]:
        each = measured.interval(name, point, figure)
        return each is None, each.median * (-1 if figure.more_is_better else 1) if each else 0.0

    return sorted(names, key=rank)


def frame(axes: Axes, names: Sequence[str], unit: str, narrow: bool) -> None:
    """Label the rows of bars, the first one at the top, and leave room for their values."""
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(unit)
    left, right = axes.get_xlim()
    linear, log = (1.3, 8) if narrow else (1.1, 3)
    axes.set_xlim(left, right * (log if axes.get_xscale() == "log" else linear))


def bar(axes: Axes, at: int, value: float, style: Style, limited: bool) -> None:
    """Draw a value, hatched or hollow if C{limited}."""
    if axes.get_xscale() == "log":
        axes.plot(value, at, style.marker, color=style.colour, markerfacecolor=PAPER if limited else style.colour)
    else:
        axes.barh(at, value, 0.62, color="none" if limited else style.colour, edgecolor=style.colour,
                  hatch="////" if limited else None, linewidth=1)  # fmt: skip


def curve(values: Any) -> tuple[list[float], list[float]]:
    """Return a histogram's curve: x is 1/(1-p), y the latency, up to the percentile of a single value."""
    number = values.get_total_count()
    first, last = math.log10(FIRST_X), math.log10(max(2, number))
    steps = max(2, int(24 * (last - first)))
    x = [10 ** (first + (last - first) * at / steps) for at in range(steps + 1)]
    found = percentiles(values, [100 * (1 - 1 / each) for each in x])
    return x, list(found.values()) if len(found) == len(x) else [0.0] * len(x)


def trace(axes: Axes, values: Any, style: Style, dashes: Any, hollow: bool) -> list[float]:
    """Draw a percentile curve with markers at LEVELS, and return its latencies."""
    if not values.get_total_count():
        return []
    x, y = curve(values)
    axes.plot(x, y, color=style.colour, linestyle=dashes)
    named = [level for level in LEVELS if 100 / (100 - level) <= x[-1]]
    at = percentiles(values, named)
    face = PAPER if hollow else style.colour
    axes.plot([100 / (100 - p) for p in at], list(at.values()), style.marker, color=style.colour, markerfacecolor=face)
    return y


def percentile_axes(axes: Axes, drawn: Sequence[float], reach: float) -> None:
    """Set the axes of percentile curves, on which each nine has the same width."""
    axes.set_xscale("log")
    axes.set_xlim(FIRST_X, max(110.0, reach * 1.15))
    levels = [level for level in (*LEVELS, 99.999) if 100 / (100 - level) <= axes.get_xlim()[1]]
    axes.xaxis.set_major_locator(FixedLocator([100 / (100 - level) for level in levels]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 - 100 / x:.5g}"))
    scale_values(axes, [value for value in drawn if value > 0], units.time)


class Curve(NamedTuple):
    """A histogram to draw by percentile, and its style."""

    values: Any
    style: Style
    dashes: Any
    hollow: bool


def curves(drawing: Drawing, narrow: bool, panels: Sequence[tuple[str, Sequence[Curve]]]) -> None:
    """Draw percentile curves in panels with common axes."""
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


def latency(measured: Measured, styles: dict[str, Style]) -> Chart:
    """Return the chart of latency by percentile, a panel for each point."""
    points = chosen(measured.points)

    def paint(drawing: Drawing, narrow: bool) -> None:
        panels = [(place(point) if len(points) > 1 else "", responses(measured, point, styles)) for point in points]
        curves(drawing, narrow, panels)
        legend(drawing, styles, narrow)

    of = "a panel for each point and a line for each server" if len(points) > 1 else "a line for each server"
    text = (
        f"Latency by percentile, {of}; each nine of the percentile has the same width. The table contains the values."
    )
    return Chart("latency", "Latency by percentile", text, paint)


def responses(measured: Measured, point: Point, styles: dict[str, Style]) -> list[Curve]:
    """Return the response times of all servers at a point."""
    return [
        Curve(histogram(summary["latency"]), style, style.dashes, bool(measured.limit(name, point)))
        for name, style in styles.items()
        if (summary := measured.summary(name, point))
    ]


def place(point: Point) -> str:
    """Return a point's name for the title of a panel."""
    rate = f", {units.number(point.target)}/s" if point.target is not None else ""
    return f"{units.plural(point.clients, 'connection')}{rate}"


def chosen(points: Sequence[Point]) -> list[Point]:
    """Return at most MAX_PANELS points, with the first and the last among them."""
    if len(points) <= MAX_PANELS:
        return list(points)
    return [points[round(at * (len(points) - 1) / (MAX_PANELS - 1))] for at in range(MAX_PANELS)]


SERVICE_DASHES = (0, (2, 1.5))


def both_clocks(measured: Measured, point: Point, styles: dict[str, Style]) -> Chart:
    """Return, for an open loop, the chart of response and service time, a panel for each server."""
    names = [name for name in styles if measured.runs(name, point)]

    def paint(drawing: Drawing, narrow: bool) -> None:
        curves(drawing, narrow, [(name, clocks(measured.runs(name, point), styles[name])) for name in names])
        plan = Line2D([], [], color=MUTED, marker="o", label="from the planned start")
        sent = Line2D(
            [], [], color=MUTED, marker="o", markerfacecolor=PAPER, linestyle=SERVICE_DASHES, label="from the send"
        )
        legend(drawing, {}, narrow, [plan, sent])

    text = f"Response and service time by percentile at {place(point)}, a panel for each server."
    return Chart("response-service", "Response time and service time", text, paint)


def clocks(runs: Sequence[dict[str, Any]], style: Style) -> list[Curve]:
    """Return the response time of runs, and their service time."""
    kinds = (("response", "-"), ("service", SERVICE_DASHES))
    return [
        Curve(added(run["operations"][kind] for run in runs), style, dashes, kind == "service")
        for kind, dashes in kinds
    ]


def tried(measured: Measured, styles: dict[str, Style]) -> Chart:
    """Return the chart of the p99 at each rate of a sweep, with its bound."""
    base = against(measured, P99, styles)

    def paint(drawing: Drawing, narrow: bool) -> None:
        base.paint(drawing, narrow)
        for axes in drawing.axes:
            axes.axhline(measured.bound or 0.0, color=MUTED, linewidth=1.2, linestyle=(0, (1, 1.5)), zorder=1)

    text = f"{base.description} The dotted line is the bound."
    return Chart("tried", "Tested rates", text, paint)


def achieved(measured: Measured, styles: dict[str, Style]) -> Chart:
    """Return the chart of the achieved by the planned rate."""
    axis = across(measured)
    base = against(measured, RATE, styles)

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
    """A line of the time series: its title, its format, and how to read it from a second."""

    title: str
    text: Callable[[float], str]
    of: Callable[[dict[str, Any]], float | None]


def cpu_share(second: dict[str, Any]) -> float | None:
    """Return the CPU that a server used in a second, as a share of one core."""
    return second["user_share"] + second["system_share"] if "user_share" in second else None


TRACKS = (
    Track("answers per second", units.number, lambda second: second["done"] / second.get("seconds", 1.0)),
    Track("p99", units.time, lambda second: second.get("p99_us")),
    Track("CPU, of one core", units.share, cpu_share),
    Track(
        "resident memory, MiB",
        units.number,
        lambda second: second["resident"] / 2**20 if "resident" in second else None,
    ),
    Track("maximum loop lag", units.time, lambda second: second.get("loop_lag_us")),
)


def tracks(series: dict[str, list[dict[str, Any]]]) -> list[Track]:
    """Return the tracks that any server has."""
    return [
        track
        for track in TRACKS
        if any(track.of(second) is not None for seconds in series.values() for second in seconds)
    ]


def over_time(series: dict[str, list[dict[str, Any]]], styles: dict[str, Style], point: Point) -> Chart:
    """Return the chart of one run of each server, second by second; the phases before the operations are pale."""
    shown = tracks(series)

    def paint(drawing: Drawing, narrow: bool) -> None:
        for axes, track in zip(grid(drawing, narrow, len(shown)), shown):
            drawn: list[float] = []
            for name, seen in series.items():
                for phase, part in stretches(seen):
                    at = [(second["at_seconds"], value) for second in part if (value := track.of(second)) is not None]
                    drawn += [value for _, value in at]
                    stroke(axes, at, styles[name], phase == "operate")
            scale_values(axes, drawn, track.text)
            axes.set_title(track.title)
            axes.set_xlabel("seconds")
            axes.set_xlim(0, max(second["at_seconds"] for seen in series.values() for second in seen) * 1.02)
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        legend(drawing, {name: styles[name] for name in series}, narrow)

    what = ", ".join(track.title for track in shown)
    text = (
        f"Each second of one run of each server at {place(point)}: {what}. The table has minimum, median and maximum."
    )
    return Chart("time", "Time series", text, paint)


def stretches(seen: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Split a series where its phase changes; neighbours share a second, so that their lines meet."""
    part: list[dict[str, Any]] = []
    for second in seen:
        part.append(second)
        if second["phase"] != part[0]["phase"]:
            yield part[0]["phase"], part
            part = [second]
    if part:
        yield part[0]["phase"], part


def stroke(axes: Axes, at: Sequence[tuple[float, float]], style: Style, working: bool) -> None:
    """Draw a part of a series."""
    if at:
        alone = style.marker if working and len(at) == 1 else ""
        x, y = zip(*at)
        axes.plot(
            x, y, color=style.colour, linestyle=style.dashes, marker=alone, alpha=1 if working else 0.45, linewidth=1.5
        )
