"""The requests of the rig and their answers, sizes, distributions of keys, planned starts, and the sweep."""

from __future__ import annotations

import argparse
import random
from collections import Counter
from itertools import islice
from statistics import mean, pstdev
from typing import Any

import pytest

pytest.importorskip("hdrh")
pytest.importorskip("rich")

from rig import options, pacing, sweep, workloads
from rig.codec import NATIVE, RESP, Protocol
from rig.workloads import Workload

SECOND = 10**9


def mix(**changes: Any) -> Workload:
    """Return a mix workload with these changes."""
    return Workload("mix", "resp", 1, 0.1, options.value_sizes("64"), 1000, "uniform")._replace(**changes)


@pytest.mark.parametrize("protocol", [NATIVE, RESP])
def test_a_check_reads_nothing_writes_and_reads_back(protocol: Protocol) -> None:
    """A check is READ, WRITE, READ of 255 bytes; the same seed gives the same requests."""
    (first, nothing), (write, stored), (again, back) = islice(workloads.check(protocol, 7, 3), 3)
    key, value = workloads.pair(7, 3, 0)
    assert (len(key), len(value)) == (255, 255)
    assert first == again == protocol.read(key)
    assert write == protocol.write(key, value)
    assert (nothing, stored, back) == (protocol.nothing, protocol.stored(value), protocol.value(value))
    others = [workloads.pair(8, 3, 0), workloads.pair(7, 4, 0), workloads.pair(7, 3, 1)]
    assert len({key, *(other for other, _ in others)}) == 4


def test_requests_are_joined_to_groups_that_tell_where_each_answer_ends() -> None:
    """Seven requests form groups of three, three and one, with the ends of the answers."""
    pairs = [(b"r%d" % n, b"a" * n) for n in range(1, 8)]
    first, second, last = workloads.grouped(iter(pairs), 3)
    assert first == (b"r1r2r3", b"aaaaaa", (1, 3, 6))
    assert second.ends == (4, 9, 15)
    assert last == (b"r7", b"a" * 7, (7,))


def test_every_get_of_a_mix_has_the_value_that_belongs_to_its_key() -> None:
    """A SET writes the same value again, so that the answer does not depend on the order of the clients."""
    workload = mix(values=options.value_sizes("32-1024"), sets=0.5)
    writes = {
        RESP.write(key, value): (RESP.read(key), RESP.value(value))
        for key, value in ((workloads.key_of(n), workloads.value_of(workload.values, 9, n)) for n in range(1000))
    }
    gets = dict(writes.values())
    drawn = list(workloads.mixed(workload, 9, random.Random(1), 5000))
    for request, answer in drawn:
        assert gets.get(request, RESP.stored(b"")) == answer
        assert request in gets or request in writes
    assert sum(request in writes for request, _ in drawn) == pytest.approx(2500, rel=0.1)


def test_sizes_are_drawn_with_their_weights() -> None:
    """One value in ten has 1,024 bytes, the others 10 to 19; the key determines the size."""
    sizes = options.value_sizes("10-19:9,1024:1")
    drawn = Counter(len(workloads.value_of(sizes, 5, number)) for number in range(20_000))
    assert set(drawn) == {*range(10, 20), 1024}
    assert drawn[1024] == pytest.approx(2000, rel=0.1)
    assert all(drawn[size] == pytest.approx(1800, rel=0.15) for size in range(10, 20))
    assert sizes.mean == pytest.approx(0.9 * 14.5 + 0.1 * 1024)
    assert workloads.value_of(sizes, 5, 7) == workloads.value_of(sizes, 5, 7) != workloads.value_of(sizes, 6, 7)


def test_zipfs_law() -> None:
    """The key of rank n is n**0.99 times less frequent than the first."""
    drawn = Counter(workloads.choose_keys(mix(choice="zipf"), random.Random(3), 200_000))
    for rank in (2, 5, 20):
        assert drawn[0] / drawn[rank - 1] == pytest.approx(rank**0.99, rel=0.15)
    assert max(drawn) < 1000


def test_gaussian_and_uniform_choice() -> None:
    """Gaussian keys have a standard deviation of a sixth of the range around its middle; uniform ones fill the
    range."""
    gaussian = workloads.choose_keys(mix(choice="gaussian"), random.Random(3), 50_000)
    assert mean(gaussian) == pytest.approx(500, rel=0.01)
    assert pstdev(gaussian) == pytest.approx(1000 / 6, rel=0.03)
    assert 0 <= min(gaussian) <= max(gaussian) < 1000
    uniform = workloads.choose_keys(mix(), random.Random(3), 50_000)
    assert (min(uniform), max(uniform)) == (0, 999)
    assert pstdev(uniform) == pytest.approx(1000 / 12**0.5, rel=0.02)


def test_rounds_end_and_the_rest_goes_on() -> None:
    """A client has one group per round; without rounds the requests are endless."""
    few = workloads.RequestSource(mix(pipeline=4), 3, 1, 0, 2).of(0)
    assert [len(request.ends) for request in few] == [4, 4, 4]
    seed = mix(name="seed", pipeline=2)
    assert [len(request.ends) for request in workloads.RequestSource(seed, 3, 1, 0, 2).of(0)] == [2, 2, 2, 2, 1]
    assert workloads.asked(seed, 3, 10) == 90
    assert workloads.asked(mix(pipeline=4), 3, 10) == 120
    small = mix(values=options.value_sizes(str(1 << 20)), keys=10)
    endless = workloads.RequestSource(small, None, 1, 0, 2).of(0)
    assert len(list(islice(endless, 500))) == 500 > workloads.max_requests(small)


