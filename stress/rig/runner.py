"""Measures what a setting asks for: starts each server, leads the load through its phases, and watches the server."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

from probes import limits, proc
from probes.lag import Lag
from rig import crew, load, pacing, preload
from rig.faults import EXIT
from rig.observer import OPERATE, REST, Look, Observer
from rig.plan import Setting
from rig.progress import Progress
from rig.result import Point, Run, Seen, made
from rig.sweep import sweep
from servers.catalogue import OTHER
from servers.process import Server, free_port

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
