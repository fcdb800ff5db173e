"""
Fixtures for pytest, registered as a plugin when tseep is installed.

============================ ========= ===========================================================================
C{tseep_server}              function  a server without keys: C{.url}, C{.host}, C{.port}, faults, time, records
C{tseep_url}                 function  its URL, such as C{redis://127.0.0.1:40001/0}
C{tseep_client}              function  a client of the package redis or valkey for it
C{tseep_async_client}        function  an asyncio client
C{tseep_client_factory}      function  further clients: C{tseep_client_factory(decode_responses=True)}
C{tseep_clock}               function  the server's clock, which follows freezegun and time-machine
C{tseep_factory}             function  further servers: C{tseep_factory("v1", requirepass="secret", rdb="seed.rdb")}
C{tseep_proc}                session   the server that tests share; each worker of pytest-xdist has its own
C{tseep_session_url}         session   its URL
============================ ========= ===========================================================================

C{@pytest.mark.tseep(mode="v1", seed="data.rdb", maxmemory="1mb")} gives a test another server.

pytest loads this module in each of its processes: it imports nothing but pytest and the standard library, and what a
fixture needs when a test asks for that.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Callable

import pytest

if TYPE_CHECKING:
    from pytest_tseep.child import ChildProcess
    from pytest_tseep.clock import Clock
    from pytest_tseep.sessions import Sessions

_SESSIONS: pytest.StashKey[Sessions] = pytest.StashKey()
_SERVERS: pytest.StashKey[list[tuple[ChildProcess, int]]] = pytest.StashKey()
"""The servers that a test has used, and the size of their standard error before it."""

_BEGUN: pytest.StashKey[bool] = pytest.StashKey()
"""Present when the plugin has begun to start a server before its first use."""

_SHARED = frozenset({"tseep_proc", "tseep_server"})
"""The fixtures on which all others of the shared server depend."""

_SELECTING = (
    "collectonly", "deselect", "keyword", "lf", "markexpr", "setupplan", "show_fixtures_per_test", "showfixtures",
    "stepwise",
)  # fmt: skip
"""Options of pytest with which it may run none of the tests that it collects."""

SHOWN_COMMANDS = 20
"""Commands in the report of a failing test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tseep", "servers for tests")
    group.addoption("--tseep-mode", metavar="MODE", help="Connection mode of the servers: v1, v2 or v3.")
    group.addoption(
        "--tseep-parameter",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="Parameter of CONFIG SET for the shared server, such as maxmemory=1mb. Can be repeated.",
    )
    group.addoption("--tseep-seed", metavar="FILE", help="RDB file with the keys that each test finds.")
    group.addoption(
        "--tseep-url",
        metavar="URL",
        help="URL of a server to use in place of tseep, such as redis://127.0.0.1:6379. The tests empty its databases.",
    )
    parser.addini("tseep_mode", "Connection mode of the servers: v1, v2 or v3.", default="v2")
    parser.addini("tseep_parameters", "Parameters of CONFIG SET for the shared server: NAME=VALUE ...", type="args")
    parser.addini("tseep_seed", "RDB file with the keys that each test finds.", default="")
    parser.addini("tseep_env", "Environment variables for the URL of the shared server, set at once.", type="args")
    parser.addini("tseep_connections", "Clients' connections between two tests: close or keep.", default="close")
    parser.addini("tseep_timeout", "Timeout of a server's start and answers, in seconds.", default="30")


@pytest.hookimpl(hookwrapper=True)  # before all other plugins: pytest-django imports the settings here
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, None]:
    """Start the server for the applications that a conftest.py or another plugin imports."""
    if early_config.getini("tseep_env") and not getattr(early_config.known_args_namespace, "help", False):
        _sessions(early_config).set_environment()
    yield


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "tseep(mode, seed, **parameters): connection mode of tseep_server for this test, an RDB file with its keys, "
        "and parameters of CONFIG SET with underscores for dashes, such as maxmemory='1mb'",
    )
    if config.getini("tseep_env"):
        from pytest_tseep.sessions import Isolation

        config.pluginmanager.register(Isolation(), "tseep-isolation")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Begin to start a server while pytest collects further tests, unless the test may be deselected."""
    if not any(getattr(item.config.option, name, None) for name in _SELECTING):
        _begin(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Begin to start a server for the tests that are not deselected."""
    option = session.config.option
    if not option.collectonly and not getattr(option, "setupplan", False) and not session.testsfailed:
        for item in session.items:
            _begin(item)


