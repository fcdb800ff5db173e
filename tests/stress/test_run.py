"""stress/run.py as a whole, against a server with faults on request."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hdrh")
pytest.importorskip("rich")
pytest.importorskip("jsonschema")

import jsonschema

import run
from probes import limits
from rig import plan, runner
from servers import catalogue, process

from . import STRESS

SCHEMA = jsonschema.Draft202012Validator(json.loads((STRESS / "report" / "schema.json").read_text()))


def fixture_command(port: int, *more: str) -> list[str]:
    """Return the command line of the faulty server."""
    return [sys.executable, str(STRESS / "servers" / "faulty.py"), "--port", str(port), *more]


@contextmanager
def fixture(*more: str) -> Iterator[process.Server]:
    """Run the faulty server in a child process."""
    port = process.free_port()
    with process.Server(fixture_command(port, *more), port) as running:
        yield running


def load(target: process.Server, json_file: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """Run the rig in this process against a server; return its status and its one run."""
    where = "{}:{}".format(*target.address)
    options = ["--address", where, "--json", str(json_file), "--pid", str(target.pid), *more]
    status = run.main(options)
    written = json.loads(json_file.read_text())
    SCHEMA.validate(written)
    assert len(written["runs"]) == 1
    return status, written["runs"][0]


def test_a_good_server_passes_and_the_json_is_true(tmp_path: Path) -> None:
    """Every operation is answered without a fault, and the figures are consistent."""
    with fixture() as target:
        status, ran = load(target, tmp_path / "out.json", "--clients", "40", "--rounds", "2")
    assert (status, ran["errors"]) == (0, {})
    operations, latency = ran["operations"], ran["operations"]["response"]
    assert operations["asked"] == operations["answered"] == latency["number"] == 40 * 2 * 3
    assert operations["service"] == latency
    assert ran["connect"]["latency"]["number"] == ran["clients"] == ran["active"] == 40
    assert ran["connect"]["failed"] == 0
    assert latency["p50_us"] <= latency["p90_us"] <= latency["p99_us"] <= latency["max_us"]
    assert operations["per_second"] == pytest.approx(240 / operations["seconds"])
    assert 0 <= ran["others_share"] <= 1
    side = ran["side"]
    assert (side["threads"], len(side["processes"])) == (1, 1)
    assert side["resident"] > 10**6
    assert side["open_files"] > 40
    assert side["user_seconds"] + side["system_seconds"] == pytest.approx(side["cpu_seconds"])
    assert sum(second["done"] for second in ran["series"] if second["phase"] == "operate") == 240


def test_an_answer_in_pieces_is_an_answer(tmp_path: Path) -> None:
    """An answer in several segments is complete."""
    with fixture("--fault", "split") as target:
        status, ran = load(target, tmp_path / "out.json", "--clients", "5")
    assert (status, ran["errors"], ran["operations"]["answered"]) == (0, {}, 15)


def test_clients_beyond_one_address_come_from_the_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Connections from 127.0.0.2 and 127.0.0.3 work like those from the first address."""
    monkeypatch.setattr(limits, "CLIENTS_PER_SOURCE", 8)
    with fixture() as target:
        status, ran = load(target, tmp_path / "out.json", "--clients", "20")
    assert (status, ran["errors"], ran["operations"]["answered"]) == (0, {}, 60)


# The second of three requests of five of ten clients is faulty. If the fault does not desynchronize the connection, the
# client continues.
@pytest.mark.parametrize(
    ("fault", "kind", "answered"),
    [
        ("wrong", "wrong", 30),
        ("error", "error", 30),
        ("late", "late", 30),
        ("garbage", "wrong", 20),
        ("twice", "wrong", 25),
        ("drop", "missing", 20),
        ("close", "closed", 20),
    ],
)
def test_each_fault_is_counted_and_fails_the_run(fault: str, kind: str, answered: int, tmp_path: Path) -> None:
    """Five faulty answers are five faults and exit status 1."""
    with fixture("--fault", fault, "--every", "2", "--late", "4.5") as target:
        # An answer is missing after twice the timeout. For other faults it is longer than any delay of the machine.
        options = ("--clients", "10", "--timeout", "3" if fault in ("late", "drop") else "10")
        status, ran = load(target, tmp_path / "out.json", *options)
    assert (status, ran["errors"]) == (1, {kind: 5})
    assert list(ran["first_errors"]) == [kind]
    assert ran["operations"]["answered"] == answered


def test_nobody_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each client whose connect is refused is a fault."""
    where, file = f"127.0.0.1:{process.free_port()}", tmp_path / "out.json"
    assert run.main(["--clients", "7", "--address", where, "--json", str(file)]) == 1
    ran = json.loads(file.read_text())["runs"][0]
    assert ran["errors"] == {"refused": 7}
    assert ran["operations"]["answered"] == 0
    assert ran["load"]["cpu_us_per_operation"] is None
    assert ran["others_share"] is None  # the server's process is unknown
    assert f"written: {file}\n" in capsys.readouterr().out


ENDING = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
clients = [server.accept()[0] for _ in range(3)]
clients[0].recv(1)
"""
"""A server that accepts three clients and ends when the first one sends."""


