"""The rig's figures compared with redis-benchmark's on the same load, and its precision at a planned rate.

    python stress/study.py agree --server twisted --clients 50

Both read 64-byte values in a closed loop, one after the other, round by round. Prints the rate and percentiles of each
and their ratio, of the medians over the rounds (target: within 10 %); then how near the rig's open loop comes to a plan
of half of the measured rate (target: within 1 %). Exit status: 0 when both targets are met, 1 when one is not, 2 when a
server did not start. The result is meaningless on a machine that runs other programs.

In a closed loop the number of clients divided by the rate is the mean latency (Little's law). So each tool's mean
multiplied by its rate is printed as well: how many of the clients it accounts for. redis-benchmark starts the next
latency when its loop returns to the connection to write, so that with many clients it leaves out the time in its own
queue; the rig sends at once. With few clients both account for nearly all of them, and the rig's Python adds some 10 us
to a latency of redis-benchmark's C.
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
from studies.common import row

CSV_COLUMNS = {
    "per_second": "rps", "mean": "avg_latency_ms", "p50": "p50_latency_ms", "p99": "p99_latency_ms",
    "max": "max_latency_ms",
}  # fmt: skip
MAX_PERCENTILE_DEVIATION = 0.10
MAX_RATE_DEVIATION = 0.01
PLANNED_SHARE = 0.5
WARMUP_S = 1.0

Figures = dict[str, float]
"""A rate a second, and latencies in milliseconds."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py agree", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--server", default="twisted", metavar="NAME", help="server, by its name in stress/run.py (twisted)")
    add("--python", default=sys.executable, metavar="PATH", help="interpreter of a server written in Python (this one)")
    add("--clients", type=clients, default=50, metavar="N", help="connections (50)")
    add("--rounds", type=positive, default=9, metavar="N", help="measurements of each tool (9)")
    add("--time", type=seconds, default=5.0, metavar="S", help="duration of a measurement (5)")
    made.set_defaults(pypy=None, workers=None)
    return made


def run_redis_benchmark(port: int, options: argparse.Namespace, number: int) -> Figures:
    """Run redis-benchmark's GET for that many requests, and return its figures."""
    given = {"h": HOST, "p": port, "c": options.clients, "d": 64, "n": number, "r": 10_000, "t": "get"}
    command = ["redis-benchmark", "--csv", *(str(x) for k, v in given.items() for x in (f"-{k}", v))]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    (printed,) = csv.DictReader(done.stdout.splitlines())
    return {name: float(printed[column]) for name, column in CSV_COLUMNS.items()}


def run_rig(port: int, options: argparse.Namespace, *more: str) -> Figures:
    """Run the rig with the same load, and return its figures. Raises StartFailed if it found faults."""
    words = ["--address", f"{HOST}:{port}", "--clients", str(options.clients), "--workload", "mix", "--sets", "0"]
    words += ["--keys", "10000", "--duration", str(options.time), "--warmup", str(WARMUP_S), *more]
    setting = plan.setting(plan.parser().parse_args(words))
    with Progress() as progress:
        (measured,) = runner.all_runs(setting, progress)
    if measured["errors"]:
        raise StartFailed(f"the rig found faults: {measured['first_errors']}")
    operations = measured["operations"]
    latency = operations["response"]
    return {
        "per_second": operations["per_second"],
        **{n: latency[f"{n}_us"] / 1000 for n in CSV_COLUMNS if n != "per_second"},
    }


def medians(rounds: list[Figures]) -> Figures:
    """Return the median of each figure over the rounds."""
    return {name: median(figures[name] for figures in rounds) for name in CSV_COLUMNS}


def compare(port: int, options: argparse.Namespace) -> tuple[Figures, Figures]:
    """Measure with both tools in alternation; return redis-benchmark's medians and the rig's."""
    first = run_rig(port, options)  # sets the keys, and gives the number of requests of equal duration
    number = int(first["per_second"] * options.time)
    one, other = [], []
    for _ in range(options.rounds):
        one.append(run_redis_benchmark(port, options, number))
        other.append(run_rig(port, options))
    return medians(one), medians(other)


def agreement(one: Figures, other: Figures) -> tuple[list[str], bool]:
    """Return the table, and whether p50 and p99 are near enough; a maximum is a single request's."""
    lines = [row(["", "redis-benchmark", "stress/run.py", "ratio"]), row(["---", "--:", "--:", "--:"])]
    for name in CSV_COLUMNS:
        unit, digits = ("", 0) if name == "per_second" else (" ms", 3)
        cells = [f"{figures[name]:,.{digits}f}{unit}" for figures in (one, other)]
        lines.append(row([name.replace("_", " "), *cells, f"{other[name] / one[name]:.2f}x"]))
    good = all(abs(other[name] / one[name] - 1) <= MAX_PERCENTILE_DEVIATION for name in ("p50", "p99"))
    clients = [f"{figures['mean'] / 1000 * figures['per_second']:.2f}" for figures in (one, other)]
    lines.append(row(["mean x rate: clients", *clients, ""]))
    return [*lines, "", f"Percentiles within {MAX_PERCENTILE_DEVIATION:.0%}: {'yes' if good else 'no'}."], good


def pace(port: int, options: argparse.Namespace, capacity: float) -> tuple[str, bool]:
    """Run half of the rate that was measured, and return how near the rig came to it."""
    planned = round(PLANNED_SHARE * capacity)
    done = run_rig(port, options, "--rate", str(planned))["per_second"]
    off = done / planned - 1
    target = f"target: within {MAX_RATE_DEVIATION:.0%}"
    text = f"Planned: {planned:,} requests/s; measured: {done:,.0f} requests/s, {off:+.2%} ({target})."
    return text, abs(off) <= MAX_RATE_DEVIATION


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
