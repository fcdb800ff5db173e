"""The server of C{--tseep-url}, such as a real Redis, in place of a child process."""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import urlsplit

import pytest

from pytest_tseep.clients import client, library


class ExternalServer:
    """
    A server that the tests neither start nor stop. Its databases must be empty at first, as the tests empty them.

    What takes a child process skips the test.

    @param url: a URL that the package redis or valkey accepts.
    @raise pytest.UsageError: if the server has keys, or cannot be reached.
    @ivar host: the host, C{port}: the port.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        address = urlsplit(url)
        self.host, self.port = address.hostname or "localhost", address.port or 6379
        self._client = client(url, decode_responses=True)
        try:
            databases = self._client.info("keyspace")
            self._first = self._client.config_get("*")
        except Exception as error:
            raise pytest.UsageError(f"--tseep-url={url}: {error}") from error
        if databases:
            raise pytest.UsageError(
                f"--tseep-url={url}: the server has keys, which the tests would delete ({', '.join(databases)}): "
                "give an empty one, or call FLUSHALL"
            )

    def reset(self, *, keep_connections: bool = False) -> str:
        """Flush the server; return an empty text."""
        self.flush(keep_connections=keep_connections)
        return ""

    def flush(self, *, keep_connections: bool = False) -> None:
        """
        Delete keys, scripts, functions, SLOWLOG and statistics, and restore the parameters that CONFIG SET can restore.

        @param keep_connections: whether the connections of other clients stay open.
        """
        if not keep_connections:
            self._try("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            self._try("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")
        self._client.flushall()
        for words in ("SCRIPT FLUSH", "FUNCTION FLUSH", "SLOWLOG RESET", "CLIENT UNPAUSE"):
            self._try(*words.split())
        for name, text in self._client.config_get("*").items():
            if name in self._first and text != self._first[name]:
                self._try("CONFIG", "SET", name, self._first[name])
        self._try("CONFIG", "RESETSTAT")

    def _try(self, *words: str) -> None:
        """Execute a command that the server may not have."""
        try:
            self._client.execute_command(*words)
        except library().ResponseError:
            pass

    def stop(self) -> None:
        """Empty the server, so that the next session can use it, and close the connection."""
        self._client.flushall()
        self._client.close()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        skip(f"tseep_server.{name}")


def skip(what: str) -> NoReturn:
    """Skip the test that needs a child process."""
    pytest.skip(f"{what} needs a server of tseep's own, which --tseep-url replaces")