def _begin(item: pytest.Item) -> None:
    """
    Begin to start the shared server if a test uses it: it starts while this process imports what the tests need, and
    its first use waits for it. What is wrong is left to that use to report.
    """
    names = getattr(item, "fixturenames", ())
    if _SHARED.isdisjoint(names) or _BEGUN in item.config.stash:
        return
    if item.get_closest_marker("skip") or item.get_closest_marker("skipif"):
        return
    item.config.stash[_BEGUN] = True
    with suppress(pytest.UsageError, ImportError, OSError, RuntimeError, TypeError, ValueError):
        _sessions(item.config).begin(item)
        if "tseep_client_factory" in names:
            from pytest_tseep.clients import library

            library()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add the last commands and standard error of the servers that a failing test has used to its report."""
    report = (yield).get_result()
    if report.failed and report.when != "teardown" and _SERVERS in item.stash:
        from pytest_tseep.sessions import described

        for server, begin in item.stash[_SERVERS]:
            report.sections += described(server, begin, SHOWN_COMMANDS)


def _sessions(config: pytest.Config) -> Sessions:
    if _SESSIONS not in config.stash:
        from pytest_tseep.sessions import Sessions

        config.stash[_SESSIONS] = Sessions(config)
    return config.stash[_SESSIONS]


@contextmanager
def _brief_errors() -> Iterator[None]:
    """Report a wrong configuration, marker or file without the plugin's traceback."""
    try:
        yield
        return
    except (pytest.UsageError, OSError, RuntimeError, TypeError, ValueError) as error:
        problem = str(error)
    pytest.fail(f"tseep: {problem}", pytrace=False)


def _note(item: pytest.Item, server: ChildProcess, begin: int) -> None:
    """Remember that a test uses a server, whose standard error begins at an offset for it."""
    item.stash.setdefault(_SERVERS, []).append((server, begin))


@pytest.fixture(scope="session")
def tseep_proc(request: pytest.FixtureRequest) -> ChildProcess:
    """A tseep server shared by all tests of the session, which see each other's keys."""
    with _brief_errors():
        return _sessions(request.config).shared()


@pytest.fixture(scope="session")
def tseep_session_url(tseep_proc: ChildProcess) -> str:
    """The URL of the tseep server shared by all tests of the session."""
    return tseep_proc.url


@pytest.fixture
def tseep_server(request: pytest.FixtureRequest) -> ChildProcess:
    """A tseep server without keys, scripts and functions, or with those of the seed."""
    with _brief_errors():
        sessions = _sessions(request.config)
        server = sessions.prepared(request.node)
    for name in sessions.variables:
        request.getfixturevalue("monkeypatch").setenv(name, server.url)
    if not sessions.external:
        _note(request.node, server, server.errors_size())
    return server


@pytest.fixture
def tseep_url(tseep_server: ChildProcess) -> str:
    """The URL of a tseep server without keys, scripts and functions."""
    return tseep_server.url


@pytest.fixture
def tseep_factory(request: pytest.FixtureRequest) -> Iterator[Callable[..., ChildProcess]]:
    """Starts tseep servers for one test: takes the mode, C{rdb=} and parameters of CONFIG SET."""
    with _brief_errors():
        sessions = _sessions(request.config)
    sessions.require_child("tseep_factory")
    servers: list[ChildProcess] = []

    def make(
        mode: str | None = None, *, rdb: str | os.PathLike[str] | None = None, **parameters: object
    ) -> ChildProcess:
        server = sessions.start(mode, parameters)
        servers.append(server)
        _note(request.node, server, 0)
        if isinstance(rdb, bytes):
            server.restore(rdb)
        elif rdb is not None:
            server.load(sessions.find(rdb, request.node))
        return server

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def tseep_client_factory(tseep_server: ChildProcess) -> Iterator[Callable[..., Any]]:
    """Makes clients of the package redis or valkey for one test; takes the options of C{redis.Redis}."""
    from pytest_tseep.clients import client

    clients: list[Any] = []

    def make(**options: Any) -> Any:
        clients.append(client(tseep_server.url, **options))
        return clients[-1]

    yield make
    for each in clients:
        each.close()


@pytest.fixture
def tseep_client(tseep_client_factory: Callable[..., Any]) -> Any:
    """A client of the package redis or valkey, with bytes as replies."""
    return tseep_client_factory()


@pytest.fixture
def tseep_async_client(tseep_server: ChildProcess) -> Iterator[Any]:
    """An asyncio client of the package redis or valkey, for the event loop of the test."""
    from pytest_tseep.clients import AsyncClient

    client = AsyncClient(tseep_server.url)
    yield client.client
    client.close()


@pytest.fixture
def tseep_clock(tseep_server: ChildProcess, request: pytest.FixtureRequest) -> Iterator[Clock]:
    """The server's clock, which has the time of the test whenever freezegun or time-machine change that."""
    from pytest_tseep.clock import Clock

    _sessions(request.config).require_child("tseep_clock")
    with Clock(tseep_server) as clock:
        yield clock
