"""Servers for the application tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.servers import Redis, Tseep


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder as C{apps}."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.apps)


@pytest.fixture(scope="session", params=["redis", "v1", "v2", "v3"])
def app_server(request: pytest.FixtureRequest) -> Iterator[Tseep | Redis]:
    """A server on a port of 127.0.0.1."""
    server = _redis() if request.param == "redis" else Tseep(request.param)
    with server:
        yield server
        assert server.stop() == 0, server.output
        assert "Traceback" not in server.output and "Unhandled" not in server.output, server.output


def _redis() -> Redis:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    redis = Redis("--port", str(port), "--bind", "127.0.0.1")
    redis.address = ("127.0.0.1", port)
    return redis


@pytest.fixture
def port(app_server: Tseep | Redis) -> int:
    """The port of a server with an empty keyspace."""
    app_server.flush()
    return int(app_server.address[1])


@pytest.fixture
def url(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"
