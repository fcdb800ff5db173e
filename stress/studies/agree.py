"""The rig beside redis-benchmark, on the same load of one server; and whether it keeps a planned rate.

    python stress/study.py agree --server twisted --clients 50

Both ask the server for 64-byte values in a closed loop, one after the other, round by round. Prints each one's rate
and percentiles and their ratio, of the medians over the rounds (wanted within 10 %); then how near the rig's open
loop comes to a plan of half of what the server can do (wanted within 1 %). Exit status: 0 when both are so, 1 when
one is not, 2 when a server did not start. On a machine that does other things too, neither says anything.

In a closed loop clients divided by the rate is the mean latency, whatever the server does (Little's law). So each
tool's mean times its rate is printed as well: how many of the clients it accounts for. redis-benchmark reads an
answer and begins the next latency when its loop comes to the connection again, to write, so that with many clients
it leaves out the time in its own queue; the rig sends at once. With few clients both account for nearly all of
them, and the rig's Python is some 10 us more of a latency than redis-benchmark's C.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from contextlib import ExitStack
from statistics import median

from probes import machine
from rig import plan, runner
from rig.options import clients, positive, seconds
from rig.progress import Progress
from servers import catalogue
from servers.process import HOST, Server, StartFailed, free_port
from studies.versus import row

NAMES = {
    "per_second": "rps", "mean": "avg_latency_ms", "p50": "p50_latency_ms", "p99": "p99_latency_ms",
    "max": "max_latency_ms",
}  # fmt: skip
AGREED = 0.10
KEPT = 0.01
HALF = 0.5
WARMUP = 1.0

Figures = dict[str, float]
"""A rate a second, and latencies in milliseconds."""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py agree", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--server", default="twisted", metavar="NAME", help="as stress/run.py names them (twisted)")
    add("--python", default=sys.executable, metavar="PATH", help="interpreter of a server in Python (this one)")
    add("--clients", type=clients, default=50, metavar="N", help="connections (50)")
    add("--rounds", type=positive, default=9, metavar="N", help="measurements of each (9)")
    add("--time", type=seconds, default=5.0, metavar="S", help="of a measurement (5)")
    made.set_defaults(pypy=None, workers=None)
    return made


def theirs(port: int, options: argparse.Namespace, number: int) -> Figures:
    """Let redis-benchmark GET so many times, and return what it says."""
    given = {"h": HOST, "p": port, "c": options.clients, "d": 64, "n": number, "r": 10_000, "t": "get"}
    command = ["redis-benchmark", "--csv", *(str(x) for k, v in given.items() for x in (f"-{k}", v))]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    (told,) = csv.DictReader(done.stdout.splitlines())
    return {name: float(told[column]) for name, column in NAMES.items()}


def ours(port: int, options: argparse.Namespace, *more: str) -> Figures:
    """Let the rig do the same, and return what it says."""
    told = ["--address", f"{HOST}:{port}", "--clients", str(options.clients), "--workload", "mix", "--sets", "0"]
    told += ["--keys", "10000", "--duration", str(options.time), "--warmup", str(WARMUP), *more]
    setting = plan.setting(plan.parser().parse_args(told))
    with Progress() as progress:
        (measured,) = runner.all_runs(setting, progress)
    if measured["errors"]:
        raise StartFailed(f"the rig found faults: {measured['first_errors']}")
    operations = measured["operations"]
    latency = operations["response"]
    return {
        "per_second": operations["per_second"],
        **{n: latency[f"{n}_us"] / 1000 for n in NAMES if n != "per_second"},
    }


def middle(rounds: list[Figures]) -> Figures:
    """Return the medians."""
    return {name: median(figures[name] for figures in rounds) for name in NAMES}


def compare(port: int, options: argparse.Namespace) -> tuple[Figures, Figures]:
    """Measure both in turns; return redis-benchmark's medians and the rig's."""
    first = ours(port, options)  # which sets the keys, and tells how many requests last as long as the rig does
    number = int(first["per_second"] * options.time)
    one, other = [], []
    for _ in range(options.rounds):
        one.append(theirs(port, options, number))
        other.append(ours(port, options))
    return middle(one), middle(other)


def agreement(one: Figures, other: Figures) -> tuple[list[str], bool]:
    """Return the table, and whether the p50 and the p99 are near enough; a maximum is one request's."""
    lines = [row(["", "redis-benchmark", "stress/run.py", "ratio"]), row(["---", "--:", "--:", "--:"])]
    for name in NAMES:
        unit, digits = ("", 0) if name == "per_second" else (" ms", 3)
        cells = [f"{figures[name]:,.{digits}f}{unit}" for figures in (one, other)]
        lines.append(row([name.replace("_", " "), *cells, f"{other[name] / one[name]:.2f}"]))
    good = all(abs(other[name] / one[name] - 1) <= AGREED for name in ("p50", "p99"))
    told = [f"{figures['mean'] / 1000 * figures['per_second']:.2f}" for figures in (one, other)]
    lines.append(row(["mean times rate: clients", *told, ""]))
    return [*lines, "", f"Percentiles within {AGREED:.0%}: {'yes' if good else 'no'}."], good


def pace(port: int, options: argparse.Namespace, capacity: float) -> tuple[str, bool]:
    """Plan half of what was done, and return how near to it the rig came."""
    planned = round(HALF * capacity)
    done = ours(port, options, "--rate", str(planned))["per_second"]
    off = done / planned - 1
    text = f"Planned {planned:,} a second, half of it all: {done:,.0f} done, {off:+.2%} (wanted within {KEPT:.0%})."
    return text, abs(off) <= KEPT


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    try:
        (server,) = catalogue.find([options.server], options)
    except catalogue.Unknown as unknown:
        print(f"stress/study.py agree: {unknown}", file=sys.stderr)
        return 2
    if server.missing:
        print(f"stress/study.py agree: {server.missing}", file=sys.stderr)
        return 2
    port = free_port()
    try:
        with ExitStack() as stack:
            stack.enter_context(Server(server.command(port, 2 * options.clients), port))
            one, other = compare(port, options)
            kept, near = pace(port, options, min(one["per_second"], other["per_second"]))
    except (StartFailed, subprocess.SubprocessError, plan.Refused) as failure:
        print(f"stress/study.py agree: {failure}", file=sys.stderr)
        return 2
    lines, good = agreement(one, other)
    print(f"{server.title}, {options.clients} clients, {options.rounds} rounds; {machine.cpu_model()}, ", end="")
    print("\n".join([f"{machine.cores()} cores", "", *lines, kept]))
    return 0 if good and near else 1
