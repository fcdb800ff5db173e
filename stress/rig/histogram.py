"""Latencies across processes: each records its own histogram, the counts are added up.

A percentile of all clients can't be had from the percentiles of the processes, so nothing but
whole histograms travels. Values are microseconds, kept to three digits from 1 us to 1 hour.

The hdrhistogram package is the one of HdrHistogram's authors' family that writes the V2 encoding, which
wrk2's, memtier_benchmark's and every HdrHistogram tool reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from hdrh.histogram import HdrHistogram

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
DIGITS = 3
PERCENTILES = {"p50_us": 50, "p90_us": 90, "p99_us": 99, "p999_us": 99.9}

Latency = dict[str, Any]  # schema.json's latency


def packed(nanoseconds: Iterable[int]) -> bytes:
    """Record latencies given in nanoseconds, and return their histogram in HdrHistogram's V2
    encoding."""
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for value, count in Counter(value // 1000 for value in nanoseconds).items():
        histogram.record_value(min(max(value, LOWEST_US), HIGHEST_US), count)
    encoded: bytes = histogram.encode()
    return encoded


def added(histograms: Iterable[bytes]) -> HdrHistogram:
    """Add up encoded histograms."""
    total = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for histogram in histograms:
        total.decode_and_add(histogram)
    return total


def merged(histograms: Iterable[bytes]) -> Latency:
    """Add up encoded histograms and return what they say together, in microseconds; None where
    nothing was recorded."""
    total = added(histograms)
    count = total.get_total_count()
    at = total.get_value_at_percentile
    said: Latency = {"number": count}
    said.update({name: at(share) if count else None for name, share in PERCENTILES.items()})
    said["max_us"] = total.get_max_value() if count else None
    said["mean_us"] = total.get_mean_value() if count else None
    said["histogram"] = total.encode().decode()
    return said


def quick(histograms: Iterable[bytes]) -> tuple[float | None, float | None]:
    """Add up encoded histograms and return the p50 and p99 in microseconds."""
    total = added(histograms)
    if not total.get_total_count():
        return None, None
    return total.get_value_at_percentile(50), total.get_value_at_percentile(99)
