"""stress/page.py: what a run measured as a page, whose sentences are true and which a browser shows whole."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

jinja2 = pytest.importorskip("jinja2", reason="the page is drawn on CPython")
pytest.importorskip("matplotlib", reason="matplotlib has no wheels for PyPy")

from .browsers import emulate, open_browser, resize
from .stress_documents import KINDS, Kind, Record, document

import charts  # stress/ is on the path since stress_documents
import compare
import jsonschema
import page
import verdict
import words
from measured import Measured

STRESS = Path(page.__file__).parent


def said(found: Record) -> List[str]:
    """The verdict's sentences, with plain spaces."""
    return [sentence.replace("\u00a0", " ") for sentence in verdict.sentences(Measured(found))]


def steady(rate: float, **more: Any) -> Kind:
    """A server whose runs are all alike."""
    return Kind("steady", rate=rate, noise=0, **more)


def bench(repeats: int = 5, **kinds: Kind) -> Record:
    """A document of some servers at 1,024 connections."""
    return document(kinds, repeats=repeats)


# Sentences


def test_three_sentences() -> None:
    """Whatever came out, the verdict has three sentences, each with a beginning and an end."""
    for found in (bench(**KINDS), bench(1, a=KINDS["v2"]), document({}), document(rates=(5000, 90_000))):
        sentences = said(found)
        assert len(sentences) == 3
        assert all(sentence.endswith(".") and not sentence.endswith("..") for sentence in sentences)


def test_who_is_first() -> None:
    """The fastest is named with its rate, its lead, and those behind."""
    first = said(bench(a=steady(10_000), b=steady(40_000), c=steady(20_000)))[0]
    assert first == (
        "With 1,024 connections b answered the most requests, 37,600 a second, 2.00 times as many as c (18,800); a 9,400."
    )


def test_a_tie_is_no_win() -> None:
    """Where the difference may be chance nobody is called first, also beside neither of the document's first server."""
    near = {"a": KINDS["v1"], "b": Kind("b", rate=50_000, noise=0.1), "c": Kind("c", rate=50_500, noise=0.1)}
    first = said(bench(**near))[0]
    assert "too close to call" in first
    assert re.search(r"(b and c|c and b) answered the most", first)
    assert first.endswith("; a 13,000.") or "; a 13," in first


def test_the_same_in_every_run_is_a_tie() -> None:
    """Equal figures are equal."""
    assert (
        "a and b answered the most requests and are too close to call"
        in said(bench(a=steady(10_000), b=steady(10_000)))[0]
    )


def test_few_runs_are_told() -> None:
    """With fewer than three runs nothing is certain, and the verdict says so."""
    for repeats, text in (
        (1, "with 1 run of each differences are not certain"),
        (2, "with 2 runs of each differences"),
    ):
        assert text in said(bench(repeats, a=steady(10_000), b=steady(40_000)))[2].lower()
    assert "it cannot be told how much the figures vary" in said(bench(1, a=steady(10_000)))[2]


def test_errors_are_never_hidden() -> None:
    """Errors stand in the verdict: beside the first, and by kind."""
    sentences = said(bench(a=steady(10_000), b=steady(40_000, errors={"wrong": 2, "late": 12})))
    assert "though with 70 errors" in sentences[0]
    assert sentences[2].startswith("Errors: b 70 (60 late, 10 wrong);")
    assert "no request failed" not in sentences[2]


def test_limits_are_never_hidden() -> None:
    """Where the load or the machine set the pace, a rate is a lower bound, and the verdict says whose."""
    sentences = said(bench(a=steady(10_000), b=steady(40_000, limited_by="load"), c=steady(5000, limited_by="machine")))
    assert "b answered the most requests, at least 37,600 a second" in sentences[0]
    assert "The load and not the server set the pace of b; the machine was full and set the pace of c" in sentences[2]


