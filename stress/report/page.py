"""Draw a document of stress/run.py as a self-contained web page, with its charts as files.

    python stress/run.py page RUN.json FOLDER

RUN.json is the output of `stress/run.py --json`. FOLDER gets index.html, for phones, desktops and paper, and each chart
as SVG and PNG for slides.
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
    from servers import catalogue
except ModuleNotFoundError as missing:
    require("report", missing)

HERE = Path(__file__).parent
MIN_SERIES_SECONDS = 3  # a shorter series is not drawn


class Part(NamedTuple):
    """A section: its text, its chart or the reason why there is none, and its table."""

    name: str
    heading: str
    text: str
    chart: charts.Drawn | None
    table: tables.Table | None
    missing: str = ""


def write(document: Record, folder: Path) -> None:
    """
    Write the page of a document, and its charts as SVG and PNG, into a folder, which is created if it does not
    exist.

    The document must be valid for schema.json. Raises OSError.
    """
    measured = Measured(document)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(page(measured, folder), encoding="utf-8")


def page(measured: Measured, folder: Path) -> str:
    """Return the page, and write the files of its charts."""
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
        commands=commands(measured.whole),
        sentences=verdict.sentences(measured),
        troubled=bool(verdict.errors(measured) or verdict.limits(measured)),
        key=tables.key(measured, last) if last else None,
        styles=charts.server_styles(measured.servers),
        parts=[*swept(measured, folder), *(parts(measured, last, folder) if last else [])],
        errors=tables.errors(measured),
        limits=tables.limits(measured),
        differences=tables.differences(measured),
        runs=tables.runs(Measured(measured.whole, whole=True)),
    )


def commands(document: Record) -> list[str]:
    """Return the shell commands that install what a run needs, and repeat it."""
    names = [server["name"] for server in document["servers"]]
    extras = ["stress", "report", *(["peers"] if any(map(catalogue.needs_peers, names)) else [])]
    known = [f"{name}=={document['rig'][name]}" for name in ("hdrhistogram", "rich") if name in document["rig"]]
    line = document["command"]
    return [
        "python3 -m venv .venv",
        ". .venv/bin/activate",
        " ".join(["pip install", *(f"'{each}'" for each in (f".[{','.join(extras)}]", *known))]),
        *on_pypy(names, line),
        f"python {line}" if line.startswith("stress/") else line,
    ]


def on_pypy(names: Sequence[str], line: str) -> list[str]:
    """Return the shell commands that install the servers for the PyPy of a command line; none without such servers."""
    found = re.search(r"--pypy[ =](\S+)", line)
    if not found or not any(name.endswith(catalogue.ON_PYPY) for name in names):
        return []
    python = Path(found[1])
    make = [] if python.is_absolute() or python.parent.name != "bin" else [f"pypy3 -m venv {python.parent.parent}"]
    return [*make, f"{python} -m pip install ."]


def unbroken(names: Sequence[str], text: str) -> Markup:
    """Return text as HTML without line breaks inside servers' names."""
    known = "|".join(re.escape(str(escape(name))) for name in sorted(names, key=len, reverse=True))
    return Markup(
        re.sub(rf"(?<![\w-])({known})(?![\w-])", r'<span class="name">\1</span>', str(escape(text)))
        if known
        else escape(text)
    )


def title(measured: Measured) -> str:
    """Return the title: v1, v2 and redis with 1,024 to 8,192 connections."""
    clients = sorted({point.clients for point in measured.points} or set(measured.plan["clients"]))
    ends = (" to " if len(clients) > 2 else " and ").join(dict.fromkeys(map(units.count, (clients[0], clients[-1]))))
    names = measured.servers or [each["name"] for each in measured.document["servers"]]
    active = f", {units.count(measured.plan['active'])} of them active" if measured.plan["active"] else ""
    servers = units.several(names) or "No server"
    if len(names) > verdict.MAX_NAMED_SERVERS:
        servers = f"{len(names)} servers"
    return f"{servers} with {ends} connection{'s' * (clients[-1] != 1)}{active}"


WORKLOADS = {
    "seed": "each client reads a missing key, writes it and reads it back; keys and values of 255 bytes",
    "mix": "reads and writes",
    "churn": "reads and writes, each on a new connection",
    "idle": "reads and writes of a few clients, while the others are connected and silent",
}
PROTOCOLS = {"native": "frames of the Go study", "resp": "RESP"}


