"""What a run prints: one table with a row for each mode, and notes below it."""

from __future__ import annotations

from result import Result, ServerSide
from rich import box
from rich.console import Console
from rich.table import Table

KIB, MIB = 1024, 1024**2
NONE = "-"
WIDE = 100

LIMITS = {
    "load": "the load set the pace: a load process used {load:.0%} of a core, the server {server}",
    "machine": "the machine set the pace: no core had time left, of which a load process had "
    "{load:.0%} and the server {server}",
}


def time_text(microseconds: float | None) -> str:
    """Return a time in three digits and the unit that suits it."""
    if microseconds is None:
        return NONE
    for limit, unit in ((1e3, "us"), (1e6, "ms")):
        if microseconds < limit * 0.9995:
            return f"{_three(microseconds * 1e3 / limit)}{unit}"
    return f"{_three(microseconds / 1e6)}s"


def _three(number: float) -> str:
    """Return a number in three digits, never in powers of ten."""
    for limit, digits in ((9.995, 2), (99.95, 1)):
        if abs(number) < limit:
            return f"{number:.{digits}f}"
    return f"{number:,.0f}"


def compact(number: int) -> str:
    """Return a count in three digits, in thousands (k) or millions (M) where it is large."""
    if number >= 10**6:
        return f"{_three(number / 10**6)}M"
    return f"{_three(number / 10**3)}k" if number >= 10**4 else f"{number:,}"


def _rate(count: float, operations: int) -> str:
    each = count / max(1, operations)
    return f"{each:.4f}" if 0 < each < 0.01 else _three(each)


def _connect(result: Result) -> list[str]:
    latency = result.connecting.latency
    total = time_text(result.connecting.seconds * 1e6)
    return [f"all {total}", f"p50 {time_text(latency.p50_us)}", f"p99 {time_text(latency.p99_us)}"]


def _operation(result: Result) -> list[str]:
    p = result.operating.latency
    times = (p.p50_us, p.p99_us, p.max_us)
    return [f"{name} {time_text(t)}" for name, t in zip(("p50", "p99", "max"), times)]


def _rates(result: Result) -> list[str]:
    return [
        f"{result.per_second:,.0f}/s",
        f"{result.answered:,} in",
        time_text(result.operating.seconds * 1e6),
    ]


def _cpu(result: Result, server: ServerSide) -> list[str]:
    return [
        f"{_three(server.cpu_us_per_operation)} us/op",
        f"{server.cpu_seconds:.2f} s",
        f"{result.server_share or 0:.0%} core",
    ]


def _switches(result: Result, server: ServerSide) -> list[str]:
    both = server.voluntary_switches + server.involuntary_switches
    return [
        f"{_rate(both, result.answered)} /op",
        f"{compact(server.voluntary_switches)} vol",
        f"{compact(server.involuntary_switches)} inv",
    ]


def _memory(server: ServerSide) -> list[str]:
    return [
        f"{_three(server.resident_per_connection / KIB)} KiB/conn",
        f"{_three(server.resident / MIB)} MiB",
        f"{server.threads:,} thread" + "s" * (server.threads != 1),
    ]


def _server(result: Result) -> list[list[str]]:
    if result.server is None:
        return [[NONE]] * 3
    server = result.server
    return [_cpu(result, server), _switches(result, server), _memory(server)]


def _errors(result: Result) -> list[str]:
    if not result.faults:
        return ["none"]
    return [f"[red]{count:,} {kind}[/red]" for kind, count in sorted(result.faults.counts.items())]


def _mode(result: Result) -> str:
    return result.mode + (" *" if result.limited_by() else "")


def table(results: list[Result], width: int) -> Table:
    """Return the table: a row for each run, made for a console of 80 columns or more."""
    padding = (0, 1 if width >= WIDE else 0)
    drawn = Table(box=box.SIMPLE_HEAD, padding=padding, show_edge=False, show_lines=True)
    drawn.add_column("mode", no_wrap=True)
    for name in ("connect", "operation", "ops", "server CPU", "switches", "memory"):
        drawn.add_column(name, justify="right", no_wrap=True)
    drawn.add_column("errors", min_width=7)
    for result in results:
        cells = [_connect(result), _operation(result), _rates(result), *_server(result)]
        texts = ["\n".join(cell) for cell in [*cells, _errors(result)]]
        drawn.add_row(_mode(result), *texts)
    return drawn


def notes(results: list[Result]) -> list[str]:
    """Return what has to be said below the table: limits met, and the first fault of each
    kind."""
    said = []
    for result in results:
        who = f"{result.mode}: " if len(results) > 1 else ""
        limit, share = result.limited_by(), result.server_share
        if limit:
            server = "is not known" if share is None else f"{share:.0%}"
            text = LIMITS[limit].format(load=result.load_share, server=server)
            said.append(f"* {who}{text}")
        for kind, example in sorted(result.faults.examples.items()):
            said.append(f"{who}first {kind}: {example}")
    return said


def beside(results: list[Result]) -> list[str]:
    """Return one line that sets the first run's costs beside the second's, where both have
    some."""
    if len(results) != 2 or not all(result.server for result in results):
        return []
    (one, mine), (two, theirs) = [(r, costs(r)) for r in results]
    terms = [f"{_three(mine[k] / theirs[k])} x the {k}" for k in mine if theirs[k] > 0]
    return [f"{one.mode} beside {two.mode}: {', '.join(terms)}"]


def costs(result: Result) -> dict[str, float]:
    """Return what is set beside the other mode's, by its name."""
    server = result.server
    assert server is not None
    switches = server.voluntary_switches + server.involuntary_switches
    return {
        "operations/s": result.per_second,
        "CPU per operation": server.cpu_us_per_operation,
        "switches": switches / max(1, result.answered),
        "memory per connection": server.resident_per_connection,
    }


def load_line(results: list[Result]) -> str:
    """Return what the load used itself in each run, and what the machine had left."""
    each = [
        f"{r.mode} {sum(r.operating.cpu_seconds):.2f} s at {r.load_share:.0%} of a core, "
        f"machine {r.machine_idle:.0%} idle"
        for r in results
    ]
    return f"load, {len(results[0].operating.shares)} process(es): " + "; ".join(each)


def show(results: list[Result], head: str, console: Console) -> None:
    """Print the table and its notes."""
    console.print(head, highlight=False)
    console.print()
    console.print(table(results, console.width))
    console.print()
    for line in [*beside(results), load_line(results), *notes(results)]:
        console.print(line, highlight=False, markup=False)