def test_all_is_well() -> None:
    """Without errors and limits that is said as well."""
    third = said(bench(a=steady(10_000), b=steady(40_000, cpu=20, memory=2000)))[2]
    assert third.startswith("No request failed, and it was the servers that set the pace; with 5 runs of each, ")


def test_costs() -> None:
    """The least CPU and the least memory are named, each with its server."""
    second = said(bench(a=steady(10_000, cpu=50, memory=1024), b=steady(40_000, cpu=20, memory=2048)))[1]
    assert second == (
        "A request cost b the least CPU, 20.0 µs (a 50.0 µs) and an idle connection cost a the least memory, 1.00 KiB (b 2.00 KiB)."
    )


def test_costs_that_are_not_known() -> None:
    """A server whose process nobody saw is told apart."""
    kinds = {"a": steady(10_000, cpu=50, memory=1024), "b": steady(40_000, known=False)}
    assert said(bench(**kinds))[1].endswith("; of b this is not known.")
    assert "is not known" in said(bench(b=kinds["b"]))[1]


def test_another_leader_with_fewer_connections() -> None:
    """A server that is first only where clients are few is told."""
    few = document({"a": steady(10_000), "b": steady(40_000)}, clients=(128, 1024), repeats=3)
    for record in [*few["runs"], *few["summaries"]]:
        if record["clients"] == 128:
            record["server"] = {"a": "b", "b": "a"}[record["server"]]
    few["differences"] = []
    assert "; with 128 it was a (" in said(few)[0]


def test_an_open_loop() -> None:
    """Of an open loop it is told who kept to the plan, who answered soonest, and who could not."""
    found = document({"a": steady(10_000), "b": steady(60_000), "c": steady(30_000)}, rates=(5000, 20_000), repeats=3)
    sentences = said(found)
    assert sentences[0].startswith("b and c kept up with 20,000 planned requests a second over 1,024 connections; ")
    assert "soonest from b, within" in sentences[0]
    assert sentences[0].endswith("; a could not keep up.")
    assert sentences[2].startswith("More was planned than was done by a at 20,000 a second;")


def test_an_open_loop_that_nobody_kept() -> None:
    """Saturation of all is no victory of one."""
    kinds = {"a": steady(10_000), "b": steady(8000)}
    assert said(document(kinds, rates=(20_000,)))[0].startswith("None of 20,000 planned requests a second over 1,024")
    alone = said(document({"a": kinds["a"]}, rates=(20_000,)))[0]
    assert alone.startswith("a could not keep up with 20,000 planned requests a second")


def test_a_sweep() -> None:
    """Of a sweep the highest rate that held the p99 is told, of each server."""
    found = document({"a": steady(10_000), "b": steady(60_000)}, rates=(5000, 20_000, 90_000), repeats=3)
    found["plan"]["pacing"]["p99_us"] = 50_000.0
    first = said(found)[0]
    assert "b up to 20,000 and a up to 5,000 were answered with the 99th percentile within 50.0 ms" in first
    found["plan"]["pacing"]["p99_us"] = 1.0
    assert said(found)[0] == "At no rate that was tried was the 99th percentile within 1.00 µs."


