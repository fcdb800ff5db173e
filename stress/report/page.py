"""Draw what stress/run.py measured as one web page that needs no network, with its charts beside it.

    python stress/run.py page RUN.json FOLDER

RUN.json is what `stress/run.py --json` wrote. FOLDER gets index.html, to be read on a phone, on a desk or on paper, and
each chart as SVG and PNG for slides.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

from rig.options import require

try:
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup, escape

    from report import charts, tables, units, verdict
    from report.compare import Incomparable, read
    from report.lookup import CALLS, CONNECT, CPU, LOAD, MEMORY, P99, RATE, SWITCHES, Figure, Measured, Point, Record
except ModuleNotFoundError as missing:
    require("report", missing)

HERE = Path(__file__).parent
MIN_SERIES_SECONDS = 3  # looks, below which a series is no line


class Part(NamedTuple):
    """A section: what it says, its chart if there is one, else why not, and its table."""

    name: str
    heading: str
    text: str
    chart: charts.Drawn | None
    table: tables.Table | None
    missing: str = ""


def write(document: Record, folder: Path) -> None:
    """Write the page of a document, and its charts as SVG and PNG, into a folder, which is made if need be.

    The document is taken to be as schema.json says. Raise OSError where nothing can be written.
    """
    measured = Measured(document)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(page(measured, folder), encoding="utf-8")


def page(measured: Measured, folder: Path) -> str:
    """Return the page; its charts' files are written on the way."""
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    names = [server["name"] for server in measured.whole["servers"]]
    environment.filters.update(number=units.number, shell=shlex.join, unbroken=partial(unbroken, names))
    last = measured.points[-1] if measured.points else None
    return environment.get_template("page.html").render(
        measured=measured,
        document=measured.document,
        style=(HERE / "page.css").read_text(),
        title=title(measured),
        asked=asked(measured),
        sentences=verdict.sentences(measured),
        troubled=bool(verdict.errors(measured) or verdict.limits(measured)),
        key=tables.key(measured, last) if last else None,
        looks=charts.styles(measured.servers),
        parts=[*swept(measured, folder), *(parts(measured, last, folder) if last else [])],
        errors=tables.errors(measured),
        limits=tables.limits(measured),
        differences=tables.differences(measured),
        runs=tables.runs(Measured(measured.whole, whole=True)),
    )


def unbroken(names: Sequence[str], text: str) -> Markup:
    """Return text as HTML in which no line ends within a server's name."""
    known = "|".join(re.escape(str(escape(name))) for name in sorted(names, key=len, reverse=True))
    return Markup(
        re.sub(rf"(?<![\w-])({known})(?![\w-])", r'<span class="name">\1</span>', str(escape(text)))
        if known
        else escape(text)
    )


def title(measured: Measured) -> str:
    """Say what was compared: v1, v2 and redis with 1,024 to 8,192 connections."""
    clients = sorted({point.clients for point in measured.points} or set(measured.plan["clients"]))
    ends = (" to " if len(clients) > 2 else " and ").join(dict.fromkeys(map(units.count, (clients[0], clients[-1]))))
    names = measured.servers or [each["name"] for each in measured.document["servers"]]
    active = f", {units.count(measured.plan['active'])} of them at work" if measured.plan["active"] else ""
    who = units.several(names) or "No server"
    if len(names) > verdict.MAX_NAMED_SERVERS:
        who = f"{len(names)} servers"
    return f"{who} with {ends} connection{'s' * (clients[-1] != 1)}{active}"


WORKLOADS = {
    "seed": "each client reads a key that nobody wrote, writes it and reads it back; keys and values of 255 bytes",
    "mix": "reads and writes",
    "churn": "each client connects, asks once, closes, and begins again",
    "idle": "few clients work while the others are connected and silent",
}
PROTOCOLS = {"native": "the seed's frames", "resp": "RESP"}