def test_a_server_that_ends_was_the_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the load nor the machine is blamed for a server that ended, and what it used is unknown."""
    file = tmp_path / "out.json"
    with subprocess.Popen([sys.executable, "-c", ENDING], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        where = f"127.0.0.1:{server.stdout.readline().strip()}"
        assert run.main(["--clients", "3", "--address", where, "--pid", str(server.pid), "--json", str(file)]) == 1
    written = json.loads(file.read_text())
    SCHEMA.validate(written)
    assert [written["runs"][0][name] for name in ("limited_by", "side", "errors")] == ["ended", None, {"closed": 3}]
    assert "the server ended during the run" in capsys.readouterr().out.replace("\n", " ")


def starts(monkeypatch: pytest.MonkeyPatch, **commands: list[str]) -> None:
    """Make the rig start faulty servers with these options in place of those of their names."""

    def find(names: list[str], options: object) -> list[catalogue.ServerSpec]:
        return [
            catalogue.ServerSpec(
                name,
                name,
                None,
                "v2",
                lambda port, clients, more=commands[name]: fixture_command(port, *more),  # type: ignore[misc]
            )
            for name in names
        ]

    monkeypatch.setattr(plan.catalogue, "find", find)


def test_a_started_server_has_to_end_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exit status other than 0 after SIGTERM fails a run without other faults."""
    starts(monkeypatch, v1=["--status", "3"], v2=[])
    file = tmp_path / "out.json"
    assert run.main(["--clients", "6", "--json", str(file)]) == 1
    first, second = json.loads(file.read_text())["runs"]
    assert (first["server"], first["errors"]) == ("v1", {"exit": 1})
    assert (second["server"], second["errors"]) == ("v2", {})
    assert "v1: first exit: status 3 after SIGTERM" in capsys.readouterr().out


def test_servers_take_turns_and_what_is_done_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The order is by points, repeats and servers, each repeat starting with another server; if the last server does
    not start, the completed runs are kept."""
    starts(monkeypatch, v1=[], v2=[])
    began = runner.measure

    def measure(setting: object, point: Any, progress: object) -> Any:
        if (point.clients, point.repeat, point.server) == (5, 3, "v2"):
            raise process.StartFailed("not today")
        return began(setting, point, progress)  # type: ignore[arg-type]

    monkeypatch.setattr(runner, "measure", measure)
    file = tmp_path / "out.json"
    with pytest.raises(process.StartFailed):
        run.main(["--clients", "4,5", "--repeats", "3", "--json", str(file)])
    written = json.loads(file.read_text())
    SCHEMA.validate(written)
    order = [(each["clients"], each["repeat"], each["server"]) for each in written["runs"]]
    assert (
        order
        == [
            (clients, repeat, name)
            for clients in (4, 5)
            for repeat, names in ((1, ("v1", "v2")), (2, ("v2", "v1")), (3, ("v1", "v2")))
            for name in names
        ][:-1]
    )
    assert [summary["runs"] for summary in written["summaries"]] == [3, 3, 3, 2]
    assert "v2 compared with v1, 5 clients" in capsys.readouterr().out


def test_a_server_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message contains the server's output."""
    failing = [sys.executable, "-c", "raise SystemExit('no port today')"]
    with pytest.raises(process.StartFailed, match="no port today"), process.Server(failing, 1):
        pass


@pytest.mark.parametrize(("text", "number"), [("8k", 8192), ("1K", 1024), ("500", 500), ("20k", 20480)])
def test_clients_are_counted_in_k(text: str, number: int) -> None:
    """A k is 1024 clients, for each number of a list."""
    assert plan.parser().parse_args(["--clients", text]).clients == [number]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--clients", "many"],
        ["--clients", "0"],
        ["--clients", "k"],
        ["--clients", "-5"],
        ["--clients", "5", "--mode", "v9"],
        ["--clients", "5", "--timeout", "0"],
        ["--clients", "5", "--timeout", "nan"],
        ["--clients", "5", "--address", "here"],
        ["--clients", "5", "--address", "10.0.0.1:6379"],
        ["--clients", "5", "--address", "127.evil.example:6379"],
        ["--clients", "5", "--pid", "1"],
        ["--clients", "5", "--json", "/nowhere/out.json"],
        ["--clients", "5", "--python", "/nowhere/python"],
        ["--clients", "5", "--csv", "/nowhere/out.csv"],
        ["--clients", "5", "--report", "/nowhere/at/all"],
        ["--clients", "5,", "--clients", ""],
        ["--clients", "5", "--pypy", "/nowhere/pypy"],
        ["--clients", "5", "--against", "memcached"],
        ["--clients", "5", "--mode", "v2", "--against", "redis", "--protocol", "native"],
        ["--clients", "5", "--rate", "no"],
        ["--clients", "5", "--rounds", "3", "--rate", "500"],
        ["--clients", "5", "--warmup", "3"],
        ["--clients", "5", "--poisson"],
        ["--clients", "5", "--rate", "5", "--sweep", "5ms"],
        ["--clients", "5", "--protocol", "native", "--values", "300"],
        ["--clients", "5", "--active", "0%"],
        ["--clients", "5", "--address", "127.0.0.1:1", "--mode", "v1"],
        [],
    ],
)
def test_a_wrong_command_line_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The status is 2, and the last line names the option."""
    with pytest.raises(SystemExit) as refused:
        run.main(wrong)
    assert refused.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    named = [word for word in wrong if word.startswith("--")] or ["--clients"]
    assert named[-1] in last


def test_a_machine_too_small_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The status is 2 before a server is started, with a line for each limit."""
    small = limits.Have(files=1000, ports=28_232, threads=500, maps=65_530, memory=10**8)
    monkeypatch.setattr(limits, "have", lambda: small)
    with pytest.raises(SystemExit) as refused:
        run.main(["--clients", "2k"])
    assert refused.value.code == 2
    printed = capsys.readouterr().err
    assert "ulimit -Hn 2148" in printed
    assert "kernel.threads-max" in printed