def test_the_loads_own_cost() -> None:
    """It is said whether the load took less CPU than the cheapest server."""
    for cpu, text in ((50.0, "less than the 50.0 µs"), (5.0, "no less than the 5.00 µs")):
        measured = Measured(bench(a=steady(10_000, cpu=cpu)))
        assert text in verdict.load_cost(measured, measured.points[-1]).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.00312, "0.0031"),
        (0.031, "0.031"),
        (1.234, "1.23"),
        (14.25, "14.2"),
        (61_234, "61,200"),
        (-3.0, "-3.00"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    """Three digits, never powers of ten."""
    assert words.number(value) == text


# The page


def samples() -> Dict[str, Record]:
    """Documents of every shape."""
    idle = document({name: kind._replace(known=False) for name, kind in KINDS.items()}, clients=(8192,), repeats=3)
    idle["plan"]["workload"]["name"], idle["plan"]["active"] = "idle", 50
    odd = Kind('<b>&"$x^2$', known=False, calls=None, errors={"late": 12, "wrong": 2}, limited_by="load")
    empty = document({})
    silent = document({"v2": KINDS["v2"]}, repeats=1, seconds=1)
    nothing = {name: None for name in ("p50_us", "p90_us", "p99_us", "p999_us", "max_us", "mean_us")}
    hollow = {"number": 0, **nothing, "histogram": charts_histogram()}
    for run in silent["runs"]:
        run["operations"].update(answered=0, per_second=0.0, response=hollow, service=hollow)
        run["errors"] = {"missing": 1024}
    silent["summaries"] = page_summaries(silent["runs"])
    return {
        "four servers": document(clients=(1024, 2048, 4096, 8192), repeats=5),
        "one run with errors": document({'<b>"': odd}, repeats=1, seconds=1),
        "open loop": document(rates=(5000, 10_000, 20_000, 40_000), repeats=3),
        "open loop, one rate": document(clients=(1, 1024), rates=(20_000,), repeats=1),
        "idle": idle,
        "eight servers": document({f"server-{at}-of-many": kind._replace(cpu=9.0 * 3**at) for at, kind in
                                   enumerate([*KINDS.values()] * 2)}, clients=(512, 1024), repeats=3),
        "nothing answered": silent,
        "nothing at all": empty,
    }  # fmt: skip


def charts_histogram() -> str:
    """A histogram of nothing."""
    from .stress_documents import latency

    return str(latency([])["histogram"])


def page_summaries(runs: List[Record]) -> List[Record]:
    """Summaries of changed runs."""
    import bootstrap

    return list(bootstrap.summaries(runs))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Tuple[Record, Path]]:
    """Every sample, drawn into a folder of its own."""
    made = {}
    for name, found in samples().items():
        folder = tmp_path_factory.mktemp("page") / "new" / "folder"
        page.write(found, folder)
        made[name] = found, folder
    return made


NAMES = [
    "four servers", "one run with errors", "open loop", "open loop, one rate", "idle", "eight servers", "nothing answered",
    "nothing at all",
]  # fmt: skip
SAMPLES = pytest.mark.parametrize("name", NAMES)


@SAMPLES
def test_the_samples_are_documents(name: str, drawn: Dict[str, Tuple[Record, Path]]) -> None:
    """What the tests draw is what the schema allows."""
    schema = json.loads(compare.SCHEMA.read_text())
    jsonschema.Draft202012Validator(schema).validate(drawn[name][0])


@SAMPLES
def test_the_page_is_whole(name: str, drawn: Dict[str, Tuple[Record, Path]]) -> None:
    """The page has the verdict, the plan, every run and the commands; nothing in it is fetched from elsewhere."""
    found, folder = drawn[name]
    html = (folder / "index.html").read_text()
    assert len(html) < 1_500_000
    text = re.sub(r"<[^>]*>", "", html)
    import html as escapes

    plain = escapes.unescape(text)
    for sentence in verdict.sentences(Measured(found)):
        assert sentence in plain
    assert found["command"] in plain
    assert f"Every run ({len(found['runs'])})" in plain
    assert not re.search(r"(src|href)=[\"'](?!#|data:)", html)
    assert "@import" not in html and not re.search(r"url\((?!#|['\"]?#)", html)
    assert len(re.findall(r'\bid="([^"]+)"', html)) == len(set(re.findall(r'\bid="([^"]+)"', html)))


