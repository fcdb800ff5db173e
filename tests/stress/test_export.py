"""stress/report/export.py and stress/report/compare.py: formats of other tools, and the comparison of two documents."""

from __future__ import annotations

import csv
import json
import math
import random
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hdrh")
pytest.importorskip("rich")

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from report import compare, export, intervals

from . import STRESS
from .runs import document, latency, run, runs

RESULT = re.compile(r"Benchmark[A-Z]\S*\t\d+(\t[\d.e+-]+ \S+)+")
"""A result line of Go's benchmark data format: a name, iterations, and pairs of value and unit."""


def completed(found: list[dict[str, Any]], **how: Any) -> dict[str, Any]:
    """Return a document with the summaries and differences of its runs."""
    made = document(found, **how)
    made["summaries"] = intervals.summaries(found)
    made["differences"] = intervals.differences(found, made["summaries"])
    return made


# CSV


def test_csv(tmp_path: Path) -> None:
    """There is a row for each run; unknown values are empty, and the others equal the document's."""
    made = document([run("v1", 10.5, errors={"late": 3, "wrong": 1}), run("v2", 50, side=None)])
    export.write_csv(made, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["server"], first["title"], first["date"]) == ("v1", "tseep v1", made["date"])
    assert (float(first["per_second"]), float(first["response_p99_us"])) == (10.5, 1089)
    assert (first["errors"], first["error_kinds"]) == ("4", "late 3, wrong 1")
    assert float(first["server_resident_bytes"]) == 50_000_000
    assert (second["server_cpu_seconds"], second["target_per_second"], second["errors"]) == ("", "", "0")


def test_csv_has_all_that_the_schema_names() -> None:
    """Each number of a run has a column, except those of single seconds and processes."""
    schema = json.loads((STRESS / "report" / "schema.json").read_text())["$defs"]
    properties = schema["run"]["properties"]
    side = properties["side"]["anyOf"][1]["required"]
    expected = {f"operations.{each}" for each in properties["operations"]["required"]} - {
        "operations.response",
        "operations.service",
    }
    expected |= {f"side.{each}" for each in side if each != "processes"}
    for place in ("connect.latency", "operations.response", "operations.service"):
        expected |= {f"{place}.{each}" for each in schema["latency"]["required"] if each not in ("number", "histogram")}
    assert expected <= set(export.COLUMNS.values())


# Go benchmark text


def test_benchstat(tmp_path: Path) -> None:
    """Result lines are in Go's format, the runs of a point have one name, and no configuration line prevents the
    comparison of two days."""
    made = document([*runs("v1", [1000, 1100]), *runs("v2-pypy", [50_000])])
    export.write_benchstat(made, tmp_path / "out.txt")
    lines = (tmp_path / "out.txt").read_text().splitlines()
    results = [line for line in lines if line.startswith("Benchmark")]
    assert all(RESULT.fullmatch(line) for line in results), results
    assert [line.split("\t")[0] for line in results] == [
        "BenchmarkSeed/server=v1/clients=1024",
        "BenchmarkSeed/server=v1/clients=1024",
        "BenchmarkSeed/server=v2-pypy/clients=1024",
    ]
    fields = results[0].split("\t")
    assert fields[1] == "1000"
    assert {"1e+06 ns/op", "1000 op/s", "1.089e+06 p99-ns", "10000 cpu-ns/op", "1100 B/conn"} <= set(fields[2:])
    assert [line for line in lines if re.match(r"[a-z]+:", line)] == [
        "pkg: tseep",
        "cpu: A Made-up Processor",
        "workload: name seed, protocol native, pipeline 1, loop closed",
    ]
    assert "Unit op/s better=higher" in lines


def test_benchstat_without_answers() -> None:
    """A run without answers has no time per operation, and becomes a comment."""
    *_, line = export.benchstat_lines(document([run("v1", 0, values=[])]))
    assert line == "# BenchmarkSeed/server=v1/clients=1024: no answers"


def test_benchstat_of_an_open_loop() -> None:
    """The planned rate is part of the name."""
    *_, line = export.benchstat_lines(document([run("v1", 499.5, target_per_second=500.0)], rates=[500.0]))
    assert line.startswith("BenchmarkSeed/server=v1/clients=1024/rate=500\t")


# HdrHistogram logs


