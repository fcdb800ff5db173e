"""stress/report/page.py: true sentences, complete tables and charts, and their display in a browser."""

from __future__ import annotations

import copy
import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("jinja2", reason="the page is drawn on CPython")
pytest.importorskip("matplotlib", reason="matplotlib has no wheels for PyPy")

import jsonschema

from report import charts, compare, intervals, page, tables, units, verdict
from report.lookup import CONNECT, RATE, Measured
from servers import catalogue

from ..support.browsers import emulate, open_browser, resize
from . import STRESS, runs
from .documents import PROFILES, Record, ServerProfile, document, latency


def said(found: Record) -> list[str]:
    """The sentences of a document's summary, with plain spaces."""
    return [sentence.replace("\u00a0", " ") for sentence in verdict.sentences(Measured(found))]


def steady(rate: float, **more: Any) -> ServerProfile:
    """The profile of a server without variation between runs."""
    return ServerProfile("steady", rate=rate, noise=0, **more)


def bench(repeats: int = 3, **kinds: ServerProfile) -> Record:
    """A document of servers at 1,024 connections, where a server answers 94 % of the rate of its profile."""
    return document(kinds, repeats=repeats)


# Sentences


def test_three_sentences() -> None:
    """Every outcome gives three sentences with one full stop each."""
    for found in (bench(**PROFILES), bench(1, a=PROFILES["v2"]), document({}), document(rates=(5000, 90_000))):  # type: ignore[arg-type]
        sentences = said(found)
        assert len(sentences) == 3
        assert all(sentence.endswith(".") and not sentence.endswith("..") for sentence in sentences)


def test_who_is_first() -> None:
    """The fastest server is named with its rate, its ratio to the next one, and the others."""
    first = said(bench(a=steady(10_000), b=steady(40_000), c=steady(20_000)))[0]
    rates = "b had the highest rate, 37,600 requests/s, 2.00x c (18,800); a 9,400."
    assert first == f"With 1,024 connections {rates}"


def test_a_tie_is_no_win() -> None:
    """Servers that do not differ significantly are named together, even if neither is the document's first one."""
    near = {
        "a": steady(10_000),
        "b": ServerProfile("b", rate=50_000, noise=0.1),
        "c": ServerProfile("c", rate=50_500, noise=0.1),
    }
    first = said(bench(5, **near))[0]
    assert re.search(r"(b and c|c and b) had the highest rates, which do not differ significantly, ", first)
    assert first.endswith("; a 9,400.")


def test_the_same_in_every_run_is_a_tie() -> None:
    """Equal rates do not differ, and without slower servers they are not called the highest."""
    first = said(bench(a=steady(10_000), b=steady(10_000)))[0]
    assert (
        first
        == "With 1,024 connections a and b had rates that do not differ significantly, 9,400 and 9,400 requests/s."
    )


def test_few_runs_are_told() -> None:
    """With fewer than three runs the third sentence calls the significance unknown."""
    both = {"a": steady(10_000), "b": steady(40_000)}
    assert "with 1 run of each server the significance of differences is unknown" in said(bench(1, **both))[2]
    assert "with 2 runs of each server the significance of differences is unknown" in said(bench(2, **both))[2]
    assert "unknown" not in said(bench(3, **both))[2]
    assert "with 1 run of each server the variation of the figures is unknown" in said(bench(1, a=steady(10_000)))[2]


def test_errors_are_never_hidden() -> None:
    """Errors are mentioned with the leader's rate, and by kind."""
    sentences = said(bench(a=steady(10_000), b=steady(40_000, errors={"wrong": 2, "late": 12})))
    assert ", with 42 errors" in sentences[0]
    assert sentences[2].startswith("Errors: b 42 (36 late, 6 wrong);")
    assert "no request failed" not in sentences[2].lower()


def test_errors_elsewhere_are_told() -> None:
    """Errors of another server, at another number of connections, are mentioned."""
    found = document({"a": steady(10_000), "b": steady(40_000)}, clients=(128, 1024), repeats=3)
    found["runs"][0]["errors"] = {"closed": 3}
    assert said(found)[2].startswith("Errors: a 3 (3 closed);")


