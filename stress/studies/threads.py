"""Whether v1 keeps its rate with thousands of threads: with the futex slots that tseep sets, and with the kernel's own.

    python stress/study.py threads --clients 2k,4k,8k --starts 20

Each start is a server and a load of its own, the two kinds in turns: the seed's check in a closed loop by all clients.
A start has fallen where its rate is less than half of the median of its kind. Prints a Markdown table; exit status 0, 1
when one with tseep's own slots has fallen, or 2 when a server did not start or an answer was wrong.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from statistics import median
from typing import Any

from probes import machine
from rig import crew, plan, runner
from rig.faults import LATE, MISSING
from rig.options import points, positive, seconds
from rig.progress import Progress
from servers import catalogue
from servers.catalogue import Contestant
from servers.process import StartFailed
from studies.versus import row, say

V1 = "v1"
WITH_SLOTS = str(catalogue.PEERS.parent / "with_slots.py")
FALLEN = 0.5  # of the median
SLOW = {LATE, MISSING}  # faults that a start that has fallen may have
WARMUP = 1.0

Runs = dict[tuple[int, str], list[dict[str, Any]]]
"""By the number of clients and the server's name."""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py threads", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--python", default=sys.executable, metavar="PATH", help="interpreter of the server (this one)")
    add("--clients", type=points, default="2k,4k,8k", metavar="2k,N", help="at once, a row for each (2k,4k,8k)")
    add("--starts", type=positive, default=20, metavar="N", help="fresh servers of each kind (20)")
    add("--time", type=seconds, default=3.0, metavar="S", help="of a measurement (3)")
    add("--slots", default="kernel", metavar="N", help="beside tseep's own: a power of two, or 0 (the kernel's)")
    made.set_defaults(pypy=None, workers=None)
    return made


def with_slots(server: Contestant, slots: str) -> Contestant:
    """Return v1 with another number of slots."""

    def command(port: int, clients: int) -> list[str]:
        python, _, *rest = server.command(port, clients)
        return [python, WITH_SLOTS, slots, *rest]

    name = f"{slots} slots" if slots.isdigit() else f"{slots}'s slots"
    return server._replace(name=name, command=command)


def setting(options: argparse.Namespace) -> plan.Setting:
    """Return what is measured. Raises plan.Refused."""
    words = ["--mode", V1, "--clients", "1", "--duration", str(options.time), "--warmup", str(WARMUP)]
    words += ["--python", options.python, "--repeats", str(options.starts)]
    given = plan.parser().parse_args(words)
    given.clients = options.clients
    made = plan.setting(given)
    (server,) = made.servers
    return made._replace(servers=[server, with_slots(server, options.slots)])


def measure(asked: plan.Setting) -> Runs:
    """Measure all. Raises StartFailed where an answer was wrong."""
    found: Runs = {}
    with Progress() as progress:
        for run in runner.all_runs(asked, progress):
            if run["errors"].keys() - SLOW:
                raise StartFailed(f"the rig found faults: {run['first_errors']}")
            found.setdefault((run["clients"], run["server"]), []).append(run)
    return found


def table(found: Runs) -> tuple[list[str], bool]:
    """Return the table, and whether none of tseep's own has fallen."""
    head = ["clients", "v1 with", "requests/s", "lowest", "highest", "fallen", "p99, s", "CPU us a request"]
    lines, good = [row(head), row(["--:", "---", *["--:"] * 6])], True
    for (clients, name), runs in found.items():
        rates = [run["operations"]["per_second"] for run in runs]
        fallen = sum(rate < FALLEN * median(rates) for rate in rates)
        good = good and not (fallen and name == V1)
        p99 = median(run["operations"]["response"]["p99_us"] for run in runs) / 1e6
        cpu = median(run["side"]["cpu_us_per_operation"] for run in runs)
        title = "its own slots" if name == V1 else name
        figures = [f"{median(rates):,.0f}", f"{min(rates):,.0f}", f"{max(rates):,.0f}", f"{fallen} of {len(runs)}"]
        lines.append(row([f"{clients:,}", title, *figures, f"{p99:.2f}", f"{cpu:.0f}"]))
    return lines, good


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    try:
        asked = setting(options)
        found = measure(asked)
    except (StartFailed, crew.LoadDied, subprocess.SubprocessError, plan.Refused) as failure:
        say(f"stress/study.py threads: {failure}")
        return 2
    lines, good = table(found)
    print(f"{asked.servers[0].title}; {machine.cpu_model()}, {machine.cores()} cores", end="\n\n")
    print("\n".join(lines))
    return 0 if good else 1
