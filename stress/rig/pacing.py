"""The planned starts of requests.

In a closed loop a client sends its next request after the answer to the last; nothing is planned. In an open loop the
starts are planned whatever the server does, and a latency counts from the planned start. So it includes the time in
which a stalled server kept requests from being sent (no coordinated omission).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

CONSTANT, POISSON = "constant", "poisson"
SECOND_NS = 10**9


class Pacing(NamedTuple):
    """The requests per second of the whole load, None for a closed loop, and how they are spaced."""

    rate: float | None = None
    arrivals: str = CONSTANT


def constant(per_second: float, phase: float) -> Iterator[int]:
    """Yield starts in nanoseconds at a constant rate; C{phase}, from 0 to 1, is the position of the first one in its
    interval."""
    gap = SECOND_NS / per_second
    return (int((number + phase) * gap) for number in count())


def poisson(per_second: float, draw: random.Random) -> Iterator[int]:
    """Yield starts in nanoseconds that are independent of each other."""
    at, gap = 0.0, SECOND_NS / per_second
    while True:
        at += draw.expovariate(1.0) * gap
        yield int(at)


def starts(pacing: Pacing, share: float, phase: float, seed: str) -> Iterator[int]:
    """Yield the planned starts of a process with this share of the load."""
    assert pacing.rate is not None
    rate = pacing.rate * share
    if pacing.arrivals == POISSON:
        return poisson(rate, random.Random(seed))
    return constant(rate, phase)


def client_order(pacing: Pacing, clients: int, seed: str) -> Iterator[int]:
    """Yield the client of each start: all of them in rotation at a constant rate, a random one in a Poisson process, so
    that each client's requests have the same distribution."""
    if pacing.arrivals == POISSON:
        draw = random.Random(seed + "/turns").random
        return (int(draw() * clients) for _ in count())
    return (number % clients for number in count())
