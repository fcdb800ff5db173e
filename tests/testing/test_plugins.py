"""The plugin beside others, and what it costs a suite that does not use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Run


def test_import_budget(run: Run, pytester: pytest.Pytester) -> None:
    """A suite without servers imports nothing of Twisted and tseep, and one module of the plugin."""
    pytester.makeconftest(
        """
        import sys

        def pytest_unconfigure():
            print("plugin", *[name for name in sys.modules if "tseep" in name])
            print("roots", *{name.partition(".")[0] for name in sys.modules})
        """
    )
    text = run("def test_it(): pass").stdout.str()
    assert not {"twisted", "zope", "tseep", "redis", "valkey", "lupa"} & set(_words_after("roots", text))
    assert _words_after("plugin", text) == ["pytest_tseep", "pytest_tseep.plugin"]


def _words_after(first: str, text: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{first} ")]
    return line.split()[1:]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs sys.stdlib_module_names")
def test_stdlib_alone() -> None:
    """A server that is started imports nothing but the standard library in this process."""
    code = (
        "import sys\nbefore = set(sys.modules)\nfrom tseep.testing import ChildProcess\nwith ChildProcess(): pass\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))\n"
        "print(*[name for name in sys.modules if name.startswith('tseep')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    roots, modules = run.stdout.splitlines()
    assert set(roots.split()) == {"pytest_tseep", "tseep"}
    assert modules.split() == ["tseep", "tseep.testing"]


SHARED = """
    import os, pytest

    @pytest.mark.parametrize("turn", range(12))
    def test_alone(tseep_client, tseep_session_url, turn):
        assert tseep_client.incr("visits") == 1
        with open(os.environ["URLS"], "a") as file:
            file.write(tseep_session_url + "\\n")
    """


@pytest.mark.parametrize("ini", ["", "tseep_env = REDIS_URL"])
def test_xdist(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ini: str) -> None:
    """Each worker of pytest-xdist has its own server."""
    urls = tmp_path / "urls"
    monkeypatch.setenv("URLS", str(urls))
    run(SHARED, "-p", "xdist", "-n", "2", ini=ini).assert_outcomes(passed=12)
    assert len(set(urls.read_text().split())) == 2


def test_randomly(run: Run) -> None:
    """Tests in another order find empty servers as well."""
    pytest.importorskip("pytest_randomly")
    run(SHARED.replace("with open", "return\n        with open"), "-p", "pytest_randomly").assert_outcomes(passed=12)


ASYNC = """
    import asyncio, gc, pytest, warnings

    {marker}
    @pytest.mark.parametrize("turn", [1, 2])
    async def test_async(tseep_async_client, turn):
        await tseep_async_client.rpush("jobs", "one")
        assert await tseep_async_client.blpop("jobs", timeout=10) == (b"jobs", b"one")
        assert await tseep_async_client.dbsize() == 0
        await asyncio.gather(*[tseep_async_client.incr("visits") for _ in range(3)])

    def test_run(tseep_async_client):
        async def talk():
            return await tseep_async_client.ping()
        assert asyncio.run(talk())

    def test_closed(tseep_client):
        gc.collect()
        assert len(tseep_client.client_list()) == 1
    """


@pytest.mark.parametrize(
    ("plugin", "module", "marker"),
    [
        ("pytest_asyncio", "pytest_asyncio.plugin", "@pytest.mark.asyncio"),
        ("pytest_asyncio", "pytest_asyncio.plugin", "@pytest.mark.asyncio(loop_scope='session')"),
        ("anyio", "anyio.pytest_plugin", "@pytest.mark.anyio"),
    ],
)
def test_async(run: Run, plugin: str, module: str, marker: str) -> None:
    """The asyncio client works on the loop of each plugin and of asyncio.run(), and is closed there."""
    pytest.importorskip(plugin)
    text = ASYNC.format(marker=marker)
    if plugin == "anyio":
        text += '\n    @pytest.fixture\n    def anyio_backend():\n        return "asyncio"\n'
    ini = "asyncio_default_fixture_loop_scope = function" if plugin == "pytest_asyncio" else ""
    strict = ["-W", "error"] if sys.version_info >= (3, 10) else []  # pytest-asyncio for 3.9 leaves loops of its own
    run(text, "-p", module, *strict, ini=ini).assert_outcomes(passed=4)


CLOCK = """
    import datetime, time
    {imports}

    def test_follows(tseep_clock, tseep_client, tseep_server):
        tseep_client.set("k", "v", ex=300)
        {travel}
            assert abs(tseep_client.time()[0] - time.time()) < 60
            assert tseep_client.get("k") is None
            tseep_client.set("k", "v", ex=300)
            {move}
            assert tseep_client.get("k") is None
        assert abs(tseep_client.time()[0] - time.time()) < 60

    def test_by_hand(tseep_clock, tseep_client):
        tseep_client.set("k", "v", ex=300)
        tseep_clock.advance(299)
        assert tseep_client.get("k") == b"v"
        tseep_clock.advance(2)
        assert tseep_client.get("k") is None

    def test_undone(tseep_client):
        assert abs(tseep_client.time()[0] - time.time()) < 60

    {decorator}
    def test_decorated(tseep_clock, tseep_client):
        assert tseep_client.time()[0] // 86400 == int(time.time()) // 86400 == 24837
    """


@pytest.mark.parametrize(
    ("package", "travel", "move", "decorator"),
    [
        (
            "freezegun",
            "with freezegun.freeze_time('2040-01-01') as moved:",
            "moved.tick(301)",
            "@freezegun.freeze_time('2038-01-01')",
        ),
        pytest.param(
            "freezegun",
            "with freezegun.freeze_time('2040-01-01', tick=True) as moved:",
            "moved.move_to('2040-01-02')",
            "@freezegun.freeze_time('2038-01-01')",
            marks=pytest.mark.skipif(sys.implementation.name == "pypy", reason="freezegun refuses tick=True on PyPy"),
        ),
        (
            "time_machine",
            "with time_machine.travel(datetime.datetime(2040, 1, 1)) as moved:",
            "moved.shift(301)",
            "@time_machine.travel('2038-01-01T00:00Z')",
        ),
        (
            "time_machine",
            "with time_machine.travel(datetime.datetime(2040, 1, 1), tick=False) as moved:",
            "moved.move_to(datetime.datetime(2041, 1, 1))",
            "@time_machine.travel('2038-01-01T00:00Z', tick=False)",
        ),
    ],
)
def test_clock(run: Run, package: str, travel: str, move: str, decorator: str) -> None:
    """The server's clock follows the test's, and is the real one again in the next test."""
    pytest.importorskip(package)
    text = CLOCK.format(imports=f"import {package}", travel=travel, move=move, decorator=decorator)
    run(text).assert_outcomes(passed=4)
