"""The document of one call of stress/run.py, in schema.json's form, and the files that are made from it."""

from __future__ import annotations

import argparse
import json
from importlib import metadata
from typing import Any

from probes import machine
from report import export, intervals
from rig import plan
from rig.plan import Setting
from rig.result import Run
from servers.catalogue import Contestant


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
