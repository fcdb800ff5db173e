"""The rate of v1 with thousands of threads, with tseep's futex slots and with the kernel's own.

    python stress/study.py threads --clients 2k,4k,8k --starts 20 --report DIR

Each start is a new server and a new load, the servers alternate, and all clients run the check of the Go study in a
closed loop. A start has collapsed if its rate is less than half of v1's median with as many clients. Prints a Markdown
table. Exit status: 0, 1 when v1 has collapsed, or 2 when a server did not start or an answer was wrong.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median

from probes import machine
from report.document import document, write_outputs
from rig import load_processes, plan, runner
from rig.faults import LATE, MISSING
from rig.options import names, points, positive, seconds
from rig.progress import Progress
from rig.result import Run
from servers.process import StartFailed
from studies.common import row, say

V1 = "v1"
COLLAPSED_SHARE = 0.5  # of v1's median
OVERLOAD_FAULTS = {LATE, MISSING}  # expected of a start that has collapsed
WARMUP_S = 1.0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py threads", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--python", default=sys.executable, metavar="PATH", help="Python interpreter of the servers (this one)")
    add("--clients", type=points, default="2k,4k,8k", metavar="2k,N", help="numbers of clients (2k,4k,8k)")
    add(
        "--against",
        type=names,
        default="v1-kernel-slots",
        metavar="A,B",
        help="servers to compare with v1 (v1-kernel-slots)",
    )
    add("--starts", type=positive, default=20, metavar="N", help="starts of each server (20)")
    add("--time", type=seconds, default=3.0, metavar="S", help="duration of a measurement (3)")
    add("--json", type=Path, metavar="FILE", help="file for the document, as of stress/run.py --json")
    add("--report", type=Path, metavar="DIR", help="folder for the page with charts")
    made.set_defaults(csv=None, benchstat=None, hlog=None)
    return made


def setting(options: argparse.Namespace) -> plan.Setting:
    """Return the setting of the measurements. Raises plan.Refused."""
    words = ["--mode", V1, "--clients", "1", "--duration", str(options.time), "--warmup", str(WARMUP_S)]
    words += ["--python", options.python, "--repeats", str(options.starts)]
    given = plan.parser().parse_args(words)
    given.clients, given.against = options.clients, options.against
    return plan.setting(given)


def measure(asked: plan.Setting) -> list[Run]:
    """Run all measurements. Raises StartFailed if an answer was wrong."""
    runs = []
    with Progress() as progress:
        for run in runner.all_runs(asked, progress):
            if run["errors"].keys() - OVERLOAD_FAULTS:
                raise StartFailed(f"the rig found faults: {run['first_errors']}")
            runs.append(run)
    return runs


def table(runs: list[Run]) -> tuple[list[str], bool]:
    """Return the table, and whether no start of v1 has collapsed."""
    found: dict[tuple[int, str], list[Run]] = {}
    for run in runs:
        found.setdefault((run["clients"], run["server"]), []).append(run)
    head = ["clients", "server", "requests/s", "lowest", "highest", "collapsed", "p99, s", "CPU us/request"]
    lines, good = [row(head), row(["--:", "---", *["--:"] * 6])], True
    for (clients, name), own in found.items():
        rates, usual = _rates(own), median(_rates(found[clients, V1]))
        collapsed = sum(rate < COLLAPSED_SHARE * usual for rate in rates)
        good = good and not (collapsed and name == V1)
        p99 = median(run["operations"]["response"]["p99_us"] for run in own) / 1e6
        costs = [run["side"]["cpu_us_per_operation"] for run in own if run["side"] and run["operations"]["answered"]]
        cpu = f"{median(costs):.0f}" if costs else "-"
        figures = [f"{median(rates):,.0f}", f"{min(rates):,.0f}", f"{max(rates):,.0f}", f"{collapsed} of {len(own)}"]
        lines.append(row([f"{clients:,}", name, *figures, f"{p99:.2f}", cpu]))
    return lines, good


def _rates(runs: list[Run]) -> list[float]:
    return [run["operations"]["per_second"] for run in runs]


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    try:
        asked = setting(options)
        runs = measure(asked)
    except (StartFailed, load_processes.LoadDied, plan.Refused) as failure:
        say(f"stress/study.py threads: {failure}")
        return 2
    lines, good = table(runs)
    print(f"{asked.servers[0].title}; {machine.cpu_model()}, {machine.cores()} cores", end="\n\n")
    print("\n".join(lines))
    write_outputs(options, document(asked, runs))
    return 0 if good else 1
