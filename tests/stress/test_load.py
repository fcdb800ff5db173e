"""The parts of the rig: codec, faults, histograms, figures of processes, limits."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import threading
import time
from array import array
from itertools import chain
from types import SimpleNamespace

import pytest

pytest.importorskip("hdrh")
pytest.importorskip("psutil")
pytest.importorskip("rich")

import psutil
from rich.console import Console

from probes import limits, proc
from report import table
from rig import codec, histogram, load, load_processes, options, pacing, result, workloads
from rig.codec import NATIVE, RESP, AnswerClass, Protocol
from rig.faults import Faults

from ..support.servers import until
from .runs import run as invented_run


def test_the_frames_are_the_ones_of_the_protocol() -> None:
    """Frames equal bytes written down from the specification."""
    assert codec.read_frame(b"key") == b"\x01\x00\x04\x03key"
    assert codec.write_frame(b"key", b"value") == b"\x02\x00\x0a\x03key\x05value"
    assert codec.response_frame(b"value") == b"\x03\x05value"
    assert codec.write_frame(b"k" * 255, b"v" * 255)[:4] == b"\x02\x02\x00\xff"


def test_the_commands_are_the_ones_of_the_protocol() -> None:
    """Commands and replies equal bytes written down from RESP's specification."""
    assert RESP.read(b"key") == b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
    assert RESP.write(b"key", b"va\r\nue") == b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$6\r\nva\r\nue\r\n"
    assert (RESP.value(b"v"), RESP.stored(b"v"), RESP.nothing) == (b"$1\r\nv\r\n", b"+OK\r\n", b"$-1\r\n")


@pytest.mark.parametrize(
    ("protocol", "data", "found", "length"),
    [
        (NATIVE, b"\x03\x02ab", AnswerClass.RIGHT, 4),
        (NATIVE, b"\x03\x02ab\x03", AnswerClass.RIGHT, 4),
        (NATIVE, b"\x03", AnswerClass.PARTIAL, 0),
        (NATIVE, b"\x03\x02a", AnswerClass.PARTIAL, 0),
        (NATIVE, b"\x04\x02a", AnswerClass.PARTIAL, 0),
        (NATIVE, b"\x03\x02ax", AnswerClass.WRONG, 4),
        (NATIVE, b"\x03\x00", AnswerClass.WRONG, 2),
        (NATIVE, b"\x04\x02no", AnswerClass.ERROR, 4),
        (NATIVE, b"+OK\r\n", AnswerClass.MALFORMED, 0),
        (NATIVE, b"\x01", AnswerClass.MALFORMED, 0),
        (RESP, b"$2\r\nab\r\n", AnswerClass.RIGHT, 8),
        (RESP, b"$2\r\nab\r\n+OK\r\n", AnswerClass.RIGHT, 8),
        (RESP, b"$", AnswerClass.PARTIAL, 0),
        (RESP, b"$2\r\nab", AnswerClass.PARTIAL, 0),
        (RESP, b"-ERR no", AnswerClass.PARTIAL, 0),
        (RESP, b"$2\r\nax\r\n", AnswerClass.WRONG, 8),
        (RESP, b"$-1\r\n", AnswerClass.WRONG, 5),
        (RESP, b"+OK\r\n", AnswerClass.WRONG, 5),
        (RESP, b":12\r\n:13\r\n", AnswerClass.WRONG, 5),
        (RESP, b"-ERR no\r\n+OK\r\n", AnswerClass.ERROR, 9),
        (RESP, b"\x03\x02ab", AnswerClass.MALFORMED, 0),
        (RESP, b"*1\r\n", AnswerClass.MALFORMED, 0),
        (RESP, b"$x\r\n", AnswerClass.MALFORMED, 0),
        (RESP, b"+" + b"x" * 2000, AnswerClass.MALFORMED, 0),
    ],
)
def test_answers_are_classified(protocol: Protocol, data: bytes, found: AnswerClass, length: int) -> None:
    """Each class of answer is recognized, with its length."""
    assert codec.classify(protocol, data, protocol.value(b"ab")) == (found, length)


