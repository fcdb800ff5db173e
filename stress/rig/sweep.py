"""The highest rate with a bounded p99, found by bisection."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rig.plan import Setting
from rig.result import KEPT_PLAN_SHARE, Run, RunSpec

RATE_TOLERANCE = 0.03  # of the rate, at which the search ends
MAX_STEPS = 12
FIRST_SHARE = 0.9  # of the closed loop's rate, the first rate of the search

Measure = Callable[[RunSpec], Run]


def holds(run: Run, seconds: float) -> bool:
    """Return whether a run kept its plan, without errors, with a p99 of at most C{seconds}."""
    operations = run["operations"]
    p99 = operations["response"]["p99_us"]
    kept = operations["answered"] >= KEPT_PLAN_SHARE * operations["asked"]
    return kept and not run["errors"] and p99 is not None and p99 <= seconds * 1e6


def search(capacity: float, good: Callable[[float], bool]) -> Iterator[float]:
    """Yield rates between 0 and C{capacity} by bisection, until the highest good one and the lowest other one are close
    to each other."""
    low, high = 0.0, capacity
    for _ in range(MAX_STEPS):
        if high - low <= RATE_TOLERANCE * high:
            return
        rate = (low + high) / 2 if low or high < capacity else FIRST_SHARE * capacity
        yield rate
        if good(rate):
            low = rate
        else:
            high = rate


def sweep(setting: Setting, measure: Measure) -> Iterator[Run]:
    """Search for each server, number of clients and repeat; yield all runs at a rate, among which best() finds the
    result. A run in a closed loop, which is not yielded, gives the capacity."""
    assert setting.sweep is not None
    bound = setting.sweep
    for spec in setting.specs():
        runs: dict[float, Run] = {}
        capacity = measure(spec)["operations"]["per_second"]
        for rate in search(capacity, lambda rate, runs=runs: holds(runs[rate], bound)):  # type: ignore[misc]
            runs[rate] = measure(spec._replace(rate=rate))
            yield runs[rate]


def best(runs: list[Run], seconds: float) -> dict[tuple[str, int, int], Run]:
    """Return, for each server, number of clients and repeat, the run at the highest rate that held; if none did, the
    one at the lowest rate."""
    found: dict[tuple[str, int, int], list[Run]] = {}
    for run in sorted(runs, key=lambda run: run["target_per_second"]):
        found.setdefault((run["server"], run["clients"], run["repeat"]), []).append(run)
    return {key: [*tried[:1], *(run for run in tried if holds(run, seconds))][-1] for key, tried in found.items()}
