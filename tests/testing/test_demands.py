"""Faults, time, records and snapshots on demand, over the child's pipes; tseep's unit tests cover them in detail."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import redis

from pytest_tseep.child import ChildProcess

from ..support.servers import until


@pytest.fixture(params=["v1", "v2"])
def server(request: pytest.FixtureRequest, tseep_factory: Any) -> ChildProcess:
    """A server in two modes."""
    started: ChildProcess = tseep_factory(request.param)
    return started


@pytest.fixture
def client(server: ChildProcess) -> Any:
    """A client that does not hide lost connections."""
    with redis.Redis.from_url(server.url, retry=None) as made:
        yield made


def is_loaded(client: Any) -> bool:
    try:
        client.get("k")
        return True
    except redis.BusyLoadingError:
        return False


def test_fail(server: ChildProcess, client: Any) -> None:
    """A command fails, as often as is wanted, with any error; a fault ends with its block, by a call, or by a flush."""
    with server.fail("GET", error="READONLY You can't write", times=2):
        for _ in range(2):
            with pytest.raises(redis.ReadOnlyError):
                client.get("k")
        assert client.get("k") is None
    with server.fail("SET", error="OOM command not allowed"):
        with pytest.raises(redis.OutOfMemoryError):
            client.set("k", "v")
        assert client.get("k") is None
    assert client.set("k", "v")
    fault = server.fail(error="MOVED 1 127.0.0.1:1")
    with pytest.raises(redis.ResponseError):
        client.ping()
    fault.undo()
    fault.undo()
    assert client.ping()
    server.fail("PING")
    server.flush()
    assert client.ping()


def test_delay(server: ChildProcess, client: Any) -> None:
    """A command waits, others do not."""
    with server.delay("GET", 0.1, times=1):
        begin = time.monotonic()
        client.get("k")
        assert time.monotonic() - begin >= 0.1
    with server.delay("GET", 1000), redis.Redis.from_url(server.url, socket_timeout=0.05, retry=None) as hasty:
        with pytest.raises(redis.TimeoutError):
            hasty.get("k")
        assert client.ping()


def test_drop(server: ChildProcess, client: Any) -> None:
    """A connection is lost after some commands."""
    client.ping()
    with server.drop(after=2):
        client.ping()
        client.ping()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        assert client.ping()


def test_refuse(server: ChildProcess, client: Any) -> None:
    """New connections are refused, old ones stay."""
    client.ping()
    with server.refuse():
        assert client.ping()
        with pytest.raises(redis.ConnectionError, match="refused"):
            redis.Redis.from_url(server.url, retry=None).ping()
    with redis.Redis.from_url(server.url, retry=None) as other:
        assert other.ping()


def test_loading(server: ChildProcess, client: Any) -> None:
    """Commands are refused as by a server that loads its data, for a time or until the end of the block."""
    client.ping()
    with server.loading(), pytest.raises(redis.BusyLoadingError):
        client.get("k")
    assert client.get("k") is None
    server.loading(0.05)
    until(lambda: is_loaded(client), "the server has loaded")


def test_time(server: ChildProcess, client: Any) -> None:
    """The clock moves, stops, and is the real one after a flush; blocked clients time out by it."""
    client.set("k", "v", ex=300)
    server.advance(301)
    assert client.get("k") is None
    with server.freeze(2_000_000_000):
        assert client.time() == client.time()
        assert client.time()[0] == 2_000_000_000
        assert client.xadd("events", {"a": 1}).startswith(b"2000000000")
    results: list[Any] = []
    waiting = threading.Thread(target=lambda: results.append(client.blpop("jobs", timeout=100)))
    with redis.Redis.from_url(server.url) as other:
        waiting.start()
        while not other.client_list()[0]["flags"].startswith("b") and other.info("clients")["blocked_clients"] == 0:
            pass
        server.advance(101)
        waiting.join()
        assert results == [None]
        server.set_time(3_000_000_000)
        assert other.time()[0] in range(3_000_000_000, 3_000_000_100)
    server.flush()
    assert abs(client.time()[0] - time.time()) < 60


def test_record(server: ChildProcess, client: Any) -> None:
    """A record has the commands of its block."""
    client.ping()
    with server.record() as commands:
        client.set("k", b"\xff")
        assert commands == []
    ((id, database, argv, when),) = commands
    assert (id, database, argv) == (client.client_id(), 0, ["SET", "k", "\udcff"])
    assert abs(when - time.time()) < 60
    assert [command.argv[0] for command in server.last_commands(2)] == ["SET", "CLIENT"]


def test_snapshot(server: ChildProcess, client: Any) -> None:
    """A snapshot brings keys back, also large ones, and can move to another server."""
    client.set("k", b"v" * 3_000_000)
    client.rpush("jobs", "one")
    data = server.snapshot()
    assert data.startswith(b"REDIS")
    client.flushall()
    server.restore(data)
    assert client.strlen("k") == 3_000_000
    assert client.lrange("jobs", 0, -1) == [b"one"]