def asked(measured: Measured) -> list[tuple[str, str]]:
    """Return the parts of the plan in words."""
    plan = measured.plan
    length = [
        *([f"{units.plain(plan['duration_seconds'])} s"] if plan["duration_seconds"] else []),
        *([f"{units.plural(plan['rounds'], 'round')} by each client"] if plan["rounds"] else []),
    ]
    warm = f" after a warm-up of {units.plain(plan['warmup_seconds'])} s" if plan["warmup_seconds"] else ""
    active = f", {units.count(plan['active'])} of them active" if plan["active"] is not None else ""
    return [
        ("Workload", units.capital(workload(plan["workload"]))),
        ("Pacing", units.capital(pace(plan["pacing"]))),
        ("Connections", units.several([units.count(number) for number in plan["clients"]]) + active),
        ("Runs", f"{units.count(plan['repeats'])} of each server, in alternation; {units.several(length)}{warm}"),
        ("Load", f"{units.count(plan['load_processes'])} process{'es' * (plan['load_processes'] > 1)}"
         + f"; timeout {units.plain(plan['timeout_seconds'])} s; seed {plan['seed']}"),
    ]  # fmt: skip


def workload(plan: Record) -> str:
    """Return what clients send, in words."""
    parts = [WORKLOADS[plan["name"]]]
    if "sets" in plan:
        parts.append(f"{units.share(plan['sets'])} of the requests are writes")
    if "values" in plan:
        parts.append(f"values of {plan['values']} bytes")
    if "keys" in plan:
        parts.append(f"{units.count(plan['keys'])} keys" + (f", {plan['choice']}" if "choice" in plan else ""))
    pipeline = f"{plan['pipeline']} requests per write" if plan["pipeline"] > 1 else "one request per write"
    return "; ".join([*parts, f"{PROTOCOLS[plan['protocol']]}, {pipeline}"])


def pace(plan: Record) -> str:
    """Return when clients send, in words."""
    if plan["loop"] == "closed":
        return "closed loop: a client sends its next request after the answer"
    rates = units.several([units.number(rate) for rate in plan.get("rates", [])])
    planned = f"{rates} requests/s" if rates else "a planned rate"
    arrivals = {"poisson": " at random intervals (Poisson)", "constant": " at constant intervals"}.get(
        plan.get("arrivals", ""), ""
    )
    sweep = (
        f"; search for the highest rate with a p99 within {units.time(plan['p99_us'])}" if plan.get("p99_us") else ""
    )
    return f"open loop: {planned}{arrivals}; latency counts from the planned start{sweep}"


TEXTS = {
    RATE: "Complete and right answers per second.",
    CPU: "User and system time of all processes of the server, divided by the answered requests.",
    SWITCHES: "Voluntary and involuntary context switches of all threads of the server, divided by the requests.",
    CALLS: "System calls of the server, counted by perf, divided by the requests.",
    MEMORY: "Growth of resident memory until all clients were connected and silent, without the kernel's buffers.",
    LOAD: "The load generator runs on the same machine.",
}
UNKNOWN = {
    CALLS: "System calls were not counted in these runs: perf was missing, or lacked the permission.",
    LOAD: "The CPU of the load is unknown.",
}
NOT_OBSERVED = "The servers' own figures are unknown: their processes could not be observed."


def parts(measured: Measured, last: Point, folder: Path) -> list[Part]:
    """Return the sections with charts, in the order of the page."""
    styles = charts.server_styles(measured.servers)
    planned = measured.open_loop and not measured.bound
    opened = open_loop(measured, last, styles, folder) if planned else []
    rate = [] if planned else [figure_part(measured, RATE, styles, folder)]
    costs = [figure_part(measured, figure, styles, folder) for figure in (CPU, SWITCHES, CALLS, MEMORY)]
    return [
        latency(measured, styles, folder), *opened, *rate, *costs, connecting(measured, styles, folder),
        over_time(measured, last, styles, folder), figure_part(measured, LOAD, styles, folder),
    ]  # fmt: skip


def figure_part(measured: Measured, figure: Figure, styles: dict[str, charts.Style], folder: Path) -> Part:
    """Return the section of a figure; without a chart if the figure is unknown."""
    name = figure.name.replace("_", "-")
    if not measured.known(figure):
        return Part(name, figure.title, "", None, None, UNKNOWN.get(figure, NOT_OBSERVED))
    chart = charts.draw(charts.against(measured, figure, styles), folder)
    more = f" {verdict.load_cost(measured, measured.points[-1])}" if figure is LOAD else ""
    return Part(name, figure.title, TEXTS[figure] + more, chart, tables.matrix(measured, figure))


