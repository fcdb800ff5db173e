"""The record of one run of the load against one server, in the form of schema.json, and what limited it."""

from __future__ import annotations

from typing import Any, NamedTuple

from probes import proc
from rig.faults import Faults
from rig.load_processes import Connecting, Operating
from rig.observer import Machine, Row, Snapshot, Usage, usage_between

BUSY_CORE_SHARE = 0.9  # of a core: as good as all of it on a machine that runs other programs too
FULL_MACHINE_IDLE_SHARE = 0.05  # of all cores' time; with less of it idle the machine is full
KEPT_PLAN_SHARE = 0.99  # of an open loop's planned requests

Run = dict[str, Any]


class RunSpec(NamedTuple):
    """
    The specification of one run.

    @ivar server: the server's name.
    @ivar active: how many of the clients work.
    @ivar repeat: the number of the repeat, from 1.
    @ivar rate: planned requests per second of an open loop; None for a closed loop.
    @ivar asked: the number of requests; None where a duration ends the run.
    """

    server: str
    clients: int
    active: int
    repeat: int
    rate: float | None
    asked: int | None


class Snapshots(NamedTuple):
    """The server before the clients connected (C{alone}), with all of them idle, and before and after the measured
    time; None where it could not be observed. C{ended} is whether it had ended by then."""

    alone: Snapshot | None
    idle: Snapshot | None
    first: Snapshot | None
    last: Snapshot | None
    calls_per_answer: float | None
    ended: bool


def server_record(snapshots: Snapshots, clients: int) -> dict[str, Any] | None:
    """Return the server's own figures; None if a snapshot is missing. Without answers those per operation are None."""
    if not (snapshots.alone and snapshots.idle and snapshots.first and snapshots.last):
        return None
    usage, last = usage_between(snapshots.first, snapshots.last), snapshots.last
    cpu, switches = sum(usage.cpu), usage.voluntary + usage.involuntary
    return {
        "seconds": usage.seconds,
        "cpu_seconds": cpu,
        "user_seconds": usage.user_seconds,
        "system_seconds": usage.system_seconds,
        "cpu_us_per_operation": per_operation(1e6 * cpu, usage.answers),
        "voluntary_switches": usage.voluntary,
        "involuntary_switches": usage.involuntary,
        "switches_per_operation": per_operation(switches, usage.answers),
        "threads": last.threads,
        "open_files": last.sum("files"),
        "resident": last.sum("resident"),
        "resident_per_connection": (snapshots.idle.sum("resident") - snapshots.alone.sum("resident")) / clients,
        "system_calls_per_operation": snapshots.calls_per_answer,
        "processes": _processes(last, usage),
    }


def per_operation(used: float, operations: int) -> float | None:
    """Return what an operation used; None without operations."""
    return used / operations if operations else None


def _processes(last: Snapshot, usage: Usage) -> list[dict[str, Any]]:
    residents = [sample.resident for sample in last.processes.values()]
    return [{"cpu_seconds": cpu, "resident": resident} for cpu, resident in zip(usage.cpu, residents)]


def run_record(
    spec: RunSpec,
    connecting: Connecting,
    operating: Operating,
    snapshots: Snapshots,
    machine: Machine,
    faults: Faults,
    series: list[Row],
    churns: bool,
) -> Run:
    """Return a run in the form of schema.json."""
    connects = operating.connects if churns else connecting.latency
    connect_seconds = operating.seconds if churns else connecting.seconds
    asked = operating.asked if spec.rate is not None else spec.asked
    per_second = operating.answered / operating.seconds if operating.answered else 0.0
    run: Run = {
        "server": spec.server,
        "clients": spec.clients,
        "active": spec.active,
        "repeat": spec.repeat,
        "target_per_second": spec.rate,
        "connect": {
            "seconds": connect_seconds,
            "per_second": connects["number"] / connect_seconds if connect_seconds else 0.0,
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
        "side": server_record(snapshots, spec.clients),
        "load": {
            "cpu_seconds": operating.cpu_seconds,
            "cpu_us_per_operation": per_operation(1e6 * sum(operating.cpu_seconds), operating.answered),
            "busiest_core_share": max(operating.shares),
        },
        "machine_idle_share": proc.idle_share(machine.before, machine.after),
        "others_share": None,
        "limited_by": None,
        "series": series,
    }
    if run["side"]:
        own = run["side"]["cpu_seconds"] + sum(operating.cpu_seconds) + machine.rig_seconds
        run["others_share"] = proc.others_share(machine.before, machine.after, own)
    run["limited_by"] = "ended" if snapshots.ended else limited_by(run)
    return run


def server_share(run: Run) -> float | None:
    """Return how much of a core the server used during the operations, above 1 with several cores; None if it is
    unknown.

    The rate ends with the last answer. With errors that can be long before the end of the operations, in all of which
    the server used its CPU time.
    """
    side = run["side"]
    if side is None or not run["operations"]["answered"] or side["cpu_us_per_operation"] is None:
        return None
    if run["errors"] and side.get("seconds"):
        return float(side["cpu_seconds"] / side["seconds"])
    share: float = side["cpu_us_per_operation"] * run["operations"]["per_second"] / 1e6
    return share


def _busiest_process(run: Run) -> float:
    share, cpu = server_share(run), [p["cpu_seconds"] for p in (run["side"] or {}).get("processes", ())]
    return share * max(cpu) / sum(cpu) if share and sum(cpu) else 0.0


def limited_by(run: Run) -> str | None:
    """Return what other than the server limited the rate: "load", "machine", "saturated" or None.

    A server with a process that used a whole core was at its own limit, whatever else was busy. Otherwise the load was
    the limit if one of its processes used a whole core, and the machine if no core had time left, whether the load,
    other programs or the host used it. An open loop that fell behind its plan is "saturated", unless one of those was
    the reason. A server that ended during the run is not judged here: run_record() sets "ended".
    """
    operations = run["operations"]
    if not operations["answered"]:
        return None
    behind = run["target_per_second"] is not None and operations["answered"] < KEPT_PLAN_SHARE * operations["asked"]
    if _busiest_process(run) < BUSY_CORE_SHARE:
        if run["load"]["busiest_core_share"] >= BUSY_CORE_SHARE:
            return "load"
        if run["machine_idle_share"] < FULL_MACHINE_IDLE_SHARE:
            return "machine"
    return "saturated" if behind else None
