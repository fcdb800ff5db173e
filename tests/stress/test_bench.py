"""The output of stress/bench.py and of stress/study.py versus, and the faults that they report."""

from __future__ import annotations

import argparse
import re

import pytest

import bench
from rig import options
from servers.catalogue import ServerSpec
from studies import common, versus

from . import STRESS

# The Go benchmark data format, https://go.dev/design/14313-benchmark-format
CONFIGURATION = re.compile(r"[a-z][^\sA-Z]*:[ \t]+\S.*")
RESULT = re.compile(r"Benchmark[A-Z]\S*-\d+[ \t]+[1-9]\d*([ \t]+\d+(\.\d+)?[ \t]+ns/op)")
OTHER = re.compile(r"PASS|ok  \t\S+\t\d+\.\d{3}s")


def start_fixture(monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    """Make the benchmark start the faulty server in place of tseep."""

    def command(python: str, mode: str, port: int, clients: int) -> list[str]:
        return [python, str(STRESS / "servers" / "faulty.py"), "--port", str(port), *more]

    monkeypatch.setattr(bench, "tseep_command", command)


def test_the_output_is_gos_benchmark_format(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line is in the format, and the rounds of the modes alternate."""
    start_fixture(monkeypatch)
    assert bench.main(["--rounds", "2", "--time", "50ms"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:4]] == ["goos", "goarch", "pkg", "cpu"]
    assert all(CONFIGURATION.fullmatch(line) for line in lines[:4])
    assert all(RESULT.fullmatch(line) for line in lines[4:8]), lines
    assert [line[:11] for line in lines[4:8]] == ["BenchmarkV1", "BenchmarkV2"] * 2
    assert all(OTHER.fullmatch(line) for line in lines[8:]), lines
    assert len(lines) == 10


def test_a_wrong_answer_fails_the_benchmark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong answer gives FAIL and exit status 1."""
    start_fixture(monkeypatch, "--fault", "wrong")
    assert bench.main(["--mode", "v2", "--rounds", "1", "--time", "50ms"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_a_line_says_the_time_of_an_operation() -> None:
    """ns/op is wall time divided by the operations of all connections, as in Go."""
    line = bench.line("v2", 2, 12345, 1.0)
    assert line == "BenchmarkV2-2\t   12345\t     81004 ns/op"
    assert RESULT.fullmatch(line)


@pytest.mark.parametrize(("text", "value"), [("1s", 1.0), ("500ms", 0.5), ("0.5m", 30.0)])
def test_times_are_read_as_go_writes_them(text: str, value: float) -> None:
    """Seconds, milliseconds and minutes are accepted in Go's notation."""
    assert options.duration(text) == value


@pytest.mark.parametrize("text", ["1", "s", "-1s", "0s", "2h", "99999s"])
def test_other_times_are_refused(text: str) -> None:
    """A time without a unit, a zero one and one above an hour are refused."""
    with pytest.raises(argparse.ArgumentTypeError):
        options.duration(text)


CSV = '"test","rps","avg_latency_ms"\n"GET","54347.83","0.1"\n'


def test_redis_benchmarks_csv_is_parsed() -> None:
    """The rate of the command is returned; output without it raises Failed."""
    assert common.requests_per_second(CSV, "GET") == 54347.83
    with pytest.raises(common.Failed, match="no SET"):
        common.requests_per_second(CSV, "SET")


def spec(name: str, title: str, mode: str) -> ServerSpec:
    """Return a server that is not started."""
    return ServerSpec(name, title, None, mode, lambda port, clients: [])


def findings() -> versus.Findings:
    """Return results of two rounds, in which v2 is always twice as fast as redis-server."""
    found = [
        spec(common.REDIS, "redis-server 7.0.15", "other"),
        spec(common.V2, "v2, CPython 3.11.7", "v2"),
        spec(common.V1, "v1, CPython 3.11.7", "v1"),
    ]
    speeds = {common.REDIS: 1000.0, common.V2: 2000.0, common.V1: 500.0}
    rounds = {
        (name, test): [common.BenchmarkResult(speed * turn, 12.0, 0.25, 0.04) for turn in (1, 4)]
        for name, speed in speeds.items()
        for test in versus.BASIC_TESTS
    }
    return versus.Findings(found, versus.BASIC_TESTS, rounds, {common.V2: versus.Idle(1536.0, 2048.0)})


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that is four times as fast in the second round changes no ratio."""
    test = versus.BASIC_TESTS[0]
    assert findings().ratios(common.V2, common.REDIS, test) == [2.0, 2.0]


def test_the_report_is_markdown_with_the_targets_beside_the_results() -> None:
    """Rows have as many cells as the head; a missing PyPy is mentioned; unmeasured memory is "-"."""
    text = versus.markdown(findings(), versus.parser().parse_args([]))
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {5, 4}
    assert "| GET, requests/s (ratio to redis-server) | 2,500 (1.00x) | 5,000 (2.00x)" in text
    assert "| 8,192 idle clients, before the first request, KiB/client | - | 1.50 | - |" in text
    assert "| v2, CPython 3.11.7 / v1, CPython 3.11.7, GET | >= 3x | 4.00x (4.00x to 4.00x) |" in text
    assert "used 4% of the cores' time" in text
    assert "PyPy was not measured" in text
