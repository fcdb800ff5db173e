"""Stress servers: many clients at once, every answer checked, the servers' own costs measured.

    python stress/run.py --clients 8k
    python stress/run.py --clients 1k,8k --workload mix --against redis,uvloop --repeats 5 --report DIR

starts each server in a process of its own, connects all clients, and only then lets them work. Exit
status: 0 when every answer was right and in time, 1 when one was not, 2 when the run could not begin.
"""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from rig.options import require, run
from servers.process import StartFailed

try:
    from rich.console import Console

    from report import compare, table
    from report.document import document, written
    from rig import crew, plan, preload
    from rig.plan import Refused, Setting
    from rig.progress import Progress
    from rig.result import Run
    from rig.runner import all_runs
except ModuleNotFoundError as missing:
    require("stress", missing)


def refuse(lines: list[str]) -> NoReturn:
    """Say why the run can't begin, and end."""
    for line in lines:
        print(f"stress/run.py: {line}", file=sys.stderr)
    raise SystemExit(2)


def conclude(options: argparse.Namespace, setting: Setting, runs: list[Run]) -> None:
    """Show and write what was measured."""
    found = document(setting, runs)
    table.show(found, Console())
    written(options, found)


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
        refuse(list(refused.args))
    runs: list[Run] = []
    try:
        with Progress() as progress:
            for measured in all_runs(setting, progress):
                runs.append(measured)  # noqa: PERF402 - one by one, as those that are done are kept if the next fails
    finally:
        if runs:
            conclude(options, setting, runs)
    return 1 if any(each["errors"] for each in runs) else 0


if __name__ == "__main__":
    try:
        run(main)
    except (StartFailed, crew.LoadDied, preload.NotLoaded) as failure:
        refuse([str(failure)])