def test_limits_are_never_hidden() -> None:
    """If the load or the machine was the limit, a rate is a lower bound, and the third sentence names the servers."""
    limited = {"b": steady(40_000, limited_by="load"), "c": steady(5000, limited_by="machine")}
    sentences = said(bench(a=steady(10_000), **limited))  # type: ignore[arg-type]
    assert "b had the highest rate, at least 37,600 requests/s" in sentences[0]
    assert "The load limited b; the full machine limited c;" in sentences[2]
    all_of_them = said(bench(a=steady(10_000, limited_by="machine"), b=steady(40_000, limited_by="machine")))
    assert all_of_them[2].startswith("The full machine limited all servers;")


def test_where_a_server_was_limited_is_told() -> None:
    """A limit at some points only is mentioned with these points."""
    found = document({"a": steady(10_000), "b": steady(40_000)}, clients=(128, 1024), repeats=3)
    for summary in found["summaries"]:
        summary["limited_by"] = "load" if summary["server"] == "b" and summary["clients"] == 128 else None
    assert said(found)[2].startswith("The load limited b at 128;")


def test_all_is_well() -> None:
    """The absence of errors and limits is mentioned."""
    third = said(bench(a=steady(10_000), b=steady(40_000, cpu=20, memory=2000)))[2]
    assert third == (
        "No request failed, and the servers were the limit; with 3 runs of each server, all differences to a in "
        "rate, latency, CPU and memory here are significant."
    )


def test_what_makes_figures_doubtful_is_told() -> None:
    """Short runs, other programs and rates that differ between runs are in the third sentence."""
    found = bench(a=steady(10_000), b=steady(40_000))
    found["runs"][0]["operations"]["per_second"] = 94_000.0
    found["runs"][1]["others_share"] = 0.34
    assert said(found)[2].startswith(
        "Other programs used up to 34 % of the machine; the rates of a differ by 10.0x between runs; with 3 runs"
    )
    for run in found["runs"]:
        run["operations"]["seconds"] = 0.1
    assert said(found)[2].startswith("The runs took 100 ms, which checks replies and measures no rates; ")


def test_a_server_that_ended_is_told() -> None:
    """A server that ended during its runs is named, and its rate is not called a lower bound."""
    sentences = said(bench(a=steady(10_000), b=steady(40_000, limited_by="ended")))
    assert "b had the highest rate, 37,600 requests/s" in sentences[0]
    assert sentences[2].startswith("The process ended during the runs of b;")


def test_a_sweep_that_held_in_some_repeats() -> None:
    """Repeats in which a server held the bound at no rate are not left out of the third sentence."""
    found = swept(50_000.0)
    for run in found["runs"]:
        if run["server"] == "a" and run["repeat"] == 1:
            run["errors"] = {"wrong": 1}
    assert "; a held the bound in 2 of 3 repeats; " in said(found)[2]


def test_costs() -> None:
    """The least CPU and the least memory are given, each with its server."""
    second = said(bench(a=steady(10_000, cpu=50, memory=1024), b=steady(40_000, cpu=20, memory=2048)))[1]
    cpu, memory = "CPU per request, 20.0 µs (a 50.0 µs)", "memory per idle connection, 1.00 KiB (b 2.00 KiB)"
    assert second == f"b used the least {cpu}; a used the least {memory}."


def test_costs_that_are_not_known() -> None:
    """A server whose process could not be observed is mentioned."""
    kinds = {"a": steady(10_000, cpu=50, memory=1024), "b": steady(40_000, known=False)}
    assert said(bench(**kinds))[1].endswith("; the costs of b are unknown.")  # type: ignore[arg-type]
    assert "are unknown" in said(bench(b=kinds["b"]))[1]


def test_another_leader_with_fewer_connections() -> None:
    """A server that leads only with few connections is mentioned."""
    found = document({"a": steady(10_000), "b": steady(40_000)}, clients=(128, 1024), repeats=3)
    for run in found["runs"]:
        if run["clients"] == 128:
            run["server"] = {"a": "b", "b": "a"}[run["server"]]
    found["summaries"] = intervals.summaries(found["runs"])
    found["differences"] = intervals.differences(found["runs"], found["summaries"])
    first = said(found)[0]
    assert "b had the highest rate" in first
    assert first.endswith("; with 128 it was a (39,200).")