def swept(measured: Measured, folder: Path) -> list[Part]:
    """Return the section of a sweep's runs; empty for other documents."""
    whole = Measured(measured.whole, whole=True)
    if not measured.bound or not whole.known(P99):
        return []
    text = "The following sections show each server at the highest rate that held the bound."
    chart = charts.draw(charts.tried(whole, charts.server_styles(whole.servers)), folder)
    return [Part("tried", "Tested rates", text, chart, tables.tried(whole))]


def latency(measured: Measured, styles: dict[str, charts.Style], folder: Path) -> Part:
    """Return the section of latency by percentile."""
    text = "From the planned start to the answer." if measured.open_loop else (
        "From the send to the answer. With N clients in a closed loop the mean is N divided by the rate (Little's "
        "law); the right end of a curve shows how evenly the server serves its clients."
    )  # fmt: skip
    table = tables.latency(measured)
    if not any(summary["latency"]["number"] for _, _, summary in measured.summaries()):
        return Part("latency", "Latency by percentile", text, None, table, "There were no answers.")
    more = (
        f" The chart shows {charts.MAX_PANELS} of {len(measured.points)} points."
        if len(measured.points) > charts.MAX_PANELS
        else ""
    )
    chart = charts.draw(charts.latency(measured, styles), folder)
    return Part("latency", "Latency by percentile", text + more, chart, table)


def open_loop(measured: Measured, last: Point, styles: dict[str, charts.Style], folder: Path) -> list[Part]:
    """Return the sections of an open loop: planned and achieved rate, response and service time."""
    rate = charts.draw(charts.achieved(measured, styles), folder)
    clocks = charts.draw(charts.both_clocks(measured, last, styles), folder)
    return [
        Part("achieved", "Planned and achieved rate", "A server below the plan was saturated.", rate,
             tables.achieved(measured)),
        Part("response-service", "Response time and service time",
             "Response time starts at the planned time of a request, service time at its send. Where they differ, "
             "requests waited in the load for a free connection.", clocks, tables.both_clocks(measured, last)),
    ]  # fmt: skip


def connecting(measured: Measured, styles: dict[str, charts.Style], folder: Path) -> Part:
    """Return the section of the connect phase."""
    heading, table = "Connects", tables.connecting(measured)
    if not measured.known(CONNECT):
        return Part("connecting", heading, "", None, table, "The rate of connects is unknown.")
    chart = charts.draw(charts.against(measured, CONNECT, styles), folder)
    text = "The kernel completes a connection before the server accepts it: its latency grows only with a full backlog."
    return Part("connecting", heading, text, chart, table)


def over_time(measured: Measured, last: Point, styles: dict[str, charts.Style], folder: Path) -> Part:
    """Return the section of the time series: at the last point, of each server the run with the median rate."""
    runs = {name: measured.middle_run(name, last) for name in measured.servers}
    series = {name: whole_seconds(run["series"]) for name, run in runs.items() if run and run["series"]}
    heading = "Time series"
    if max((len(each) for each in series.values()), default=0) < MIN_SERIES_SECONDS:
        return Part("time", heading, "", None, None, "The runs were too short for a time series.")
    chart = charts.draw(charts.over_time(series, styles, last), folder)
    text = (
        f"At {charts.place(last)}: of each server the run with the median rate, from the first connect. The phases "
        "before the operations are pale."
    )
    return Part("time", heading, text, chart, tables.over_time(series))


def whole_seconds(series: list[Record]) -> list[Record]:
    """Return the series without the drain, which is shorter than a second and would look like a drop."""
    return [second for second in series if second["phase"] != "drain"]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="stress/run.py page", description=(__doc__ or "").partition("\n")[0])
    made.add_argument("document", type=Path, metavar="RUN.json", help="output of stress/run.py --json")
    made.add_argument("folder", type=Path, metavar="FOLDER", help="folder for index.html and the charts")
    return made


def abort(line: str) -> NoReturn:
    """Print an error, and exit with status 2."""
    print(f"stress/run.py page: {line}", file=sys.stderr)
    raise SystemExit(2)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    try:
        document = read(options.document)
    except Incomparable as error:
        abort(str(error))
    try:
        write(document, options.folder)
    except OSError as error:
        abort(f"{options.folder}: {error.strerror}")
    print(options.folder / "index.html")
    return 0
