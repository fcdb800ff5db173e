"""The requests of the clients, and the right answer to each.

seed: the check of the Go study. A client reads a key that was never written, writes it, and reads it back; keys of its
own, keys and values of 255 bytes.
mix: GET and SET on keys that all clients share. A key determines its value, whichever client writes it, so that every
answer can be checked without shared state. All keys are set before the clients connect.
churn: a mix with a new connection for each write.
idle: a mix by a few clients, while many others are connected and silent.
"""

from __future__ import annotations

import hashlib
import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, islice, repeat
from typing import NamedTuple

from rig.codec import MAX_FRAME_BYTES, PROTOCOLS, Protocol

NAMES = SEED, MIX, CHURN, IDLE = "seed", "mix", "churn", "idle"
CHOICES = UNIFORM, GAUSSIAN, ZIPF = "uniform", "gaussian", "zipf"
ZIPF_EXPONENT = 0.99  # as in YCSB
GAUSSIAN_DEVIATIONS = 6  # standard deviations in the range of the keys, as in memtier_benchmark
MAX_DRAWN_REQUESTS = 1 << 17  # that a load process generates before its start, and repeats
MAX_DRAWN_BYTES = 1 << 26
REQUESTS_PER_CHECK = 3  # of the seed workload


class Sizes(NamedTuple):
    """Sizes of values: ranges from low to high, each with its weight. C{cumulative} has the sums of the weights."""

    text: str
    low: tuple[int, ...]
    high: tuple[int, ...]
    cumulative: tuple[int, ...]

    def size(self, drawn: int) -> int:
        """Return the size for a random number from 0 to 2**64."""
        at = bisect(self.cumulative, (drawn & 0xFFFFFFFF) % self.cumulative[-1])
        return self.low[at] + (drawn >> 32) % (self.high[at] - self.low[at] + 1)

    @property
    def mean(self) -> float:
        weights = [one - before for one, before in zip(self.cumulative, (0, *self.cumulative))]
        return sum(w * (low + high) / 2 for w, low, high in zip(weights, self.low, self.high)) / self.cumulative[-1]


class Workload(NamedTuple):
    """The kind of load; see the command line."""

    name: str
    protocol: str
    pipeline: int
    sets: float
    values: Sizes
    keys: int
    choice: str

    @property
    def codec(self) -> Protocol:
        return PROTOCOLS[self.protocol]

    @property
    def churns(self) -> bool:
        """Whether each write has a new connection."""
        return self.name == CHURN

    @property
    def shares_keys(self) -> bool:
        """Whether all clients use the same keys, which must exist before they connect."""
        return self.name != SEED


class Request(NamedTuple):
    """Requests that are sent in one write: their bytes, those of all right answers, and where each answer ends."""

    frame: bytes
    expected: bytes
    ends: tuple[int, ...]


Pair = tuple[bytes, bytes]
"""A request and its right answer."""


def pair(seed: int, number: int, index: int) -> Pair:
    """
    Return a key and a value of 255 bytes for a client's check; the same arguments give the same result.

    They come from a hash without state, so they do not depend on the distribution of the clients over processes.
    """
    text = b"%d/%d/%d" % (seed, number, index)
    drawn = hashlib.shake_128(text).digest(2 * MAX_FRAME_BYTES)
    return drawn[:MAX_FRAME_BYTES], drawn[MAX_FRAME_BYTES:]


def check(protocol: Protocol, seed: int, number: int) -> Iterator[Pair]:
    """Yield the requests of a client forever, each with its right answer. A check reads a missing key, writes it, and
    reads it back."""
    index = 0
    while True:
        key, value = pair(seed, number, index)
        read = protocol.read(key)
        yield read, protocol.nothing
        yield protocol.write(key, value), protocol.stored(value)
        yield read, protocol.value(value)
        index += 1


def key_of(number: int) -> bytes:
    """Return the key with a number, 16 bytes as in redis-benchmark."""
    return b"key:%012d" % number


