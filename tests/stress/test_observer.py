"""The observer: sums over processes, usage between snapshots, the series, loop lag, system calls; and the criterion of
stress/study.py agree."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("hdrh")
pytest.importorskip("rich")

from probes import proc, syscalls
from probes.lag import INFO_REQUEST, Lag
from probes.proc import Sample, Switches
from rig import histogram
from rig.load import SECOND_NS, Second, next_second
from rig.observer import OPERATE, Observer, Snapshot, usage_between
from studies import agree

from ..support.servers import Tseep, until

WORKER = "import time; print('there', flush=True); time.sleep(60)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORKER!r}])"


def test_what_was_used_is_added_up_over_processes() -> None:
    """A process that started between the snapshots counts from 0; user and kernel time are divided as their ticks."""
    before = Snapshot(100, {1: Sample(1.0, 10, {1: Switches(5, 5)}, user=80, system=20)}, 10 * SECOND_NS)
    after = Snapshot(
        300,
        {
            1: Sample(1.5, 20, {1: Switches(15, 6)}, user=110, system=30),
            2: Sample(0.5, 7, {2: Switches(2, 0), 3: Switches(1, 1)}, user=30, system=30),
        },
        12 * SECOND_NS,
    )
    usage = usage_between(before, after)
    assert (usage.seconds, usage.answers, usage.cpu) == (2.0, 200, [0.5, 0.5])
    assert (usage.user_seconds, usage.system_seconds) == pytest.approx((0.6, 0.4))
    assert (usage.voluntary, usage.involuntary) == (13, 2)
    assert (after.sum("resident"), after.threads) == (27, 3)


def test_a_process_and_its_children_are_one_server() -> None:
    """A snapshot contains the descendants of a process."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        members = proc.tree(parent.pid)
        snapshot = Observer(parent.pid, lambda: 5).snapshot()
        for member in members:
            os.kill(member, 9)
    assert members[0] == parent.pid
    assert len(members) == 2
    assert snapshot is not None
    assert (snapshot.done, list(snapshot.processes)) == (5, members)
    assert snapshot.sum("resident") > max(sample.resident for sample in snapshot.processes.values())


def test_a_server_that_is_gone_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has ended has no snapshot, and no figures in the rows."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as gone:
        gone.wait()
    observer = Observer(gone.pid, lambda: 0)
    assert observer.snapshot() is None
    monkeypatch.setattr(time, "monotonic_ns", lambda: 0)
    observer.begin()
    monkeypatch.setattr(time, "monotonic_ns", lambda: SECOND_NS)
    observer.watch()
    (row,) = observer.series([], 0, 0.0, None)
    assert set(row) == {"at_seconds", "seconds", "phase", "done"}


def test_seconds_of_the_load_and_of_the_server_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the operate phase have the load's answers and latencies, and their phase."""
    monkeypatch.setattr(time, "monotonic_ns", lambda: 7 * SECOND_NS)
    observer = Observer(None, lambda: 0)
    start = (7 + 2) * SECOND_NS
    seconds = [Second(10, histogram.packed([5_000_000] * 10)), Second(0, histogram.packed([])), Second(1, b"")]
    seconds[2] = Second(1, histogram.packed([7_000_000]))
    rows = observer.series(seconds, start, 2.0, 1.0)
    assert [row["phase"] for row in rows] == ["warmup", "warmup", "operate"]
    assert [row["done"] for row in rows] == [10, 0, 1]
    assert [row["p50_us"] for row in rows] == [pytest.approx(5000, rel=0.001), None, pytest.approx(7000, rel=0.001)]
    assert [row["at_seconds"] for row in rows] == [3, 4, 5]
    for duration, worked in [(1.0, 1), (1.5, 2), (2.0, 2), (3.0, 3), (None, 3)]:
        phases = [row["phase"] for row in observer.series(seconds, start, 0.0, duration)]
        assert phases == ["operate"] * worked + ["drain"] * (3 - worked)


def test_a_part_of_a_second_is_a_row_of_its_own() -> None:
    """With a warm-up of 1.5 s and 1.25 s of measured time no row belongs to two phases, and each has its length."""
    observer = Observer(None, lambda: 0)
    start = observer._began_ns
    seconds = [Second(1, histogram.packed([]))] * 5
    rows = observer.series(seconds, start, 1.5, 1.25)
    assert [(row["phase"], row["at_seconds"], row["seconds"]) for row in rows] == [
        ("warmup", 1.0, 1.0),
        ("warmup", 1.5, 0.5),
        ("operate", 2.5, 1.0),
        ("operate", 2.75, 0.25),
        ("drain", 3.75, 1.0),
    ]


