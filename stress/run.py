"""Puts many clients on servers at once, checks every answer, and measures the servers' own costs.

    python stress/run.py --clients 8k
    python stress/run.py --clients 1k,8k --workload mix --against redis,uvloop --repeats 5 --report DIR

Starts each server in a process of its own, connects all clients, and then lets them send. Exit status: 0 when every
answer was right and in time, 1 when one was not, 2 when the run could not start.
"""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from rig.options import Interrupted, require, run

try:
    from rich.console import Console

    from report import compare, table
    from report.document import document, write_outputs
    from rig import load_processes, plan, preload
    from rig.plan import Refused, Setting
    from rig.progress import Progress
    from rig.result import Run
    from rig.runner import all_runs
    from servers.process import StartFailed
except ModuleNotFoundError as missing:
    require("stress", missing)


def abort(lines: list[str]) -> NoReturn:
    """Print why the run cannot start, and exit with status 2."""
    for line in lines:
        print(f"stress/run.py: {line}", file=sys.stderr)
    raise SystemExit(2)


def finish(options: argparse.Namespace, setting: Setting, runs: list[Run]) -> None:
    """Print the table of the runs, write the files that the command line names, and print their names."""
    found, console = document(setting, runs), Console()
    table.show(found, console)
    for path in write_outputs(options, found):
        console.print(f"written: {path}", markup=False, highlight=False, soft_wrap=True)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    given = sys.argv[1:] if argv is None else argv
    if given[:1] == ["compare"]:
        return compare.main(given[1:])
    if given[:1] == ["page"]:
        from report import page

        return page.main(given[1:])
    options = plan.parser().parse_args(given)
    try:
        setting = plan.setting(options)
    except Refused as refused:
        abort(list(refused.args))
    runs: list[Run] = []
    try:
        with Progress() as progress:
            for measured in all_runs(setting, progress):
                runs.append(measured)  # noqa: PERF402 - completed runs are kept if the next one fails
    except (KeyboardInterrupt, Interrupted):
        kept = f"the {len(runs)} completed runs follow" if runs else "no run was completed"
        print(f"stress/run.py: interrupted; {kept}", file=sys.stderr)
        raise
    finally:
        if runs:
            finish(options, setting, runs)
    return 1 if any(each["errors"] for each in runs) else 0


if __name__ == "__main__":
    try:
        run(main)
    except (StartFailed, load_processes.LoadDied, preload.NotLoaded) as failure:
        abort([str(failure)])
