"""The table on the terminal: a row for each server at each point, and notes below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from report import intervals
from rig import sweep
from rig.result import Run, server_share

KIB, MIB = 1024, 1024**2
NONE = "-"
WIDE_COLUMNS = 100
MEASURED_COLUMNS = 1000  # of a console on which every table has room

LIMITS = {
    "load": "limited by the load: a load process used {load:.0%} of a core, the server {server}",
    "machine": "limited by the machine: no core had time left; a load process used {load:.0%} of a core, "
    "the server {server}",
    "saturated": "the plan exceeded the capacity, so that latencies grow with the duration: a load process used "
    "{load:.0%} of a core, the server {server}",
    "ended": "the server ended during the run: these figures are of the time before, and not its capacity",
}
CHECK_SECONDS = 1.0  # a shorter run checks replies; its rates and latencies are those of a start
DISTURBED_SHARE = 0.1  # of the machine: other programs that use more change the figures
SPREAD = 2.0  # the ratio of the highest result of a sweep to the lowest from which their median says little

Group = Sequence[Run]
"""The runs of one server at one point."""


def time_text(microseconds: float | None) -> str:
    """Return a time in three digits with a suitable unit."""
    if microseconds is None:
        return NONE
    for limit, unit in ((1e3, "us"), (1e6, "ms")):
        if microseconds < limit * 0.9995:
            return f"{_three(microseconds * 1e3 / limit)}{unit}"
    return f"{_three(microseconds / 1e6)}s"


def _three(number: float) -> str:
    """Return a number in three digits, without an exponent."""
    for limit, digits in ((9.995, 2), (99.95, 1)):
        if abs(number) < limit:
            return f"{number:.{digits}f}"
    return f"{number:,.0f}"


def compact(number: float) -> str:
    """Return a count in three digits; large ones in thousands (k) or millions (M)."""
    if number >= 10**6:
        return f"{_three(number / 10**6)}M"
    return f"{_three(number / 10**3)}k" if number >= 10**4 else f"{number:,.0f}"


def _rate(each: float) -> str:
    return f"{each:.4f}" if 0 < each < 0.01 else _three(each)


def _middle(group: Group, value: Callable[[Run], float | None]) -> float | None:
    """Return the median over the runs that have a value."""
    found = [one for one in map(value, group) if one is not None]
    return median(found) if found else None


def _times(group: Group, of: Callable[[Run], dict[str, Any]], names: Sequence[str]) -> list[str]:
    return [f"{name} {time_text(_middle(group, lambda run, key=f'{name}_us': of(run)[key]))}" for name in names]  # type: ignore[misc]


def _connect(group: Group) -> list[str]:
    microseconds = _middle(group, lambda run: run["connect"]["seconds"] * 1e6)
    return [f"all {time_text(microseconds)}", *_times(group, lambda run: run["connect"]["latency"], ("p50", "p99"))]


def _operation(group: Group) -> list[str]:
    return _times(group, lambda run: run["operations"]["response"], ("p50", "p99", "max"))


def _rates(group: Group) -> list[str]:
    answered = _middle(group, lambda run: run["operations"]["answered"]) or 0
    seconds, target = _middle(group, lambda run: run["operations"]["seconds"] * 1e6), group[0]["target_per_second"]
    rate = _middle(group, lambda run: run["operations"]["per_second"])
    detail = f"of {target:,.0f}" if target else f"in {time_text(seconds)}"
    return [f"{rate:,.0f}/s", detail, f"{compact(answered)} in"]


def _cpu(group: Group) -> list[str]:
    share = _middle(group, server_share)
    used = _text(_side(group, "cpu_us_per_operation"), lambda each: f"{_three(each)} us/op")
    return [used, _text(share, lambda each: f"{each:.0%} core"), _load(group)]


def _load(group: Group) -> str:
    cpu = _middle(group, lambda run: run["load"]["cpu_us_per_operation"])
    return _text(cpu, lambda each: f"load {_three(each)}")


def _switches(group: Group) -> list[str]:
    return [
        _text(_side(group, "switches_per_operation"), lambda each: f"{_rate(each)} /op"),
        _text(_side(group, "voluntary_switches"), lambda each: f"{compact(each)} vol"),
        _text(_side(group, "involuntary_switches"), lambda each: f"{compact(each)} inv"),
    ]


def _memory(group: Group) -> list[str]:
    return [
        _text(_side(group, "resident_per_connection"), lambda each: f"{_three(each / KIB)} K/conn"),
        _text(_side(group, "resident"), lambda each: f"{_three(each / MIB)} MiB"),
        _text(_side(group, "threads"), lambda each: f"{each:,.0f} thread" + "s" * (each != 1)),
    ]


def _text(value: float | None, text: Callable[[float], str]) -> str:
    return NONE if value is None else text(value)


def _side(group: Group, name: str) -> float | None:
    """Return the median of one of the server's own figures over the runs that have it."""
    return _middle(group, lambda run: run["side"] and run["side"][name])