def test_one_core_is_left_to_the_server() -> None:
    """The number of load processes grows with cores and clients, and is at least one."""
    chosen = [limits.load_processes(8192, 20_000, cores) for cores in (1, 2, 16)]
    assert chosen == [1, 1, 8]
    assert limits.load_processes(50, 20_000, 16) == 1


def command(*more: str) -> list[str]:
    """Return the command line of the rig as a child process."""
    return [sys.executable, str(STRESS / "run.py"), *more]


def test_the_command_line_end_to_end() -> None:
    """The command prints a table on standard output and progress on standard error."""
    with fixture() as target:
        where = "{}:{}".format(*target.address)
        ran = subprocess.run(
            command("--clients", "50", "--processes", "2", "--address", where),
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ran.returncode == 0, ran.stderr
    assert "50 clients, 1 x 3 operations each" in ran.stdout
    assert "150 in" in ran.stdout
    assert "none" in ran.stdout
    assert "a check of replies in " in ran.stdout
    assert "connect: 50 of 50" in ran.stderr
    assert "operate: 150 of 150" in ran.stderr
    assert max(map(len, ran.stdout.splitlines())) <= 80


def _heed_interrupts() -> None:
    """In the child: restore Ctrl-C, which a shell ignores in background jobs, possibly these tests."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_child(number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM during a run end the load processes, and a line has the signal and what was completed."""
    with fixture("--delay", "0.1") as target:
        where = "{}:{}".format(*target.address)
        options = command("--clients", "20", "--processes", "2", "--address", where, "--rounds", "20")
        with subprocess.Popen(options, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_interrupts) as running:
            assert running.stderr is not None
            line = ""
            while "operate" not in line:
                line = running.stderr.readline()
            listed = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text()
            children = [Path(f"/proc/{child}") for child in listed.split()]
            running.send_signal(number)
            last = running.stderr.read().splitlines()[-2:]
            assert running.wait(20) == 128 + number
    assert last == ["stress/run.py: interrupted; no run was completed", f"run.py: stopped by {number.name}"]
    assert len(children) == 2
    assert not any(child.exists() for child in children)


def test_a_missing_extra_is_named() -> None:
    """A missing package gives one line with the extra to install, and status 2."""
    hide = "import sys, runpy; sys.modules['rich'] = None; runpy.run_path(sys.argv.pop(1))"
    ran = subprocess.run(
        [sys.executable, "-c", hide, str(STRESS / "run.py")],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(STRESS)},
    )
    assert ran.returncode == 2
    assert ran.stderr.strip() == "rich is missing: pip install 'tseep[stress]'"


def test_both_modes_for_real(tmp_path: Path) -> None:
    """tseep in both modes gives right answers only, and exits with status 0."""
    file = tmp_path / "out.json"
    assert run.main(["--clients", "64", "--json", str(file)]) == 0
    written = json.loads(file.read_text())
    SCHEMA.validate(written)
    assert [ran["server"] for ran in written["runs"]] == ["v1", "v2"]
    assert [ran["operations"]["answered"] for ran in written["runs"]] == [192, 192]
    for server, ran in zip(written["servers"], written["runs"]):
        assert server["command"] == ran["command"]
        words = " ".join(server["command"])
        assert re.search(r"--listen tcp:[1-9]\d+:interface=127\.0\.0\.1 --maxclients 80 --dir /", words)
    assert all(ran["side"]["cpu_seconds"] > 0 for ran in written["runs"])
    # The listener, and in v1 a thread for each client and for the rig, which asks how late the loop was.
    assert [ran["side"]["threads"] for ran in written["runs"]] == [66, 1]