def value_of(sizes: Sizes, seed: int, number: int) -> bytes:
    """Return the value of the key with a number."""
    text = b"%d/%d" % (seed, number)
    drawn = hashlib.shake_128(text)
    size = sizes.size(int.from_bytes(drawn.digest(8), "big"))
    return drawn.digest(8 + size)[8:]


def choose_keys(workload: Workload, draw: random.Random, number: int) -> Sequence[int]:
    """Return C{number} random numbers of keys."""
    keys = workload.keys
    if workload.choice == ZIPF:
        weights = accumulate((rank + 1) ** -ZIPF_EXPONENT for rank in range(keys))
        return draw.choices(range(keys), cum_weights=list(weights), k=number)
    if workload.choice == GAUSSIAN:
        return [_gaussian(draw, keys) for _ in range(number)]
    return [int(draw.random() * keys) for _ in range(number)]


def _gaussian(draw: random.Random, keys: int) -> int:
    while True:
        number = int(draw.gauss(keys / 2, keys / GAUSSIAN_DEVIATIONS))
        if 0 <= number < keys:
            return number


def max_requests(workload: Workload) -> int:
    """Return how many requests a load process generates at most before it repeats them."""
    each = workload.values.mean * (1 if workload.pipeline == 1 else 2) + 200
    return max(workload.pipeline, min(MAX_DRAWN_REQUESTS, int(MAX_DRAWN_BYTES / each)))


def mixed(workload: Workload, seed: int, draw: random.Random, number: int) -> Iterator[Pair]:
    """Yield C{number} random GETs and SETs."""
    protocol = workload.codec
    known: dict[int, tuple[Pair, Pair]] = {}
    for key in choose_keys(workload, draw, number):
        if key not in known:
            known[key] = _both(protocol, key_of(key), value_of(workload.values, seed, key))
        yield known[key][draw.random() < workload.sets]


def _both(protocol: Protocol, key: bytes, value: bytes) -> tuple[Pair, Pair]:
    get = protocol.read(key), protocol.value(value)
    return get, (protocol.write(key, value), protocol.stored(value))


def grouped(pairs: Iterator[Pair], size: int) -> Iterator[Request]:
    """Join requests to groups of C{size}; the last one can be smaller."""
    while True:
        group = list(islice(pairs, size))
        if not group:
            return
        ends = tuple(accumulate(len(answer) for _, answer in group))
        yield Request(b"".join(r for r, _ in group), b"".join(a for _, a in group), ends)


class RequestSource:
    """The requests of a load process's clients, of which C{clients} work. Each client has C{rounds} rounds, without end
    if that is None."""

    def __init__(self, workload: Workload, rounds: int | None, seed: int, first: int, clients: int) -> None:
        self._workload, self._rounds, self._seed = workload, rounds, seed
        self._drawn: Iterator[Request] = iter(())
        if workload.shares_keys:
            draw = random.Random(f"{seed}/{first}")
            number = max_requests(workload)
            if rounds is not None:
                number = min(number, asked(workload, rounds, max(1, clients)))
            drawn = list(grouped(mixed(workload, seed, draw, number), workload.pipeline))
            self._drawn = chain.from_iterable(repeat(drawn))

    def of(self, number: int) -> Iterator[Request]:
        """Return the requests of the client with a number."""
        if self._workload.shares_keys:
            return self._drawn if self._rounds is None else islice(self._drawn, self._rounds)
        pairs = check(self._workload.codec, self._seed, number)
        most = None if self._rounds is None else REQUESTS_PER_CHECK * self._rounds
        return grouped(islice(pairs, most), self._workload.pipeline)


def asked(workload: Workload, rounds: int, active: int) -> int:
    """Return the number of answers of C{rounds} rounds of C{active} clients."""
    each = workload.pipeline if workload.shares_keys else REQUESTS_PER_CHECK
    return each * rounds * active
