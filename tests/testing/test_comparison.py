"""
Thirty tests of an application's kind, to compare what a test server costs: strings, hashes, lists, sets, sorted sets,
pipelines, transactions, Pub/Sub, blocking commands, scripts and expiry.

C{TSEEP_COMPARISON=redisdb pytest -p pytest_redis tests/testing/test_comparison.py} runs them with pytest-redis.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
import redis

if os.environ.get("TSEEP_COMPARISON") == "redisdb":

    @pytest.fixture
    def client(redisdb: Any) -> Any:
        """A client of an empty server."""
        return redisdb

else:

    @pytest.fixture
    def client(tseep_client: Any) -> Any:
        """A client of an empty server."""
        return tseep_client


def test_set_get(client: Any) -> None:
    client.set("name", "value")
    assert client.get("name") == b"value"


def test_starts_empty(client: Any) -> None:
    assert client.dbsize() == 0


def test_missing(client: Any) -> None:
    assert client.get("name") is None


def test_setnx(client: Any) -> None:
    assert client.set("lock", "one", nx=True)
    assert not client.set("lock", "two", nx=True)


def test_incr(client: Any) -> None:
    assert [client.incr("visits") for _ in range(3)] == [1, 2, 3]


def test_incrbyfloat(client: Any) -> None:
    assert client.incrbyfloat("sum", 1.5) == 1.5


def test_append(client: Any) -> None:
    client.append("text", "ab")
    assert client.append("text", "cd") == 4
    assert client.getrange("text", 1, 2) == b"bc"


def test_mset(client: Any) -> None:
    client.mset({"a": "1", "b": "2"})
    assert client.mget("a", "b", "c") == [b"1", b"2", None]


def test_bits(client: Any) -> None:
    client.setbit("flags", 7, 1)
    assert client.bitcount("flags") == 1


def test_hash(client: Any) -> None:
    client.hset("user", mapping={"name": "Ann", "age": "7"})
    assert client.hgetall("user") == {b"name": b"Ann", b"age": b"7"}


def test_hincrby(client: Any) -> None:
    client.hset("user", "age", 7)
    assert client.hincrby("user", "age", 2) == 9


def test_hdel(client: Any) -> None:
    client.hset("user", "name", "Ann")
    assert client.hdel("user", "name") == 1
    assert not client.exists("user")


def test_list(client: Any) -> None:
    client.rpush("jobs", "a", "b", "c")
    assert client.lpop("jobs") == b"a"
    assert client.lrange("jobs", 0, -1) == [b"b", b"c"]


def test_ltrim(client: Any) -> None:
    client.rpush("log", *range(10))
    client.ltrim("log", -3, -1)
    assert client.lrange("log", 0, -1) == [b"7", b"8", b"9"]


def test_set(client: Any) -> None:
    client.sadd("tags", "a", "b")
    client.sadd("others", "b", "c")
    assert client.sinter("tags", "others") == {b"b"}


def test_sorted_set(client: Any) -> None:
    client.zadd("scores", {"ann": 3, "bob": 1, "eve": 2})
    assert client.zrange("scores", 0, 1) == [b"bob", b"eve"]
    assert client.zrank("scores", "ann") == 2


def test_zrangebyscore(client: Any) -> None:
    client.zadd("due", {"now": 1, "later": 10})
    assert client.zrangebyscore("due", "-inf", 5) == [b"now"]


def test_stream(client: Any) -> None:
    client.xadd("events", {"kind": "login"})
    ((_, fields),) = client.xrange("events")
    assert fields == {b"kind": b"login"}


def test_scan(client: Any) -> None:
    client.mset({f"key:{number}": number for number in range(50)})
    assert len(set(client.scan_iter("key:*"))) == 50


def test_rename(client: Any) -> None:
    client.set("old", "value")
    client.rename("old", "new")
    assert client.keys() == [b"new"]


def test_pipeline(client: Any) -> None:
    pipeline = client.pipeline(transaction=False)
    for number in range(100):
        pipeline.rpush("numbers", number)
    assert pipeline.execute()[-1] == 100


def test_transaction(client: Any) -> None:
    with client.pipeline() as pipeline:
        pipeline.set("a", 1)
        pipeline.incr("a")
        assert pipeline.execute() == [True, 2]


def test_watch(client: Any) -> None:
    with client.pipeline() as pipeline:
        pipeline.watch("a")
        client.set("a", "other")
        pipeline.multi()
        pipeline.set("a", "own")
        with pytest.raises(redis.WatchError):
            pipeline.execute()


def test_pubsub(client: Any) -> None:
    with client.pubsub() as subscriber:
        subscriber.subscribe("news")
        assert subscriber.get_message(timeout=10)["type"] == "subscribe"
        assert client.publish("news", "hello") == 1
        assert subscriber.get_message(timeout=10)["data"] == b"hello"


def test_blocking_pop(client: Any) -> None:
    results: list[Any] = []
    consumer = threading.Thread(target=lambda: results.append(client.blpop("jobs", timeout=10)))
    consumer.start()
    client.rpush("jobs", "one")
    consumer.join()
    assert results == [(b"jobs", b"one")]


def test_blocking_timeout(client: Any) -> None:
    assert client.blpop("jobs", timeout=0.02) is None


def test_script(client: Any) -> None:
    add = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert [add(["sum"], [2]), add(["sum"], [3])] == [2, 5]


def test_script_error(client: Any) -> None:
    with pytest.raises(redis.ResponseError):
        client.eval("return redis.call('INCR', KEYS[1], 'too many')", 1, "sum")


def test_ttl(client: Any) -> None:
    client.set("session", "1", ex=100)
    assert 0 < client.ttl("session") <= 100
    client.persist("session")
    assert client.ttl("session") == -1


def test_wrong_type(client: Any) -> None:
    client.set("text", "a")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        client.lpush("text", "b")
