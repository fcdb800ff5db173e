"""The start of the shared server before its first use, in runs of pytest."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import ended, start_pytest

if TYPE_CHECKING:
    from .conftest import Run

NOTING = """
import os, pathlib, pytest
from pytest_tseep import child

STARTS = pathlib.Path("starts")

class Noted(child.Process):
    def __init__(self, words, errors):
        super().__init__(words, errors)
        with STARTS.open("a") as file:
            file.write(f"{self.pid} {words[0]}\\n")

child.Process = Noted
"""
"""A conftest.py that writes a line for each process of a server when it has been started."""


@pytest.fixture
def starts(pytester: pytest.Pytester) -> Path:
    """The file to which runs write a line for each server's process: its ID and mode."""
    pytester.makeconftest(NOTING)
    return pytester.path / "starts"


def test_while_collecting(run: Run, pytester: pytest.Pytester, starts: Path) -> None:
    """The server starts when pytest has collected the first test that uses it."""
    pytester.makepyfile(
        test_later="""
        from conftest import STARTS
        begun = STARTS.exists()
        def test_begun(): assert begun
        """
    )
    run("def test_it(tseep_url): pass").assert_outcomes(passed=2)
    assert len(starts.read_text().splitlines()) == 1


@pytest.mark.parametrize("options", [("-k", "test"), ("-m", "not slow"), ("--deselect", "test_it.py::test_not")])
def test_when_selected(run: Run, starts: Path, options: tuple[str, ...]) -> None:
    """If tests may be deselected, the server starts when pytest has collected all."""
    text = """
        from conftest import STARTS
        def test_first(): assert STARTS.exists()
        def test_not(): pass
        def test_it(tseep_url): pass
        begun = STARTS.exists()
        """
    run(text + "\n        def test_after(): assert not begun\n", *options)
    assert len(starts.read_text().splitlines()) == 1


UNUSED = """
import pytest

@pytest.mark.parametrize("turn", [1, 2])
def test_plain(turn): pass

def test_uses(tseep_client): pass
"""


@pytest.mark.parametrize(
    ("options", "outcomes"),
    [
        (("--collect-only",), {}),
        (("--fixtures",), {}),
        (("--fixtures-per-test",), {}),
        (("--setup-plan",), {}),
        (("--help",), {}),
        (("-k", "plain"), {"passed": 2, "deselected": 1}),
        (("-m", "not slow", "--deselect", "test_it.py::test_uses"), {"passed": 2, "deselected": 1}),
        (("test_it.py::test_plain",), {"passed": 2}),
        (("missing.py",), {}),
    ],
    ids=" ".join,
)
def test_not_needed(run: Run, starts: Path, options: tuple[str, ...], outcomes: dict[str, int]) -> None:
    """A run that executes no test with a server starts none."""
    result = run(UNUSED, *options)
    if outcomes:
        result.assert_outcomes(**outcomes)
    assert not starts.exists()


@pytest.mark.parametrize("marker", ["skip", "skipif(True, reason='x')"])
def test_skipped(run: Run, starts: Path, marker: str) -> None:
    """A test that is skipped starts none."""
    run(f"import pytest\n@pytest.mark.{marker}\ndef test_it(tseep_url): pass").assert_outcomes(skipped=1)
    assert not starts.exists()


def test_marker(run: Run, starts: Path) -> None:
    """The server that starts is that of the test's marker."""
    run(
        "import pytest\n@pytest.mark.tseep(mode='v1', maxmemory='1mb')\ndef test_it(tseep_server): pass"
    ).assert_outcomes(passed=1)
    assert [line.split()[1] for line in starts.read_text().splitlines()] == ["v1"]


def test_wrong_parameter(run: Run, starts: Path) -> None:
    """The failure of a start that nothing has waited for is an error of the tests that use the server."""
    result = run(
        "def test_plain(): pass\ndef test_one(tseep_url): pass\ndef test_two(tseep_url): pass",
        ini="tseep_parameters = maxmemory=much",
    )
    result.assert_outcomes(passed=1, errors=2)
    assert result.stdout.str().count("argument must be a memory value") >= 2
    assert len(starts.read_text().splitlines()) == 1


def test_xdist(run: Run, starts: Path) -> None:
    """Each worker of pytest-xdist starts one server, the process that distributes the tests none."""
    text = "import pytest\n@pytest.mark.parametrize('turn', range(12))\ndef test_it(tseep_url, turn): pass"
    run(text, "-p", "xdist", "-n", "2").assert_outcomes(passed=12)
    assert len(starts.read_text().splitlines()) == 2


def test_forked(run: Run, pytester: pytest.Pytester) -> None:
    """A process that is forked for one test starts a server of its own."""
    pytester.makeconftest(
        """
        import os, pytest
        from _pytest.runner import runtestprotocol

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(item, nextitem):
            pid = os.fork()
            if not pid:
                os._exit(any(report.failed for report in runtestprotocol(item, log=False, nextitem=None)))
            print("child", os.waitpid(pid, 0)[1])
            return True
        """
    )
    text = "def test_it(tseep_client): assert tseep_client.incr('visits') == 1\ndef test_two(tseep_url): pass"
    assert run(text, "-s").stdout.str().count("child 0") == 2


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_interrupted(tmp_path: Path, name: str) -> None:
    """A server that nothing has waited for ends with pytest."""
    (tmp_path / "conftest.py").write_text(NOTING)
    (tmp_path / "test_it.py").write_text(
        "from conftest import STARTS\n"
        "def test_long():\n    print('pid', STARTS.read_text(), flush=True)\n    while True: pass\n"
        "def test_uses(tseep_url): pass\n"
    )
    tests = start_pytest(tmp_path)
    assert tests.stdout is not None
    try:
        pid = next(int(line.split("pid ")[1].split()[0]) for line in tests.stdout if "pid " in line)
        tests.send_signal(signal.Signals[name])
        ended(pid, tests.pid)
    finally:
        tests.kill()
        tests.communicate()
