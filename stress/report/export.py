"""A document of stress/report/schema.json in the formats of other tools: CSV, Go benchmark text, HdrHistogram logs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter

Document = dict[str, Any]
Run = dict[str, Any]

LATENCY = ("p50_us", "p90_us", "p99_us", "p999_us", "max_us", "mean_us")


def at(run: Run, path: str) -> Any:
    """Return the value at a path such as operations.per_second; None if a part of it is null or missing."""
    found: Any = run
    for name in path.split("."):
        found = found.get(name) if found is not None else None
    return found


# CSV

COLUMNS = {
    **{name: name for name in ("server", "clients", "active", "repeat", "target_per_second")},
    **{f"connect_{name}": f"connect.{name}" for name in ("seconds", "per_second", "failed")},
    **{f"connect_{name}": f"connect.latency.{name}" for name in LATENCY},
    **{name: f"operations.{name}" for name in ("asked", "answered", "seconds", "per_second")},
    **{f"response_{name}": f"operations.response.{name}" for name in LATENCY},
    **{f"service_{name}": f"operations.service.{name}" for name in LATENCY},
    **{
        f"server_{name}": f"side.{name}"
        for name in (
            "cpu_seconds",
            "user_seconds",
            "system_seconds",
            "cpu_us_per_operation",
            "voluntary_switches",
            "involuntary_switches",
            "switches_per_operation",
            "system_calls_per_operation",
            "threads",
            "open_files",
        )
    },
    "server_resident_bytes": "side.resident",
    "server_resident_bytes_per_connection": "side.resident_per_connection",
    "load_cpu_us_per_operation": "load.cpu_us_per_operation",
    "load_busiest_core_share": "load.busiest_core_share",
    "machine_idle_share": "machine_idle_share",
    "others_share": "others_share",
    "limited_by": "limited_by",
}
"""Each column and its path in a run. Units are in the names: _us microseconds, _share from 0 to 1."""


def write_csv(document: Document, path: Path) -> None:
    """Write a row for each run, with a header; unknown values are empty. C{errors} is their number, and C{error_kinds}
    has the number of each kind, as in "late 3, wrong 1". Raises OSError."""
    titles = {server["name"]: server["title"] for server in document["servers"]}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "title", *COLUMNS, "errors", "error_kinds"])
        for run in document["runs"]:
            kinds = ", ".join(f"{kind} {number}" for kind, number in sorted(run["errors"].items()))
            cells = [at(run, place) for place in COLUMNS.values()]
            writer.writerow([document["date"], titles[run["server"]], *cells, sum(run["errors"].values()), kinds])


# Go benchmark text

METRICS = {
    "op/s": ("operations.per_second", 1.0, "higher"),
    "p50-ns": ("operations.response.p50_us", 1e3, "lower"),
    "p99-ns": ("operations.response.p99_us", 1e3, "lower"),
    "p99.9-ns": ("operations.response.p999_us", 1e3, "lower"),
    "cpu-ns/op": ("side.cpu_us_per_operation", 1e3, "lower"),
    "switches/op": ("side.switches_per_operation", 1.0, "lower"),
    "syscalls/op": ("side.system_calls_per_operation", 1.0, "lower"),
    "B/conn": ("side.resident_per_connection", 1.0, "lower"),
}
"""Units in addition to ns/op: the path of the value in a run, the factor to the unit, and which direction is better."""


def _number(value: float) -> str:
    """Return a number in Go's notation, in as many digits as benchstat uses."""
    return f"{value:.6g}"


def _name(document: Document, run: Run) -> str:
    """Return a benchmark's name: its workload, and the point as sub-benchmarks."""
    rate = run["target_per_second"]
    where = f"/server={run['server']}/clients={run['clients']}" + (f"/rate={rate:g}" if rate else "")
    return f"Benchmark{document['plan']['workload']['name'].capitalize()}{where}"


