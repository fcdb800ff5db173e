"""What one run of the load against one server gave, and what can be said from it; the form is schema.json's."""

from __future__ import annotations

from typing import Any, NamedTuple

from probes import proc
from rig.crew import Connecting, Operating
from rig.faults import Faults
from rig.observer import Look, Row, Used, used

BUSY = 0.9  # of a core: as good as all of it on a machine that does other things too
SPARE = 0.05  # of all cores' time; with less of it idle the machine is full
KEPT = 0.99  # of an open loop's plan

Run = dict[str, Any]


class Point(NamedTuple):
    """What one run is: a server's name, its clients and those of them that work, which repeat of all, the
    planned rate of an open loop, and how many answers there are to be, if it is known."""

    server: str
    clients: int
    active: int
    repeat: int
    rate: float | None
    asked: int | None


class Seen(NamedTuple):
    """The server: before the clients came, with all of them idle, and where measuring begins and ends; None
    where it could not be looked at."""

    alone: Look | None
    idle: Look | None
    first: Look | None
    last: Look | None
    calls_per_answer: float | None


def side(seen: Seen, clients: int) -> dict[str, Any] | None:
    """Return the server's own figures, if it was there all the time."""
    if not (seen.alone and seen.idle and seen.first and seen.last):
        return None
    use, last = used(seen.first, seen.last), seen.last
    each = 1 / max(1, use.answers)
    cpu = sum(use.cpu)
    return {
        "cpu_seconds": cpu,
        "user_seconds": use.user_seconds,
        "system_seconds": use.system_seconds,
        "cpu_us_per_operation": 1e6 * cpu * each,
        "voluntary_switches": use.voluntary,
        "involuntary_switches": use.involuntary,
        "switches_per_operation": (use.voluntary + use.involuntary) * each,
        "threads": last.threads,
        "open_files": last.sum("files"),
        "resident": last.sum("resident"),
        "resident_per_connection": (seen.idle.sum("resident") - seen.alone.sum("resident")) / clients,
        "system_calls_per_operation": seen.calls_per_answer,
        "processes": _processes(last, use),
    }


def _processes(last: Look, use: Used) -> list[dict[str, Any]]:
    residents = [sample.resident for sample in last.processes.values()]
    return [{"cpu_seconds": cpu, "resident": resident} for cpu, resident in zip(use.cpu, residents)]


def made(
    point: Point,
    connecting: Connecting,
    operating: Operating,
    seen: Seen,
    cores: list[proc.Cores],
    faults: Faults,
    series: list[Row],
    churns: bool,
) -> Run:
    """Return a run in schema.json's form."""
    connects = operating.connects if churns else connecting.latency
    took = operating.seconds if churns else connecting.seconds
    asked = operating.asked if point.rate is not None else point.asked
    per_second = operating.answered / operating.seconds if operating.answered else 0.0
    run: Run = {
        "server": point.server,
        "clients": point.clients,
        "active": point.active,
        "repeat": point.repeat,
        "target_per_second": point.rate,
        "connect": {
            "seconds": took,
            "per_second": connects["number"] / took if took else 0.0,
            "failed": faults.counts["refused"],
            "latency": connects,
        },
        "operations": {
            "asked": asked,
            "answered": operating.answered,
            "seconds": operating.seconds,
            "per_second": per_second,
            "response": operating.response,
            "service": operating.service,
        },
        "errors": {kind: number for kind, number in faults.counts.items() if number},
        "first_errors": dict(faults.examples),
        "side": side(seen, point.clients),
        "load": {
            "cpu_seconds": operating.cpu_seconds,
            "cpu_us_per_operation": 1e6 * sum(operating.cpu_seconds) / max(1, operating.answered),
            "busiest_core_share": max(operating.shares),
        },
        "machine_idle_share": proc.idle_share(*cores),
        "limited_by": None,
        "series": series,
    }
    run["limited_by"] = limited_by(run)
    return run


def server_share(run: Run) -> float | None:
    """Return how much of a core the server used during the operations (above 1 with several); None where
    that is not known."""
    if run["side"] is None or not run["operations"]["answered"]:
        return None
    share: float = run["side"]["cpu_us_per_operation"] * run["operations"]["per_second"] / 1e6
    return share


def _busiest_process(run: Run) -> float:
    share, cpu = server_share(run), [p["cpu_seconds"] for p in (run["side"] or {}).get("processes", ())]
    return share * max(cpu) / sum(cpu) if share and sum(cpu) else 0.0


def limited_by(run: Run) -> str | None:
    """Say whether something other than the server set the pace: "load", "machine", "saturated" or None.

    A server of which a process used a whole core was at its own limit, whatever else was busy. Otherwise
    the pace was the load's if a load process used a whole core, and the machine's if no
    core had time left, be it for the load, other programs or the host. An open loop's plan that was not
    kept is "saturated", unless one of those was the reason.
    """
    operations = run["operations"]
    if not operations["answered"]:
        return None
    behind = run["target_per_second"] is not None and operations["answered"] < KEPT * operations["asked"]
    if _busiest_process(run) < BUSY:
        if run["load"]["busiest_core_share"] >= BUSY:
            return "load"
        if run["machine_idle_share"] < SPARE:
            return "machine"
    return "saturated" if behind else None
