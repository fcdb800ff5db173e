"""
Fixtures for pytest, registered as a plugin when tseep is installed.

================= ========= ====================================================================================
C{tseep_server}   function  a server without keys: C{.host}, C{.port}, C{.url}, C{.flush()}
C{tseep_url}      function  its URL, such as C{redis://127.0.0.1:40001/0}
C{tseep_proc}     session   the server process behind both; each worker of pytest-xdist has its own
C{tseep_factory}  function  starts servers for one test: C{tseep_factory("v1", requirepass="secret")}
================= ========= ====================================================================================

The option C{tseep_mode} in pytest's configuration is the mode of the shared server; by default v2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable

import pytest

if TYPE_CHECKING:
    from tseep.testing import ChildProcess


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("tseep_mode", "Connection mode of the shared tseep server: v1 or v2.", default="v2")


@pytest.fixture(scope="session")
def tseep_proc(request: pytest.FixtureRequest) -> Iterator[ChildProcess]:
    """A tseep server shared by all tests of the session, which see each other's keys."""
    from tseep.testing import ChildProcess

    server = ChildProcess(str(request.config.getini("tseep_mode")))
    yield server
    server.stop()


@pytest.fixture
def tseep_server(tseep_proc: ChildProcess) -> ChildProcess:
    """A tseep server without keys, scripts and functions."""
    tseep_proc.flush()
    return tseep_proc


@pytest.fixture
def tseep_url(tseep_server: ChildProcess) -> str:
    """The URL of a tseep server without keys, scripts and functions."""
    return tseep_server.url


@pytest.fixture
def tseep_factory() -> Iterator[Callable[..., ChildProcess]]:
    """Starts tseep servers for one test: takes the mode and parameters of CONFIG SET as keyword arguments."""
    from tseep.testing import ChildProcess

    servers: list[ChildProcess] = []

    def make(mode: str = "v2", **parameters: str) -> ChildProcess:
        servers.append(ChildProcess(mode, **parameters))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()
