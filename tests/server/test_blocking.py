"""Blocking commands and pub/sub, in each mode."""

from __future__ import annotations

from ..support.client import Client, encode
from ..support.servers import Tseep, until


def _blocked(client: Client) -> int:
    """Number of blocked clients, from INFO."""
    return client("CLIENT", "LIST").count(b" flags=b ")


def test_first_come_first_served(running: Tseep) -> None:
    """The client that blocked first gets the first element; commands that it sends after are replied to after that."""
    with running.connect() as pusher, running.connect() as first, running.connect() as second:
        pusher("DEL", "queue")
        for number, waiter in enumerate((first, second), 1):
            waiter.send(encode("BRPOP", "other", "queue", "0"))
            waiter.send(encode("PING"))
            until(lambda number=number: _blocked(pusher) == number, "the client is blocked")  # type: ignore[misc]
        assert pusher("LPUSH", "queue", "a", "b") == 2
        assert [first.reply().plain, first.reply().plain] == [[b"queue", b"a"], "PONG"]
        assert [second.reply().plain, second.reply().plain] == [[b"queue", b"b"], "PONG"]


def test_timeout(running: Tseep) -> None:
    """A blocking command returns null after its timeout, which can be a fraction of a second."""
    with running.connect() as client:
        assert client("BLPOP", "nothing", "0.05") is None
        assert client("PING") == "PONG"


def test_disconnect_while_blocked(running: Tseep) -> None:
    """A client that disconnects while it is blocked loses no element."""
    with running.connect() as client:
        client("DEL", "queue")
        waiter = running.connect()
        waiter.send(encode("BLPOP", "queue", "0"))
        until(lambda: _blocked(client) == 1, "the client is blocked")
        waiter.close()
        until(lambda: _blocked(client) == 0, "the client is disconnected")
        assert client("RPUSH", "queue", "a") == 1
        assert client("LRANGE", "queue", "0", "-1") == [b"a"]


def test_unblock(running: Tseep) -> None:
    """CLIENT UNBLOCK ends a blocking command with an error, and the client continues."""
    with running.connect() as client, running.connect() as waiter:
        id_ = waiter("CLIENT", "ID")
        waiter.send(encode("BLPOP", "nothing", "0"))
        until(lambda: _blocked(client) == 1, "the client is blocked")
        assert client("CLIENT", "UNBLOCK", str(id_), "ERROR") == 1
        assert waiter.reply().value == "UNBLOCKED client unblocked via CLIENT UNBLOCK"
        assert waiter("PING") == "PONG"


def test_messages(running: Tseep) -> None:
    """Every subscriber receives every message in order."""
    with running.connect() as publisher, running.connect() as first, running.connect() as second:
        for subscriber in (first, second):
            assert subscriber("SUBSCRIBE", "news") == [b"subscribe", b"news", 1]
        for number in range(100):
            assert publisher("PUBLISH", "news", str(number)) == 2
        for subscriber in (first, second):
            messages = [subscriber.reply().plain for _ in range(100)]
            assert messages == [[b"message", b"news", b"%d" % number] for number in range(100)]


def test_slow_subscriber(running: Tseep) -> None:
    """A subscriber that does not read is closed at the output limit, while another receives every message."""
    with running.connect() as publisher, running.connect() as slow, running.connect() as other:
        publisher("CONFIG", "SET", "client-output-buffer-limit", "pubsub 2mb 0 0")
        slow("SUBSCRIBE", "news")
        other("SUBSCRIBE", "news")
        message = "x" * 100_000
        received, count = 2, 0
        while received == 2:
            received = publisher("PUBLISH", "news", message)
            assert other.reply().plain[2] == message.encode()
            count += 1
            assert count < 1000, "the output limit closes no subscriber"
        assert publisher("PUBSUB", "NUMSUB", "news") == [b"news", 1]
        publisher("CONFIG", "SET", "client-output-buffer-limit", "pubsub 33554432 8388608 60")
