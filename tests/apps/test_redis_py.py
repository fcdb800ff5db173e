"""redis-py: the features that applications use."""

from __future__ import annotations

import threading

import pytest


@pytest.mark.parametrize("protocol", [2, 3])
def test_pipelines(url: str, protocol: int) -> None:
    """Pipelines, optimistic transactions (WATCH), and scripts."""
    import redis

    client = redis.Redis.from_url(url, protocol=protocol)
    with client.pipeline() as pipe:
        assert pipe.set("a", 1).incr("a").zadd("z", {"m": 1.5}).zscore("z", "m").execute() == [True, 2, 1, 1.5]
    with client.pipeline() as pipe:
        pipe.watch("a")
        client.set("a", 5)
        pipe.multi()
        pipe.incr("a")
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert client.transaction(lambda pipe: pipe.multi() or pipe.incr("a"), "a") == [6]  # type: ignore[arg-type]
    double = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1] * 2)")
    assert double(["a"], [10]) == 26
    client.script_flush()
    assert double(["a"], [10]) == 46
    client.close()


def test_lock(url: str) -> None:
    """A lock excludes others until it is released or expires."""
    import redis

    client = redis.Redis.from_url(url)
    lock = client.lock("door", timeout=5)
    assert lock.acquire()
    assert not client.lock("door", blocking_timeout=0.05).acquire()
    assert lock.extend(5)
    assert lock.reacquire()
    lock.release()
    short = client.lock("door", timeout=0.05)
    assert short.acquire()
    assert client.lock("door", blocking_timeout=5).acquire()
    assert not short.owned()
    client.close()


def test_messages(url: str) -> None:
    """A subscriber thread receives messages of channels and patterns."""
    import redis

    client = redis.Redis.from_url(url)
    received, done = [], threading.Event()

    def hear(message: dict[str, object]) -> None:
        received.append((message["type"], message["channel"], message["data"]))
        if len(received) == 2:
            done.set()

    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(news=hear)
    pubsub.psubscribe(**{"n*": hear})
    thread = pubsub.run_in_thread(sleep_time=0.01)
    while client.pubsub_numsub("news") != [(b"news", 1)] or client.pubsub_numpat() != 1:
        pass
    assert client.publish("news", "hello") == 2
    assert done.wait(5)
    thread.stop()
    thread.join(5)
    assert sorted(received) == [("message", b"news", b"hello"), ("pmessage", b"news", b"hello")]
    client.close()


def test_streams(url: str) -> None:
    """A consumer group processes a stream."""
    import redis

    client = redis.Redis.from_url(url, decode_responses=True)
    ids = [client.xadd("s", {"n": n}) for n in range(4)]
    client.xgroup_create("s", "g", 0)
    ((_, mine),) = client.xreadgroup("g", "a", {"s": ">"}, count=3)  # type: ignore[str-unpack]
    assert [fields for _, fields in mine] == [{"n": "0"}, {"n": "1"}, {"n": "2"}]  # type: ignore[str-unpack]
    assert client.xack("s", "g", ids[0]) == 1
    assert client.xpending("s", "g")["pending"] == 2
    assert client.xclaim("s", "g", "b", 0, [ids[1]]) == [(ids[1], {"n": "1"})]
    assert client.xinfo_groups("s")[0]["lag"] == 1
    assert client.xautoclaim("s", "g", "b", 0)[1][0][0] == ids[1]
    client.close()
