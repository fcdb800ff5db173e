"""Documents in the form of stress/run.py --json with invented figures, for the tests of stress/report/page.py."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

from hdrh.histogram import HdrHistogram

from report import intervals

Record = dict[str, Any]


class ServerProfile(NamedTuple):
    """The figures of an invented server."""

    title: str
    rate: float = 60_000
    cpu: float = 14.0
    switches: float = 0.02
    calls: Optional[float] = 2.1
    memory: float = 1100
    spread: float = 0.5
    """The standard deviation of the logarithm of its latencies."""
    known: bool = True
    """False if its process cannot be observed."""
    errors: dict[str, int] = {}
    limited_by: Optional[str] = None
    noise: float = 0.02
    """The relative standard deviation between its runs."""


PROFILES = {
    "v1": ServerProfile("tseep v1, CPython 3.11.7", 14_000, 71, 41, 6.3, 20_500, 1.2),
    "v2": ServerProfile("tseep v2, CPython 3.11.7", 64_000, 14.6, 0.03, 2.05, 1_060, 0.35),
    "redis": ServerProfile("Redis 7.0.15", 52_000, 12.3, 0.01, 2.4, 1_430, 0.3),
    "asyncio-streams": ServerProfile("asyncio streams, CPython 3.11.7", 21_000, 44, 0.05, 3.2, 9_300, 0.55),
}


def latency(values: Sequence[float]) -> Record:
    """A latency as in the schema, of values in microseconds."""
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    for value in values:
        histogram.record_value(max(1, int(value)))
    return described(histogram)


def described(histogram: Any) -> Record:
    """A latency as in the schema, of a histogram."""
    number = histogram.get_total_count()
    levels = {"p50_us": 50, "p90_us": 90, "p99_us": 99, "p999_us": 99.9, "max_us": 100}
    found = {name: histogram.get_value_at_percentile(level) if number else None for name, level in levels.items()}
    mean = histogram.get_mean_value() if number else None
    return {"number": number, **found, "mean_us": mean, "histogram": histogram.encode().decode()}


def series(draw: random.Random, kind: ServerProfile, clients: int, rate: float, seconds: int) -> list[Record]:
    """A row per second: one of connects, one of rest, the operations, and the drain."""
    rows = []
    for second in range(seconds + 2):
        phase = ("connect", "rest")[second] if second < 2 else "operate"
        works = phase == "operate"
        row: Record = {"at_seconds": second + 1.0, "phase": phase, "done": 0 if phase == "rest" else clients}
        if works:
            row["done"] = int(rate * draw.uniform(0.9, 1.06))
            row["p50_us"] = 1e6 * clients / rate
            row["p99_us"] = row["p50_us"] * (1 + 3 * kind.spread * draw.uniform(0.7, 1.4))
        if kind.known:
            busy = draw.uniform(0.92, 0.99) if works else 0.1
            row.update(user_share=busy * 0.6, system_share=busy * 0.4, threads=3, open_files=clients + 9)
            grown = min(1.0, (second + 1) / 2)
            row.update(
                resident=int(31e6 + grown * clients * kind.memory + second * 2e5), switches=int(rate * kind.switches)
            )
        if works and kind.title.startswith("tseep"):
            row["loop_lag_us"] = draw.randint(2000, 9000)
        rows.append(row)
    tail: Record = {"at_seconds": seconds + 3.0, "phase": "drain", "done": 3, "p50_us": 1e3, "p99_us": 2e3}
    return [*rows, tail]


def side(draw: random.Random, kind: ServerProfile, clients: int, answered: int) -> Record:
    """The server's own figures, the field C{side} of a run."""
    cpu = kind.cpu * draw.gauss(1, kind.noise)
    switches = kind.switches * draw.gauss(1, kind.noise)
    used = cpu * answered / 1e6
    resident = int(31e6 + clients * kind.memory)
    return {
        "cpu_seconds": used, "user_seconds": used * 0.6, "system_seconds": used * 0.4, "cpu_us_per_operation": cpu,
        "voluntary_switches": int(switches * answered), "involuntary_switches": 12, "switches_per_operation": switches,
        "threads": 3, "open_files": clients + 9, "resident": resident,
        "resident_per_connection": kind.memory * draw.gauss(1, kind.noise),
        "system_calls_per_operation": kind.calls, "processes": [{"cpu_seconds": used, "resident": resident}],
    }  # fmt: skip


