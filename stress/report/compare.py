"""Compare two documents of stress/run.py --json, of different days, versions or machines.

    python stress/run.py compare A.json B.json
    python stress/run.py compare A.json B.json --servers v2 --figures per_second,cpu_us_per_operation --fail-on 1.1

Prints every chosen figure of every server that both have at the same point: A and B, their geometric means over the
runs, the ratio of B to A with its interval, and a verdict. The intervals of all rows hold together with a probability
of 95 % (report/intervals.py), as far as the runs of a document vary like those of another day would. What changes from
one day to the next on the same code is the noise of a figure, for which --noise sets another ratio. A figure got better
or worse if its whole interval is beyond the noise (a minimum-effect test: Murphy and Myors, Testing the hypothesis that
treatments have negligible effects, Journal of Applied Psychology 84(2), 1999); it is within the noise if its whole
interval is, and else it is not significant. Where the load or the machine was the limit, its figures have no verdict.

Exit status: 0; 1 with --fail-on when the whole interval of a figure is worse by more than that and the noise; 2 when a
file cannot be read, the two cannot be compared, or --fail-on has no figure with a verdict.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from report.intervals import Ratio, digits, geometric_mean, ratio
from report.table import DISTURBED_SHARE
from report.units import plural
from rig.options import names

SCHEMA = Path(__file__).resolve().parent / "schema.json"
MAX_MESSAGE_CHARS = 200  # of a validation error, which can quote a whole document

Document = dict[str, Any]
Point = tuple[str, int, float]


SPEED = frozenset({"load", "machine", "ended"})
"""The limits with which a figure is not that of the server alone."""


class Figure(NamedTuple):
    """
    A figure that is compared.

    @ivar title: in the table, with its unit.
    @ivar noise: the ratio up to which it changes between two measurements of the same code.
    @ivar more: whether a higher value is better.
    @ivar void: the limits of a run with which it has no verdict.
    """

    title: str
    noise: float
    more: bool = False
    void: frozenset[str] = SPEED


LATENCY = SPEED | {"saturated"}  # a latency of a saturated server grows with the duration of the run

FIGURES = {
    "per_second": Figure("operations/s", 1.1, True),
    "p50_us": Figure("p50, us", 1.1, void=LATENCY),
    "p99_us": Figure("p99, us", 1.25, void=LATENCY),
    "p999_us": Figure("p99.9, us", 1.5, void=LATENCY),
    "cpu_us_per_operation": Figure("CPU, us/op", 1.1),
    "switches_per_operation": Figure("switches/op", 1.5),
    "system_calls_per_operation": Figure("system calls/op", 1.1),
    "resident_per_connection": Figure("memory, B/conn", 1.05, void=frozenset({"ended"})),
    "connect_per_second": Figure("connections/s", 1.5, True),
}


class Chosen(NamedTuple):
    """What the command line chooses: names of figures, names of servers (empty: all), and the noise of all figures
    (None: each figure's own)."""

    figures: list[str]
    servers: list[str]
    noise: float | None

    def noise_of(self, figure: Figure) -> float:
        return self.noise or figure.noise


class Change(NamedTuple):
    """
    The change of one figure of one server at one point.

    @ivar found: the ratio of B to A; None if there is none.
    @ivar noise: the ratio that is within the noise.
    @ivar limit: why there is no verdict; empty if there is one.
    """

    figure: Figure
    a: float
    b: float
    found: Ratio | None
    noise: float
    limit: str

    @property
    def worse(self) -> tuple[float, float, float]:
        """The factor by which it got worse, below 1 if it got better, and the ends of its interval."""
        assert self.found and self.found.low and self.found.high
        found = (self.found.ratio, self.found.low, self.found.high)
        return (1 / found[0], 1 / found[2], 1 / found[1]) if self.figure.more else found

    @property
    def verdict(self) -> str:
        """Whether it got better or worse, or why that is unknown."""
        if self.limit:
            return self.limit
        if self.found is None:
            return "no ratio"
        if self.found.low is None:
            return "too few runs"
        _, low, high = self.worse
        if low > self.noise or high < 1 / self.noise:
            return "worse" if low > 1 else "better"
        return "within noise" if high <= self.noise and low >= 1 / self.noise else "not significant"


VERDICTS = ("better", "worse", "within noise", "not significant")


class Incomparable(Exception):
    """A file is no document, or two documents have nothing to compare; the text has the reason."""


# Reading


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def read(path: Path) -> Document:
    """Return the document in a file. Raises Incomparable."""
    try:
        document: Document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as failure:
        raise Incomparable(f"{path}: {failure}") from None
    wrong = best_match(Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(document))
    if wrong is not None:
        raise Incomparable(
            f"{path} was not written by stress/run.py --json: at {wrong.json_path}, {wrong.message[:MAX_MESSAGE_CHARS]}"
        )
    return document


def asked(document: Document) -> dict[str, Any]:
    """Return the part of the plan that must be equal in both documents."""
    plan = document["plan"]
    pacing = {name: plan["pacing"].get(name) for name in ("loop", "arrivals")}
    return {**plan["workload"], **pacing, "active": plan["active"]}


def unlike(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """Return the differences of two flat dictionaries in words."""
    names = [*a, *(name for name in b if name not in a)]
    return [f"{name} {a.get(name)} and {b.get(name)}" for name in names if a.get(name) != b.get(name)]


def circumstances(document: Document) -> dict[str, Any]:
    """Return what may differ, and is reported."""
    plan = {name: document["plan"][name] for name in ("warmup_seconds", "duration_seconds", "rounds", "load_processes")}
    machine = {f"machine's {name}": value for name, value in document["machine"].items()}
    servers = {f"server {each['name']}:": f"{each['title']} ({each['version']})" for each in document["servers"]}
    return {**machine, **{f"rig's {name}": value for name, value in document["rig"].items()}, **plan, **servers}


# Comparing


def points(document: Document, servers: Sequence[str] = ()) -> dict[Point, dict[str, Any]]:
    """Return a document's summaries by server and point: of some servers, or of all."""
    found = {
        (each["server"], each["clients"], each["target_per_second"] or 0.0): each for each in document["summaries"]
    }
    return {point: each for point, each in found.items() if not servers or point[0] in servers}


def where(point: Point) -> str:
    """Return a server and point in words."""
    server, clients, rate = point
    return f"{server}, {clients:,} clients" + (f", {rate:,.0f} planned operations/s" if rate else "")


Pair = tuple[dict[str, Any], dict[str, Any]]
"""The summaries of one server at one point in A and in B."""


def limit(figure: Figure, pair: Pair) -> str:
    """Return why a figure of two summaries has no verdict; empty if it has one."""
    for name, summary in zip("AB", pair):
        if summary["limited_by"] in figure.void:
            return f"{name}: {VOID[summary['limited_by']]}"
    return ""


VOID = {"load": "load limited", "machine": "machine full", "saturated": "saturated", "ended": "server ended"}


def known(pair: Pair, chosen: Chosen) -> list[str]:
    """Return the names of the chosen figures that both summaries have."""
    return [name for name in chosen.figures if all(name in summary["figures"] for summary in pair)]


def changes(pair: Pair, chosen: Chosen, comparisons: int) -> list[Change]:
    """Return the changes of all chosen figures that both summaries have, as part of a number of comparisons."""
    found = []
    for name in known(pair, chosen):
        figure = FIGURES[name]
        a, b = (summary["figures"][name]["values"] for summary in pair)
        compared, noise = ratio(b, a, comparisons), chosen.noise_of(figure)
        found.append(Change(figure, middle(a), middle(b), compared, noise, limit(figure, pair)))
    return found


def middle(values: list[float]) -> float:
    """Return the geometric mean, or the median where a value is not above 0."""
    return geometric_mean(values) if min(values) > 0 else median(values)


def common(a: Document, b: Document, chosen: Chosen) -> dict[Point, list[Change]]:
    """Return the changes at every point of the chosen servers that both documents have. Raises Incomparable if their
    plans differ, or they have no such point in common."""
    differing = unlike(asked(a), asked(b))
    if differing:
        raise Incomparable(f"A and B did not measure the same: {'; '.join(differing)}")
    ours, theirs = points(a, chosen.servers), points(b, chosen.servers)
    pairs = {point: (each, theirs[point]) for point, each in ours.items() if point in theirs}
    if not pairs:
        raise Incomparable(
            f"no server was measured at the same point: A has {'; '.join(map(where, ours)) or 'nothing'}, "
            f"and B {'; '.join(map(where, theirs)) or 'nothing'}"
        )
    rows = sum(not limit(FIGURES[name], pair) for pair in pairs.values() for name in known(pair, chosen))
    return {point: changes(pair, chosen, max(1, rows)) for point, pair in pairs.items()}


# Output


def value(number: float) -> str:
    """Return a figure in three digits, or as a whole number."""
    return f"{number:,.0f}" if abs(number) >= 99.95 else f"{number:#.3g}"


COLOURS = {"worse": "red", "better": "green"}


def table(point: Point, found: list[Change]) -> Table:
    """Return the table of one server at one point."""
    drawn = Table(title=escape(where(point)), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    drawn.add_column("", no_wrap=True)
    for name in ("A", "B", "B / A", "interval"):
        drawn.add_column(name, justify="right", no_wrap=True)
    drawn.add_column("verdict", no_wrap=True)
    for change in found:
        ratio, within = "-", "-"
        if change.found:
            ratio = f"{digits(change.found.ratio)}x"
        if change.found and change.found.low is not None and change.found.high is not None:
            within = f"{digits(change.found.low)}x to {digits(change.found.high)}x"
        verdict = change.verdict
        cells = [change.figure.title, value(change.a), value(change.b), ratio, within, verdict]
        drawn.add_row(*cells, style=COLOURS.get(verdict))
    return drawn


LIMITS = {
    "load": "the load limited",
    "machine": "the full machine limited",
    "saturated": "the plan exceeded the capacity of",
    "ended": "the server ended during the run:",
}


def doubts(document: Document) -> Iterator[str]:
    """Yield a line for each kind of error and limit in a document."""
    found = points(document)
    for point, summary in found.items():
        if summary["errors"]:
            yield f"{where(point)}: {summary['errors']:,} errors"
    others = max((run.get("others_share") or 0.0 for run in document["runs"]), default=0.0)
    if others >= DISTURBED_SHARE:
        yield f"other programs used up to {others:.0%} of the machine"
    for limit, words in LIMITS.items():
        limited = [where(point) for point, summary in found.items() if summary["limited_by"] == limit]
        if limited:
            yield f"{words} {'; '.join(limited)}"


def notes(a: Document, b: Document) -> Iterator[str]:
    """Yield the lines below the tables."""
    for differing in unlike(circumstances(a), circumstances(b)):
        yield f"A and B differ: {differing}"
    for name, one, other in (("A", a, b), ("B", b, a)):
        alone = [where(point) for point in points(one) if point not in points(other)]
        if alone:
            yield f"only in {name}: {'; '.join(alone)}"
        yield from (f"{name}: {doubt}" for doubt in doubts(one))


def counted(found: dict[Point, list[Change]]) -> str:
    """Return the line on the number of comparisons, and of those without a verdict."""
    verdicts = Counter(change.verdict for changed in found.values() for change in changed)
    judged = {name: verdicts.pop(name) for name in VERDICTS if name in verdicts}
    rest = f"; no verdict: {sum(verdicts.values())}" if verdicts else ""
    each = ", ".join(f"{number} {name}" for name, number in judged.items()) or "none"
    return f"{plural(sum(judged.values()), 'figure')} compared: {each}{rest}"


def show(a: Document, b: Document, found: dict[Point, list[Change]], console: Console) -> None:
    """Print the tables and the notes."""
    for name, document in (("A", a), ("B", b)):
        console.print(f"{name}: {document['date']}, {document['command']}", markup=False, highlight=False)
    for point, changed in found.items():
        console.print()
        console.print(table(point, changed), highlight=False)
    console.print()
    for line in (counted(found), *notes(a, b)):
        console.print(line, markup=False, highlight=False)


def failures(found: dict[Point, list[Change]], most: float) -> list[str]:
    """Return a line for each figure whose whole interval is worse by more than a factor and its noise."""
    lines = []
    for point, changed in found.items():
        for change in changed:
            if change.verdict == "worse" and change.worse[1] > most:
                middle, low, high = map(digits, change.worse)
                lines.append(
                    f"{where(point)}: {change.figure.title} is {middle}x worse ({low}x to {high}x), "
                    f"more than {digits(max(most, change.noise))}x"
                )
    return lines


# Command line


def at_least_one(text: str) -> float:
    """Parse a ratio of at least 1."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 1 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no ratio of at least 1, such as 1.1 for 10 % worse")
    return number


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    head, _, rest = (__doc__ or "").partition("\n")
    made = argparse.ArgumentParser(
        prog="stress/run.py compare",
        description=head,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("a", type=Path, metavar="A.json", help="the earlier document")
    made.add_argument("b", type=Path, metavar="B.json", help="the later document")
    made.add_argument(
        "--fail-on",
        type=at_least_one,
        metavar="RATIO",
        help="exit with status 1 if a figure is worse by more than this factor, such as 1.1",
    )
    made.add_argument(
        "--noise",
        type=at_least_one,
        metavar="RATIO",
        help="the ratio that is within the noise, of all figures "
        f"({', '.join(f'{name} {each.noise:g}' for name, each in FIGURES.items())})",
    )
    made.add_argument("--servers", type=names, default=[], metavar="A,B", help="servers to compare (all)")
    made.add_argument(
        "--figures",
        type=figures,
        default=list(FIGURES),
        metavar="A,B",
        help="figures to compare, by their names in the documents (all); fewer have narrower intervals",
    )
    return made


def figures(text: str) -> list[str]:
    """Parse names of figures separated by commas."""
    found = names(text)
    for name in found:
        if name not in FIGURES:
            raise argparse.ArgumentTypeError(f"{name!r} is no figure. There are: {', '.join(FIGURES)}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    try:
        a, b = read(options.a), read(options.b)
        found = common(a, b, Chosen(options.figures, options.servers, options.noise))
    except Incomparable as failure:
        return refuse(str(failure))
    show(a, b, found, Console())
    if not options.fail_on:
        return 0
    if not any(change.verdict in VERDICTS for changed in found.values() for change in changed):
        return refuse("--fail-on: no figure has a verdict")
    failed = failures(found, options.fail_on)
    for line in failed:
        print(f"stress/run.py compare: {line}", file=sys.stderr)
    return 1 if failed else 0


def refuse(reason: str) -> int:
    """Print why there is no comparison, and return the exit status for it."""
    print(f"stress/run.py compare: {reason}", file=sys.stderr)
    return 2
