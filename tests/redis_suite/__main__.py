"""
Runs Redis's test suite against tseep.

    python -m tests.redis_suite --mode v2 --units unit/type/list,unit/sort

Prints a table by unit, and exits with status 1 if a test fails that is not in known.tsv, or if one of its tests passes.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from ..support.apt import Unavailable
from . import known
from .runner import Result, output_of, read, run
from .source import fetch
from .units import CHOSEN, UNITS


def main() -> int:
    """Return the exit status."""
    options = argparse.ArgumentParser(prog="python -m tests.redis_suite", description=__doc__.split("\n")[1])
    options.add_argument("--mode", default="v2", choices=("v1", "v2", "v3", "redis"), help="server under test")
    options.add_argument("--units", default="", help="comma-separated units, or: chosen; default: all")
    options.add_argument("--jobs", type=int, default=2, help="units that run at the same time; default: 2")
    options.add_argument("--limit", type=float, default=600.0, help="seconds for each unit; default: 600")
    options.add_argument("--record", action="store_true", help="write the counts of redis-server (with --mode redis)")
    asked = options.parse_args()
    units = list(CHOSEN if asked.units == "chosen" else asked.units.split(",") if asked.units else UNITS)
    try:
        fetch()
        results = _run_all(units, asked.mode, asked.jobs, asked.limit)
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 2
    _show(results)
    if asked.mode == "redis":
        if asked.record:
            known.write_counts(results)
        return 0
    return _compare(results, asked.mode)


def _run_all(units: list[str], mode: str, jobs: int, limit: float) -> list[Result]:
    slots: SimpleQueue[int] = SimpleQueue()
    for slot in range(jobs):
        slots.put(slot)

    def one(unit: str) -> Result:
        slot = slots.get()
        try:
            result = run(unit, mode, slot, limit, known.skipped(unit, mode))
        finally:
            slots.put(slot)
        failed = f"{sum(result.failed.values())} failed ({_known(result, mode)} of them listed)"
        print(f"{unit}: {sum(result.ok.values())} ok, {failed}, {result.seconds:.0f} s", flush=True)
        return result

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, units))


def _known(result: Result, mode: str) -> int:
    """Return how many of the failed tests of a unit are listed."""
    return sum((result.failed & known.listed(result.unit, mode)).values())


def _show(results: list[Result]) -> None:
    expected = known.counts()
    print("\n| unit | ok | failed | redis-server | |\n|---|--:|--:|--:|---|")
    for each in results:
        note = "" if each.finished else f"not finished: {each.reason}"
        ok, failed = sum(each.ok.values()), sum(each.failed.values())
        print(f"| {each.unit} | {ok} | {failed} | {expected.get(each.unit, '')} | {note} |")
    ok, failed = (sum(sum(getattr(each, name).values()) for each in results) for name in ("ok", "failed"))
    unfinished = sum(not each.finished for each in results)
    total = sum(expected.get(each.unit, 0) for each in results)
    print(f"| **all** | {ok} | {failed} | {total} | {unfinished} not finished |")


def _compare(results: list[Result], mode: str) -> int:
    problems = [line for each in results for line in known.problems(each, mode, _reference(each.unit))]
    for line in problems:
        print(line)
    return 1 if problems else 0


def _reference(unit: str) -> Result | None:
    """Return redis-server's result of a unit, if it ran here."""
    output = output_of(unit, "redis")
    return read(unit, output) if output.exists() else None


if __name__ == "__main__":
    sys.exit(main())