def run(
    draw: random.Random,
    name: str,
    kind: ServerProfile,
    clients: int,
    target: Optional[float],
    repeat: int,
    seconds: int = 10,
) -> Record:
    """A run as in the schema, of a server with a profile."""
    able = kind.rate * (1 - 0.06 * (clients / 1024) ** 0.5) * draw.gauss(1, kind.noise)
    rate = min(able, target) if target else able
    mean = 1e6 * clients / able if not target else 300 / max(0.03, 1 - rate / able / 1.02)
    service = [mean * draw.lognormvariate(-0.5 * kind.spread**2, kind.spread) for _ in range(1200)]
    behind = max(0.0, (target or 0) / able - 1) * 1e6 * seconds
    response = [value * 1.2 + behind * draw.random() for value in service] if target else service
    took = latency(service)
    saturated = "saturated" if target and able < target * 0.99 else None
    answered = int(rate * seconds)
    return {
        "server": name, "clients": clients, "active": clients, "repeat": repeat, "target_per_second": target,
        "connect": {
            "seconds": clients / 9000, "per_second": 9000 * draw.gauss(1, 0.04), "failed": 0,
            "latency": latency([draw.lognormvariate(6, 0.8) for _ in range(clients // 2 + 1)]),
        },
        "operations": {
            "asked": int(target * seconds) if target else None,
            "answered": answered, "seconds": float(seconds), "per_second": rate,
            "response": latency(response) if target else took, "service": took,
        },
        "errors": kind.errors, "first_errors": {word: f"client 17: {word} <b>&amp;</b>" for word in kind.errors},
        "side": side(draw, kind, clients, answered) if kind.known else None,
        "load": {"cpu_seconds": [seconds * 0.7], "cpu_us_per_operation": 11.5, "busiest_core_share": 0.7},
        "machine_idle_share": 0.22, "limited_by": kind.limited_by or saturated,
        "series": series(draw, kind, clients, rate, seconds),
    }  # fmt: skip


def plan(clients: Sequence[int], rates: Sequence[float], repeats: int, seconds: int) -> Record:
    """A plan as in the schema."""
    pacing = (
        {"loop": "open", "arrivals": "poisson", "rates": list(rates), "p99_us": None} if rates else {"loop": "closed"}
    )
    return {
        "workload": {"name": "seed", "protocol": "native", "pipeline": 1}, "pacing": pacing, "clients": list(clients),
        "active": None, "repeats": repeats, "warmup_seconds": 2.0, "duration_seconds": float(seconds), "rounds": None,
        "timeout_seconds": 30.0, "load_processes": 1, "seed": 7,
    }  # fmt: skip


def document(
    kinds: Optional[dict[str, ServerProfile]] = None,
    clients: Sequence[int] = (1024,),
    rates: Sequence[float] = (),
    repeats: int = 3,
    seconds: int = 10,
) -> Record:
    """A document of each server at each number of clients and each planned rate."""
    kinds = PROFILES if kinds is None else kinds
    draw = random.Random(1)
    groups = [
        [run(draw, name, kind, number, rate, repeat, seconds) for repeat in range(1, repeats + 1)]
        for number in clients
        for rate in (rates or (None,))
        for name, kind in kinds.items()
    ]
    runs = list(itertools.chain(*groups))
    summaries = intervals.summaries(runs)
    return {
        "schema": "tseep-stress-1", "date": "2026-11-25T04:00:00+00:00",
        "command": "python stress/run.py --clients 1k --report out",
        "machine": {"cpu": "An Invented Processor 3000", "cores": 4, "system": "Linux 6.1.0", "memory_mib": 7_900},
        "rig": {"python": "CPython 3.11.7", "tseep": "0.9", "hdrhistogram": "0.10.8", "rich": "13.9.4"},
        "plan": plan(clients, rates, repeats, seconds),
        "servers": [
            {"name": name, "title": kind.title, "version": kind.title.rpartition(" ")[2],
             "command": ["python", "-m", "tseep", "--mode", name] if kind.known else []}
            for name, kind in kinds.items()
        ],
        "runs": runs, "summaries": summaries, "differences": intervals.differences(runs, summaries),
    }  # fmt: skip
