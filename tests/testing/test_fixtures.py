"""The fixtures, the marker and the options, in runs of pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Run


def test_as_good_as_new(run: Run) -> None:
    """A test finds nothing that the one before it has left."""
    run(
        """
        import threading
        import pytest, redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        kept = []

        @pytest.mark.parametrize("turn", [1, 2])
        def test_turn(tseep_client, tseep_server, turn):
            client = tseep_client
            assert client.config_get("timeout") == {"timeout": "0"}
            assert client.dbsize() == 0
            assert client.script_exists("e0e1f9fabfc9d4800c877a703b823ac0578ff8db") == [False]
            assert client.function_list() == []
            assert client.slowlog_get() == []
            assert client.acl_users() == ["default"]
            assert len(client.client_list()) == 1
            assert client.info("commandstats").keys() <= {
                "cmdstat_config|get", "cmdstat_dbsize", "cmdstat_script|exists", "cmdstat_function|list",
                "cmdstat_slowlog|get", "cmdstat_acl|users", "cmdstat_client|list", "cmdstat_info",
                "cmdstat_client|setinfo", "cmdstat_hello", "cmdstat_client|maint_notifications",
            }
            client.set("k", "v")
            client.script_load("return 1")
            client.function_load("#!lua name=x\\nredis.register_function('f', function() return 1 end)")
            client.config_set("timeout", 5)
            client.config_set("slowlog-log-slower-than", 0)
            client.acl_setuser("ann", enabled=True)
            other = redis.Redis(port=tseep_server.port, retry=Retry(NoBackoff(), 0))
            kept.append(other)
            waiting = threading.Thread(target=lambda: pytest.raises(redis.ConnectionError, other.blpop, "jobs"))
            waiting.start()
            kept.append(waiting)
            while not client.info("clients")["blocked_clients"]:
                pass
            client.client_pause(100000, all=False)

        def test_threads(tseep_server):
            for thread in kept[1::2]:
                thread.join(20)
                assert not thread.is_alive()
        """
    ).assert_outcomes(passed=3)


def test_busy_script(run: Run) -> None:
    """A script without an end holds up nothing."""
    run(
        """
        import pytest, redis

        def test_busy(tseep_client_factory):
            client = tseep_client_factory(socket_timeout=0.2, retry=None)
            with pytest.raises(redis.TimeoutError):
                client.eval("while true do end", 0)

        def test_next(tseep_client):
            assert tseep_client.ping()
        """
    ).assert_outcomes(passed=2)


def test_keep_connections(run: Run) -> None:
    """Connections can outlive a test."""
    run(
        """
        import redis
        kept = []

        def test_one(tseep_server):
            client = redis.Redis(port=tseep_server.port, single_connection_client=True)
            kept.extend([client, client.client_id()])

        def test_two(tseep_server):
            client, id = kept
            assert client.client_id() == id
            client.close()
        """,
        ini="tseep_connections = keep",
    ).assert_outcomes(passed=2)


def test_clients(run: Run) -> None:
    """Clients need no line of set-up, and are closed."""
    run(
        """
        made = []

        def test_factory(tseep_client, tseep_client_factory, tseep_url):
            text = tseep_client_factory(decode_responses=True, db=1)
            made.append(text)
            text.set("k", "v")
            assert text.get("k") == "v"
            assert tseep_client.get("k") is None
            assert len(tseep_client.client_list()) == 2

        def test_closed(tseep_client):
            assert len(tseep_client.client_list()) == 1
        """
    ).assert_outcomes(passed=2)


def test_valkey(run: Run, pytester: pytest.Pytester) -> None:
    """Without redis the clients are valkey's; without both, the failure names the packages."""
    pytest.importorskip("valkey")
    pytester.makeconftest("import sys\nsys.modules['redis'] = None\n")
    text = """
        def test_valkey(tseep_client):
            assert type(tseep_client).__module__ == "valkey.client"
            assert tseep_client.ping()
        """
    run(text).assert_outcomes(passed=1)
    pytester.makeconftest("import sys\nsys.modules['redis'] = sys.modules['valkey'] = None\n")
    result = run(text)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the fixtures for clients need the package redis or valkey*"])


def test_factory(run: Run) -> None:
    """Further servers have parameters of their own, and stop after the test."""
    run(
        """
        import os, pytest, redis
        pids = []

        def test_factory(tseep_factory, tseep_server):
            server = tseep_factory("v1", requirepass="se:cret/", maxclients=10, appendonly=False)
            pids.append(server.pid)
            assert server.port != tseep_server.port
            client = redis.Redis.from_url(server.url)
            assert client.config_get("maxclients") == {"maxclients": "10"}
            client.close()
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(server.host, server.port).ping()

        def test_gone():
            with pytest.raises(ProcessLookupError):
                os.kill(pids[0], 0)
        """
    ).assert_outcomes(passed=2)


