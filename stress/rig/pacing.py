"""When requests are to start.

In a closed loop a client sends when it has its answer; there is no plan. In an open loop the starts are
planned, whatever the server does, and a latency counts from the planned start: what a server that stalls
keeps others from sending is in the figures (coordinated omission is not left out).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

CONSTANT, POISSON = "constant", "poisson"
SECOND = 10**9


class Pacing(NamedTuple):
    """An open loop's plan for the whole load: answers a second; None for a closed loop."""

    rate: float | None = None
    arrivals: str = CONSTANT


def constant(per_second: float, phase: float) -> Iterator[int]:
    """Yield starts in nanoseconds at a constant rate; `phase`, from 0 to 1, is the place of the first
    in its interval."""
    gap = SECOND / per_second
    return (int((number + phase) * gap) for number in count())


def poisson(per_second: float, draw: random.Random) -> Iterator[int]:
    """Yield starts in nanoseconds that do not depend on each other."""
    at, gap = 0.0, SECOND / per_second
    while True:
        at += draw.expovariate(1.0) * gap
        yield int(at)


def starts(pacing: Pacing, share: float, phase: float, seed: str) -> Iterator[int]:
    """Yield the planned starts of a process that has so large a share of the load."""
    assert pacing.rate is not None
    rate = pacing.rate * share
    if pacing.arrivals == POISSON:
        return poisson(rate, random.Random(seed))
    return constant(rate, phase)


def turns(pacing: Pacing, clients: int, seed: str) -> Iterator[int]:
    """Yield whose start each is: clients in turn at a constant rate, so that each has a constant rate
    of its own; any client in a Poisson process, so that each has one of its own."""
    if pacing.arrivals == POISSON:
        draw = random.Random(seed + "/turns").random
        return (int(draw() * clients) for _ in count())
    return (number % clients for number in count())
