"""The stress rig's parts: frames, faults, histograms, /proc, limits."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from itertools import chain
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "stress"))

pytest.importorskip("hdrh")
pytest.importorskip("rich")

import crew
import frames
import histogram
import limits
import proc
import report
import result
from faults import Faults
from frames import Verdict


def test_the_frames_are_the_ones_of_the_protocol() -> None:
    """The bytes are those of the specification, written out."""
    assert frames.read_frame(b"key") == b"\x01\x00\x04\x03key"
    assert frames.write_frame(b"key", b"value") == b"\x02\x00\x0a\x03key\x05value"
    assert frames.response_frame(b"value") == b"\x03\x05value"
    assert frames.write_frame(b"k" * 255, b"v" * 255)[:4] == b"\x02\x02\x00\xff"


def test_a_check_reads_nothing_writes_and_reads_back() -> None:
    """One turn is READ, WRITE, READ of 255 bytes; the same seed gives the same frames."""
    (first, nothing), (write, echoed), (again, back) = frames.check(7, 3, 1)
    key, value = frames.pair(7, 3, 0)
    assert (len(key), len(value)) == (255, 255)
    assert first == again == frames.read_frame(key)
    assert write == frames.write_frame(key, value)
    assert nothing == b"\x03\x00"
    assert echoed == back == b"\x03\xff" + value
    others = [frames.pair(8, 3, 0), frames.pair(7, 4, 0), frames.pair(7, 3, 1)]
    assert len({key, *(other for other, _ in others)}) == 4


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (b"\x03\x02ab", Verdict.RIGHT),
        (b"\x03", Verdict.PARTIAL),
        (b"\x03\x02a", Verdict.PARTIAL),
        (b"\x04\x02a", Verdict.PARTIAL),
        (b"\x03\x02ax", Verdict.WRONG),
        (b"\x03\x00", Verdict.WRONG),
        (b"\x04\x02no", Verdict.ERROR),
        (b"\x03\x02ab\x03", Verdict.GARBAGE),
        (b"+OK\r\n", Verdict.GARBAGE),
        (b"\x01", Verdict.GARBAGE),
    ],
)
def test_answers_are_judged(answer: bytes, verdict: Verdict) -> None:
    """Each kind of answer is told from the others."""
    assert frames.judge(answer, b"\x03\x02ab") is verdict


def test_a_merged_histogram_is_the_histogram_of_all() -> None:
    """Percentiles over three processes are those of all values together."""
    draw = random.Random(5)
    shards = [[draw.randrange(10**3, 10**9) for _ in range(n)] for n in (10, 500, 3000)]
    merged = histogram.merged(histogram.packed(shard) for shard in shards)
    assert merged == histogram.merged([histogram.packed(chain.from_iterable(shards))])
    values = sorted(value // 1000 for shard in shards for value in shard)
    assert merged.number == len(values) == 3510
    assert merged.p50_us == pytest.approx(values[len(values) // 2], rel=0.005)
    assert merged.p99_us == pytest.approx(values[len(values) * 99 // 100], rel=0.005)
    assert merged.max_us == pytest.approx(values[-1], rel=0.002)


def test_a_histogram_of_nothing_claims_nothing() -> None:
    """No answers give no percentiles, and no division by nought."""
    empty = histogram.packed([])
    assert histogram.merged([empty, empty]) == (0, None, None, None)
    assert histogram.merged([empty, histogram.packed([7_000])]).max_us == 7


def test_faults_add_up_and_keep_the_first_example() -> None:
    """Counts are summed by kind; the earlier example stays."""
    one, two = Faults(), Faults()
    one.add("late", "first")
    two.add("late", "second")
    two.add("wrong", "third")
    one.merge(two)
    assert one.counts == {"late": 2, "wrong": 1}
    assert one.examples == {"late": "first", "wrong": "third"}
    assert one
    assert not Faults()


def test_proc_status_is_parsed() -> None:
    """Memory and switches are read from the text the kernel writes."""
    status = "Name:\ta) b\nVmRSS:\t   52340 kB\nThreads:\t3\n"
    counted = "voluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n"
    assert proc.resident(status) == 52340 * 1024
    assert proc.switches(status + counted) == (150, 545)


def test_proc_stat_is_parsed() -> None:
    """Idle time includes waiting for a disk, and not what the host took."""
    before = proc.cores("cpu  10 0 10 100 20 0 0 60 9 9\ncpu0 1 2\n")
    after = proc.cores("cpu  20 0 20 150 30 0 0 80 99 9\ncpu0 1 2\n")
    assert before == (120 / proc.TICKS, 200 / proc.TICKS)
    assert proc.idle_share(before, after) == pytest.approx(0.6)
    assert proc.others_share(before, after, 10 / proc.TICKS) == pytest.approx(0.3)


def test_switches_are_counted_thread_by_thread() -> None:
    """A born thread counts from nought, and an ended one does not count backwards."""
    before = proc.Sample(1.0, 0, {1: proc.Switches(10, 1), 2: proc.Switches(500, 50)})
    after = proc.Sample(1.5, 0, {1: proc.Switches(13, 1), 3: proc.Switches(4, 2)})
    assert proc.use(before, after) == (0.5, 7, 2)


def test_a_live_process_is_sampled() -> None:
    """This process has CPU time, memory, and each of its threads."""
    with_thread = threading.Event()
    thread = threading.Thread(target=with_thread.wait)
    thread.start()
    sample = proc.sample(os.getpid())
    with_thread.set()
    thread.join()
    assert {thread.native_id, os.getpid()} <= set(sample.threads)
    assert sample.cpu_seconds == pytest.approx(time.process_time(), abs=0.5)
    assert sample.resident > 1024**2


ENOUGH = limits.Have(files=20_000, ports=28_232, threads=32_000, maps=65_530, memory=10**8)


@pytest.mark.parametrize(
    ("need", "have", "word"),
    [
        (limits.Need(8192, 2, ["v2"]), {"files": 8_000}, "ulimit -Hn 8292"),
        (limits.Need(8192, 2, []), {"files": 4_000}, "--processes"),
        (limits.Need(8192, 1, ["v1"]), {"threads": 8_000}, "kernel.threads-max"),
        (limits.Need(8192, 1, ["v1"]), {"maps": 16_000}, "vm.max_map_count=16784"),
        (limits.Need(8192, 1, ["v1"]), {"memory": 500_000}, "MiB available"),
        (limits.Need(8192, 1, ["v2"]), {"ports": 8_000}, "ip_local_port_range"),
        (limits.Need(10**7, 999, []), {"files": 10**8, "memory": 10**9}, "5000000 clients"),
    ],
)
def test_a_limit_too_low_is_told_with_what_to_change(need: limits.Need, have: dict[str, int], word: str) -> None:
    """Each limit gives one line of its own, and none on a machine that has enough."""
    lines = limits.complaints(need, ENOUGH._replace(**have))
    assert [word in line for line in lines] == [True]


def test_enough_is_enough() -> None:
    """What v1 needs in threads and maps is not asked of v2."""
    assert limits.complaints(limits.Need(8192, 1, ["v1", "v2"]), ENOUGH) == []
    assert limits.complaints(limits.Need(8192, 1, ["v2"]), ENOUGH._replace(threads=9)) == []


def test_many_clients_come_from_several_addresses() -> None:
    """One address serves 20,000 clients; beyond, the sources are loopback addresses in turn."""
    assert set(limits.sources(20_000)) == {""}
    many = limits.sources(45_000)
    assert [many.count(f"127.0.0.{n}") for n in (1, 2, 3)] == [20_000, 20_000, 5_000]


def test_clients_are_spread_evenly_and_numbered_through() -> None:
    """No client is left out or doubled, and no process has much more than another."""
    plans = crew.spread(("127.0.0.1", 1), [""] * 10, 3, 1, 1.0, 0)
    assert [(plan.first, len(plan.sources)) for plan in plans] == [(0, 3), (3, 3), (6, 4)]


def made(server_cpu: float | None, load: float, idle: float) -> result.Result:
    """Return a run of one second with these shares of a core."""
    latency = histogram.Latency(3000, 1, 2, 3)
    side = None
    if server_cpu is not None:
        side = result.ServerSide(server_cpu, 1.0, 10, 5, 1, 2**20, 1024.0)
    connecting = crew.Connecting(1.0, latency)
    operating = crew.Operating(1.0, latency, [load], [load])
    return result.Result("v2", 1000, 3000, connecting, operating, side, Faults(), idle)


@pytest.mark.parametrize(
    ("server", "load", "idle", "limit"),
    [
        (0.5, 0.5, 0.5, None),
        (0.5, 0.95, 0.3, "load"),
        (0.95, 0.95, 0.0, None),
        (0.6, 0.6, 0.01, "machine"),
        (None, 0.95, 0.3, "load"),
    ],
)
def test_a_run_that_the_server_did_not_limit_is_marked(
    server: float | None, load: float, idle: float, limit: str | None
) -> None:
    """A server that used its core was the limit; else a full load process or machine was."""
    run = made(server, load, idle)
    assert run.limited_by() == limit
    assert any(line.startswith("*") for line in report.notes([run])) == bool(limit)


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (None, "-"),
        (85, "85.0us"),
        (999.4, "999us"),
        (999.6, "1.00ms"),
        (12_345, "12.3ms"),
        (999_900, "1.00s"),
        (2_310_000, "2.31s"),
    ],
)
def test_times_are_told_in_three_digits(microseconds: float | None, text: str) -> None:
    """The unit changes before a fourth digit comes."""
    assert report.time_text(microseconds) == text