def test_seed(run: Run, pytester: pytest.Pytester) -> None:
    """An RDB file gives keys: of a marker, of the factory and of the configuration."""
    run(
        """
        import pathlib

        def test_write(tseep_server, tseep_client):
            tseep_client.set("k", "v")
            pathlib.Path("seed.rdb").write_bytes(tseep_server.snapshot())
        """
    ).assert_outcomes(passed=1)
    seeded = """
        import pathlib, pytest, redis

        @pytest.mark.tseep(seed="seed.rdb")
        @pytest.mark.parametrize("turn", [1, 2])
        def test_marker(tseep_client, turn):
            assert tseep_client.get("k") == b"v"
            tseep_client.delete("k")

        @pytest.mark.parametrize("rdb", ["seed.rdb", pathlib.Path("seed.rdb"), pathlib.Path("seed.rdb").read_bytes()])
        def test_factory(tseep_factory, rdb):
            assert redis.Redis.from_url(tseep_factory(rdb=rdb).url).get("k") == b"v"

        def test_plain(tseep_client):
            assert tseep_client.dbsize() == {}

        @pytest.mark.tseep(seed="sed.rdb")
        def test_none(tseep_client):
            pass
        """
    result = run(seeded.replace("{}", "0"))
    result.assert_outcomes(passed=6, errors=1)
    result.stdout.fnmatch_lines(["*there is no RDB file */sed.rdb*"])
    run(seeded.replace("{}", "1"), "--tseep-seed", "seed.rdb").assert_outcomes(passed=6, errors=1)
    run(seeded.replace("{}", "1"), ini="tseep_seed = seed.rdb").assert_outcomes(passed=6, errors=1)


MODES = """
    import pytest

    @pytest.mark.parametrize("fixture", ["tseep_server", "tseep_proc"])
    def test_mode(fixture, request):
        assert request.getfixturevalue(fixture).mode == "{}"

    def test_parameters(tseep_client):
        assert tseep_client.config_get("maxmemory") == {{"maxmemory": "{}"}}

    @pytest.mark.tseep(mode="v1", maxmemory=2000000)
    class TestMarked:
        def test_class(self, tseep_server, tseep_client):
            assert tseep_server.mode == "v1"
            assert tseep_client.config_get("maxmemory") == {{"maxmemory": "2000000"}}

        @pytest.mark.tseep(mode="v2")
        def test_closest(self, tseep_server, tseep_client):
            assert tseep_server.mode == "v2"
            assert tseep_client.config_get("maxmemory") == {{"maxmemory": "2000000"}}
    """


def test_configuration(run: Run) -> None:
    """Mode and parameters are of the marker, else of the command line, else of pytest.ini."""
    run(MODES.format("v2", 0)).assert_outcomes(passed=5)
    ini = "tseep_mode = v1\ntseep_parameters = maxmemory=1mb timeout=7"
    run(MODES.format("v1", 1048576), ini=ini).assert_outcomes(passed=5)
    options = ("--tseep-mode=v3", "--tseep-parameter=maxmemory=3mb")
    run(MODES.format("v3", 3145728), *options, ini=ini).assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("ini", "options", "problem"),
    [
        ("tseep_mode = v4", (), "the mode is 'v4', not one of v1, v2, v3"),
        ("", ("--tseep-mode=V2",), "the mode is 'V2', not one of v1, v2, v3; did you mean 'v2'?"),
        ("tseep_parameters = maxmemry=1mb", (), "has no parameter 'maxmemry'; did you mean 'maxmemory'?"),
        ("", ("--tseep-parameter", "maxmemory"), "'maxmemory' is not NAME=VALUE"),
        ("", ("--tseep-parameter", "maxmemory=much"), "argument must be a memory value"),
        ("tseep_connections = closed", (), "tseep_connections is 'closed', not close or keep"),
        ("tseep_timeout = soon", (), "tseep_timeout is 'soon', not a number of seconds"),
    ],
)
def test_wrong_configuration(run: Run, ini: str, options: tuple[str, ...], problem: str) -> None:
    """A wrong configuration is an error with its reason, without a traceback."""
    result = run("def test_it(tseep_server): pass", *options, ini=ini)
    result.assert_outcomes(errors=1)
    assert problem in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    assert "sessions.py" not in result.stdout.str()


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ('"v1"', "takes keyword arguments alone"),
        ('mode="3"', "the mode is '3'"),
        ("maxmemory=[1]", "the value of maxmemory must be a text, a number or a bool, not list"),
        ('requirpass="x"', "did you mean 'requirepass'?"),
    ],
)
def test_wrong_marker(run: Run, marker: str, problem: str) -> None:
    """A wrong marker is an error of its test alone."""
    result = run(
        f"import pytest\n@pytest.mark.tseep({marker})\ndef test_it(tseep_url): pass\ndef test_other(tseep_url): pass"
    )
    result.assert_outcomes(errors=1, passed=1)
    assert problem in result.stdout.str()
    assert "sessions.py" not in result.stdout.str()


