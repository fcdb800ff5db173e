"""
Fixtures for pytest, which finds them by itself where tseep is installed.

================= ========= ====================================================================================
C{tseep_server}   function  a running server, without keys: C{.host}, C{.port}, C{.url}, C{.flush()}
C{tseep_url}      function  its address, such as C{redis://127.0.0.1:40001/0}
C{tseep_proc}     session   the process behind both, which all tests share; each worker of xdist has its own
C{tseep_factory}  function  makes servers for one test: C{tseep_factory("v1", requirepass="secret")}
================= ========= ====================================================================================

C{tseep_mode} in pytest's configuration is the mode of the shared server, if it is not to be v2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable

import pytest

if TYPE_CHECKING:
    from tseep.testing import ChildProcess


def pytest_addoption(parser: pytest.Parser) -> None:
    """What pytest's configuration may say."""
    parser.addini("tseep_mode", "How the shared tseep server handles connections: v1 or v2.", default="v2")


@pytest.fixture(scope="session")
def tseep_proc(request: pytest.FixtureRequest) -> Iterator[ChildProcess]:
    """A running tseep, which all tests of the session share; they see each other's keys."""
    from tseep.testing import ChildProcess

    server = ChildProcess(str(request.config.getini("tseep_mode")))
    yield server
    server.stop()


@pytest.fixture
def tseep_server(tseep_proc: ChildProcess) -> ChildProcess:
    """A running tseep as good as new: without keys, scripts and functions."""
    tseep_proc.flush()
    return tseep_proc


@pytest.fixture
def tseep_url(tseep_server: ChildProcess) -> str:
    """The address of a tseep as good as new."""
    return tseep_server.url


@pytest.fixture
def tseep_factory() -> Iterator[Callable[..., ChildProcess]]:
    """Makes servers of their own for a test: takes the mode and, by name, the parameters that CONFIG SET takes."""
    from tseep.testing import ChildProcess

    servers: list[ChildProcess] = []

    def make(mode: str = "v2", **parameters: str) -> ChildProcess:
        servers.append(ChildProcess(mode, **parameters))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()
