"""Runs the measurements of a setting: starts each server, runs the load's phases, and observes the server."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

from probes import limits, proc
from probes.lag import Lag
from rig import load, load_processes, pacing, preload
from rig.faults import EXIT
from rig.load_processes import LoadProcesses
from rig.observer import OPERATE, REST, Observer, Snapshot
from rig.plan import Setting
from rig.progress import Progress
from rig.result import Run, RunSpec, Snapshots, run_record
from rig.sweep import sweep
from servers.catalogue import OTHER
from servers.process import Server, free_port

ENDING_S = 2.0
"""Seconds in which the process of a server ends that has closed all connections."""

SETTLE_S = 0.2  # for the work of a server after its start, and after an accept


def measure(setting: Setting, spec: RunSpec, progress: Progress) -> Run:
    """Start the server unless it is external, run the load once, and stop the server."""
    if setting.address:
        return run_load(setting, spec, setting.address, setting.pid, progress, None)
    entry = next(each for each in setting.servers if each.name == spec.server)
    port = free_port()
    with Server(entry.command(port, spec.clients), port) as server, ExitStack() as stack:
        lag = stack.enter_context(Lag(server.address)) if entry.mode != OTHER else None
        measured = run_load(setting, spec, server.address, server.pid, progress, lag)
        measured["command"] = server.started
        fault = server.stop()
    if fault:
        measured["errors"][EXIT] = 1
        measured["first_errors"][EXIT] = fault
    return measured


def run_load(
    setting: Setting, spec: RunSpec, address: tuple[str, int], pid: int | None, progress: Progress, lag: Lag | None
) -> Run:
    """Set the keys if the clients of the workload share them, and run the load once."""
    if setting.workload.shares_keys:
        preload.load(address, setting.workload, setting.seed, setting.timeout)
    plan = load.Plan(
        address=address,
        sources=limits.sources(spec.clients, setting.workload.churns),
        first=0,
        clients=spec.clients,
        active=spec.active,
        workload=setting.workload,
        pacing=pacing.Pacing(spec.rate, setting.arrivals),
        rounds=setting.rounds,
        warmup=setting.warmup,
        duration=setting.duration,
        timeout=setting.timeout,
        seed=setting.seed,
    )
    plans = load_processes.split(plan, setting.load_processes(spec.clients))
    with LoadProcesses(plans) as processes, Observer(pid, processes.done, lag) as observer:
        return run_phases(plan, spec, processes, observer, progress, pid)


def run_phases(
    plan: load.Plan,
    spec: RunSpec,
    processes: LoadProcesses,
    observer: Observer,
    progress: Progress,
    pid: int | None,
) -> Run:
    """Run the phases of the load, with a snapshot of the server between them."""
    processes.ready()
    files = wait_files(pid, sys.maxsize, SETTLE_S)
    alone = observer.snapshot()
    observer.begin()
    with progress.phase(f"{spec.server} connect", spec.clients) as report:
        connecting = processes.connect(lambda done: report(done) or observer.watch())
    observer.phase(REST, time.monotonic_ns())
    idle = alone if plan.workload.churns else wait_accepted(observer, pid, files + spec.clients)
    start = time.monotonic_ns() + load_processes.START_LEAD_NS
    observer.measure(start, plan.warmup, plan.duration, idle)
    observer.phase(OPERATE, start)
    with progress.work(f"{spec.server} operate", spec.asked, plan.warmup + (plan.duration or 0), start) as report:
        operating = processes.operate(start, lambda done: report(done) or observer.watch())
    observer.ended()
    faults = processes.close()
    # A process that ends has closed its connections a moment before.
    ended = observer.has_ended(ENDING_S if faults.counts["closed"] >= spec.clients else 0)
    last = None if ended else observer.last
    snapshots = Snapshots(alone, idle, observer.first, last, observer.calls_per_answer, ended)
    series = observer.series(operating.series, start, plan.warmup, plan.duration or operating.seconds)
    return run_record(spec, connecting, operating, snapshots, observer.machine, faults, series, plan.workload.churns)


def wait_files(pid: int | None, files: int, patience: float) -> int:
    """Wait until the server has that many files open or their number stays the same; return the number, 0 if the
    server has ended."""
    try:
        return proc.settle(pid, files, patience) if pid else 0
    except OSError:  # the load's faults report that the server has ended
        return 0


def wait_accepted(observer: Observer, pid: int | None, files: int) -> Snapshot | None:
    """Wait until the server has accepted all clients, and return a snapshot of it; None if it has ended."""
    wait_files(pid, files, 1.0)
    time.sleep(SETTLE_S)
    return observer.snapshot()


def all_runs(setting: Setting, progress: Progress) -> Iterator[Run]:
    """Measure and yield every run of a setting."""
    if setting.sweep is not None:

        def attempt(spec: RunSpec) -> Run:
            pace = f"{spec.rate:,.0f}/s" if spec.rate else "closed loop"
            progress.say(f"{spec.server}, {spec.clients:,} clients, {pace}")
            return measure(setting, spec, progress)

        yield from sweep(setting, attempt)
        return
    specs = list(setting.specs())
    for number, spec in enumerate(specs):
        progress.run(number, len(specs), spec)
        yield measure(setting, spec, progress)