# When


def test_a_constant_rate_is_one() -> None:
    """Starts have equal distances, in any phase, and do not drift."""
    starts = list(islice(pacing.constant(3000, 0.5), 9001))
    assert starts[0] == SECOND // 6000
    assert starts[9000] - starts[0] == pytest.approx(3 * SECOND, abs=2)
    assert {after - before for before, after in zip(starts, starts[1:])} <= {333_333, 333_334}


def test_a_poisson_process_is_one() -> None:
    """The gaps have the given mean and an equal standard deviation; the same seed gives the same gaps."""
    starts = list(islice(pacing.poisson(1000, random.Random(2)), 50_000))
    gaps = [after - before for before, after in zip(starts, starts[1:])]
    assert mean(gaps) == pytest.approx(SECOND / 1000, rel=0.02)
    assert pstdev(gaps) == pytest.approx(SECOND / 1000, rel=0.03)
    assert starts == list(islice(pacing.poisson(1000, random.Random(2)), 50_000))


def test_processes_share_a_rate_and_do_not_start_together() -> None:
    """Two processes of one constant rate of 100 per second have 100 starts in total, at equal distances."""
    plan = pacing.Pacing(100.0, pacing.CONSTANT)
    both = sorted(start for phase in (0.0, 0.5) for start in islice(pacing.starts(plan, 0.5, phase, "1"), 50))
    assert [after - before for before, after in zip(both, both[1:])] == [SECOND // 100] * 99


def test_whose_turn_it_is() -> None:
    """Clients alternate at a constant rate, and are random in a Poisson process."""
    assert list(islice(pacing.client_order(pacing.Pacing(1.0, pacing.CONSTANT), 3, "1"), 7)) == [0, 1, 2, 0, 1, 2, 0]
    drawn = Counter(islice(pacing.client_order(pacing.Pacing(1.0, pacing.POISSON), 4, "1"), 40_000))
    assert all(drawn[client] == pytest.approx(10_000, rel=0.05) for client in range(4))


@pytest.mark.parametrize("limit", [1.0, 90.0, 47_000.0, 99_999.0, 10**6])
def test_a_sweep_finds_the_rate(limit: float) -> None:
    """The search approaches the highest good rate from below, in a few steps."""
    tried = list(sweep.search(100_000.0, lambda rate: rate <= limit))
    held = [rate for rate in tried if rate <= limit]
    assert len(tried) <= sweep.MAX_STEPS
    if limit > 100:
        assert max(held) >= min(limit, 100_000) * (1 - 2 * sweep.RATE_TOLERANCE)


def run_of(rate: float, p99: float | None, answered: float, errors: int = 0) -> dict[str, Any]:
    """Return the part of a run that a sweep reads."""
    return {
        "server": "v2",
        "clients": 8,
        "repeat": 1,
        "target_per_second": rate,
        "operations": {"asked": rate, "answered": answered, "response": {"p99_us": p99}},
        "errors": {"late": errors} if errors else {},
    }


def test_what_holds_a_p99() -> None:
    """A run holds with the p99 within the bound, the plan kept, and no error."""
    assert sweep.holds(run_of(100, 4999, 100), 0.005)
    assert not sweep.holds(run_of(100, 5001, 100), 0.005)
    assert not sweep.holds(run_of(100, 4999, 98), 0.005)
    assert not sweep.holds(run_of(100, 4999, 100, errors=1), 0.005)
    assert not sweep.holds(run_of(100, None, 0), 0.005)


def test_the_answer_of_a_sweep() -> None:
    """The result is the highest rate that held, even if a higher one was tested; the lowest one tested if none held."""
    runs = [run_of(100, 9000, 100), run_of(50, 1000, 50), run_of(75, 4000, 75)]
    (best,) = sweep.best(runs, 0.005).values()
    assert best["target_per_second"] == 75
    (best,) = sweep.best(runs, 0.0005).values()
    assert best["target_per_second"] == 50


# The command line's words


@pytest.mark.parametrize(("text", "of_200"), [("1%", 2), ("0.1%", 1), ("100%", 200), ("50", 50), ("1k", 200)])
def test_a_part_of_the_clients(text: str, of_200: int) -> None:
    """A percentage or a number gives at least one client and at most all."""
    assert options.part(text)(200) == of_200


@pytest.mark.parametrize(
    ("read", "wrong"),
    [
        (options.part, "0%"),
        (options.part, "101%"),
        (options.part, "x%"),
        (options.value_sizes, ""),
        (options.value_sizes, "0"),
        (options.value_sizes, "64-32"),
        (options.value_sizes, "64:0,x"),
        (options.value_sizes, "2000000"),
        (options.rate, "0"),
        (options.rate, "k"),
        (options.rate, "inf"),
        (options.share, "1.1"),
        (options.share, "nan"),
        (options.pipeline, "65"),
        (options.pipeline, "0"),
        (options.pause, "-1"),
    ],
)
def test_other_words_are_refused(read: Any, wrong: str) -> None:
    """The message contains the refused word."""
    with pytest.raises(argparse.ArgumentTypeError, match="''" if not wrong else None):
        read(wrong)


def test_rates_and_sizes_are_read() -> None:
    """A k of a rate is a thousand; only a k of clients is 1,024."""
    assert options.rates("500,20k,1.5k") == [500, 20_000, 1500]
    assert options.value_sizes("64:9,100-200") == ("64:9,100-200", (64, 100), (64, 200), (9, 10))
