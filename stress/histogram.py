"""Latencies across processes: each records its own histogram, the counts are added up.

A percentile of all clients can't be had from the percentiles of the processes, so nothing but
whole histograms travels. Values are microseconds, kept to three digits from 1 us to 1 hour.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hdrh.histogram import HdrHistogram  # type: ignore

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
DIGITS = 3


class Latency(NamedTuple):
    """What a histogram says, in microseconds; None where nothing was recorded."""

    number: int
    p50_us: int | None
    p99_us: int | None
    max_us: int | None


def packed(nanoseconds: Iterable[int]) -> bytes:
    """Record latencies given in nanoseconds, and return their histogram in HdrHistogram's V2
    encoding."""
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for value in nanoseconds:
        histogram.record_value(max(value // 1000, LOWEST_US))
    encoded: bytes = histogram.encode()
    return encoded


def merged(histograms: Iterable[bytes]) -> Latency:
    """Add up encoded histograms and return what they say together."""
    total = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for histogram in histograms:
        total.decode_and_add(histogram)
    count = total.get_total_count()
    if not count:
        return Latency(0, None, None, None)
    at = total.get_value_at_percentile
    return Latency(count, at(50), at(99), total.get_max_value())