def asked(measured: Measured) -> list[tuple[str, str]]:
    """Return the plan in words, by its parts."""
    plan = measured.plan
    length = [
        *([f"{units.plain(plan['duration_seconds'])} s"] if plan["duration_seconds"] else []),
        *([f"{units.plural(plan['rounds'], 'round')} by each client"] if plan["rounds"] else []),
    ]
    warm = (
        f" after {units.plain(plan['warmup_seconds'])} s of warm-up that do not count" if plan["warmup_seconds"] else ""
    )
    active = f", of which {units.count(plan['active'])} work" if plan["active"] is not None else ""
    return [
        ("Workload", units.capital(workload(plan["workload"]))),
        ("Pace", units.capital(pace(plan["pacing"]))),
        ("Connections", units.several([units.count(number) for number in plan["clients"]]) + active),
        ("Runs", f"{units.count(plan['repeats'])} of each, the servers in turn; {units.several(length)}{warm}"),
        ("Load", f"{units.count(plan['load_processes'])} process{'es' * (plan['load_processes'] > 1)}"
         + f"; an answer may take {units.plain(plan['timeout_seconds'])} s; seed {plan['seed']}"),
    ]  # fmt: skip


def workload(plan: Record) -> str:
    """Say what clients do."""
    parts = [WORKLOADS[plan["name"]]]
    if "sets" in plan:
        parts.append(f"{units.share(plan['sets'])} of the requests are writes")
    if "values" in plan:
        parts.append(f"values of {plan['values']} bytes")
    if "keys" in plan:
        parts.append(f"{units.count(plan['keys'])} keys" + (f", {plan['choice']}" if "choice" in plan else ""))
    pipeline = f"{plan['pipeline']} requests at a time" if plan["pipeline"] > 1 else "one request at a time"
    return "; ".join([*parts, f"{PROTOCOLS[plan['protocol']]}, {pipeline}"])


def pace(plan: Record) -> str:
    """Say when clients ask."""
    if plan["loop"] == "closed":
        return "closed loop: a client asks again when it was answered"
    rates = units.several([units.number(rate) for rate in plan.get("rates", [])])
    planned = f"{rates} requests a second" if rates else "a planned rate"
    arrivals = {"poisson": " at random (Poisson)", "constant": " at a constant pace"}.get(plan.get("arrivals", ""), "")
    sweep = (
        f"; looked for the highest rate with the 99th percentile within {units.time(plan['p99_us'])}"
        if plan.get("p99_us")
        else ""
    )
    return f"open loop: {planned}{arrivals}; latency counts from the planned start{sweep}"


TEXTS = {
    RATE: "Answers a second that were whole and right.",
    CPU: "User and system time of all the server's processes, by the requests answered.",
    SWITCHES: "How often the kernel took a server's thread off a core, or the thread gave it up, for one request.",
    CALLS: "Calls of the kernel that the server made for one request, counted by perf.",
    MEMORY: "How much resident memory grew until all were connected and silent. The kernel's buffers are not in it.",
    LOAD: "The generator of the load runs on the same machine.",
}
UNKNOWN = {
    CALLS: "System calls were not counted in these runs: perf was not there or was not allowed to.",
    LOAD: "What the load took is not known.",
}
NOT_SEEN = "The servers' own figures are not known: their processes could not be looked at."


def parts(measured: Measured, last: Point, folder: Path) -> list[Part]:
    """Return the sections with charts, in the order in which they are read."""
    looks = charts.styles(measured.servers)
    planned = measured.open_loop and not measured.bound
    opened = open_loop(measured, last, looks, folder) if planned else []
    rate = [] if planned else [figure_part(measured, RATE, looks, folder)]
    costs = [figure_part(measured, figure, looks, folder) for figure in (CPU, SWITCHES, CALLS, MEMORY)]
    return [
        latency(measured, looks, folder), *opened, *rate, *costs, connecting(measured, looks, folder),
        over_time(measured, last, looks, folder), figure_part(measured, LOAD, looks, folder),
    ]  # fmt: skip


def figure_part(measured: Measured, figure: Figure, looks: dict[str, charts.Style], folder: Path) -> Part:
    """Return the section of one figure, or a note in its place where nobody knows it."""
    name = figure.name.replace("_", "-")
    if not measured.known(figure):
        return Part(name, figure.title, "", None, None, UNKNOWN.get(figure, NOT_SEEN))
    chart = charts.draw(charts.against(measured, figure, looks), folder)
    more = f" {verdict.load_cost(measured, measured.points[-1])}" if figure is LOAD else ""
    return Part(name, figure.title, TEXTS[figure] + more, chart, tables.matrix(measured, figure))


