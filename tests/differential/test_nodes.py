"""Trimming of streams by nodes: C{~} removes the same entries as in redis-server, whose nodes depend on bytes."""

from __future__ import annotations

import random

import pytest

from ..support.servers import Redis, Tseep
from .test_differential import Pair

WORDS = [b"", b"a", b"0", b"127", b"-1", b"4096", b"-70000", b"8388607", b"2147483648", b"-9223372036854775808", b"007"]
"""Fields and values: listpacks store integers in fewer bytes."""


def _word(chance: random.Random) -> bytes:
    if chance.random() < 0.7:
        return chance.choice(WORDS)
    return b"x" * chance.choice([5, 20, 21, 63, 64, 127, 128, 500, 4095, 4096, 5000, 17000])


@pytest.mark.parametrize("seed", range(4))
def test_nodes(v2: Tseep, oracle: Redis, seed: int) -> None:
    """Entries of any sizes, IDs and limits, trimmed by length and by ID, also as RESTORE makes them."""
    chance = random.Random(seed)
    pair = Pair(v2, oracle)
    pair.begin(2)
    names = [[_word(chance) for _ in range(chance.choice([1, 1, 2, 5]))] for _ in range(3)]
    ms = sequence = 1
    for _ in range(600):
        ms, sequence = chance.choice([(ms, sequence + 1), (ms, sequence + 300), (ms + chance.randrange(10**6), 0)])
        fields = [word for name in chance.choice(names) for word in (name, _word(chance))]
        trim = chance.choice([[], [], [b"MAXLEN", b"~", b"%d" % chance.choice([0, 5, 150])]])
        pair.compare([b"XADD", b"s", *trim, b"%d-%d" % (ms, sequence), *fields])
        if chance.random() < 0.02:
            entries = chance.choice([b"0", b"7", b"100"])
            most = chance.choice([b"0", b"100", b"4096", b"20000"])
            pair.compare([b"CONFIG", b"SET", b"stream-node-max-entries", entries, b"stream-node-max-bytes", most])
        if chance.random() < 0.05:
            limit = chance.choice([[], [b"LIMIT", b"%d" % chance.randrange(20)]])
            place = chance.choice(
                [[b"MAXLEN", b"~", b"20"], [b"MINID", b"~", b"%d" % (ms - 10**6 if ms > 10**6 else 0)]]
            )
            pair.compare([b"XTRIM", b"s", *place, *limit])
        pair.compare([b"XLEN", b"s"])
    pair.compare([b"XRANGE", b"s", b"-", b"+"])
    pair.compare([b"CONFIG", b"SET", b"stream-node-max-entries", b"100", b"stream-node-max-bytes", b"4096"])
    pair.ours.close()
    pair.theirs.close()