def test_rows_of_the_server_end_with_those_of_the_load() -> None:
    """The observer reads the server at the edges of the measured time, and relates its CPU to the length of the row."""
    observer = Observer(os.getpid(), lambda: 0)
    begin = 10**15
    observer.measure(begin, 0.5, 1.25, None)
    observer.phase(OPERATE, begin)
    ends = [observer._next_ns]
    while len(ends) < 4:
        ends.append(next_second(ends[-1], observer._edges))
    assert [(end - begin) / SECOND_NS for end in ends] == [0.5, 1.5, 1.75, 2.75]
    observer._row_ns, observer._cpu = begin, (0.0, 0.0)
    row = observer._row(begin + SECOND_NS // 2)
    assert row["seconds"] == 0.5
    assert row["user_share"] + row["system_share"] == pytest.approx(sum(observer._cpu) / 0.5)


def test_the_machine_is_read_with_the_rig() -> None:
    """The CPU time of the rig itself is known, so that it does not count as another program's."""
    observer = Observer(None, lambda: 0)
    observer.measure(time.monotonic_ns(), 0.0, None, None)
    before = time.process_time()
    while time.process_time() - before < 0.02:
        pass
    observer.ended()
    assert 0.02 <= observer.machine.rig_seconds < 10
    assert observer.machine.after.total >= observer.machine.before.total


def test_each_second_of_a_live_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row has CPU, memory, threads, files and, unless there are too many threads, switches."""
    done = iter(range(0, 1000, 10))
    observer = Observer(os.getpid(), lambda: next(done))
    observer.begin()
    first = observer._row(SECOND_NS)
    assert first["done"] == 10
    assert {"resident", "threads", "open_files", "user_share", "system_share", "switches"} <= set(first)
    assert first["threads"] >= 1
    monkeypatch.setattr("rig.observer.MAX_SCANNED_THREADS", 0)
    assert "switches" not in observer._row(SECOND_NS)


@pytest.fixture
def asked() -> Iterator[tuple[Lag, socket.socket]]:
    """The lag probe, and the server's side of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener, Lag(listener.getsockname()) as lag:
        peer, _ = listener.accept()
        with peer:
            yield lag, peer


def test_each_answer_goes_to_the_row_that_asked(asked: tuple[Lag, socket.socket]) -> None:
    """Answers can come late, in pieces and together; each is written into the row that it was requested for."""
    lag, peer = asked
    rows = [{"done": number} for number in range(3)]
    for row in rows:
        lag.request(row)
    assert peer.recv(3 * len(INFO_REQUEST), socket.MSG_WAITALL) == 3 * INFO_REQUEST
    lag.receive()
    assert rows == [{"done": 0}, {"done": 1}, {"done": 2}]
    peer.sendall(b"$9\r\n# Stats\r\ntseep_loop_lag_usec:12")
    time.sleep(0.01)
    lag.receive()
    assert "loop_lag_us" not in rows[0]
    peer.sendall(b"34\r\n\r\n$9\r\ntseep_loop_lag_usec:7\r\nother:5\r\n\r\n")
    until(lambda: lag.receive() or "loop_lag_us" in rows[1], "two answers")
    assert rows == [{"done": 0, "loop_lag_us": 1234}, {"done": 1, "loop_lag_us": 7}, {"done": 2}]


def test_who_goes_away_says_no_more(asked: tuple[Lag, socket.socket]) -> None:
    """A reset connection raises nothing, and no more rows get a lag."""
    lag, peer = asked
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()  # with a reset
    row: dict[str, int] = {}
    for _ in range(3):
        lag.request(row)
        lag.receive()
    assert row == {}


@pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
def test_tseep_tells_how_late_its_loop_was(mode: str) -> None:
    """A server that was stopped for half a second reports the lag when it continues."""
    with Tseep(mode) as server, Lag(("127.0.0.1", server.port)) as lag:

        def late() -> bool:
            row: dict[str, int] = {}
            server.send_signal(signal.SIGSTOP)
            lag.request(row)
            time.sleep(0.5)
            server.send_signal(signal.SIGCONT)
            until(lambda: lag.receive() or row, "an answer")
            return row["loop_lag_us"] > 300_000

        until(late, "a late beat")


def test_what_perf_prints_is_read() -> None:
    """The number before the event is returned; output without a number raises Uncounted."""
    assert syscalls.counted("Events disabled\n1006,,raw_syscalls:sys_enter,434715,100.00,,\n") == 1006
    for output in ("<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n", "No permission\n", ""):
        with pytest.raises(syscalls.Uncounted):
            syscalls.counted(output)


def test_without_perf_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without perf in PATH the constructor raises Uncounted."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(syscalls.Uncounted, match="perf is not installed"):
        syscalls.Counting([os.getpid()])


def test_a_perf_that_may_not_count_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A perf that exits at once raises Uncounted without a timeout."""
    perf = tmp_path / "perf"
    perf.write_text("#!/bin/sh\necho no permission >&2\nexit 1\n")
    perf.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with syscalls.Counting([os.getpid()]) as counting, pytest.raises(syscalls.Uncounted):
        counting.begin(0.5)


def test_system_calls_are_counted() -> None:
    """A thousand system calls are counted as a thousand, if perf has the permission."""
    try:
        with syscalls.Counting([os.getpid()]) as counting:
            counting.begin()
            for _ in range(1000):
                os.getppid()
            number = counting.end()
    except syscalls.Uncounted as reason:
        pytest.skip(f"perf does not count here: {reason}")
    assert 1000 <= number < 1200


def test_agreement_is_of_the_percentiles() -> None:
    """p50 and p99 agree within ten per cent; rates and maxima can differ."""
    theirs = {"per_second": 50_000.0, "mean": 0.5, "p50": 0.4, "p99": 1.0, "max": 5.0}
    lines, good = agree.agreement(theirs, {"per_second": 80_000.0, "mean": 0.45, "p50": 0.43, "p99": 0.91, "max": 9.0})
    assert good
    assert "| p50 | 0.400 ms | 0.430 ms | 1.07x |" in lines
    assert "| mean x rate: clients | 25.00 | 36.00 |  |" in lines
    for off in ({"p50": 0.35}, {"p99": 1.2}):
        assert not agree.agreement(theirs, {**theirs, **off})[1]