def test_an_open_loop() -> None:
    """The first sentence of an open loop has the servers that kept the plan, the lowest p99, and the servers that fell
    behind."""
    kinds = {"a": steady(10_000), "b": steady(60_000), "c": steady(30_000)}
    sentences = said(document(kinds, rates=(5000, 20_000), repeats=3))
    assert sentences[0].startswith("b and c kept the plan of 20,000 requests/s over 1,024 connections; ")
    assert "b had the lowest median p99, " in sentences[0]
    assert sentences[0].endswith("; a (9,400 requests/s) fell behind it.")
    assert sentences[2].startswith("The plan exceeded the capacity of a at 20,000/s;")


def test_an_open_loop_that_nobody_kept() -> None:
    """If all servers fell behind the plan, none of them leads."""
    first = said(document({"a": steady(10_000), "b": steady(8000)}, rates=(20_000,)))[0]
    plan = "the plan of 20,000 requests/s over 1,024 connections"
    assert first == f"a (9,400 requests/s) and b (7,520 requests/s) fell behind {plan}."


def test_a_full_machine_does_not_hide_that_a_plan_failed() -> None:
    """A server with fewer answers than planned fell behind, whatever limited it."""
    found = document({"a": steady(10_000, limited_by="machine"), "b": steady(60_000)}, rates=(20_000,), repeats=3)
    first = said(found)[0]
    assert first.startswith("b kept the plan of 20,000 requests/s over 1,024 connections, with a median p99 of ")
    assert first.endswith(" from the planned start; a (9,400 requests/s) fell behind it.")


def swept(p99_us: float) -> Record:
    """A document of a sweep with two servers."""
    found = document({"a": steady(10_000), "b": steady(60_000)}, rates=(5000, 20_000, 90_000), repeats=3)
    found["plan"]["pacing"].update(rates=[], p99_us=p99_us)
    return found


def test_a_sweep() -> None:
    """Only the highest rate of each server that held the p99 counts."""
    first = said(swept(50_000.0))[0]
    begin = "With 1,024 connections and a p99 within 50.0 ms "
    assert first == f"{begin}b had the highest rate, 20,000 requests/s, 4.00x a (5,000)."


def test_a_sweep_that_held_for_one() -> None:
    """A server that held the bound at no rate is mentioned, and not compared."""
    found = swept(50_000.0)
    for run in found["runs"]:
        if run["server"] == "a":
            run["errors"] = {"wrong": 1}
    sentences = said(found)
    assert "b had a rate of 20,000 requests/s" in sentences[0]
    assert sentences[0].endswith("; a had a p99 within 50.0 ms at no tested rate.")
    assert sentences[2].startswith("Errors: a 9 (9 wrong);")
    assert said(swept(1.0))[0] == "No tested rate had a p99 within 1.00 µs."


