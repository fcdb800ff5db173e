"""The runner of Redis's test suite: what it reads, and what it reports."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ..redis_suite import known
from ..redis_suite.runner import Result, read
from ..redis_suite.server import directives, tseep_options
from ..redis_suite.units import CHOSEN, UNITS

MODES = {"v1", "v2", "v3"}
MOST = {"v1": 76, "v2": 75, "v3": 83}
"""The largest number of listed tests, by mode: the list must not grow."""

OUTPUT = """\
[ok]: PING (2 ms)
[ok]: PING (3 ms)
[err]: SET and GET in tests/unit/some.tcl
Expected 'a' to be equal to 'b'
[ignore]: needs:repl denied
[1/1 done]: unit/some (2 seconds)
"""


def result(ok: list[str], failed: list[str], finished: bool = True, *errors: str) -> Result:
    reason = "" if finished else "timed out"
    return Result("unit/some", Counter(ok), Counter(failed), Counter(errors), finished, reason)


def test_reads_output(tmp_path: Path) -> None:
    """Passed and failed tests are counted by name, without duration and place; a unit has to say that it ended."""
    path = tmp_path / "output"
    path.write_text(OUTPUT)
    found = read("unit/some", path)
    assert (found.ok, found.failed, found.finished) == ({"PING": 2}, {"SET and GET": 1}, True)
    path.write_text(OUTPUT.replace("[1/1 done]", "[0/1 done]"))
    assert not read("unit/some", path).finished
    path.write_text(OUTPUT + '[err]: ta format\nERR Bad data format\n    while executing\n"$r restore"\n')
    assert read("unit/some", path).errors == {"ERR Bad data format": 1}
    path.write_text(OUTPUT + "[exception]: Executing test client: broken\n")
    found = read("unit/some", path)
    assert (found.finished, found.reason) == (False, "Executing test client: broken")


@pytest.mark.parametrize(
    ("ok", "failed", "finished", "lines"),
    [
        (["a", "b"], ["c"], True, []),
        (["a"], ["b", "c"], True, ["fails: b"]),
        (["a", "b", "c"], [], True, ["passes, and is in known.tsv: c"]),
        (["a", "b"], [], True, []),  # a listed test may not run
        (["a"], [], True, ["1 tests fewer than redis-server pass or are listed", "does not pass: b"]),
        (["a"], [], False, ["not finished: timed out"]),
    ],
)
def test_problems(
    ok: list[str], failed: list[str], finished: bool, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that newly fails, newly passes or no longer runs is reported."""
    monkeypatch.setattr(known, "entries", lambda: [known.Known("unit/some", "c", "v2", "a reason")])
    monkeypatch.setattr(known, "counts", lambda: {"unit/some": 3})
    reference = result(["a", "b", "c"], [])
    found = known.problems(result(ok, failed, finished), "v2", reference)
    assert list(found) == [f"unit/some: {line}" for line in lines]


def test_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error outside a test is reported if it is not listed, or does not occur; it is no test that fails."""
    listed = [known.Known("unit/some", "ERR a", "v2", "a reason", "error")]
    monkeypatch.setattr(known, "entries", lambda: listed)
    monkeypatch.setattr(known, "counts", lambda: {"unit/some": 1})
    assert not list(known.problems(result(["a"], [], True, "ERR a"), "v2"))
    found = list(known.problems(result(["a"], [], True, "ERR b"), "v2"))
    assert found == ["unit/some: error outside a test: ERR b", "unit/some: does not occur, and is in known.tsv: ERR a"]


def test_varies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test whose result depends on the moment may pass and fail."""
    listed = [known.Known("unit/some", "a", "v2", "a reason", "varies")]
    monkeypatch.setattr(known, "entries", lambda: listed)
    monkeypatch.setattr(known, "counts", lambda: {"unit/some": 1})
    for passed, failed in ((["a"], []), ([], ["a"])):
        assert not list(known.problems(result(passed, failed), "v2"))
    assert list(known.problems(result(["a"], []), "v1")) == []
    assert list(known.problems(result([], ["a"]), "v1")) == ["unit/some: fails: a"]


def test_list() -> None:
    """The list names units, modes and reasons, and is not longer than permitted."""
    entries, counts = known.entries(), known.counts()
    assert set(counts) == set(UNITS) > set(CHOSEN)
    for each in entries:
        assert each.unit in UNITS, each
        assert set(each.modes.split()) <= MODES, each
        assert each.modes, each
        assert each.reason, each
        assert each.mark in ("", "skip", "varies", "error"), each
    for mode, most in MOST.items():
        assert sum(mode in each.modes.split() and each.mark != "error" for each in entries) <= most


def test_arguments(tmp_path: Path) -> None:
    """Arguments of redis-server become a configuration file, which follows the given one."""
    assert (
        directives(["--save", "10", "1", "--requirepass", "", "--x", "a b"])
        == '\nsave "10" "1"\nrequirepass ""\nx "a b"\n'
    )
    given = tmp_path / "redis.conf"
    given.write_text("port 7000\n")
    assert tseep_options([str(given)]) == ["--config", str(given)]
    option, copy = tseep_options([str(given), "--port", "7001"])
    assert (option, Path(copy).read_text()) == ("--config", 'port 7000\n\nport "7001"\n')
    Path(copy).unlink()
    assert tseep_options(["--version"]) == ["--version"]