REPLIES = b"+OK\r\n-ERR no\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n*2\r\n$1\r\nx\r\n*1\r\n:1\r\n*-1\r\n%1\r\n+k\r\n#t\r\n"
PLAIN = ["OK", codec.Error("ERR no"), -7, b"a\r\n", None, [b"x", [1]], None, {"k": True}]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_replies_are_decoded(size: int) -> None:
    """The decoder returns the same replies, however the bytes are cut."""
    decoder = codec.Decoder()
    pieces = [REPLIES[at : at + size] for at in range(0, len(REPLIES), size)]
    assert [reply.plain for piece in pieces for reply in decoder.feed(piece)] == PLAIN


@pytest.mark.parametrize("data", [b"!x\r\n", b"$x\r\n", b"$1\r\nabc\r\n"])
def test_malformed_replies_are_not_decoded(data: bytes) -> None:
    """The decoder raises ValueError for malformed bytes."""
    with pytest.raises(ValueError, match=r"."):
        codec.Decoder().feed(data)


def test_replies_are_skipped() -> None:
    """A reply of any size is read to its end, and its first line returned; EOF is an empty line."""
    file = io.BytesIO(REPLIES[: REPLIES.index(b"%")])
    lines = [codec.skip_reply(file) for _ in range(8)]
    assert lines == [b"+OK", b"-ERR no", b":-7", b"$3", b"$-1", b"*2", b"*-1", b""]


