"""Uses of Redis in web applications: sessions, rate limits, and Socket.IO events."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from ..support.servers import Process, until


def test_flask_session(url: str) -> None:
    """A session persists between requests, and is stored in the server."""
    import flask
    from flask_session import Session
    from redis import Redis

    client = Redis.from_url(url)
    app = flask.Flask("shop")
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=client)
    Session(app)

    @app.route("/<thing>")
    def put(thing: str) -> list[str]:
        flask.session["cart"] = [*flask.session.get("cart", []), thing]
        return list(flask.session["cart"])

    with app.test_client() as browser:
        assert browser.get("/apple").json == ["apple"]
        assert browser.get("/pear").json == ["apple", "pear"]
    (key,) = client.keys("session:*")
    assert client.ttl(key) > 0
    with app.test_client() as other:
        assert other.get("/plum").json == ["plum"]
    client.close()


def test_limits(url: str) -> None:
    """Each strategy admits requests up to its limit, and reports the remaining number."""
    import limits
    from limits.storage import storage_from_string

    storage = storage_from_string(url)
    item = limits.parse("3/minute")
    for strategy in ("FixedWindowRateLimiter", "MovingWindowRateLimiter", "SlidingWindowCounterRateLimiter"):
        limiter: Any = getattr(limits.strategies, strategy)(storage)
        assert [limiter.hit(item, strategy) for _ in range(4)] == [True, True, True, False], strategy
        assert limiter.get_window_stats(item, strategy).remaining == 0
        assert limiter.test(item, "another") is True
        limiter.clear(item, strategy)
        assert limiter.hit(item, strategy) is True


def test_limits_async(url: str) -> None:
    """The same rate limits on asyncio."""
    import limits.aio.strategies
    from limits.storage import storage_from_string

    async def talk() -> None:
        storage = storage_from_string(f"async+{url}", implementation="redispy")
        limiter = limits.aio.strategies.MovingWindowRateLimiter(storage)
        item = limits.parse("2/minute")
        assert [await limiter.hit(item, "a") for _ in range(3)] == [True, True, False]

    asyncio.run(talk())


LISTENER = """
import os, socketio

class Manager(socketio.RedisManager):
    def _handle_emit(self, message):
        print("received", message["event"], message["data"], flush=True)

server = socketio.Server(async_mode="threading", client_manager=Manager(os.environ["URL"]))
server.manager.initialize()
server.manager.thread.join()
"""


def test_socketio(url: str) -> None:
    """Clients of one process receive an event that another one emits."""
    import socketio

    outside = socketio.RedisManager(url, write_only=True)
    with Process([sys.executable, "-c", LISTENER], env={"URL": url}) as listener:

        def received() -> bool:
            outside.emit("greeting", {"text": "hello"})
            return any("received greeting" in line and "hello" in line for line in listener.lines)

        until(received, "the other process receives the event")