def _server(group: Group) -> list[list[str]]:
    if not any(run["side"] for run in group):
        return [[NONE, NONE, _load(group)], [NONE], [NONE]]
    return [_cpu(group), _switches(group), _memory(group)]


def _errors(group: Group) -> list[str]:
    total: Counter[str] = Counter()
    for run in group:
        total.update(run["errors"])
    if not total:
        return ["none"]
    return [f"[red]{count:,} {kind}[/red]" for kind, count in sorted(total.items())]


def _name(group: Group) -> str:
    name: str = group[0]["server"]
    return name + (" *" if any(run["limited_by"] for run in group) else "")


def groups(runs: list[Run]) -> list[list[Run]]:
    """Return the runs of each server at each point, in the order of their first runs."""
    found: dict[tuple[int, float | None, str], list[Run]] = {}
    for run in runs:
        found.setdefault((run["clients"], run["target_per_second"], run["server"]), []).append(run)
    return list(found.values())


COLUMNS = ("connect", "operation", "ops", "server CPU", "switches", "memory")


def tables(runs: list[Run], console: Console) -> list[RenderableType]:
    """Return the table for a console of 80 columns or more: a row for each server at each point. Where it is too wide
    with a column of the servers' names, each name is a line above its row."""
    several = len({run["clients"] for run in runs}) > 1
    padding = (0, 1 if console.width >= WIDE_COLUMNS else 0)
    rows = []
    for group in groups(runs):
        title = [_name(group), *([f"{group[0]['clients']:,}"] if several else [])]
        cells = [_connect(group), _operation(group), _rates(group), *_server(group), _errors(group)]
        rows.append((title, ["\n".join(cell) for cell in cells]))
    columns = zip(COLUMNS, *(row for _, row in rows))
    widths = [max(map(cell_len, "\n".join(column).splitlines())) for column in columns]
    whole = _empty(padding)
    whole.add_column("server", no_wrap=True, min_width=max(cell_len(line) for title, _ in rows for line in title))
    _add_columns(whole, widths)
    for title, row in rows:
        whole.add_row("\n".join(title), *row)
    if Measurement.get(console, console.options.update(width=MEASURED_COLUMNS), whole).minimum <= console.width:
        return [whole]
    found: list[RenderableType] = []
    for title, row in rows:
        single = _empty(padding)
        single.show_header = not found
        _add_columns(single, widths)
        single.add_row(*row)
        found += [Text(f"\n{', '.join(title)}", style="bold"), single]
    return found


def _empty(padding: tuple[int, int]) -> Table:
    return Table(box=box.SIMPLE_HEAD, padding=padding, show_edge=False, show_lines=True)


def _add_columns(drawn: Table, widths: list[int]) -> None:
    for name, width in zip(COLUMNS, widths):
        drawn.add_column(name, justify="right", no_wrap=True, min_width=width)
    drawn.add_column("errors", min_width=6)


def _where(run: Run, runs: list[Run]) -> str:
    """Return a run's server, with the point if there are several."""
    several = len({one["clients"] for one in runs}) > 1
    name: str = run["server"] + (f" with {run['clients']:,}" if several else "")
    rate = run["target_per_second"]
    return name + (f" at {rate:,.0f}/s" if rate and len({one["target_per_second"] for one in runs}) > 1 else "")


def notes(runs: list[Run]) -> list[str]:
    """Return the lines below the table: limits, and the first fault of each kind."""
    lines: dict[tuple[str, str], str] = {}
    for run in runs:
        subject = f"{_where(run, runs)}: " if len(runs) > 1 else ""
        limit, share = run["limited_by"], server_share(run)
        if limit:
            server = "an unknown share" if share is None else f"{share:.0%}"
            text = LIMITS[limit].format(load=run["load"]["busiest_core_share"], server=server)
            lines.setdefault((subject, limit), f"* {subject}{text}")
        for kind, example in sorted(run["first_errors"].items()):
            lines.setdefault((subject, kind), f"{subject}first {kind}: {example}")
    return list(lines.values())


