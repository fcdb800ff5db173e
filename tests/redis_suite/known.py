"""
The tests that redis-server passes and tseep may fail (known.tsv), and redis-server's counts by unit (counts.tsv).

known.tsv has a line for each test: unit, name, the modes in which it may fail (C{v1 v2 v3}), the reason, and a mark:
C{skip} if it must not run, as it would never end or spoil others; C{varies} if it can pass, too. Lines with C{error} in
that place are not tests, but errors outside a test that end a block of tests. Tests with the suite's tags repl and
needs:repl do not run, and are not counted.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .runner import Result

_HERE = Path(__file__).resolve().parent
KNOWN = _HERE / "known.tsv"
COUNTS = _HERE / "counts.tsv"


class Known(NamedTuple):
    """
    A line of known.tsv.

    @ivar modes: separated by spaces.
    @ivar mark: C{skip} if the test must not run, C{varies} if its result depends on the moment, C{error} for an error
        outside a test, else empty.
    """

    unit: str
    test: str
    modes: str
    reason: str
    mark: str = ""


def entries() -> list[Known]:
    """Return the lines of known.tsv."""
    with KNOWN.open(newline="") as file:
        return [Known(*row) for row in csv.reader(file, "excel-tab") if row]


def skipped(unit: str, mode: str) -> list[str]:
    """Return the names of the tests of a unit that must not run in a mode."""
    return list(_listed(unit, mode, "skip"))


def listed(unit: str, mode: str) -> Counter[str]:
    """Return the tests of a unit that may fail in a mode."""
    return _listed(unit, mode, "", "skip", "varies")


def _listed(unit: str, mode: str, *marks: str) -> Counter[str]:
    """Return the names on the lines of a unit and a mode that have one of the marks."""
    return Counter(
        each.test for each in entries() if each.unit == unit and each.mark in marks and mode in each.modes.split()
    )


def counts() -> dict[str, int]:
    """Return how many tests redis-server passes, by unit."""
    if not COUNTS.exists():
        return {}
    with COUNTS.open(newline="") as file:
        return {unit: int(count) for unit, count in csv.reader(file, "excel-tab")}


def write_counts(results: list[Result]) -> None:
    """Write redis-server's counts."""
    with COUNTS.open("w", newline="") as file:
        csv.writer(file, "excel-tab", lineterminator="\n").writerows(
            (each.unit, sum(each.ok.values())) for each in results
        )


def problems(result: Result, mode: str, reference: Result | None = None) -> Iterator[str]:
    """
    Yield a line for each test of a unit that failed or did not run and may not, or passed although it is listed.

    A listed test fails, or does not run, as often as it is listed.

    @param reference: redis-server's result, which has the names of the tests that did not run; None if it is unknown.
    """
    fails, errors = _listed(result.unit, mode, "", "skip"), _listed(result.unit, mode, "error")
    may_fail = listed(result.unit, mode)
    unlisted = result.failed - may_fail
    for test in unlisted:
        yield f"{result.unit}: fails: {test}"
    for error in result.errors - errors:
        yield f"{result.unit}: error outside a test: {error}"
    for error in errors - result.errors:
        yield f"{result.unit}: does not occur, and is in {KNOWN.name}: {error}"
    for test in fails:
        runs = reference.ok[test] if reference is not None else 1  # several tests can have one name
        if not result.failed[test] and result.ok[test] >= max(runs, 1):
            yield f"{result.unit}: passes, and is in {KNOWN.name}: {test}"
    if not result.finished:
        yield f"{result.unit}: not finished: {result.reason}"
        return
    missing = counts().get(result.unit, 0) - sum((result.ok + may_fail + unlisted).values())
    if missing > 0:
        names = reference.ok - result.ok - may_fail - unlisted if reference is not None else Counter()
        yield f"{result.unit}: {missing} tests fewer than redis-server pass or are listed"
        yield from (f"{result.unit}: does not pass: {test}" for test in names)