def _result(document: Document, run: Run) -> str:
    """Return a result line; ns/op is wall time divided by the operations of all connections, as in Go."""
    operations = run["operations"]
    if not operations["per_second"]:
        return f"# {_name(document, run)}: no answers"
    pairs = [(1e9 / operations["per_second"], "ns/op")]
    known = ((at(run, path), factor, unit) for unit, (path, factor, _) in METRICS.items())
    pairs += [(value * factor, unit) for value, factor, unit in known if value is not None]
    measured = "\t".join(f"{_number(value)} {unit}" for value, unit in pairs)
    return f"{_name(document, run)}\t{operations['answered']}\t{measured}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _workload(plan: dict[str, Any]) -> str:
    """Return the plan in one line. benchstat compares only results with equal lines."""
    parts = {**plan["workload"], **plan["pacing"], "active": plan["active"]}
    parts = {name: value for name, value in parts.items() if name not in ("rates", "p99_us") and value is not None}
    return ", ".join(f"{name} {value}" for name, value in parts.items())


def benchstat_lines(document: Document) -> Iterator[str]:
    """
    Yield the lines of the Go benchmark data format, https://golang.org/design/14313-benchmark-format, with the
    units' properties of https://pkg.go.dev/golang.org/x/perf/benchfmt.

    What must be equal in two compared files are configuration lines; the rest are comments.
    """
    yield f"# {_one_line(document['date'])}: {_one_line(document['command'])}"
    yield "pkg: tseep"
    yield f"cpu: {_one_line(document['machine']['cpu'])}"
    yield f"workload: {_workload(document['plan'])}"
    for unit, (_, _, better) in METRICS.items():
        yield f"Unit {unit} better={better}"
    for run in document["runs"]:
        yield _result(document, run)


def write_benchstat(document: Document, path: Path) -> None:
    """Write a line for each run in the text format of Go's benchmarks, for benchstat. Raises OSError."""
    path.write_text("\n".join([*benchstat_lines(document), ""]), encoding="utf-8")


# HdrHistogram logs


def _point(run: Run) -> tuple[str, int, float]:
    return run["server"], run["clients"], run["target_per_second"] or 0.0


def log_name(run: Run, kind: str) -> str:
    """Return the name of a run's log, such as v2-1024-clients-5000-per-second.service.hlog; C{kind} is response or
    service."""
    server, clients, rate = _point(run)
    name = re.sub(r"[^\w.-]", "_", server) + f"-{clients}-clients" + (f"-{rate:g}-per-second" if rate else "")
    return f"{name}.{kind}.hlog"


def _stamped(latency: dict[str, Any], start: float, seconds: float) -> Any:
    """Return the histogram of a latency as an interval of the log, whose times are milliseconds."""
    histogram = HdrHistogram.decode(latency["histogram"])
    histogram.set_start_time_stamp(1e3 * start)
    histogram.set_end_time_stamp(1e3 * (start + seconds))
    return histogram


def _write_log(document: Document, runs: Iterable[Run], kind: str, path: Path) -> None:
    """Write a log: consecutive intervals, one for each run with answers."""
    began = datetime.fromisoformat(document["date"]).timestamp()
    start = 0.0
    with path.open("w", encoding="utf-8") as file:
        log = HistogramLogWriter(file)
        log.output_comment(f"[{kind} times in microseconds; an interval is a run, the time between runs is left out]")
        log.output_log_format_version()
        log.output_comment(f"[StartTime: {began:.3f} (seconds since epoch), {document['date']}]")
        log.output_base_time(1e3 * began)
        log.output_legend()
        for run in runs:
            operations = run["operations"]
            if operations[kind]["number"]:
                interval = _stamped(operations[kind], start, operations["seconds"])
                log.output_interval_histogram(interval, max_value_unit_ratio=1.0)
                start += operations["seconds"]


def write_histogram_logs(document: Document, folder: Path) -> None:
    """
    Write a log of response times for each server and point into a folder, which is created if it does not exist, and
    in an open loop one of service times, too; in a closed loop the two are the same.

    The format is that of HdrHistogram's HistogramLogProcessor: a line for each interval, with its whole histogram.
    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kinds = ["response"] if document["plan"]["pacing"]["loop"] == "closed" else ["response", "service"]
    for _, group in groupby(sorted(document["runs"], key=_point), key=_point):
        runs = list(group)
        for kind in kinds:
            _write_log(document, runs, kind, folder / log_name(runs[0], kind))