@SAMPLES
def test_every_chart_has_its_table_and_files(name: str, drawn: Dict[str, Tuple[Record, Path]]) -> None:
    """Beside each chart stands a table in the page, and an SVG and a PNG in the folder."""
    folder = drawn[name][1]
    html = (folder / "index.html").read_text()
    parts = re.findall(r"<section id=\"([\w-]+)\">(.*?)</section>", html, re.S)
    with_chart = [part for part, body in parts if "<figure>" in body]
    assert all("<table" in body for part, body in parts if part in with_chart)
    assert sorted(path.stem for path in folder.glob("*.png")) == sorted(path.stem for path in folder.glob("*.svg"))
    assert len(list(folder.glob("*.png"))) == len(with_chart)
    for path in folder.glob("*.svg"):
        ElementTree.parse(path)
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_what_is_not_known_leaves_a_note(drawn: Dict[str, Tuple[Record, Path]]) -> None:
    """Where nobody saw the servers, no chart of their costs is drawn, and the page says why."""
    html = (drawn["idle"][1] / "index.html").read_text()
    for name in ("cpu-us-per-operation", "switches-per-operation", "resident-per-connection"):
        section = re.search(rf'<section id="{name}">(.*?)</section>', html, re.S)
        assert section and "not known" in section[1] and "<svg" not in section[1]


def test_marks_and_examples_stand_in_the_page(drawn: Dict[str, Tuple[Record, Path]]) -> None:
    """A row that the load limited has its mark and what that means; errors have their first example, as text."""
    html = (drawn["one run with errors"][1] / "index.html").read_text()
    assert '<sup class="mark">*</sup>' in html
    assert "The load set the pace" in html
    assert "client 17: late &lt;b&gt;&amp;amp;&lt;/b&gt;" in html
    assert "<b>&amp;" not in html