def test_the_loads_own_cost() -> None:
    """The sentence compares the CPU of the load with that of the cheapest server."""
    for cpu, text in ((50.0, "less than the 50.0 µs"), (5.0, "no less than the 5.00 µs")):
        measured = Measured(bench(a=steady(10_000, cpu=cpu)))
        text_of_cost = verdict.load_cost(measured, measured.points[-1]).replace("\u00a0", " ")
        assert f"per request to a, {text} of that server" in text_of_cost


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.00312, "0.0031"),
        (0.031, "0.031"),
        (1.234, "1.23"),
        (14.2, "14.2"),
        (61_234, "61,200"),
        (-3, "-3.00"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    """Numbers have three digits and no exponent."""
    assert units.number(value) == text


def test_a_unit_is_said_once() -> None:
    """A range has its unit once if both ends have the same."""
    assert units.between(units.time, 900, 990).replace("\u00a0", " ") == "900 to 990 µs"
    assert units.between(units.time, 900, 1100).replace("\u00a0", " ") == "900 µs to 1.10 ms"


# The page


def idle() -> Record:
    """A document of the idle workload, whose servers could not be observed."""
    found = document({name: kind._replace(known=False) for name, kind in PROFILES.items()}, clients=(8192,), repeats=3)
    found["plan"]["workload"]["name"], found["plan"]["active"] = "idle", 50
    return found


def silent() -> Record:
    """A document of a server that accepted connections and never answered."""
    found = document({"v2": PROFILES["v2"]}, repeats=1, seconds=1)
    for run in found["runs"]:
        run["operations"].update(answered=0, per_second=0.0, response=latency([]), service=latency([]))
        run["errors"] = {"missing": 1024}
    found["summaries"] = intervals.summaries(found["runs"])
    return found


def odd() -> Record:
    """A document of one run with errors, of a server whose name must be escaped in HTML and mathematical text."""
    kind = ServerProfile('<b>&"$x^2$', known=False, calls=None, errors={"late": 12, "wrong": 2}, limited_by="load")
    return document({'<b>"$x^2$': kind}, repeats=1, seconds=1)


def eleven() -> Record:
    """A document of eleven servers at one point, as one of the study's."""
    kinds = [*PROFILES.values()] * 3
    return document({f"server-{at}": kind for at, kind in enumerate(kinds[:11])}, repeats=3, seconds=4)


def many() -> Record:
    """A document of eight servers whose CPU differs by orders of magnitude."""
    kinds = [*PROFILES.values()] * 2
    named = {f"server-{at}-of-many": kind._replace(cpu=9.0 * 3**at) for at, kind in enumerate(kinds)}
    return document(named, clients=(512, 1024), repeats=3)


SHAPES = {
    "four servers": lambda: document(clients=(1024, 2048, 4096, 8192), repeats=5),
    "one run with errors": odd,
    "open loop": lambda: document(rates=(5000, 10_000, 20_000, 40_000), repeats=3),
    "open loop, one rate": lambda: document(clients=(1, 1024), rates=(20_000,), repeats=1),
    "open loop, many clients": lambda: document(clients=(256, 1024), rates=(5000, 9000), repeats=1),
    "sweep": lambda: swept(50_000.0),
    "sweep without an answer": lambda: swept(1.0),
    "idle": idle,
    "eight servers": many,
    "eleven servers": eleven,
    "nothing answered": silent,
    "nothing at all": lambda: document({}),
}
"""Documents of every shape."""

SAMPLES = pytest.mark.parametrize("name", SHAPES)

Drawn = dict[str, tuple[Record, Path]]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Every sample, drawn into a folder of its own."""
    made = {}
    for name, shape in SHAPES.items():
        made[name] = shape(), tmp_path_factory.mktemp("page") / "new" / "folder"
        page.write(*made[name])
    return made


def text_of(drawn: Drawn, name: str) -> str:
    """The HTML of a sample's page."""
    return (drawn[name][1] / "index.html").read_text(encoding="utf-8")


def section_of(text: str, name: str) -> str:
    """A section of a page, by its identifier."""
    found = re.search(rf'<section id="{name}">(.*?)</section>', text, re.S)
    assert found, name
    return found[1]


@SAMPLES
def test_the_samples_are_documents(name: str, drawn: Drawn) -> None:
    """The samples are valid for the schema."""
    schema = json.loads(compare.SCHEMA.read_text())
    jsonschema.Draft202012Validator(schema).validate(drawn[name][0])


@SAMPLES
def test_the_page_is_whole(name: str, drawn: Drawn) -> None:
    """The page has the summary, the plan, all runs and the commands, and loads nothing from elsewhere."""
    found, text = drawn[name][0], text_of(drawn, name)
    assert len(text) < 1_500_000
    plain = html.unescape(re.sub(r"<[^>]*>", "", text))
    for sentence in verdict.sentences(Measured(found)):
        assert sentence in plain
    assert found["command"] in plain
    assert f"All runs ({len(found['runs'])})" in plain
    assert not re.search(r"(src|href)=[\"'](?!#|data:)", text)
    assert "@import" not in text and not re.search(r"url\((?!['\"]?#)", text)
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', text)) <= set(names)


@SAMPLES
def test_every_chart_has_its_table_and_files(name: str, drawn: Drawn) -> None:
    """Each chart has a table in the page, and an SVG and a PNG in the folder."""
    folder = drawn[name][1]
    bodies = re.findall(r"<section id=\"[\w-]+\">(.*?)</section>", text_of(drawn, name), re.S)
    with_chart = [body for body in bodies if "<figure>" in body]
    assert all("<table" in body and "<title" in body and "<desc" in body for body in with_chart)
    assert len(list(folder.glob("*.png"))) == len(list(folder.glob("*.svg"))) == len(with_chart)
    for path in folder.glob("*.svg"):
        ElementTree.parse(path)
        assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_chart_for_every_question(drawn: Drawn) -> None:
    """A comparison has all charts; an open loop those of its plan, a sweep that of its rates."""
    costs = {"cpu-us-per-operation", "switches-per-operation", "system-calls-per-operation", "resident-per-connection"}
    always = {"latency", "connect-per-second", "time", "load-cpu-us-per-operation", *costs}
    of_shape = {
        "four servers": {"per-second"},
        "open loop": {"achieved", "response-service"},
        "sweep": {"tried", "per-second"},
    }
    for name, more in of_shape.items():
        assert {path.stem for path in drawn[name][1].glob("*.svg")} == always | more


def test_what_is_not_known_leaves_a_note(drawn: Drawn) -> None:
    """If the servers could not be observed, the page has the reason in place of the charts of their costs."""
    for name in ("cpu-us-per-operation", "switches-per-operation", "resident-per-connection"):
        section = section_of(text_of(drawn, "idle"), name)
        assert "are unknown" in section and "<svg" not in section


def test_marks_and_examples_stand_in_the_page(drawn: Drawn) -> None:
    """A row limited by the load has a mark with its meaning; errors have their first example, escaped."""
    text = text_of(drawn, "one run with errors")
    assert '<sup class="mark">*</sup>' in text
    assert "Limited by the load" in text
    assert "client 17: late &lt;b&gt;&amp;amp;&lt;/b&gt;" in section_of(text, "limits")
    assert "<b>&amp;" not in text


def test_the_tables_say_what_the_document_says(drawn: Drawn) -> None:
    """Figures in the page equal the document's."""
    found, text = drawn["four servers"][0], text_of(drawn, "four servers")
    for summary in found["summaries"]:
        rate, cpu = (summary["figures"][name] for name in ("per_second", "cpu_us_per_operation"))
        assert f"<td>{units.number(rate['median'])}<small>" in section_of(text, "per-second")
        low, high = units.time(cpu["low"]).split()[0], units.time(cpu["high"])
        assert f"<small>{low} to {high}</small>" in section_of(text, "cpu-us-per-operation")
        assert f"<td>{units.time(summary['latency']['p99_us'])}</td>" in section_of(text, "latency")


def test_the_same_document_gives_the_same_page(tmp_path: Path) -> None:
    """The page does not depend on when it is drawn."""
    found = document({"v2": PROFILES["v2"]}, repeats=3)
    for name in "ab":
        page.write(copy.deepcopy(found), tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_each_server_keeps_a_look_of_its_own() -> None:
    """No two servers have the same colour, marker and dashes, and twelve have a colour each."""
    styles = charts.server_styles([f"s{number}" for number in range(20)])
    assert len({(style.colour, style.marker, str(style.dashes)) for style in styles.values()}) == 20
    assert len({style.colour for style in list(styles.values())[:12]}) == 12


def compared(names: Sequence[str], clients: Sequence[int]) -> Measured:
    """Three runs of each server at each number of clients, with different rates."""
    found = [
        runs.run(name, 1000.0 * (1 + at * 3 % 11) + repeat, repeat, number, values=[100, 200])
        for number in clients
        for at, name in enumerate(names)
        for repeat in (1, 2, 3)
    ]
    made = runs.document(found)
    made["summaries"] = intervals.summaries(found)
    return Measured(made)


def test_one_point_has_a_row_for_each_server() -> None:
    """Where there are more servers than points, servers are rows; with one point in the order of the bars, the best
    one first, and with the interval beside the value."""
    names = [f"s{at}" for at in range(11)]
    measured = compared(names, [1024])
    table = tables.matrix(measured, RATE)
    assert table.head == ["server", "Requests per second", "95 % interval"]
    assert [row.name for row in table.rows] == sorted(names, key=lambda name: int(name[1:]) * 3 % 11, reverse=True)
    assert [row.name for row in table.rows] == charts.ordered(measured, RATE, names, measured.points[0])
    assert [len(row.cells) for row in table.rows] == [2] * 11
    assert all(" to " in row.cells[1].text and not row.cells[0].bounds for row in table.rows)
    assert charts.ordered(measured, CONNECT, names[:3], measured.points[0]) == names[:3]


def test_the_table_is_as_narrow_as_it_can_be() -> None:
    """With five servers at two points there are two columns, at six points five."""
    names = [f"s{at}" for at in range(5)]
    narrow = tables.matrix(compared(names, [512, 1024]), RATE)
    assert (narrow.head, len(narrow.rows)) == (["server", "512", "1,024"], 5)
    assert narrow.caption == "Requests per second by connections. Medians over the runs, each above its 95 % interval."
    long = tables.matrix(compared(names, [1, 2, 3, 4, 5, 6]), RATE)
    assert (long.head, len(long.rows)) == (["connections", *names], 6)


def test_two_percentiles_have_two_names() -> None:
    """The median of the p99 of several runs and the p99 of all their answers are named apart; of one run they are the
    same."""
    for repeats, of_runs, of_all in ((2, "median p99", "p99 of all answers"), (1, "p99", "p99")):
        measured = Measured(document({"v2": PROFILES["v2"]}, repeats=repeats))
        assert of_runs in tables.key(measured, measured.points[0]).head
        assert of_all in tables.latency(measured).head


def test_the_commands_that_repeat_a_run() -> None:
    """The extra of the compared servers is installed, and an environment for the PyPy of the command line."""
    found = document({"v2": PROFILES["v2"], "uvloop": PROFILES["v2"]})
    found["command"] = "stress/run.py --clients 1k --against uvloop --report 'my report'"
    assert page.commands(found) == [
        "python3 -m venv .venv",
        ". .venv/bin/activate",
        "pip install '.[stress,report,peers]' 'hdrhistogram==0.10.8' 'rich==13.9.4'",
        "python stress/run.py --clients 1k --against uvloop --report 'my report'",
    ]
    found["servers"] = [{"name": "v2-pypy"}, {"name": "threads"}, {"name": "twisted"}, {"name": "redis"}]
    for pypy, lines in {
        ".venv-pypy/bin/python": ["pypy3 -m venv .venv-pypy", ".venv-pypy/bin/python -m pip install ."],
        "pypy3": ["pypy3 -m pip install ."],
    }.items():
        found["command"] = f"stress/run.py --clients 1k --pypy {pypy}"
        assert page.commands(found)[2].startswith("pip install '.[stress,report]'")
        assert page.commands(found)[3:-1] == lines
    needing = {"fakeredis", "gevent", "uvloop", "valkey"}
    assert {name for name in catalogue.names() if catalogue.needs_peers(name)} == needing | {
        name + catalogue.ON_PYPY for name in needing - catalogue.CPYTHON_ONLY - {"valkey"}
    }


def test_no_line_ends_within_a_name() -> None:
    """The longest matching name is kept in one line; other text is only escaped."""
    names = ["v1", "asyncio", "asyncio-streams", "<b>"]
    assert page.unbroken(names, "asyncio-streams & v1, v12, <b> <i>") == (
        '<span class="name">asyncio-streams</span> &amp; <span class="name">v1</span>, v12, '
        '<span class="name">&lt;b&gt;</span> &lt;i&gt;'
    )
    assert page.unbroken([], "v1 <i>") == "v1 &lt;i&gt;"


# The command line


def call(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program of stress/ with these arguments."""
    command = [sys.executable, str(STRESS / program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)  # matplotlib on PyPy


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small document in a file."""
    path = tmp_path / "run.json"
    path.write_text(json.dumps(document({"v2": PROFILES["v2"]}, repeats=1, seconds=1)))
    return path


def test_the_command_line_draws_a_page(tmp_path: Path, small: Path) -> None:
    """The command prints the path of the page."""
    done = call("run.py", "page", small, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "out" / "index.html")
    assert (tmp_path / "out" / "index.html").is_file()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema": "tseep-stress-0"}', "\x00"])
def test_what_is_no_document_is_told(tmp_path: Path, small: Path, text: str) -> None:
    """A file that is no document gives one line and status 2."""
    small.write_text(text)
    done = call("run.py", "page", small, tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "run.json" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_wrong_figure_is_told(tmp_path: Path, small: Path) -> None:
    """The line has the path of the invalid value."""
    found = json.loads(small.read_text())
    found["runs"][0]["operations"]["per_second"] = "many"
    small.write_text(json.dumps(found))
    done = call("run.py", "page", small, tmp_path / "out")
    assert done.returncode == 2
    assert "per_second" in done.stderr and "'many'" in done.stderr and done.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing document gives one line and status 2."""
    done = call("run.py", "page", tmp_path / "none.json", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "No such file" in done.stderr


def test_a_folder_that_cannot_be_made_is_told(small: Path) -> None:
    """A file in place of the folder gives one line and status 2."""
    done = call("run.py", "page", small, small)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "run.json: File exists" in done.stderr


def test_the_last_answers_are_no_second() -> None:
    """The drain is left out of the series."""
    series = document()["runs"][0]["series"]
    assert series[-1]["phase"] == "drain"
    assert page.whole_seconds(series) == series[:-1]


def test_what_was_measured_is_drawn(tmp_path: Path) -> None:
    """A run with --report draws the page that its document gives later, with the lag of tseep's event loop."""
    files = ("--json", tmp_path / "run.json", "--report", tmp_path / "page")
    length = ("--duration", 3, "--warmup", 1, "--repeats", 1)
    done = call("run.py", "--clients", 20, "--mode", "v2", *length, *files)
    assert done.returncode == 0, done.stderr
    assert call("run.py", "page", tmp_path / "run.json", tmp_path / "again").returncode == 0
    text = (tmp_path / "page" / "index.html").read_text()
    assert text == (tmp_path / "again" / "index.html").read_text()
    plain = re.sub(r"<[^>]*>", "", text)
    assert "With 20 connections v2 had a rate of" in plain
    assert "maximum loop lag" in plain


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    with open_browser() as driver:
        yield driver


OVERFLOWING = """
const inside = (one) => one.parentElement.closest(".scroll");
const wide = (one) => one.matches(".scroll") || one.querySelector(".scroll");
return [...document.querySelectorAll("body *")].filter((one) => {
  if (inside(one)) return false;
  const box = one.getBoundingClientRect();
  const block = !(one instanceof SVGElement) && getComputedStyle(one).display !== "inline" && one.clientWidth;
  return box.width && (box.right > innerWidth + 1 || box.left < -1
    || block && !wide(one) && one.scrollWidth > one.clientWidth + 1);
}).map((one) => one.outerHTML.slice(0, 90));
"""
"""Elements that overflow the page, or their own box unless it is or has a scrolling one."""

CUT = """
const shown = (one) => one.getBoundingClientRect().width;
return [...document.querySelectorAll("figure svg")].filter(shown).flatMap((svg) => {
  const all = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].filter((text) => {
    const box = text.getBoundingClientRect();
    return box.left < all.left - 1 || box.right > all.right + 1 || box.top < all.top - 1 || box.bottom > all.bottom + 1;
  }).map((text) => text.textContent);
});
"""
"""Texts of charts that the edge of the chart cuts."""

OVERLAPPING = """
const shown = (one) => one.getBoundingClientRect().width;
const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
  && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
return [...document.querySelectorAll("figure svg")].filter(shown).flatMap((svg) => {
  const boxes = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], at) =>
    boxes.slice(at + 1).filter(([, b]) => meet(a, b)).map(([other]) => `${one} | ${other}`));
});
"""
"""Texts of charts that overlap."""

SMALL = """
const size = (text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
return [...document.querySelectorAll("figure svg text")]
  .filter((text) => text.getBoundingClientRect().width && size(text) < 9.5).map((text) => text.textContent);
"""
"""Texts of charts that are too small to read."""

CONTRASTS = """
const parse = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
const light = (colour) => {
  const linear = (c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = parse(colour).map((part) => linear(part / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (one) => {
  for (let at = one; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (!/, 0\\)$|transparent/.test(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
};
const found = {};
for (const one of document.querySelectorAll("body *")) {
  const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || !one.getBoundingClientRect().width) continue;
  const style = getComputedStyle(one);
  const colour = one instanceof SVGElement ? style.fill : style.color;
  const [a, b] = [light(colour), light(ground(one))].sort((x, y) => y - x);
  found[`${colour} on ${ground(one)}`] = (a + 0.05) / (b + 0.05);
}
return found;
"""
"""The contrast of every text with its background, as defined by WCAG 2."""

SHOWN = """
const all = (selector) => [...document.querySelectorAll(selector)];
return [all("figure svg").filter((one) => one.getBoundingClientRect().width).length, all("figure").length];
"""
"""The number of visible SVG elements, and of charts, each of which has two."""

TONES = """
const sum = (colour) => colour.match(/\\d+/g).map(Number).reduce((a, b) => a + b);
const words = document.querySelector("svg.wide text");
return [getComputedStyle(document.body).backgroundColor, getComputedStyle(words).fill].map(sum);
"""
"""The lightness of the page and of the texts of its charts."""

READABLE = 4.5  # the least contrast of text, by WCAG 2


def requested(browser: Any) -> list[str]:
    """The addresses that the browser requested."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [url for url in asked if not url.startswith("data:")]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)], ids=["phone", "desktop"])
@SAMPLES
def test_a_browser_shows_it_whole(browser: Any, drawn: Drawn, name: str, width: int, height: int, scheme: str) -> None:
    """Nothing is cut off, overlaps, is too small or too pale, is fetched, or logs an error."""
    url = (drawn[name][1] / "index.html").as_uri()
    emulate(browser, scheme)
    resize(browser, width, height)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(url)
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    for script in (OVERFLOWING, CUT, OVERLAPPING, SMALL):
        assert browser.execute_script(script) == []
    pale = {pair: ratio for pair, ratio in browser.execute_script(CONTRASTS).items() if ratio < READABLE}
    assert pale == {}
    shown, figures = browser.execute_script(SHOWN)
    assert shown == figures
    assert browser.get_log("browser") == []
    assert requested(browser) == [url]


@pytest.mark.browser
def test_the_first_screen_tells_the_verdict(browser: Any, drawn: Drawn) -> None:
    """The three sentences are on the first screen of a phone."""
    emulate(browser, "light")
    resize(browser, 390, 844)
    browser.get((drawn["four servers"][1] / "index.html").as_uri())
    ends = browser.execute_script(
        "return [...document.querySelectorAll('.sentence')].map((one) => one.getBoundingClientRect().bottom)"
    )
    assert len(ends) == 3 and max(ends) < 844


CUT_TABLES = """
return [...document.querySelectorAll(".scroll")].filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.textContent.trim().slice(0, 60));
"""
"""Tables that are wider than their boxes."""

SHADOW = """
const style = getComputedStyle(document.querySelector("#latency .scroll"));
return [style.backgroundImage.match(/gradient/g).length, style.backgroundAttachment];
"""


@pytest.mark.browser
@pytest.mark.parametrize("name", ["four servers", "eight servers", "eleven servers"])
def test_wide_tables_use_the_window(browser: Any, drawn: Drawn, name: str) -> None:
    """On a desktop no table is cut. On a phone wide ones scroll, with a shadow at the edge behind which there is
    more."""
    emulate(browser, "light")
    resize(browser, 1440, 900)
    browser.get((drawn[name][1] / "index.html").as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.execute_script(CUT_TABLES) == []
    resize(browser, 390, 844)
    assert any("of all answers" in text for text in browser.execute_script(CUT_TABLES))
    assert browser.execute_script(SHADOW) == [4, "local, local, scroll, scroll"]


@pytest.mark.browser
def test_dark_is_dark(browser: Any, drawn: Drawn) -> None:
    """With a dark colour scheme the page is dark, and the texts of its charts are light."""
    seen = []
    for scheme in ("light", "dark"):
        emulate(browser, scheme)
        browser.get((drawn["four servers"][1] / "index.html").as_uri())
        seen.append(browser.execute_script(TONES))
    (paper, ink), (night, chalk) = seen
    assert paper > 600 > 200 > ink
    assert chalk > 600 > 200 > night
