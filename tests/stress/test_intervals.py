"""stress/report/intervals.py: medians, their intervals, and significance, without random draws."""

from __future__ import annotations

import itertools
import json
import math
import random
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("hdrh")

from jsonschema import Draft202012Validator

from report import intervals

from . import STRESS
from .runs import document, run, runs, side

SCHEMA = json.loads((STRESS / "report" / "schema.json").read_text())
VALUES = [3.0, 10.0, 4.5, 8.25, 6.0, 7.0]


def completed(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a document with the summaries and differences of its runs."""
    made = document(found)
    made["summaries"] = intervals.summaries(found)
    made["differences"] = intervals.differences(found, made["summaries"])
    return made


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_chances_are_those_of_all_draws(number: int) -> None:
    """The computed probabilities equal those of an enumeration of all samples, for odd and even numbers."""
    values = VALUES[:number]
    iter_commands: Counter[float] = Counter()
    for draw in itertools.product(values, repeat=number):
        iter_commands[statistics.median(draw)] += 1
    ours: Counter[float] = Counter()
    for value, chance in intervals.medians(values):
        ours[value] += chance  # type: ignore[assignment]
    assert dict(ours) == pytest.approx({value: count / number**number for value, count in iter_commands.items()})


def by_all_draws(values: Sequence[float]) -> list[float]:
    """Return the interval from the sorted medians of all samples."""
    drawn = sorted(statistics.median(draw) for draw in itertools.product(values, repeat=len(values)))
    edge = int(len(drawn) * intervals.TAIL_SHARE)
    return [drawn[edge], drawn[-1 - edge]]


@pytest.mark.parametrize("number", [3, 4, 5, 6])
def test_interval_is_that_of_all_draws(number: int) -> None:
    """The bounds are percentiles of the medians of all samples."""
    found = intervals.interval(VALUES[:number])
    assert [found["low"], found["high"]] == by_all_draws(VALUES[:number])
    assert found["median"] == statistics.median(VALUES[:number])
    assert found["values"] == VALUES[:number]


def test_more_runs_narrow_the_interval() -> None:
    """With five runs it reaches from the lowest to the highest value; with fifteen it excludes the outer ones."""
    five = intervals.interval([float(value) for value in range(5)])
    fifteen = intervals.interval([float(value) for value in range(15)])
    assert (five["low"], five["high"]) == (0, 4)
    assert 2 < fifteen["low"] <= fifteen["median"] == 7 <= fifteen["high"] < 12


@pytest.mark.parametrize("number", [1, 2])
def test_few_runs_have_no_interval(number: int) -> None:
    """Fewer than three runs have a median only."""
    found = intervals.interval(VALUES[:number])
    assert (found["low"], found["high"]) == (None, None)
    compared = intervals.ratio(VALUES, VALUES[:number])
    assert compared is not None
    assert (compared.low, compared.high, compared.real) == (None, None, None)


# Critical values of Student's t from printed tables: degrees of freedom, chance, value.
T_TABLE = [
    (1, 0.05, 12.706),
    (2, 0.05, 4.303),
    (3, 0.05, 3.182),
    (8, 0.05, 2.306),
    (4, 0.01, 4.604),
    (8, 0.001, 5.041),
    (30, 0.05, 2.042),
]


@pytest.mark.parametrize(("freedom", "chance", "value"), T_TABLE)
def test_the_limits_of_t_are_those_of_the_tables(freedom: int, chance: float, value: float) -> None:
    """Even and odd degrees of freedom have the printed critical values."""
    assert intervals.t_limit(freedom, chance) == pytest.approx(value, abs=0.0006)
    assert intervals.probability_within(value, freedom) == pytest.approx(1 - chance, abs=1e-4)


def test_ratio_is_that_of_the_geometric_means() -> None:
    """The interval is Welch's, of the logarithms: here with 4 degrees of freedom and a critical value of 2.776."""
    one, other = [2.0, 4.0, 8.0], [0.5, 1.0, 2.0]
    found = intervals.ratio(one, other)
    assert found is not None and found.low is not None and found.high is not None
    reach = 2.7764 * math.sqrt(2 * math.log(2) ** 2 / 3)
    assert found.ratio == pytest.approx(4)
    assert (found.low, found.high) == pytest.approx((4 * math.exp(-reach), 4 * math.exp(reach)), rel=1e-4)


def test_more_comparisons_need_more() -> None:
    """With the number of comparisons the interval becomes longer, and a difference that is real alone is not."""
    one, other = [103.0, 106.0, 108.0, 110.0, 112.0], [100.0, 101.0, 104.0, 97.0, 99.0]
    alone, many = intervals.ratio(one, other), intervals.ratio(one, other, 27)
    assert alone is not None and many is not None
    assert (alone.ratio, alone.real, many.real) == (many.ratio, True, False)


@pytest.mark.parametrize(
    ("one", "real"), [([1.0, 1.1, 1.2], False), ([0.9, 1.0, 1.3], False), ([1.4, 1.5, 1.6], True), ([0.5] * 3, True)]
)
def test_real_leaves_out_one(one: list[float], real: bool) -> None:
    """A difference is significant if the interval excludes 1."""
    found = intervals.ratio(one, [1.0, 1.1, 1.2])
    assert found is not None
    assert found.real is real


@pytest.mark.parametrize(("number", "at_most"), [(3, 0.05), (5, 0.06), (7, 0.06)])
def test_equals_seldom_differ(number: int, at_most: float) -> None:
    """Between equal servers a difference is significant in one of twenty cases, as the documentation states."""
    draw = random.Random(1)
    found = [
        intervals.ratio(*([draw.gauss(100, 5) for _ in range(number)] for _ in range(2)))  # type: ignore[arg-type]
        for _ in range(1000)
    ]
    assert 0 < sum(each.real for each in found) / len(found) < at_most  # type: ignore[misc]


@pytest.mark.parametrize(("one", "other"), [([1.0, 0.0, 2.0], VALUES), (VALUES, [-1.0] * 3), ([], VALUES)])
def test_no_ratio(one: list[float], other: list[float]) -> None:
    """Values that are not above 0 have no ratio."""
    assert intervals.ratio(one, other) is None


def test_summaries() -> None:
    """The runs of a server at a point form one summary in any order, and it is valid for the schema."""
    found = [run("v1", 10), run("v2", 50), *runs("v1", [14, 12]), run("v1", 9, clients=2048)]
    made = completed(found)
    Draft202012Validator(SCHEMA).validate(made)
    first, second, third = made["summaries"]
    assert [first["server"], first["clients"], first["runs"]] == ["v1", 1024, 3]
    assert first["figures"]["per_second"] == {"median": 12, "low": 10, "high": 14, "values": [10, 14, 12]}
    assert (second["server"], third["clients"]) == ("v2", 2048)


def test_percentiles_come_from_the_sum() -> None:
    """The p99 of two runs with different latencies is that of all values; the mean of their percentiles would be
    550."""
    quick, slow = run("v1", 1, values=[100] * 990), run("v1", 1, values=[1000] * 10)
    (summary,) = intervals.summaries([quick, slow])
    at = summary["latency"]
    assert (at["number"], at["p50_us"], at["p90_us"], at["p99_us"]) == (1000, 100, 100, 100)
    assert at["p999_us"] == at["max_us"] == pytest.approx(1000, rel=0.001)
    assert at["mean_us"] == pytest.approx(109, rel=0.01)


@pytest.mark.parametrize(("number", "p99"), [(49, 49), (50, 50), (51, 50), (149, 148), (151, 149)])
def test_percentiles_of_few(number: int, p99: int) -> None:
    """The rank is p * n / 100, rounded: with 50 values or fewer the p99 is the highest."""
    (summary,) = intervals.summaries([run("v1", 1, values=range(1, number + 1))])
    assert summary["latency"]["p99_us"] == p99


def test_nothing_answered() -> None:
    """A run without answers has no latency, and an external server no figures of its own."""
    (summary,) = intervals.summaries([run("v1", 0, values=[], side=None, errors={"refused": 3, "late": 1})])
    assert summary["errors"] == 4
    assert (summary["latency"]["number"], summary["latency"]["p99_us"]) == (0, None)
    assert set(summary["figures"]) == {"per_second", "connect_per_second", "load_cpu_us_per_operation"}


def test_limits_are_those_of_most_runs() -> None:
    """The limit of the majority of the runs is the summary's."""
    found = [run("v1", 1, limited_by=limit) for limit in ("load", None, "load")]
    assert intervals.summaries(found)[0]["limited_by"] == "load"


def test_differences() -> None:
    """Each server is compared with the first one at the same point: the ratio of the medians."""
    found = [*runs("v1", [10, 11, 12]), *runs("v2", [50, 55, 60]), *runs("redis", [11, 12, 10])]
    found += runs("v2", [70, 71, 72], clients=2048)
    made = completed(found)
    Draft202012Validator(SCHEMA).validate(made)
    rates = [each for each in made["differences"] if each["figure"] == "per_second"]
    assert [(each["one"], each["other"], each["clients"], each["real"]) for each in rates] == [
        ("v2", "v1", 1024, True),
        ("redis", "v1", 1024, False),
    ]
    assert rates[0]["ratio"] == pytest.approx(5)
    assert rates[0]["sentence"] == "operations/s of v2: 5.0x v1 (3.3x to 7.6x), significant"
    assert rates[1]["sentence"] == "no significant difference in operations/s between redis and v1 (0.66x to 1.52x)"


def test_differences_leave_out_what_is_not_known() -> None:
    """There is no ratio to 0, nor to a server whose process cannot be observed."""
    found = [*runs("v1", [1] * 3, side=side(9.0, 0.0, 1000.0)), *runs("v2", [2] * 3), *runs("x", [3] * 3, side=None)]
    made = completed(found)
    compared = {each["figure"] for each in made["differences"] if each["one"] == "v2"}
    assert compared == set(intervals.COMPARED) - {"switches_per_operation"}
    assert {each["figure"] for each in made["differences"] if each["one"] == "x"} == {"per_second", "p99_us"}
    assert intervals.differences([], []) == []


def test_two_runs_tell_nothing() -> None:
    """With two runs the significance is unknown, and the sentence contains that."""
    (first, *_) = completed([*runs("v1", [10, 10]), *runs("v2", [20, 20])])["differences"]
    assert first["real"] is None
    assert first["sentence"].endswith("x v1; significance unknown with fewer than three runs")


def test_sentences() -> None:
    """There is a line for each server, at the largest point."""
    made = completed(
        [
            *runs("v1", [10, 11, 12], clients=100),
            *runs("v2", [10, 11, 12], clients=100),
            *runs("v1", [10, 11, 12], side=side(70.0, 40.0, 20_000.0)),
            *runs("v2", [50, 55, 60]),
        ]
    )
    assert intervals.sentences(made) == [
        "v2 compared with v1, 1,024 clients: operations/s 5.0x (3.5x to 7.0x), "
        "CPU per operation 0.14x (0.14x to 0.14x), context switches per operation 0.00050x (0.00050x to 0.00050x), "
        "memory per connection 0.055x (0.055x to 0.055x), no significant difference in p99 latency"
    ]
    assert intervals.sentences(document([])) == []


def test_sentences_of_an_open_loop() -> None:
    """The line names the highest rate."""
    found = [
        each for rate in (500, 1000) for name in ("v1", "v2") for each in runs(name, [9.0] * 2, target_per_second=rate)
    ]
    (line,) = intervals.sentences(completed(found))
    assert line.startswith("v2 compared with v1, 1,024 clients, 1,000 planned operations/s: operations/s 1.00x, p99")
    assert line.endswith("memory per connection 1.00x; significance unknown with fewer than three runs")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.000012345, "0.000012"), (0.0312, "0.031"), (0.31, "0.31"), (1.0, "1.00"), (4.84, "4.8"), (12345.6, "12,346")],
)
def test_digits(number: float, text: str) -> None:
    """Ratios have two or three digits and no exponent."""
    assert intervals.digits(number) == text
