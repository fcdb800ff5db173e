"""The document of one call of stress/run.py in the form of schema.json, and the files made from it."""

from __future__ import annotations

import argparse
import json
from importlib import metadata
from pathlib import Path
from typing import Any

from probes import machine
from report import export, intervals
from rig import plan
from rig.plan import Setting
from rig.result import Run
from servers.catalogue import ServerSpec

PAGE = "index.html"  # in the folder of a report


def document(setting: Setting, runs: list[Run]) -> dict[str, Any]:
    """Return the document of these runs."""
    rig = {name: metadata.version(name) for name in ("hdrhistogram", "rich")}
    summaries = intervals.summaries(runs)
    return {
        "schema": "tseep-stress-1",
        "date": machine.today(),
        "command": machine.command_line(),
        "machine": machine.described(),
        "rig": {"python": machine.python(), **rig},
        "plan": plan.described(setting),
        "servers": [server(each, runs) for each in setting.servers] or [external_server(setting)],
        "runs": runs,
        "summaries": summaries,
        "differences": intervals.differences(runs, summaries),
    }


def server(spec: ServerSpec, runs: list[Run]) -> dict[str, Any]:
    """Return the record of a server that the rig starts, with the command line of its last run with the most
    clients."""
    own = sorted((run for run in runs if run["server"] == spec.name), key=lambda run: int(run["clients"]))
    command = own[-1]["command"] if own else []
    return {"name": spec.name, "title": spec.title, "version": spec.version, "command": command}


def external_server(setting: Setting) -> dict[str, Any]:
    """Return the record of the server at --address."""
    (name,) = setting.names()
    return {"name": name, "title": f"the server at {name}", "version": None, "command": []}


def write_outputs(options: argparse.Namespace, found: dict[str, Any]) -> list[Path]:
    """Write the files that the command line names, and return their paths."""
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
    written = (options.json, options.csv, options.benchstat, options.hlog, options.report and options.report / PAGE)
    return [path for path in written if path]