def test_marker_is_registered(run: Run) -> None:
    """The marker passes C{--strict-markers}, and C{pytest --markers} explains it."""
    run("import pytest\n@pytest.mark.tseep(mode='v2')\ndef test_it(): pass", "--strict-markers").assert_outcomes(
        passed=1
    )
    run("", "--markers").stdout.fnmatch_lines(["@pytest.mark.tseep(mode, seed, ?*parameters): *"])


def test_dead_server(run: Run) -> None:
    """A server that a test has ended runs again for the next one, whose warning names the culprit."""
    result = run(
        """
        import os, pytest, redis, signal
        ports = set()

        @pytest.fixture(autouse=True)
        def port(tseep_server):
            ports.add(tseep_server.port)
            yield
            assert len(ports) == 1

        def test_kills(tseep_server):
            os.kill(tseep_server.pid, signal.SIGKILL)

        def test_next(tseep_client):
            assert tseep_client.ping()
            assert not "shown"

        def test_shuts_down(tseep_client):
            tseep_client.shutdown()

        def test_after_that(tseep_client):
            assert tseep_client.ping()

        def test_on_purpose(tseep_server):
            tseep_server.stop()

        def test_last(tseep_client):
            assert tseep_client.ping()
        """
    )
    result.assert_outcomes(passed=5, failed=1, warnings=2)
    result.stdout.fnmatch_lines(
        [
            "*the tseep server was killed by SIGKILL during test_it.py::test_kills; it runs again, on port *",
            "*the tseep server exited with status 0 during test_it.py::test_shuts_down; it runs again, on port *",
        ]
    )


def test_report_of_a_failure(run: Run) -> None:
    """The report of a failing test has the last 20 commands, also those of factories' servers; others have none."""
    result = run(
        """
        import redis

        def test_fails(tseep_client, tseep_factory):
            for number in range(30):
                tseep_client.set(f"k{number}", "v\\xff")
            client = redis.Redis.from_url(tseep_factory().url)
            client.ping()
            client.close()
            assert not "to be seen"

        def test_passes(tseep_client):
            tseep_client.set("unseen", 1)
        """
    )
    result.assert_outcomes(passed=1, failed=1)
    shown = result.stdout.str()
    assert "'SET' 'k10' 'v" in shown
    assert "'SET' 'k9'" not in shown
    assert "'PING'" in shown
    assert "unseen" not in shown


def test_standard_error(run: Run, pytester: pytest.Pytester) -> None:
    """The report of a failing test has what the server wrote to standard error during the test."""
    pytester.makeconftest(
        """
        import sys
        from pytest_tseep import process

        process.COMMAND = [sys.executable, "-c", "import faulthandler, runpy, signal; "
            "faulthandler.register(signal.SIGUSR1); runpy.run_module('tseep.testing', run_name='__main__')"]
        """
    )
    result = run(
        """
        import os, pytest, signal

        @pytest.mark.parametrize("number", [signal.SIGUSR1, 0])
        def test_fails(tseep_server, number):
            os.kill(tseep_server.pid, number)
            while number and tseep_server.errors_size() == 0:
                pass
            assert not "to be seen"
        """
    )
    result.assert_outcomes(failed=2)
    shown = result.stdout.str()
    assert shown.count("tseep: standard error of the server on port") == 1
    assert "most recent call first" in shown


def test_environment(run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables have the server's URL when a conftest.py imports an application; tests need no fixture."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    pytester.makepyfile(app="import os, redis\nclient = redis.Redis.from_url(os.environ['REDIS_URL'])")
    pytester.makeconftest("import app")
    run(
        """
        import app, os, pytest, unittest

        @pytest.mark.parametrize("turn", [1, 2])
        def test_app(turn):
            assert app.client.incr("visits") == 1
            assert os.environ["CELERY_BROKER_URL"] == os.environ["REDIS_URL"]

        class AppTests(unittest.TestCase):
            def test_app(self):
                assert app.client.incr("visits") == 1

        def test_same(tseep_session_url, tseep_url, tseep_proc):
            assert tseep_session_url == tseep_url == tseep_proc.url == os.environ["REDIS_URL"]
        """,
        ini="tseep_env = REDIS_URL CELERY_BROKER_URL\npythonpath = .",
    ).assert_outcomes(passed=4)


def test_environment_of_plugins(run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables have the server's URL when another plugin imports an application, as pytest-django does."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    pytester.makepyfile(
        early="""
        import os, pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_load_initial_conftests(early_config):
            early_config.url = os.environ["REDIS_URL"]
        """
    )
    run(
        """
        def test_url(request, tseep_url):
            assert request.config.url == tseep_url
        """,
        *("-p", "early"),
        ini="tseep_env = REDIS_URL",
    ).assert_outcomes(passed=1)
