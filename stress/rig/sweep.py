"""The highest rate that holds a p99: found by halving the distance between one that does and one that does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rig.plan import Setting
from rig.result import KEPT, Point, Run

NEAR = 0.03  # of the rate: then the search is over
STEPS = 12  # at most

Measure = Callable[[Point], Run]


def holds(run: Run, seconds: float) -> bool:
    """Return whether a run kept its plan, without an error, and its p99 within so many seconds."""
    operations = run["operations"]
    p99 = operations["response"]["p99_us"]
    kept = operations["answered"] >= KEPT * operations["asked"]
    return kept and not run["errors"] and p99 is not None and p99 <= seconds * 1e6


def search(capacity: float, good: Callable[[float], bool]) -> Iterator[float]:
    """Yield the rates to try, between nought and what the server can do at most; stops when the highest good one
    and the lowest other are near each other."""
    low, high = 0.0, capacity
    for _ in range(STEPS):
        if high - low <= NEAR * high:
            return
        rate = (low + high) / 2 if low or high < capacity else 0.9 * capacity
        yield rate
        if good(rate):
            low = rate
        else:
            high = rate


def sweep(setting: Setting, measure: Measure) -> Iterator[Run]:
    """Search for each server, number of clients and repeat; yield all runs, with which the answer is seen. The
    first, in a closed loop, tells what the server can do, and is no part of them."""
    assert setting.sweep is not None
    bound = setting.sweep
    for point in setting.points():
        runs: dict[float, Run] = {}
        most = measure(point)["operations"]["per_second"]
        for rate in search(most, lambda rate, runs=runs: holds(runs[rate], bound)):  # type: ignore[misc]
            runs[rate] = measure(point._replace(rate=rate))
            yield runs[rate]


def best(runs: list[Run], seconds: float) -> dict[tuple[str, int, int], Run]:
    """Return, for each server, number of clients and repeat, the run at the highest rate that held; where none did,
    the one at the lowest."""
    found: dict[tuple[str, int, int], list[Run]] = {}
    for run in sorted(runs, key=lambda run: run["target_per_second"]):
        found.setdefault((run["server"], run["clients"], run["repeat"]), []).append(run)
    return {key: [*tried[:1], *(run for run in tried if holds(run, seconds))][-1] for key, tried in found.items()}