def test_a_merged_histogram_is_the_histogram_of_all() -> None:
    """Percentiles over three processes equal those of all values."""
    draw = random.Random(5)
    shards = [[draw.randrange(10**3, 10**9) for _ in range(n)] for n in (10, 500, 3000)]
    merged = histogram.merged(histogram.packed(shard) for shard in shards)
    assert merged == histogram.merged([histogram.packed(chain.from_iterable(shards))])
    values = sorted(value // 1000 for shard in shards for value in shard)
    assert merged["number"] == len(values) == 3510
    assert merged["p50_us"] == pytest.approx(values[len(values) // 2], rel=0.005)
    assert merged["p90_us"] == pytest.approx(values[len(values) * 90 // 100], rel=0.005)
    assert merged["p99_us"] == pytest.approx(values[len(values) * 99 // 100], rel=0.005)
    assert merged["p999_us"] == pytest.approx(values[len(values) * 999 // 1000], rel=0.005)
    assert merged["max_us"] == pytest.approx(values[-1], rel=0.002)
    assert merged["mean_us"] == pytest.approx(sum(values) / len(values), rel=0.005)
    assert histogram.quick([merged["histogram"].encode()]) == (merged["p50_us"], merged["p99_us"])


def test_a_histogram_of_nothing_claims_nothing() -> None:
    """An empty histogram has no percentiles and no mean."""
    empty = histogram.packed([])
    nothing = histogram.merged([empty, empty])
    assert (nothing["number"], nothing["p50_us"], nothing["max_us"], nothing["mean_us"]) == (0, None, None, None)
    assert histogram.merged([empty, histogram.packed([7_000])])["max_us"] == 7
    assert histogram.quick([empty]) == (None, None)


def test_faults_add_up_and_keep_the_first_example() -> None:
    """Counts are added by kind, and the earlier example is kept."""
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
    """Context switches are read from the kernel's text, for any name of the process."""
    status = "Name:\ta) b: c\nVmRSS:\t   52340 kB\nThreads:\t3\n"
    counted = "voluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n"
    assert proc.switches(status + counted) == (150, 545)


def test_shares_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle time includes iowait, but not steal time; guest time, which user time includes, counts once."""
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
    readings = [(10, 0, 10, 100, 20, 0, 0, 60, 9, 9), (20, 0, 20, 150, 30, 0, 0, 80, 99, 9)]
    times = iter([SimpleNamespace(**dict(zip(names, reading))) for reading in readings])
    monkeypatch.setattr("psutil.cpu_times", lambda: next(times))
    before, after = proc.cores(), proc.cores()
    assert before == (120, 200)
    assert proc.idle_share(before, after) == pytest.approx(0.6)
    assert proc.others_share(before, after, 10) == pytest.approx(0.3)


def test_switches_are_counted_thread_by_thread() -> None:
    """A new thread counts from 0, and an ended one does not count backwards."""
    before = proc.Sample(1.0, 0, {1: proc.Switches(10, 1), 2: proc.Switches(500, 50)})
    after = proc.Sample(1.5, 0, {1: proc.Switches(13, 1), 3: proc.Switches(4, 2)})
    assert proc.usage(before, after) == (0.5, 7, 2)


def test_who_has_ended_is_left_out() -> None:
    """A zombie child and a process that does not exist have no sample; a living process has one."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, "the child's end")  # it is not reaped yet
    assert child.pid in proc.tree(os.getpid())
    assert set(proc.of_each([os.getpid(), child.pid, 2**22 + 1], proc.sample)) == {os.getpid()}
    child.wait()


def test_a_live_process_is_sampled() -> None:
    """The sample of this process has CPU time, memory, and each of its threads."""
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
        (limits.Need(40_000, 4, ["other"]), {}, "ulimit -Hn 40100"),
        (limits.Need(10**7, 999, []), {"files": 10**8, "memory": 10**9}, "1000000 clients"),
    ],
)
def test_a_limit_too_low_is_told_with_what_to_change(need: limits.Need, have: dict[str, int], word: str) -> None:
    """Each limit that is too low gives a line of its own, with what to change."""
    lines = limits.shortfalls(need, ENOUGH._replace(**have))
    assert [word in line for line in lines] == [True]


def test_enough_is_enough() -> None:
    """A machine with enough of everything gives no line; v1's needs for threads and maps do not apply to v2."""
    assert limits.shortfalls(limits.Need(8192, 1, ["v1", "v2"]), ENOUGH) == []
    assert limits.shortfalls(limits.Need(8192, 1, ["v2"]), ENOUGH._replace(threads=9)) == []
    assert limits.shortfalls(limits.Need(250_000, 16, ["v3"]), ENOUGH) == []


def test_many_clients_come_from_several_addresses() -> None:
    """One address serves 20,000 clients; with more, each of several addresses has few enough to find free ports
    fast."""
    assert set(limits.sources(20_000)) == {""}
    many = limits.sources(21_000)
    assert [many.count(f"127.0.0.{n}") for n in (1, 2, 6)] == [4_000, 4_000, 1_000]


def test_processes_by_files() -> None:
    """There are as many workers and load processes as have the files for the clients."""
    assert [limits.workers(clients, 20_000, 2) for clients in (10_000, 19_900, 19_901)] == [1, 1, 2]
    assert limits.workers(1_000, 20_000, 8) == 7
    assert limits.workers(102_400, 20_000, 2) == 6
    assert [limits.load_processes(clients, 20_000, 2) for clients in (19_900, 19_901, 102_400)] == [1, 2, 6]


def test_connections_that_come_and_go_use_all_addresses() -> None:
    """A closed connection occupies its port for a while, so that churn needs all addresses."""
    assert len(set(limits.sources(1000, churn=True))) == limits.SOURCES


MIX = workloads.Workload("mix", "resp", 1, 0.5, options.value_sizes("64"), 100, "uniform")


def plan_of(clients: int, active: int) -> load.Plan:
    """Return a plan of many clients, for one process."""
    return load.Plan(
        address=("127.0.0.1", 1),
        sources=[""] * clients,
        first=0,
        clients=clients,
        active=active,
        workload=MIX,
        pacing=pacing.Pacing(),
        rounds=1,
        warmup=0,
        duration=None,
        timeout=1.0,
        seed=0,
    )


def test_clients_are_spread_evenly_and_numbered_through() -> None:
    """Every client is in exactly one process, and the processes have equal numbers of them."""
    plans = load_processes.split(plan_of(10, 10), 3)
    assert [(plan.first, len(plan.sources)) for plan in plans] == [(0, 3), (3, 3), (6, 4)]


@pytest.mark.parametrize(("clients", "active"), [(10, 10), (10, 1), (10, 3), (2048, 20), (1000, 999)])
def test_those_that_work_are_spread_evenly_among_all(clients: int, active: int) -> None:
    """The given number of clients works, spread evenly."""
    plan = plan_of(clients, active)
    working = [number for number in range(clients) if plan.works(number)]
    assert len(working) == active
    gaps = [after - before for before, after in zip(working, working[1:])]
    assert max(gaps, default=0) - min(gaps, default=0) <= 1


def made(server_cpu: float | None, load: float, idle: float, target: float | None = None) -> result.Run:
    """Return a run of one second with these shares of a core and 3,000 answers."""
    side = None
    if server_cpu is not None:
        cpu = {"cpu_us_per_operation": server_cpu * 1e6 / 3000, "processes": [{"cpu_seconds": server_cpu}]}
        side = {**cpu, "cpu_seconds": server_cpu}
    run: result.Run = {
        "server": "v2",
        "clients": 1000,
        "target_per_second": target,
        "operations": {"asked": target, "answered": 3000, "per_second": 3000.0, "seconds": 1.0},
        "side": side,
        "load": {"busiest_core_share": load, "cpu_us_per_operation": load * 1e6 / 3000, "cpu_seconds": [load]},
        "machine_idle_share": idle,
        "errors": {},
        "first_errors": {},
    }
    run["limited_by"] = result.limited_by(run)
    return run


@pytest.mark.parametrize(
    ("server", "load", "idle", "target", "limit"),
    [
        (0.5, 0.5, 0.5, None, None),
        (0.5, 0.95, 0.3, None, "load"),
        (0.95, 0.95, 0.0, None, None),
        (0.6, 0.6, 0.01, None, "machine"),
        (None, 0.95, 0.3, None, "load"),
        (0.5, 0.5, 0.5, 3010.0, None),
        (0.5, 0.5, 0.5, 3100.0, "saturated"),
        (0.95, 0.5, 0.5, 3100.0, "saturated"),
        (0.5, 0.95, 0.3, 3100.0, "load"),
    ],
)
def test_a_run_that_the_server_did_not_limit_is_marked(
    server: float | None, load: float, idle: float, target: float | None, limit: str | None
) -> None:
    """A server that used a whole core was the limit; else a full load process, a full machine, or the plan."""
    run = made(server, load, idle, target)
    assert run["limited_by"] == limit
    assert any(line.startswith("*") for line in table.notes([run])) == bool(limit)


def test_a_server_of_several_processes_is_at_its_limit_when_one_is() -> None:
    """Two half-used workers are no limit; an owner process that used a whole core is one."""
    run = made(1.0, 0.95, 0.3)
    run["side"]["processes"] = [{"cpu_seconds": 0.5}, {"cpu_seconds": 0.5}]
    assert result.limited_by(run) == "load"
    run["side"]["processes"] = [{"cpu_seconds": 0.95}, {"cpu_seconds": 0.05}]
    assert result.limited_by(run) is None


def test_what_died_or_answered_nothing_has_no_cost_per_operation() -> None:
    """Without answers there are no figures per operation, in the run and in the table."""
    assert result.per_operation(0.5, 0) is None
    run = made(0.5, 0.1, 0.5)
    run["side"]["cpu_us_per_operation"] = run["load"]["cpu_us_per_operation"] = None
    assert result.server_share(run) is None
    assert table.cost_line([run]) == []
    assert table._cpu([run]) == ["-", "-", "-"]


def test_the_cpu_of_a_run_with_errors_is_of_all_its_time() -> None:
    """Five answers in the first millisecond and then half a minute of waiting are no hundreds of cores."""
    run = made(0.5, 0.1, 0.5)
    run["operations"].update(answered=5, seconds=0.001, per_second=5000.0)
    run["side"].update(cpu_us_per_operation=0.1e6, seconds=30.0)
    run["errors"] = {"missing": 995}
    assert result.server_share(run) == pytest.approx(0.5 / 30)


def test_the_share_of_a_load_process_is_of_the_same_time() -> None:
    """CPU and time are read together: a load without answers did not use its CPU in no time."""
    loading = object.__new__(load.Load)
    loading.plan = plan_of(1, 1)
    loading._edges = [(0, 1.0, 0), (0, 1.5, 10**9)]
    loading._measure_ns = loading._end_ns = loading._answered_ns = loading._asked = 0
    loading._open, loading._marks = False, [0]
    loading.services = loading.connects = loading.responses = array("q")
    assert loading._operated(0).share == 0.5


@pytest.mark.parametrize(
    ("others", "seconds", "words"),
    [
        (0.02, 5.0, []),
        (None, 0.1, ["a check of replies in 100ms, too short for rates and latencies: --duration 10 measures them"]),
        (0.34, 5.0, ["other programs used up to 34% of the machine: the figures are lower than without them"]),
    ],
)
def test_short_and_disturbed_runs_are_no_measurement(others: float | None, seconds: float, words: list[str]) -> None:
    """A run of less than a second is called a check, and the share of other programs is named."""
    run = {**made(0.5, 0.5, 0.3), "others_share": others}
    run["operations"]["seconds"] = seconds
    assert table.doubts([run]) == words
    share = "" if others is None else f", other programs {others:.0%}"
    assert table.load_line([run]) == f"load, 1 process(es): 50% of a core; machine 30% idle{share}"


def test_names_are_whole_on_80_columns() -> None:
    """Where the table has no room for the names, each is a line of its own, and every figure is whole."""
    long = [
        invented_run("asyncio-streams-pypy", 1e6, errors={"late": 3}),
        invented_run("v1-kernel-slots", 21.5),
        invented_run("v2", 3),
    ]
    for found, title in ((long, "asyncio-streams-pypy\n"), (long[2:], "v2 ")):
        console = Console(width=80, file=io.StringIO())
        for part in table.tables(found, console):
            console.print(part)
        text = console.file.getvalue()  # type: ignore[attr-defined]
        assert title in text and "\u2026" not in text and "1.07 K/conn" in text
        assert text.count("connect ") == 1
        assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("rates", "text"),
    [
        ([900.0, 1000.0, 1100.0], "up to 1,000/s (900, 1,000, 1,100)"),
        ([20.0, 460.0, 450.0], "up to 450/s (20, 460, 450); uncertain, as the repeats differ by 23x"),
        ([0.0, 460.0, 450.0], "up to 450/s (0, 460, 450); uncertain, as the repeats differ from none on"),
        ([460.0], "up to 460/s; one repeat, of unknown variation"),
        ([0.0, 0.0], "at no tested rate"),
    ],
)
def test_a_sweep_whose_repeats_differ_is_uncertain(rates: list[float], text: str) -> None:
    """The median of results that differ by factors is not given as the result."""
    assert table._held(rates, 5000.0) == f"holds a p99 of 5.00ms {text}"


@pytest.mark.parametrize(("load", "word"), [(0.2, "(the cheapest server) 167 us"), (0.9, "; the load may limit")])
def test_cpu_of_the_load_and_of_the_cheapest_server(load: float, word: str) -> None:
    """The line has both, and a warning if the load used more."""
    runs = [made(0.8, load, 0.5), {**made(0.5, load, 0.5), "server": "redis"}]
    (line,) = table.cost_line(runs)
    assert word in line
    assert "redis (the cheapest server)" in line


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
    """The unit changes before a fourth digit would be needed."""
    assert table.time_text(microseconds) == text