def interval_lines(path: Path) -> list[Any]:
    """Return the intervals of a log as HdrHistogram's own reader reads them."""
    reader = HistogramLogReader(str(path), HdrHistogram(1, 3_600_000_000, 3))
    found: list[Any] = []
    while True:
        interval = reader.get_next_interval_histogram()
        if interval is None:
            reader.close()
            return found
        found.append(interval)


def test_histogram_logs(tmp_path: Path) -> None:
    """There is a log for each server and point, with an interval for each run and its latencies."""
    found = [run("v1", 1, 1, values=[5, 7000]), run("v2", 1, values=[9]), run("v1", 1, 2, values=[80])]
    export.write_histogram_logs(document(found), tmp_path / "logs")
    names = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert names == ["v1-1024-clients.response.hlog", "v2-1024-clients.response.hlog"]
    first, second = interval_lines(tmp_path / "logs" / names[0])
    assert [first.get_total_count(), first.get_min_value(), second.get_min_value()] == [2, 5, 80]
    assert first.get_max_value() == pytest.approx(7000, rel=0.001)
    stamps = [first.get_start_time_stamp(), first.get_end_time_stamp(), second.get_start_time_stamp()]
    assert stamps == [1_795_579_200_000, 1_795_579_210_000, 1_795_579_210_000]  # 2026-11-25, 04:00 UTC, and 10 s later


def test_histogram_logs_of_an_open_loop(tmp_path: Path) -> None:
    """Response and service times have separate logs; a run without answers has no interval."""
    found = [run("127.0.0.1:70/x", 1, target_per_second=20.0, values=[50], service=latency([3]))]
    found.append(run("127.0.0.1:70/x", 0, target_per_second=20.0, values=[]))
    export.write_histogram_logs(document(found, rates=[20.0]), tmp_path)
    (response,) = interval_lines(tmp_path / "127.0.0.1_70_x-1024-clients-20-per-second.response.hlog")
    (service,) = interval_lines(tmp_path / "127.0.0.1_70_x-1024-clients-20-per-second.service.hlog")
    assert (response.get_max_value(), service.get_max_value()) == (50, 3)


# compare


def write(folder: Path, name: str, made: Any) -> str:
    """Write a document to a file and return its path."""
    (folder / name).write_text(made if isinstance(made, str) else json.dumps(made))
    return str(folder / name)


def compared(folder: Path, a: Any, b: Any, *more: str) -> int:
    """Compare two documents and return the exit status."""
    return compare.main([write(folder, "a.json", a), write(folder, "b.json", b), *more])


def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is a row for each figure with its verdict; which direction is better depends on the figure."""
    a = completed([*runs("v1", [100, 101, 102]), *runs("v2", [1000, 1010, 1020])])
    b = completed([*runs("v2", [500, 505, 510], values=range(200, 2200))])
    b["servers"][0]["version"] = "1.1"
    assert compared(tmp_path, a, b) == 0
    printed = capsys.readouterr().out
    assert re.search(r"operations/s +1,010 +505 +0\.50x +0\.48x to 0\.52x +worse", printed)
    assert re.search(r"p99, us +1,089 +2,179 +2\.0x +2\.0x to 2\.0x +worse", printed)
    assert re.search(r"CPU, us/op +10\.0 +10\.0 +1\.00x +1\.00x to 1\.00x +within noise", printed)
    assert re.search(r"^\d figures compared: \d worse, \d within noise$", printed, re.M)
    assert "A and B differ: server v2: tseep v2 (1.0) and tseep v2 (1.1)" in printed
    assert "only in A: v1, 1,024 clients" in printed
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize(("ratio", "status"), [("1.5", 1), ("3", 0)])
def test_compare_fails_on_what_got_worse(
    ratio: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A significant change above the limit gives exit status 1 and a line."""
    a, b = completed(runs("v2", [1000, 1010, 1020])), completed(runs("v2", [500, 505, 510]))
    assert compared(tmp_path, a, b, "--fail-on", ratio) == status
    printed = capsys.readouterr().err
    line = "stress/run.py compare: v2, 1,024 clients: operations/s is 2.0x worse (1.92x to 2.1x), more than 1.50x\n"
    assert printed == (line if status else "")


def test_compare_lets_better_and_unsure_pass(tmp_path: Path) -> None:
    """A rate that doubled is no failure, nor is one that halved over two runs only."""
    a, b = completed(runs("v2", [500, 505, 510])), completed(runs("v2", [1000, 1010, 1020]))
    assert compared(tmp_path, a, b, "--fail-on", "1.1") == 0
    few = completed([*runs("v2", [100, 100]), *runs("v1", [100] * 3)])
    assert compared(tmp_path, completed([*a["runs"], *runs("v1", [100] * 3)]), few, "--fail-on", "1.1") == 0


