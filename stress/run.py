"""Stress servers: many clients at once, every answer checked, the servers' own costs measured.

    python stress/run.py --clients 8k
    python stress/run.py --clients 1k,8k --workload mix --against redis,uvloop --repeats 5 --report DIR

starts each server in a process of its own, connects all clients, and only then lets them work. Exit
status: 0 when every answer was right and in time, 1 when one was not, 2 when the run could not begin.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import metadata
from typing import Any, NoReturn

from probes import machine
from rig.options import require, run
from servers.process import StartFailed

try:
    from rich.console import Console

    from report import compare, export, intervals, table
    from rig import crew, plan, preload
    from rig.plan import Refused, Setting
    from rig.progress import Progress
    from rig.result import Run
    from rig.runner import all_runs
    from servers.catalogue import Contestant
except ModuleNotFoundError as missing:
    require("stress", missing)


def document(setting: Setting, runs: list[Run]) -> dict[str, Any]:
    """Return the JSON report."""
    rig = {name: metadata.version(name) for name in ("hdrhistogram", "rich")}
    summaries = intervals.summaries(runs)
    return {
        "schema": "tseep-stress-1",
        "date": machine.today(),
        "command": machine.command_line(),
        "machine": machine.described(),
        "rig": {"python": machine.python(), **rig},
        "plan": plan.described(setting),
        "servers": [server(each) for each in setting.servers] or [stranger(setting)],
        "runs": runs,
        "summaries": summaries,
        "differences": intervals.differences(runs, summaries),
    }


def server(contestant: Contestant) -> dict[str, Any]:
    """Return a server that is started here, for the JSON report; port 0 and one client stand for all."""
    name, title, version = contestant.name, contestant.title, contestant.version
    return {"name": name, "title": title, "version": version, "command": contestant.command(0, 1)}


def stranger(setting: Setting) -> dict[str, Any]:
    """Return the server at --address, for the JSON report."""
    (name,) = setting.names()
    return {"name": name, "title": f"the server at {name}", "version": None, "command": []}


def refuse(lines: list[str]) -> NoReturn:
    """Say why the run can't begin, and end."""
    for line in lines:
        print(f"stress/run.py: {line}", file=sys.stderr)
    raise SystemExit(2)


def written(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Write the files that were asked for."""
    if options.json:
        options.json.write_text(json.dumps(found) + "\n")
    if options.csv:
        export.write_csv(found, options.csv)
    if options.benchstat:
        export.write_benchstat(found, options.benchstat)
    if options.hlog:
        export.write_histogram_logs(found, options.hlog)
    if options.report:
        from report import page

        page.write(found, options.report)


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