def swept(measured: Measured, folder: Path) -> list[Part]:
    """Return the section of what a sweep tried; nothing for other runs."""
    whole = Measured(measured.whole, whole=True)
    if not measured.bound or not whole.known(P99):
        return []
    text = "What follows is of each server the highest rate that held."
    chart = charts.draw(charts.tried(whole, charts.styles(whole.servers)), folder)
    return [Part("tried", "The rates that were tried", text, chart, tables.tried(whole))]


def latency(measured: Measured, looks: dict[str, charts.Style], folder: Path) -> Part:
    """Return the section of latency by percentile."""
    text = "From the planned start to the answer." if measured.open_loop else (
        "From the send to the answer. With N clients in a closed loop the mean is N by the throughput, whatever the "
        "server does; the right end of a curve tells how evenly it serves."
    )  # fmt: skip
    table = tables.latency(measured)
    if not any(summary["latency"]["number"] for _, _, summary in measured.summaries()):
        return Part("latency", "Latency by percentile", text, None, table, "Nothing was answered.")
    more = (
        f" The chart shows {charts.MAX_PANELS} of {len(measured.points)} points."
        if len(measured.points) > charts.MAX_PANELS
        else ""
    )
    chart = charts.draw(charts.latency(measured, looks), folder)
    return Part("latency", "Latency by percentile", text + more, chart, table)


def open_loop(measured: Measured, last: Point, looks: dict[str, charts.Style], folder: Path) -> list[Part]:
    """Return what only an open loop has: planned and achieved rate, and both clocks."""
    rate = charts.draw(charts.achieved(measured, looks), folder)
    clocks = charts.draw(charts.both_clocks(measured, last, looks), folder)
    return [
        Part("achieved", "Planned and achieved rate", "Where a line leaves the plan, the server was saturated.", rate,
             tables.achieved(measured)),
        Part("response-service", "Response time and service time",
             "Response time counts from when a request was planned, service time from when it was sent. Where they "
             "part, requests waited in the load for the server.", clocks, tables.both_clocks(measured, last)),
    ]  # fmt: skip


def connecting(measured: Measured, looks: dict[str, charts.Style], folder: Path) -> Part:
    """Return the section of the connecting."""
    heading, table = "Connecting", tables.connecting(measured)
    if not measured.known(CONNECT):
        return Part("connecting", heading, "", None, table, "How fast connections were made is not known.")
    chart = charts.draw(charts.against(measured, CONNECT, looks), folder)
    text = (
        "The kernel makes a connection before the server accepts it: its latency grows only where the backlog was full."
    )
    return Part("connecting", heading, text, chart, table)


def over_time(measured: Measured, last: Point, looks: dict[str, charts.Style], folder: Path) -> Part:
    """Return the section of the time series: at the last point, of each server the run with the middle rate."""
    runs = {name: measured.middle_run(name, last) for name in measured.servers}
    series = {name: whole_seconds(run["series"]) for name, run in runs.items() if run and run["series"]}
    heading = "Second by second"
    if max((len(each) for each in series.values()), default=0) < MIN_SERIES_SECONDS:
        return Part("time", heading, "", None, None, "The runs were over before there was a series to draw.")
    chart = charts.draw(charts.over_time(series, looks, last), folder)
    text = (
        f"At {charts.place(last)}, of each server the run with the middle rate, from the start of the connecting. What "
        "was before the operations is pale."
    )
    return Part("time", heading, text, chart, tables.over_time(series))


def whole_seconds(series: list[Record]) -> list[Record]:
    """Leave out what came after the duration: a part of a second, which would look like a fall."""
    return [look for look in series if look["phase"] != "drain"]


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/run.py page", description=(__doc__ or "").partition("\n")[0])
    made.add_argument("document", type=Path, metavar="RUN.json", help="what stress/run.py --json wrote")
    made.add_argument("folder", type=Path, metavar="FOLDER", help="where index.html and the charts go")
    return made


def refuse(line: str) -> NoReturn:
    """Say what is wrong, and end."""
    print(f"stress/run.py page: {line}", file=sys.stderr)
    raise SystemExit(2)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    try:
        document = read(options.document)
    except Incomparable as error:
        refuse(str(error))
    try:
        write(document, options.folder)
    except OSError as error:
        refuse(f"{options.folder}: {error.strerror}")
    print(options.folder / "index.html")
    return 0