def test_compare_fails_if_nothing_has_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit that judges no figure gives exit status 2, not 0."""
    few = completed(runs("v2", [100, 100]))
    assert compared(tmp_path, few, few, "--fail-on", "1.1") == 2
    assert capsys.readouterr().err == "stress/run.py compare: --fail-on: no figure has a verdict\n"


def test_compare_has_no_verdict_where_something_else_was_the_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the load or the machine as the limit only memory has a verdict; with a plan that exceeds the capacity all
    but the latencies have one."""
    a = completed(runs("v2", [1000, 1010, 1020]))
    for limit, words in (("load", "B: load limited"), ("machine", "B: machine full"), ("ended", "B: server ended")):
        b = completed(runs("v2", [500, 505, 510], limited_by=limit))
        memory = ["--figures", "per_second,resident_per_connection", "--fail-on", "1.5"]
        assert compared(tmp_path, a, b, *memory) == (2 if limit == "ended" else 0)
        printed = capsys.readouterr().out
        assert re.search(rf"operations/s .* {words} *\n", printed)
        assert f"no verdict: {2 if limit == 'ended' else 1}\n" in printed
    b = completed(runs("v2", [500, 505, 510], limited_by="saturated"))
    assert compared(tmp_path, a, b, "--fail-on", "1.5") == 1
    printed = capsys.readouterr().out
    assert re.search(r"operations/s .* worse *\n", printed) and re.search(r"p99, us .* B: saturated *\n", printed)


def test_compare_of_chosen_figures_and_servers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the chosen rows are compared, so that their intervals are narrower, and noise can be chosen."""
    a = completed([*runs("v1", [100, 101, 102]), *runs("v2", [1000, 1010, 1020])])
    b = completed([*runs("v1", [50, 51, 52]), *runs("v2", [1100, 1110, 1120])])
    chosen = ["--servers", "v2", "--figures", "per_second"]
    assert compared(tmp_path, a, b, *chosen, "--noise", "1.02", "--fail-on", "1.1") == 0
    printed = capsys.readouterr().out
    assert re.search(r"operations/s +1,010 +1,110 +1\.10x +1\.07x to 1\.13x +better", printed)
    assert "1 figure compared: 1 better\n" in printed
    assert "v1, 1,024 clients\n" not in printed and "p99" not in printed
    assert compared(tmp_path, a, b, "--servers", "v3") == 2
    with pytest.raises(SystemExit):
        compare.main(["a", "b", "--figures", "speed"])
    assert "'speed' is no figure. There are: per_second, " in capsys.readouterr().err


# compare, of the same code


def invented(draw: random.Random, number: int, sigma: float, slowed: float, factor: float = 1.0) -> dict[str, Any]:
    """Return a document of three servers whose figures vary by factors of the standard deviation C{sigma}, where a
    share of the runs is C{slowed} by half. The figures of a run depend on each other, as rate and latency do.
    C{factor} changes the rates."""
    made = document([])
    for server in ("v1", "v2", "v3"):
        luck = [draw.gauss(0, sigma) + (0.4 if draw.random() < slowed else 0) for _ in range(number)]
        figures = {}
        for name, figure in compare.FIGURES.items():
            sign = -1 if figure.more else 1
            own = [math.exp(sign * each + draw.gauss(0, sigma)) for each in luck]
            values = [1000 * each * (factor if name == "per_second" else 1) for each in own]
            figures[name] = {"median": statistics.median(values), "low": None, "high": None, "values": values}
        point = {"server": server, "clients": 1024, "target_per_second": None, "limited_by": None, "errors": 0}
        made["summaries"].append({**point, "figures": figures})
    return made


def judged(a: dict[str, Any], b: dict[str, Any], noise: float | None = None) -> list[str]:
    """Return the verdicts of all rows."""
    found = compare.common(a, b, compare.Chosen(list(compare.FIGURES), [], noise))
    return [change.verdict for changed in found.values() for change in changed]


@pytest.mark.parametrize("number", [3, 5])
@pytest.mark.parametrize(("sigma", "slowed"), [(0.01, 0.0), (0.05, 0.0), (0.3, 0.0), (0.05, 0.2)])
def test_the_same_code_has_no_verdict(number: int, sigma: float, slowed: float) -> None:
    """In one of twenty comparisons of the same code, or fewer, any of its 27 rows is called better or worse, even if
    nothing counts as noise."""
    draw = random.Random(1)
    trials = 200
    false = sum(
        not {"better", "worse"}.isdisjoint(
            judged(invented(draw, number, sigma, slowed), invented(draw, number, sigma, slowed), 1.0 + 1e-9)
        )
        for _ in range(trials)
    )
    assert false <= 0.05 * trials + 2 * math.sqrt(0.05 * 0.95 * trials)  # two deviations of that count


def test_a_day_that_is_slower_has_no_verdict() -> None:
    """A change of all runs of a document that is below the noise is no verdict, however little the runs vary."""
    draw = random.Random(2)
    for _ in range(50):
        verdicts = judged(invented(draw, 5, 0.004, 0.0), invented(draw, 5, 0.004, 0.0, factor=0.94))
        assert "worse" not in verdicts and "better" not in verdicts


def test_a_real_change_has_a_verdict() -> None:
    """With five runs that vary by 3 %, a rate that is 1.4 times lower is always called worse, and nothing else is."""
    draw = random.Random(3)
    for _ in range(50):
        verdicts = judged(invented(draw, 5, 0.02, 0.0), invented(draw, 5, 0.02, 0.0, factor=1 / 1.4))
        assert [verdicts[at] for at in (0, 9, 18)] == ["worse"] * 3
        assert verdicts.count("worse") == 3 and "better" not in verdicts


def test_compare_notes_errors_and_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors and limits of both documents are printed."""
    a = completed(runs("v2", [1, 1, 1], errors={"late": 2}))
    b = completed(runs("v2", [1, 1, 1], limited_by="load"))
    assert compared(tmp_path, a, b) == 0
    printed = capsys.readouterr().out
    assert "A: v2, 1,024 clients: 6 errors" in printed
    assert "B: the load limited v2, 1,024 clients" in printed