def test_the_same_document_gives_the_same_page(tmp_path: Path) -> None:
    """Nothing in the page depends on when it is drawn."""
    found = document({"v2": KINDS["v2"]}, repeats=3)
    for name in "ab":
        page.write(copy.deepcopy(found), tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_each_server_keeps_its_look() -> None:
    """Colour, marker and dashes together are no two servers'."""
    looks = charts.styles([f"s{number}" for number in range(20)])
    assert len({(look.colour, look.marker, str(look.dashes)) for look in looks.values()}) == 20


# The command line


def call(*words_: object) -> "subprocess.CompletedProcess[str]":
    """Call stress/page.py."""
    return subprocess.run(
        [sys.executable, str(STRESS / "page.py"), *map(str, words_)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_line_draws_a_page(tmp_path: Path) -> None:
    """It says where the page is."""
    (tmp_path / "run.json").write_text(json.dumps(document({"v2": KINDS["v2"]}, repeats=1, seconds=1)))
    done = call(tmp_path / "run.json", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "out" / "index.html")
    assert (tmp_path / "out" / "index.html").stat().st_size > 10_000


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema": "tseep-stress-0"}', "\x00"])
def test_what_is_no_document_is_told(tmp_path: Path, text: str) -> None:
    """One line of help, and status 2."""
    (tmp_path / "run.json").write_text(text)
    done = call(tmp_path / "run.json", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "run.json" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_document_with_a_wrong_figure_is_told(tmp_path: Path) -> None:
    """The line says where."""
    found = document({"v2": KINDS["v2"]}, repeats=1, seconds=1)
    found["runs"][0]["operations"]["per_second"] = "many"
    (tmp_path / "run.json").write_text(json.dumps(found))
    done = call(tmp_path / "run.json", tmp_path / "out")
    assert done.returncode == 2
    assert "per_second" in done.stderr and "'many'" in done.stderr


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """So is a file where the folder would be."""
    (tmp_path / "run.json").write_text(json.dumps(document({"v2": KINDS["v2"]}, repeats=1, seconds=1)))
    done = call(tmp_path / "run.json", tmp_path / "run.json")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "run.json: File exists" in done.stderr


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, without a window."""
    with open_browser() as driver:
        yield driver


OVERFLOWING = """
const inside = (one) => one.closest(".scroll, pre");
return [...document.querySelectorAll("body *")].filter((one) => {
  if (inside(one)) return false;
  const box = one.getBoundingClientRect();
  return box.width && (box.right > innerWidth + 1 || box.left < -1 || one.scrollWidth > one.clientWidth + 1 && one.clientWidth
    && getComputedStyle(one).display !== "inline" && !(one instanceof SVGElement));
}).map((one) => one.outerHTML.slice(0, 90));
"""
"""What does not fit, but for what has a box of its own to scroll in."""

CUT = """
return [...document.querySelectorAll("figure svg")].filter((svg) => svg.getBoundingClientRect().width).flatMap((svg) => {
  const all = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].filter((text) => {
    const box = text.getBoundingClientRect();
    return box.left < all.left - 1 || box.right > all.right + 1 || box.top < all.top - 1 || box.bottom > all.bottom + 1;
  }).map((text) => text.textContent);
});
"""
"""Words of charts that their edge cuts."""

OVERLAPPING = """
return [...document.querySelectorAll("figure svg")].filter((svg) => svg.getBoundingClientRect().width).flatMap((svg) => {
  const boxes = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], at) => boxes.slice(at + 1).filter(([other, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3
  ).map(([other]) => `${one} | ${other}`));
});
"""
"""Words of charts that lie on each other."""

SMALL = """
return [...document.querySelectorAll("figure svg text")].filter((text) => text.getBoundingClientRect().width)
  .filter((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a < 9.5).map((text) => text.textContent);
"""
"""Words of charts that are too small to be read."""

CONTRASTS = """
const parse = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
const light = (colour) => {
  const [r, g, b] = parse(colour).map((part) => part / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
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
"""The contrast of every text with what is behind it, by WCAG 2."""


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)], ids=["phone", "desktop"])
@SAMPLES
def test_a_browser_shows_it_whole(
    browser: Any, drawn: Dict[str, Tuple[Record, Path]], name: str, width: int, height: int, scheme: str
) -> None:
    """Nothing is cut off, lies on something else, is too small or too pale, is fetched or goes wrong."""
    emulate(browser, scheme)
    resize(browser, width, height)
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get((drawn[name][1] / "index.html").as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    for script in (OVERFLOWING, CUT, OVERLAPPING, SMALL):
        assert browser.execute_script(script) == []
    contrasts = browser.execute_script(CONTRASTS)
    assert {pair: ratio for pair, ratio in contrasts.items() if ratio < 4.5} == {}
    shown = browser.execute_script(
        "return [...document.querySelectorAll('figure svg')].filter((e) => e.clientWidth).length"
    )
    assert shown == browser.execute_script("return document.querySelectorAll('figure').length")
    assert browser.get_log("browser") == []
    assert requested(browser) == [(drawn[name][1] / "index.html").as_uri()]


def requested(browser: Any) -> List[str]:
    """What the browser asked for."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [url for url in asked if not url.startswith("data:")]


@pytest.mark.browser
def test_the_first_screen_tells_the_verdict(browser: Any, drawn: Dict[str, Tuple[Record, Path]]) -> None:
    """The three sentences stand on the first screen of a phone."""
    emulate(browser, "light")
    resize(browser, 390, 844)
    browser.get((drawn["four servers"][1] / "index.html").as_uri())
    ends = browser.execute_script(
        "return [...document.querySelectorAll('.sentence')].map((one) => one.getBoundingClientRect().bottom)"
    )
    assert len(ends) == 3 and max(ends) < 844


@pytest.mark.browser
def test_dark_is_dark(browser: Any, drawn: Dict[str, Tuple[Record, Path]]) -> None:
    """In the dark the page is dark, and so are its charts: their axes' text is light."""
    seen = []
    for scheme in ("light", "dark"):
        emulate(browser, scheme)
        browser.get((drawn["four servers"][1] / "index.html").as_uri())
        seen.append(browser.execute_script(
            "return [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('svg.wide text, "
            "svg.narrow text')).fill].map((c) => c.match(/\\d+/g).map(Number).reduce((a, b) => a + b))"
        ))  # fmt: skip
    (paper, ink), (night, chalk) = seen
    assert paper > 600 > 200 > ink
    assert chalk > 600 > 200 > night
