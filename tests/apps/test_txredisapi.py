"""txredisapi: a Redis client on Twisted."""

from __future__ import annotations

from typing import Any

import pytest_twisted
from twisted.internet.defer import Deferred


@pytest_twisted.ensureDeferred
async def test_txredisapi(port: int) -> None:
    """txredisapi runs commands, transactions, scripts and pub/sub."""
    import txredisapi

    client = await txredisapi.Connection("127.0.0.1", port, reconnect=False)
    assert await client.set("k", "v") == "OK"
    assert await client.get("k") == "v"
    await client.hmset("h", {"f": 1})
    assert await client.hgetall("h") == {"f": 1}
    await client.zadd("z", 1, "a", 2, "b")
    assert await client.zrange("z", withscores=True) == [("a", 1), ("b", 2)]
    transaction = await client.multi("k")
    await transaction.incr("n")
    await transaction.incr("n")
    assert await transaction.commit() == [1, 2]
    assert await client.eval("return {KEYS[1], ARGV[1]}", ["k"], ["a"]) == ["k", "a"]
    received: Deferred[list[Any]] = Deferred()

    class Subscriber(txredisapi.SubscriberProtocol):
        def connectionMade(self) -> None:
            self.subscribe("news")

        def messageReceived(self, pattern: Any, channel: Any, message: Any) -> None:
            if not received.called:
                received.callback([channel, message])

    from twisted.internet import reactor
    from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

    subscriber = Subscriber()
    subscriber.factory = txredisapi.SubscriberFactory()
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), subscriber)
    while await client.publish("news", "hello") == 0:
        pass
    assert await received == ["news", "hello"]
    subscriber.transport.loseConnection()
    await client.disconnect()
