"""Invented runs and documents in the form of stress/report/schema.json, for the tests of statistics and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Optional

from hdrh.histogram import HdrHistogram

Record = dict[str, Any]

PERCENTILES = {"p50_us": 50, "p90_us": 90, "p99_us": 99, "p999_us": 99.9, "max_us": 100}


def latency(values: Sequence[int]) -> Record:
    """A latency as in the schema, of values in microseconds."""
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    for value in values:
        histogram.record_value(value)
    at = {name: histogram.get_value_at_percentile(each) if values else None for name, each in PERCENTILES.items()}
    mean = histogram.get_mean_value() if values else None
    return {"number": len(values), **at, "mean_us": mean, "histogram": histogram.encode().decode()}


def side(cpu: float, switches: float, resident: float) -> Record:
    """The server's own figures, the field C{side} of a run."""
    return {
        "cpu_seconds": 1.5,
        "user_seconds": 1.0,
        "system_seconds": 0.5,
        "cpu_us_per_operation": cpu,
        "voluntary_switches": 40,
        "involuntary_switches": 2,
        "switches_per_operation": switches,
        "threads": 1,
        "open_files": 1030,
        "resident": 50_000_000,
        "resident_per_connection": resident,
        "system_calls_per_operation": None,
        "processes": [{"cpu_seconds": 1.5, "resident": 50_000_000}],
    }


def run(server: str, per_second: float, repeat: int = 1, clients: int = 1024, **more: Any) -> Record:
    """A run as in the schema. C{more}: target_per_second, side, values (its latencies), errors, limited_by."""
    response = latency(more.get("values", range(100, 1100)))
    answered = response["number"]
    return {
        "server": server,
        "clients": clients,
        "active": clients,
        "repeat": repeat,
        "target_per_second": more.get("target_per_second"),
        "connect": {"seconds": 0.5, "per_second": clients / 0.5, "failed": 0, "latency": latency([50, 60])},
        "operations": {
            "asked": None,
            "answered": answered,
            "seconds": 10.0,
            "per_second": per_second,
            "response": response,
            "service": more.get("service", response),
        },
        "errors": more.get("errors", {}),
        "first_errors": {},
        "side": more.get("side", side(10.0, 0.02, 1100.0)),
        "load": {"cpu_seconds": [5.0], "cpu_us_per_operation": 9.0, "busiest_core_share": 0.5},
        "machine_idle_share": 0.4,
        "limited_by": more.get("limited_by"),
        "series": [{"at_seconds": 1.0, "phase": "operate", "done": answered}],
    }


def runs(server: str, rates: Iterable[float], **more: Any) -> list[Record]:
    """A run for each rate, numbered as repeats."""
    return [run(server, rate, repeat, **more) for repeat, rate in enumerate(rates, 1)]


def document(found: list[Record], rates: Optional[list[float]] = None) -> Record:
    """A document of these runs without summaries and differences; C{rates} makes it one of an open loop."""
    names = list(dict.fromkeys(each["server"] for each in found))
    return {
        "schema": "tseep-stress-1",
        "date": "2026-11-25T04:00:00+00:00",
        "command": "stress/run.py --clients 1k --json a.json",
        "machine": {"cpu": "A Made-up Processor", "cores": 4, "system": "Linux 6.1 x86_64", "memory_mib": 8000},
        "rig": {"python": "CPython 3.11.7"},
        "plan": {
            "workload": {"name": "seed", "protocol": "native", "pipeline": 1},
            "pacing": {"loop": "open", "arrivals": "poisson", "rates": rates} if rates else {"loop": "closed"},
            "clients": sorted({each["clients"] for each in found}),
            "active": None,
            "repeats": 5,
            "warmup_seconds": 1.0,
            "duration_seconds": 10.0,
            "rounds": None,
            "timeout_seconds": 30.0,
            "load_processes": 1,
            "seed": 7,
        },
        "servers": [
            {"name": name, "title": f"tseep {name}", "version": "1.0", "command": ["tseep", "--mode", name]}
            for name in names
        ],
        "runs": found,
        "summaries": [],
        "differences": [],
    }
