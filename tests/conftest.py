"""Shared fixtures: running servers; and Hypothesis's profiles."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from .support.oracles import Unavailable
from .support.servers import Redis, Tseep

_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

_PHASES = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]  # Phase.explain would take minutes

settings.register_profile("common", deadline=None, phases=_PHASES, suppress_health_check=_CHECKS)
settings.register_profile(
    "quick",
    settings.get_profile("common"),
    derandomize=True,
    database=None,
    max_examples=100,
    report_multiple_bugs=False,
)
settings.register_profile("long", settings.get_profile("common"), print_blob=True, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_configure() -> None:
    """Raise the soft limit on open files to the hard limit, as some tests connect thousands of clients."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture(scope="session", params=["v1", "v2", "v3"])
def running(request: pytest.FixtureRequest) -> Iterator[Tseep]:
    """A tseep in each mode, shared by many tests."""
    yield from _run(request.param, "--enable-debug-command", "yes")


@pytest.fixture(scope="session", params=["v1", "v2", "v3"])
def running_guarded(request: pytest.FixtureRequest) -> Iterator[Tseep]:
    """A tseep in each mode, with a password."""
    yield from _run(request.param, "--requirepass", "secret")


@pytest.fixture(scope="session")
def v2() -> Iterator[Tseep]:
    """A tseep in mode v2, for tests that do not depend on the mode."""
    yield from _run("v2", "--enable-debug-command", "yes")


def _run(mode: str, *options: str) -> Iterator[Tseep]:
    with Tseep(mode, *options) as server:
        yield server
        assert server.stop() == 0, server.output
        assert "Traceback" not in server.output and "Unhandled" not in server.output, server.output


@pytest.fixture
def server(running: Tseep) -> Tseep:
    """A tseep in each mode, with an empty keyspace."""
    running.flush()
    return running


@pytest.fixture(scope="session")
def oracle() -> Iterator[Redis]:
    """A redis-server as the reference."""
    yield from _run_oracle("--enable-debug-command", "yes")


@pytest.fixture(scope="session")
def guarded_oracle() -> Iterator[Redis]:
    """A redis-server with a password."""
    yield from _run_oracle("--requirepass", "secret")


def _run_oracle(*options: str) -> Iterator[Redis]:
    try:
        redis = Redis(*options)
    except Unavailable as missing:
        pytest.fail(str(missing), pytrace=False)
    with redis:
        yield redis
