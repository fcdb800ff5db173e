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
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import metadata
from typing import Any, NoReturn

import machine
import proc
from options import run
from server import Server, StartFailed, free_port

try:
    import bootstrap
    import compare
    import crew
    import limits
    import load
    import outputs
    import pacing
    import plan
    import preload
    import report
    from contestants import OTHER, Contestant
    from faults import EXIT
    from lag import Lag
    from observe import OPERATE, REST, Look, Observer
    from plan import Refused, Setting
    from progress import Progress
    from result import Point, Run, Seen, made
    from rich.console import Console
    from sweep import sweep
except ModuleNotFoundError as missing:
    if missing.name not in ("hdrh", "rich", "jsonschema"):
        raise
    print(f"{missing.name} is missing: pip install 'tseep[stress]'", file=sys.stderr)
    raise SystemExit(2) from None

REST_SECONDS = 0.2  # for what a server does after its start, or after it accepted a client


def measure(setting: Setting, point: Point, progress: Progress) -> Run:
    """Start the point's server if it does not run already, run the load once, and stop it."""
    if setting.address:
        return loaded(setting, point, setting.address, setting.pid, progress, None)
    contestant = next(each for each in setting.servers if each.name == point.server)
    port = free_port()
    with Server(contestant.command(port, point.clients), port) as server, ExitStack() as stack:
        lag = stack.enter_context(Lag(server.address)) if contestant.mode != OTHER else None
        measured = loaded(setting, point, server.address, server.pid, progress, lag)
        fault = server.stop()
    if fault:
        measured["errors"][EXIT] = 1
        measured["first_errors"][EXIT] = fault
    return measured


def loaded(
    setting: Setting, point: Point, address: tuple[str, int], pid: int | None, progress: Progress, lag: Lag | None
) -> Run:
    """Set the keys if the workload shares some, and run the load once."""
    if setting.workload.shares_keys:
        preload.load(address, setting.workload, setting.seed, setting.timeout)
    whole = load.Plan(
        address=address,
        sources=limits.sources(point.clients, setting.workload.churns),
        first=0,
        clients=point.clients,
        active=point.active,
        workload=setting.workload,
        pacing=pacing.Pacing(point.rate, setting.arrivals),
        rounds=setting.rounds,
        warmup=setting.warmup,
        duration=setting.duration,
        timeout=setting.timeout,
        seed=setting.seed,
    )
    plans = crew.spread(whole, setting.load_processes(point.clients))
    with crew.Crew(plans) as working, Observer(pid, working.done, lag) as observer:
        return drive(whole, point, working, observer, progress, pid)


def drive(
    whole: load.Plan, point: Point, working: crew.Crew, observer: Observer, progress: Progress, pid: int | None
) -> Run:
    """Lead the load through its phases, with a look at the server between them."""
    working.ready()
    files = settled(pid, sys.maxsize, REST_SECONDS)
    alone = observer.look()
    observer.begin()
    with progress.phase(f"{point.server} connect", point.clients) as told:
        connecting = working.connect(lambda done: told(done) or observer.watch())
    observer.phase(REST, time.monotonic_ns())
    idle = alone if whole.workload.churns else ripe(observer, pid, files + point.clients)
    start = time.monotonic_ns() + crew.AHEAD_NS
    observer.phase(OPERATE, start)
    observer.measure(start, whole.warmup, whole.duration, idle)
    with progress.work(f"{point.server} operate", point.asked, whole.warmup + (whole.duration or 0), start) as told:
        operating = working.operate(start, lambda done: told(done) or observer.watch())
    observer.ended()
    faults = working.close()
    seen = Seen(alone, idle, observer.first, observer.last, observer.calls_per_answer)
    series = observer.series(operating.series, start, whole.warmup, whole.duration)
    return made(point, connecting, operating, seen, observer.cores, faults, series, whole.workload.churns)


def settled(pid: int | None, files: int, patience: float) -> int:
    """Wait until the server has so many files open, or no more come; return the count."""
    try:
        return proc.settle(pid, files, patience) if pid else 0
    except OSError:  # it is gone, which the load's faults tell
        return 0


def ripe(observer: Observer, pid: int | None, files: int) -> Look | None:
    """Look at the server when it has taken all clients in; None if it is gone."""
    settled(pid, files, 1.0)
    time.sleep(REST_SECONDS)
    return observer.look()


def all_runs(setting: Setting, progress: Progress) -> Iterator[Run]:
    """Measure all that was asked for, one by one."""
    if setting.sweep is not None:

        def attempt(point: Point) -> Run:
            pace = f"{point.rate:,.0f}/s" if point.rate else "as much as it can"
            progress.say(f"{point.server}, {point.clients:,} clients, {pace}")
            return measure(setting, point, progress)

        yield from sweep(setting, attempt)
        return
    points = list(setting.points())
    for number, point in enumerate(points):
        progress.run(number, len(points), point)
        yield measure(setting, point, progress)


def document(setting: Setting, runs: list[Run]) -> dict[str, Any]:
    """Return the JSON report."""
    rig = {name: metadata.version(name) for name in ("hdrhistogram", "rich")}
    summaries = bootstrap.summaries(runs)
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
        "differences": bootstrap.differences(runs, summaries),
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
        outputs.write_csv(found, options.csv)
    if options.benchstat:
        outputs.write_benchstat(found, options.benchstat)
    if options.hlog:
        outputs.write_histogram_logs(found, options.hlog)
    if options.report:
        import page

        page.write(found, options.report)


def conclude(options: argparse.Namespace, setting: Setting, runs: list[Run]) -> None:
    """Show and write what was measured."""
    found = document(setting, runs)
    report.show(found, Console())
    written(options, found)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    given = sys.argv[1:] if argv is None else argv
    if given[:1] == ["compare"]:
        return compare.main(given[1:])
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
