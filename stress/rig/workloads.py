"""What clients ask, and the one right answer to each request.

seed: each client reads a key that nobody wrote, writes it, and reads it back; 255 bytes, keys of its own.
mix: GET and SET on keys that all clients share. The key tells the value, whoever writes it, so that every
answer can be checked and nobody has to remember anything; all keys are set before the clients come.
churn: the same, on a connection of its own for each request.
idle: the same, by a few clients among many that say nothing.
"""

from __future__ import annotations

import hashlib
import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, islice, repeat
from typing import NamedTuple

from rig.codec import MOST, PROTOCOLS, Protocol

NAMES = SEED, MIX, CHURN, IDLE = "seed", "mix", "churn", "idle"
CHOICES = UNIFORM, GAUSSIAN, ZIPF = "uniform", "gaussian", "zipf"
EXPONENT = 0.99  # of Zipf's law, as YCSB has it
DEVIATIONS = 6  # standard deviations in the range of the keys, as memtier_benchmark has it
DRAWN = 1 << 17  # requests drawn by a load process before it starts; then they come again
DRAWN_BYTES = 1 << 26  # of them all at most
TURN = 3  # requests in the seed's check


class Sizes(NamedTuple):
    """Value sizes: ranges from low to high, each with its weight."""

    text: str
    low: tuple[int, ...]
    high: tuple[int, ...]
    upto: tuple[int, ...]  # weights added up

    def size(self, drawn: int) -> int:
        """Return a size for a number drawn from 0 to 2**64."""
        at = bisect(self.upto, (drawn & 0xFFFFFFFF) % self.upto[-1])
        return self.low[at] + (drawn >> 32) % (self.high[at] - self.low[at] + 1)

    @property
    def mean(self) -> float:
        """The mean size."""
        weights = [one - before for one, before in zip(self.upto, (0, *self.upto))]
        return sum(w * (low + high) / 2 for w, low, high in zip(weights, self.low, self.high)) / self.upto[-1]


class Workload(NamedTuple):
    """What the clients do; see the command line."""

    name: str
    protocol: str
    pipeline: int
    sets: float
    values: Sizes
    keys: int
    choice: str

    @property
    def codec(self) -> Protocol:
        """The protocol's functions."""
        return PROTOCOLS[self.protocol]

    @property
    def churns(self) -> bool:
        """Whether each group of requests has a connection of its own."""
        return self.name == CHURN

    @property
    def shares_keys(self) -> bool:
        """Whether keys have to be there before the clients come."""
        return self.name != SEED


class Request(NamedTuple):
    """Requests that are sent in one go: their bytes, those of all right answers, and where each
    answer ends."""

    frame: bytes
    expected: bytes
    ends: tuple[int, ...]


Pair = tuple[bytes, bytes]  # a request, and its answer


def pair(seed: int, number: int, turn: int) -> Pair:
    """Return a key and a value of 255 bytes for one client's turn, the same for the same seed.

    A hash gives them without any state, so they do not depend on how the clients are spread
    over processes.
    """
    text = b"%d/%d/%d" % (seed, number, turn)
    drawn = hashlib.shake_128(text).digest(2 * MOST)
    return drawn[:MOST], drawn[MOST:]


def check(protocol: Protocol, seed: int, number: int) -> Iterator[Pair]:
    """Yield one client's requests without end, each with its right answer.

    A turn reads a key that nobody wrote, writes it, and reads it back.
    """
    turn = 0
    while True:
        key, value = pair(seed, number, turn)
        read = protocol.read(key)
        yield read, protocol.nothing
        yield protocol.write(key, value), protocol.stored(value)
        yield read, protocol.value(value)
        turn += 1


def key_of(number: int) -> bytes:
    """Return the key of a number, 16 bytes as redis-benchmark's."""
    return b"key:%012d" % number


def value_of(sizes: Sizes, seed: int, number: int) -> bytes:
    """Return the value that belongs to a key's number."""
    text = b"%d/%d" % (seed, number)
    drawn = hashlib.shake_128(text)
    size = sizes.size(int.from_bytes(drawn.digest(8), "big"))
    return drawn.digest(8 + size)[8:]


def chosen(workload: Workload, draw: random.Random, number: int) -> Sequence[int]:
    """Draw so many numbers of keys."""
    keys = workload.keys
    if workload.choice == ZIPF:
        weights = accumulate((rank + 1) ** -EXPONENT for rank in range(keys))
        return draw.choices(range(keys), cum_weights=list(weights), k=number)
    if workload.choice == GAUSSIAN:
        return [_gaussian(draw, keys) for _ in range(number)]
    return [int(draw.random() * keys) for _ in range(number)]


def _gaussian(draw: random.Random, keys: int) -> int:
    while True:
        number = int(draw.gauss(keys / 2, keys / DEVIATIONS))
        if 0 <= number < keys:
            return number


def enough(workload: Workload) -> int:
    """Return how many requests a load process needs at most before it may begin again."""
    each = workload.values.mean * (1 if workload.pipeline == 1 else 2) + 200
    return max(workload.pipeline, min(DRAWN, int(DRAWN_BYTES / each)))


def mixed(workload: Workload, seed: int, draw: random.Random, number: int) -> Iterator[Pair]:
    """Draw so many GETs and SETs."""
    protocol = workload.codec
    known: dict[int, tuple[Pair, Pair]] = {}
    for key in chosen(workload, draw, number):
        if key not in known:
            known[key] = _both(protocol, key_of(key), value_of(workload.values, seed, key))
        yield known[key][draw.random() < workload.sets]


def _both(protocol: Protocol, key: bytes, value: bytes) -> tuple[Pair, Pair]:
    get = protocol.read(key), protocol.value(value)
    return get, (protocol.write(key, value), protocol.stored(value))


def grouped(pairs: Iterator[Pair], size: int) -> Iterator[Request]:
    """Join requests to groups of so many; the last may be smaller."""
    while True:
        group = list(islice(pairs, size))
        if not group:
            return
        ends = tuple(accumulate(len(answer) for _, answer in group))
        yield Request(b"".join(r for r, _ in group), b"".join(a for _, a in group), ends)


class Supply:
    """The requests of a load process's clients, of which so many work; `rounds` limits each client's, None does
    not."""

    def __init__(self, workload: Workload, rounds: int | None, seed: int, first: int, clients: int) -> None:
        self._workload, self._rounds, self._seed = workload, rounds, seed
        self._drawn: Iterator[Request] = iter(())
        if workload.shares_keys:
            draw = random.Random(f"{seed}/{first}")
            number = enough(workload)
            if rounds is not None:
                number = min(number, asked(workload, rounds, max(1, clients)))
            drawn = list(grouped(mixed(workload, seed, draw, number), workload.pipeline))
            self._drawn = chain.from_iterable(repeat(drawn))

    def of(self, number: int) -> Iterator[Request]:
        """Return the requests of a client, given by its number."""
        if self._workload.shares_keys:
            return self._drawn if self._rounds is None else islice(self._drawn, self._rounds)
        pairs = check(self._workload.codec, self._seed, number)
        most = None if self._rounds is None else TURN * self._rounds
        return grouped(islice(pairs, most), self._workload.pipeline)


def asked(workload: Workload, rounds: int, active: int) -> int:
    """Return how many answers so many rounds of so many clients are."""
    each = workload.pipeline if workload.shares_keys else TURN
    return each * rounds * active
