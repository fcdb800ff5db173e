"""DEBUG DIGEST and DEBUG DIGEST-VALUE: the signatures are those of redis-server for the same data, of every type."""

from __future__ import annotations

from typing import Any

from ..support.client import Client
from ..support.servers import Redis, Tseep

LONG = "x" * 100

DATA: list[list[Any]] = [
    ["SET", "text", "value"],
    ["SET", "number", "-12"],
    ["SET", "empty", ""],
    ["SETRANGE", "changed", 70, "end"],
    ["SETRANGE", "raw", 2, "end"],
    ["APPEND", "number", "5"],
    ["PFADD", "hll", "a", "b"],
    ["RPUSH", "list", "a", "12", LONG, ""],
    ["RPUSH", "long-list", *range(1000)],
    ["SADD", "numbers", 3, -1, 2**40],
    ["SADD", "set", "a", "3", LONG, ""],
    ["HSET", "hash", "f", "1", "g", LONG, "", ""],
    ["HSET", "large-hash", *[f"f{number}" for number in range(2000)]],
    ["ZADD", "zset", 3, "a", 0.1, "b", "-inf", "c", 17, "12", 1e300, "d"],
    ["ZADD", "large-zset", *[word for number in range(500) for word in (f"{number / 3}", f"m{number}")]],
    ["XADD", "stream", "1-1", "f", "v", "g", LONG],
    ["XADD", "stream", "1-2", "f", "w"],
    ["XADD", "stream", "2-0", "h", ""],
    ["XDEL", "stream", "1-2"],
    ["XGROUP", "CREATE", "stream", "group", "0"],
    ["SET", "volatile", "value", "PX", 100000],
    ["SELECT", 3],
    ["SET", "other", "value"],
    ["SELECT", 0],
]


def _fill(client: Client) -> list[Any]:
    """Create the data; return the signatures."""
    client("FLUSHALL")
    for words in DATA:
        client(*words)
    names = sorted(client("KEYS", "*"))
    return [client("DEBUG", "DIGEST"), names, client("DEBUG", "DIGEST-VALUE", *names, "nosuch")]


def test_digests(v2: Tseep, oracle: Redis) -> None:
    """Both servers return the same signatures for the data set and for each value."""
    with v2.connect() as client, oracle.connect() as theirs:
        expected = _fill(theirs)
        assert _fill(client) == expected
        assert len(set(expected[2])) == len(expected[1]) + 1
        for each in (client, theirs):
            each("FLUSHALL")
        assert client("DEBUG", "DIGEST") == theirs("DEBUG", "DIGEST") == "0" * 40


def test_populate(v2: Tseep, oracle: Redis) -> None:
    """DEBUG POPULATE creates the same keys."""
    with v2.connect() as client, oracle.connect() as theirs:
        for words in (["3"], ["2", "p"], ["12", "q", "3"], ["3", "r", "9"], ["2", "", "0"]):
            for each in (client, theirs):
                each("FLUSHALL")
                each("SET", "key:1", "kept")
                assert each("DEBUG", "POPULATE", *words) == "OK"
            assert sorted(client("KEYS", "*")) == sorted(theirs("KEYS", "*"))
            assert client("DEBUG", "DIGEST") == theirs("DEBUG", "DIGEST")
        for words in (["-1"], ["x"], ["1", "p", "-1"], ["1", "p", "x"]):
            assert client("DEBUG", "POPULATE", *words) == theirs("DEBUG", "POPULATE", *words)