def load_line(runs: list[Run]) -> str:
    """Return the CPU of the load, the idle share of the machine, and that of other programs."""
    shares = _range([run["load"]["busiest_core_share"] for run in runs])
    idle = _range([run["machine_idle_share"] for run in runs])
    others = [share for run in runs if (share := run.get("others_share")) is not None]
    rest = f", other programs {_range(others)}" if others else ""
    return f"load, {len(runs[0]['load']['cpu_seconds'])} process(es): {shares} of a core; machine {idle} idle{rest}"


def doubts(runs: list[Run]) -> list[str]:
    """Return the lines on why these figures are not those of a measurement: runs that are short, or disturbed."""
    lines = []
    longest = max(run["operations"]["seconds"] for run in runs)
    if longest < CHECK_SECONDS:
        lines.append(
            f"a check of replies in {time_text(longest * 1e6)}, too short for rates and latencies: "
            "--duration 10 measures them"
        )
    others = max(run.get("others_share") or 0.0 for run in runs)
    if others >= DISTURBED_SHARE:
        lines.append(f"other programs used up to {others:.0%} of the machine: the figures are lower than without them")
    return lines


def _range(shares: list[float]) -> str:
    low, high = f"{min(shares):.0%}", f"{max(shares):.0%}"
    return low if low == high else f"{low} to {high}"


def cost_line(runs: list[Run]) -> list[str]:
    """Return the CPU per request of the load and of the cheapest server; with a warning if the load's is higher."""
    costs = [(_side(group, "cpu_us_per_operation"), group) for group in groups(runs)]
    known = [(cost, group) for cost, group in costs if cost is not None]
    if not known:
        return []
    server, cheapest = min(known, key=lambda each: each[0])
    load = _middle(cheapest, lambda run: run["load"]["cpu_us_per_operation"]) or 0
    text = f"CPU per request: load {_three(load)} us, {cheapest[0]['server']} (the cheapest server) {_three(server)} us"
    return [text if load <= server else f"{text}; the load may limit this server's rate"]


def shown(document: dict[str, Any]) -> list[Run]:
    """Return the runs in the table: of a sweep those that are its result."""
    bound = document["plan"]["pacing"].get("p99_us")
    return document["runs"] if bound is None else list(sweep.best(document["runs"], bound / 1e6).values())


def swept(document: dict[str, Any]) -> list[str]:
    """Return the rates that a sweep found."""
    bound = document["plan"]["pacing"].get("p99_us")
    if bound is None:
        return []
    rates: dict[tuple[str, int], list[float]] = {}
    for (server, clients, _), run in sweep.best(document["runs"], bound / 1e6).items():
        held = run["target_per_second"] if sweep.holds(run, bound / 1e6) else 0.0
        rates.setdefault((server, clients), []).append(held)
    return [f"{server} with {clients:,} clients {_held(found, bound)}" for (server, clients), found in rates.items()]


def _held(rates: list[float], bound: float) -> str:
    each = " (" + ", ".join(f"{rate:,.0f}" for rate in rates) + ")" if len(rates) > 1 else ""
    if not any(rates):
        return f"holds a p99 of {time_text(bound)} at no tested rate"
    least, most = min(rates), max(rates)
    apart = f"by {most / least:,.0f}x" if least else "from none on"
    unsure = f"; uncertain, as the repeats differ {apart}" if most >= SPREAD * least else ""
    alone = "; one repeat, of unknown variation" if len(rates) == 1 else ""
    return f"holds a p99 of {time_text(bound)} up to {median(rates):,.0f}/s{each}{unsure}{alone}"


def head(document: dict[str, Any]) -> str:
    """Return the line above the table."""
    plan = document["plan"]
    workload, repeats = plan["workload"], plan["repeats"]
    points = ", ".join(f"{number:,}" for number in plan["clients"])
    if plan["rounds"] is None:
        times = f"{workload['name']}, {plan['duration_seconds']:g} s"
    else:
        times = f"{plan['rounds']} x {3 if workload['name'] == 'seed' else workload['pipeline']} operations each"
    times += f", {repeats} runs" * (repeats > 1)
    titles = "; ".join(server["title"] for server in document["servers"])
    return f"{points} clients, {times}, {workload['protocol']}; {titles}; {document['machine']['cores']} cores"


def show(document: dict[str, Any], console: Console) -> None:
    """Print the table and its notes."""
    runs = shown(document)
    console.print(head(document), highlight=False)
    console.print()
    for drawn in tables(runs, console):
        console.print(drawn)
    console.print()
    # Without summaries, whose limits notes() prints with shares.
    results = swept(document) or intervals.sentences({**document, "summaries": []})
    for line in [*results, load_line(runs), *doubts(runs), *cost_line(runs), *notes(runs)]:
        console.print(line, highlight=False, markup=False)