def other_workload() -> dict[str, Any]:
    """Return a document of pipelined requests."""
    made = completed(runs("v2", [1, 1, 1]))
    made["plan"]["workload"]["pipeline"] = 16
    return made


@pytest.mark.parametrize(
    ("b", "why"),
    [
        (other_workload(), "did not measure the same: pipeline 1 and 16"),
        (
            completed(runs("v1", [1, 1, 1])),
            "no server was measured at the same point: A has v2, 1,024 clients, and B v1, 1,024 clients",
        ),
        (document([]), "and B nothing"),
        ("{", "b.json: Expecting property name"),
        ("[]", "was not written by stress/run.py --json: at $, [] is not of type 'object'"),
        ('{"schema": NaN}', "NaN is no number of JSON"),
        ("[" * 100_000, "b.json"),
        ({**document([]), "date": 5}, "at $.date, 5 is not of type 'string'"),
        ({**document([]), "summaries": [{"server": "v2"}]}, "at $.summaries[0], 'clients' is a required property"),
    ],
)
def test_compare_refuses(b: Any, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two documents that cannot be compared give exit status 2 and one line with the reason."""
    assert compared(tmp_path, completed(runs("v2", [1, 1, 1])), b) == 2
    printed = capsys.readouterr().err
    assert why in printed
    assert len(printed.splitlines()) == 1


def test_compare_refuses_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file and a binary one give exit status 2."""
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    assert compare.main([str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 2
    assert "No such file" in capsys.readouterr().err
    a = write(tmp_path, "a.json", completed(runs("v2", [1, 1, 1])))
    assert compare.main([a, str(tmp_path / "b.json")]) == 2
    assert "can't decode" in capsys.readouterr().err


@pytest.mark.parametrize("ratio", ["0.9", "nan", "inf", "x"])
def test_compare_refuses_no_ratio(ratio: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A --fail-on below 1 is refused with an example."""
    with pytest.raises(SystemExit) as ended:
        compare.main(["a", "b", "--fail-on", ratio])
    assert ended.value.code == 2
    assert "is no ratio of at least 1" in capsys.readouterr().err


def test_compare_as_a_command(tmp_path: Path) -> None:
    """The help describes the exit statuses."""
    command = [sys.executable, str(STRESS / "run.py"), "compare", "--help"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0
    assert "Exit status" in ran.stdout
