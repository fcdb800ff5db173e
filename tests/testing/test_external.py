"""The same tests with a real Redis, by C{--tseep-url}."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import redis

from ..support.oracles import Unavailable
from ..support.servers import Redis

if TYPE_CHECKING:
    from .conftest import Run


@pytest.fixture
def url() -> Iterator[str]:
    """The URL of a redis-server with a port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        server = Redis("--port", str(port))
    except Unavailable as missing:
        pytest.fail(str(missing), pytrace=False)
    with server:
        yield f"redis://127.0.0.1:{port}"


SUITE = """
    import pytest

    @pytest.mark.parametrize("turn", [1, 2])
    def test_empty(tseep_client, tseep_server, tseep_url, tseep_session_url, turn):
        assert tseep_url == tseep_session_url == tseep_server.url
        assert tseep_client.connection_pool.connection_kwargs["port"] == tseep_server.port
        assert "redis_git_sha1" in tseep_client.info("server") and "tseep_version" not in tseep_client.info("server")
        assert tseep_client.dbsize() == 0
        assert tseep_client.config_get("timeout") == {"timeout": "0"}
        tseep_client.set("k", "v")
        tseep_client.config_set("timeout", 5)
        tseep_server.flush()
        assert tseep_client.dbsize() == 0
        tseep_client.set("k", "v")

    @pytest.mark.tseep(mode="v1")
    def test_mode_is_the_servers(tseep_client):
        assert tseep_client.ping()

    def test_fault(tseep_server):
        with tseep_server.fail("GET"):
            assert False

    @pytest.mark.tseep(maxmemory="1mb")
    def test_parameter(tseep_client): pass

    def test_clock(tseep_clock): pass

    def test_factory(tseep_factory): pass

    async def talk(client):
        return await client.ping()

    def test_async(tseep_async_client):
        import asyncio
        assert asyncio.run(talk(tseep_async_client))
    """


def test_real_redis(run: Run, url: str) -> None:
    """Tests run with the given server; those that need a child process are skipped with the reason."""
    result = run(SUITE, f"--tseep-url={url}", "-rs")
    result.assert_outcomes(passed=4, skipped=4)
    for what in ("tseep_server.fail", "pytest.mark.tseep", "tseep_clock", "tseep_factory"):
        result.stdout.fnmatch_lines([f"*{what} needs a server of tseep's own, which --tseep-url replaces*"])
    with redis.Redis.from_url(url) as client:
        assert client.dbsize() == 0, "the next run finds it empty"


def test_environment(run: Run, url: str) -> None:
    """Variables of C{tseep_env} have the given URL."""
    text = f"import os\ndef test_it(): assert os.environ['REDIS_URL'] == '{url}'"
    run(text, f"--tseep-url={url}", ini="tseep_env = REDIS_URL").assert_outcomes(passed=1)


def test_data_are_safe(run: Run, url: str) -> None:
    """A server that has keys, in any database, is refused and keeps them."""
    with redis.Redis.from_url(url, db=3) as client:
        client.set("precious", 1)
        result = run("def test_it(tseep_server): pass", f"--tseep-url={url}")
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*the server has keys, which the tests would delete (db3)*"])
        assert client.get("precious") == b"1"


def test_misuse(run: Run, url: str) -> None:
    """A server that is not there, and one for several workers, are errors."""
    result = run("def test_it(tseep_server): pass", "--tseep-url=redis://127.0.0.1:1")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*--tseep-url=redis://127.0.0.1:1: *refused*"])
    result = run("def test_it(tseep_server): pass", f"--tseep-url={url}", "-p", "xdist", "-n", "2")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the workers of pytest-xdist cannot share the server of --tseep-url*"])
    for option in ("--tseep-mode=v1", "--tseep-parameter=timeout=5"):
        result = run("def test_it(tseep_server): pass", f"--tseep-url={url}", option)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*the server has its own mode and parameters: leave out the options*"])


def test_parameters_of_the_configuration(run: Run, url: str) -> None:
    """Parameters of pytest's configuration have no effect, which a warning names."""
    result = run("def test_it(tseep_server): pass", f"--tseep-url={url}", ini="tseep_parameters = maxmemory=1mb")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*tseep_parameters has no effect: maxmemory"])
