"""Histograms of latencies: each process records its own, and the counts are added.

Percentiles of all clients cannot be computed from those of the processes, so processes exchange whole histograms.
Values are microseconds with three significant digits, from 1 us to 1 hour.

hdrhistogram writes HdrHistogram's V2 encoding, which wrk2, memtier_benchmark and every HdrHistogram tool read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from hdrh.histogram import HdrHistogram

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
SIGNIFICANT_DIGITS = 3
PERCENTILES = {"p50_us": 50, "p90_us": 90, "p99_us": 99, "p999_us": 99.9}

Latency = dict[str, Any]
"""A latency as in schema.json."""


def packed(nanoseconds: Iterable[int]) -> bytes:
    """Return the histogram of latencies in nanoseconds, in HdrHistogram's V2 encoding."""
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS)
    for value, count in Counter(value // 1000 for value in nanoseconds).items():
        histogram.record_value(min(max(value, LOWEST_US), HIGHEST_US), count)
    encoded: bytes = histogram.encode()
    return encoded


def added(histograms: Iterable[bytes]) -> HdrHistogram:
    """Return the sum of encoded histograms."""
    total = HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS)
    for histogram in histograms:
        total.decode_and_add(histogram)
    return total


def merged(histograms: Iterable[bytes]) -> Latency:
    """Return the figures of the sum of encoded histograms in microseconds; None where nothing was recorded."""
    total = added(histograms)
    count = total.get_total_count()
    at = total.get_value_at_percentile
    figures: Latency = {"number": count}
    figures.update({name: at(share) if count else None for name, share in PERCENTILES.items()})
    figures["max_us"] = total.get_max_value() if count else None
    figures["mean_us"] = total.get_mean_value() if count else None
    figures["histogram"] = total.encode().decode()
    return figures


def quick(histograms: Iterable[bytes]) -> tuple[float | None, float | None]:
    """Return the p50 and p99 of the sum of encoded histograms in microseconds."""
    total = added(histograms)
    if not total.get_total_count():
        return None, None
    return total.get_value_at_percentile(50), total.get_value_at_percentile(99)
