"""The fixtures' clients, of the package redis or valkey, which is imported when a test asks for one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from importlib import import_module
from types import ModuleType
from typing import Any, Callable
from urllib.parse import urlsplit

PACKAGES = ("redis", "valkey")


def library() -> ModuleType:
    """
    Return the package redis, or else valkey.

    @raise ImportError: if neither is installed.
    """
    for name in PACKAGES:
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    raise ImportError("the fixtures for clients need the package redis or valkey: pip install redis")


def client(url: str, **options: Any) -> Any:
    """Return a synchronous client. C{options} are those of C{redis.Redis}, and win over the URL's."""
    if "db" in options:
        url = urlsplit(url)._replace(path=f"/{options.pop('db')}").geturl()
    return library().from_url(url, **options)


class AsyncClient:
    """
    An asyncio client for one test, and its end on the event loop that it was used on, whatever runs that.

    @param options: those of C{redis.asyncio.Redis}.
    @ivar client: the client.
    """

    def __init__(self, url: str, **options: Any) -> None:
        name = library().__name__
        self._ends: list[tuple[asyncio.AbstractEventLoop, AsyncGenerator[None, None]]] = []
        options[f"{name}_connect_func"] = self._connected

        def make() -> Any:
            return import_module(f"{name}.asyncio").from_url(url, **options)

        self.client = make() if sys.version_info >= (3, 10) else _Deferred(make)

    async def _connected(self, connection: Any) -> None:
        await connection.on_connect()
        end = _disconnecting(connection)
        await end.__anext__()  # from now on, the loop calls its aclose() before it is closed, as asyncio.run() does
        self._ends.append((asyncio.get_running_loop(), end))

    def close(self) -> None:
        """Close the connections on loops that go on after the test. It must not be called on a running loop."""
        for loop, end in self._ends:
            if not loop.is_closed() and not loop.is_running():
                loop.run_until_complete(end.aclose())


class _Deferred:
    """A client that is made at its first use: Python 3.9's locks belong to the event loop that they are made on."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        if name == "_made":
            self._made = self._make()
            return self._made
        return getattr(self._made, name)

    async def __aenter__(self) -> Any:
        return await self._made.__aenter__()

    async def __aexit__(self, *exception: object) -> None:
        await self._made.__aexit__(*exception)


async def _disconnecting(connection: Any) -> AsyncGenerator[None, None]:
    """Disconnect when the generator is closed."""
    try:
        yield
    finally:
        await connection.disconnect(nowait=True)
