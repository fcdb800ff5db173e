"""Compare two documents of stress/run.py --json, of different days, versions or machines.

    python stress/run.py compare A.json B.json

Prints every figure of every server that both have at the same point: A, B, the ratio of B to A with its 95 % interval,
and whether the difference is significant. Exit status: 0; 1 with --fail-on when a figure got significantly worse by
more than that; 2 when a file cannot be read or the two cannot be compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from report.intervals import Ratio, digits, ratio

SCHEMA = Path(__file__).resolve().parent / "schema.json"
MAX_MESSAGE_CHARS = 200  # of a validation error, which can quote a whole document

Document = dict[str, Any]
Point = tuple[str, int, float]


class Figure(NamedTuple):
    """A figure's name in the table with its unit, and whether a higher value is better."""

    title: str
    more: bool = False


FIGURES = {
    "per_second": Figure("operations/s", True),
    "p50_us": Figure("p50, us"),
    "p99_us": Figure("p99, us"),
    "p999_us": Figure("p99.9, us"),
    "cpu_us_per_operation": Figure("CPU, us/op"),
    "switches_per_operation": Figure("context switches/op"),
    "system_calls_per_operation": Figure("system calls/op"),
    "resident_per_connection": Figure("memory, bytes/conn"),
    "connect_per_second": Figure("connections/s", True),
}


class Change(NamedTuple):
    """The change of one figure of one server at one point; C{found} is the ratio of B to A, None if there is none."""

    figure: Figure
    a: float
    b: float
    found: Ratio | None

    @property
    def worse(self) -> float:
        """The factor by which it got worse; below 1 it got better."""
        assert self.found is not None
        return 1 / self.found.ratio if self.figure.more else self.found.ratio

    @property
    def verdict(self) -> str:
        """Whether it got better or worse, or why that is unknown."""
        if self.found is None:
            return "no ratio"
        if self.found.real is None:
            return "too few runs"
        if not self.found.real:
            return "not significant"
        return "worse" if self.worse > 1 else "better"


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


def points(document: Document) -> dict[Point, dict[str, Any]]:
    """Return a document's summaries by server and point."""
    return {(each["server"], each["clients"], each["target_per_second"] or 0.0): each for each in document["summaries"]}


def where(point: Point) -> str:
    """Return a server and point in words."""
    server, clients, rate = point
    return f"{server}, {clients:,} clients" + (f", {rate:,.0f} planned operations/s" if rate else "")


def changes(a: dict[str, Any], b: dict[str, Any]) -> list[Change]:
    """Return the changes of all figures that both summaries have."""
    found = []
    for name, figure in FIGURES.items():
        one, other = a["figures"].get(name), b["figures"].get(name)
        if one and other:
            found.append(Change(figure, one["median"], other["median"], ratio(other["values"], one["values"])))
    return found


def common(a: Document, b: Document) -> dict[Point, list[Change]]:
    """Return the changes at every point that both documents have. Raises Incomparable if their plans differ, or they
    have no point in common."""
    differing = unlike(asked(a), asked(b))
    if differing:
        raise Incomparable(f"A and B did not measure the same: {'; '.join(differing)}")
    ours, theirs = points(a), points(b)
    both = {point: changes(each, theirs[point]) for point, each in ours.items() if point in theirs}
    if not both:
        raise Incomparable(
            f"no server was measured at the same point: A has {'; '.join(map(where, ours)) or 'nothing'}, "
            f"and B {'; '.join(map(where, theirs)) or 'nothing'}"
        )
    return both


# Output


def value(number: float) -> str:
    """Return a figure in three digits, or as a whole number."""
    return f"{number:,.0f}" if abs(number) >= 99.95 else f"{number:#.3g}"


COLOURS = {"worse": "red", "better": "green"}


def table(point: Point, found: list[Change]) -> Table:
    """Return the table of one server at one point."""
    drawn = Table(title=escape(where(point)), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    drawn.add_column("")
    for name in ("A", "B", "B / A", "95 %"):
        drawn.add_column(name, justify="right", no_wrap=True)
    drawn.add_column("difference")
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
}


def doubts(document: Document) -> Iterator[str]:
    """Yield a line for each kind of error and limit in a document."""
    found = points(document)
    for point, summary in found.items():
        if summary["errors"]:
            yield f"{where(point)}: {summary['errors']:,} errors"
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


def show(a: Document, b: Document, found: dict[Point, list[Change]], console: Console) -> None:
    """Print the tables and the notes."""
    for name, document in (("A", a), ("B", b)):
        console.print(f"{name}: {document['date']}, {document['command']}", markup=False, highlight=False)
    for point, changed in found.items():
        console.print()
        console.print(table(point, changed), highlight=False)
    console.print()
    for line in notes(a, b):
        console.print(line, markup=False, highlight=False)


def failures(found: dict[Point, list[Change]], most: float) -> list[str]:
    """Return a line for each figure that got significantly worse by more than a factor."""
    return [
        f"{where(point)}: {change.figure.title} is {digits(change.worse)}x worse, more than {digits(most)}x"
        for point, changed in found.items()
        for change in changed
        if change.verdict == "worse" and change.worse > most
    ]


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
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    try:
        a, b = read(options.a), read(options.b)
        found = common(a, b)
    except Incomparable as failure:
        print(f"stress/run.py compare: {failure}", file=sys.stderr)
        return 2
    show(a, b, found, Console())
    failed = failures(found, options.fail_on) if options.fail_on else []
    for line in failed:
        print(f"stress/run.py compare: {line}", file=sys.stderr)
    return 1 if failed else 0
