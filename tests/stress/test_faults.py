"""The rig detects every fault of a server, under every workload and pacing, and measures the latencies that the server
produced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hdrh")
pytest.importorskip("rich")
pytest.importorskip("jsonschema")

import run
from servers import process

from .test_run import SCHEMA, fixture_command

KEYS = 40
CLOSED = ["--rounds", "30"]
OPEN = ["--rate", "400", "--duration", "0.75", "--warmup", "0"]

WORKLOADS = {
    "seed": ["--workload", "seed", "--protocol", "native"],
    "seed-resp": ["--workload", "seed", "--protocol", "resp", "--pipeline", "2"],
    "mix": ["--workload", "mix", "--protocol", "resp", "--sets", "0.3"],
    "mix-native": ["--workload", "mix", "--protocol", "native", "--sets", "0.3", "--values", "1-255"],
    "mix-pipelined": ["--workload", "mix", "--protocol", "resp", "--pipeline", "8", "--values", "1-3000"],
    "churn": ["--workload", "churn", "--protocol", "resp"],
    "idle": ["--workload", "idle", "--protocol", "resp", "--active", "50%"],
}
PACES = {"closed": CLOSED, "open": OPEN, "poisson": [*OPEN, "--poisson"]}
# The kinds that a fault may be counted as. If an answer is missing in a pipeline, the next ones are compared with the
# expected ones before them. With a short timeout, what the machine delays counts as late, and a late answer that it
# delays further as missing.
EXPECTED_FAULTS = {
    "none": set(),
    "split": set(),
    "wrong": {"wrong"},
    "error": {"error"},
    "late": {"late", "missing"},
    "garbage": {"wrong"},
    "twice": {"wrong"},
    "drop": {"missing", "wrong", "late"},
    "close": {"closed"},
}

OPENED = [*((workload, "open") for workload in ("seed", "mix", "mix-pipelined", "churn")), ("idle", "poisson")]
LATE = ["--late", "1.25"]
EVERY = [
    *((workload, "closed", fault) for workload in WORKLOADS for fault in EXPECTED_FAULTS),
    *((*opened, fault) for opened in OPENED for fault in ("none", "wrong", "late", "twice", "drop")),
]


def timeout(fault: str) -> list[str]:
    """Return the rig's option --timeout, after which an answer is late, and after twice the time missing. If the fault
    is neither, it is longer than any delay of the machine."""
    return ["--timeout", "1" if fault in ("late", "drop") else "10"]


def measured(tmp_path: Path, fixture: list[str], *options: str) -> tuple[int, dict[str, Any]]:
    """Run the rig against the faulty server; return its exit status and its one run."""
    port, file = process.free_port(), tmp_path / "out.json"
    with process.Server(fixture_command(port, *fixture), port) as target:
        where = "{}:{}".format(*target.address)
        status = run.main(["--address", where, "--json", str(file), "--seed", "1", *options])
    written = json.loads(file.read_text())
    SCHEMA.validate(written)
    (ran,) = written["runs"]
    return status, ran


def spoken(options: list[str]) -> list[str]:
    """Return the faulty server's options for the protocol of a workload, which exclude the preloading of the keys."""
    shares = "seed" not in options
    return ["--protocol", options[options.index("--protocol") + 1], "--skip", str(KEYS if shares else 0)]


@pytest.mark.parametrize(("workload", "pace", "fault"), EVERY)
def test_every_mistake_is_found(workload: str, pace: str, fault: str, tmp_path: Path) -> None:
    """With one faulty request in fifty the run fails and names the kind; without one it succeeds."""
    options = WORKLOADS[workload]
    fixture = [*spoken(options), "--fault", fault, "--one-in", "50", *LATE]
    more = ["--clients", "8", "--keys", str(KEYS), *timeout(fault), *PACES[pace]]
    status, ran = measured(tmp_path, fixture, *options, *more)
    found = set(ran["errors"])
    assert status == (1 if EXPECTED_FAULTS[fault] else 0), ran["first_errors"]
    assert bool(found) == bool(EXPECTED_FAULTS[fault])
    assert found <= EXPECTED_FAULTS[fault] | ({"late"} if pace != "closed" else set()), ran["first_errors"]


@pytest.mark.parametrize("fault", ["wrong", "late", "twice", "drop"])
def test_one_mistake_in_ten_thousand_is_found(fault: str, tmp_path: Path) -> None:
    """One faulty request of 12,800 fails the run."""
    fixture = ["--protocol", "resp", "--skip", str(KEYS), "--fault", fault, "--one-in", "10000", *LATE]
    mix = ["--workload", "mix", "--keys", str(KEYS), "--pipeline", "16", "--clients", "8", "--rounds", "100"]
    status, ran = measured(tmp_path, fixture, *mix, *timeout(fault))
    assert status == 1
    assert set(ran["errors"]) <= EXPECTED_FAULTS[fault]
    assert sum(ran["errors"].values()) <= 16


def test_an_idle_client_that_is_cut_off_is_found(tmp_path: Path) -> None:
    """Connections without requests that the server closes are faults."""
    fixture = ["--protocol", "resp", "--skip", str(KEYS), "--cut-idle", str(KEYS + 20)]
    options = ["--workload", "idle", "--active", "2", "--clients", "10", "--keys", str(KEYS)]
    status, ran = measured(tmp_path, fixture, *options, "--duration", "2", "--warmup", "0")
    assert (status, ran["errors"]) == (1, {"closed": 8})
    assert ran["active"] == 2
    assert ran["operations"]["answered"] > 0


def test_keys_that_cannot_be_set_are_told(tmp_path: Path) -> None:
    """A server that answers SET with errors ends the run with a message."""
    fixture = ["--protocol", "resp", "--fault", "error", "--one-in", "1"]
    with pytest.raises(run.preload.NotLoaded, match="could not be set"):
        measured(tmp_path, fixture, "--workload", "mix", "--clients", "2", "--keys", "5")


def test_percentiles_are_those_of_the_server(tmp_path: Path) -> None:
    """Every answer comes after 20 ms and one in ten after 200 ms more: the percentiles are not lower, and distinct."""
    fixture = ["--protocol", "resp", "--skip", str(KEYS), "--delay", "0.02", "--fault", "late", "--one-in", "10"]
    options = ["--workload", "mix", "--keys", str(KEYS), "--clients", "4", "--rounds", "50"]
    status, ran = measured(tmp_path, [*fixture, "--late", "0.2"], *options)
    latency = ran["operations"]["response"]
    assert (status, latency["number"]) == (0, 200)
    assert 19_900 <= latency["p50_us"] < latency["p99_us"] <= latency["max_us"]
    assert latency["p99_us"] >= 199_000
    # 20 of 200 answers come after 220 ms, the others after 20 ms.
    assert latency["mean_us"] >= 39_800


def test_what_a_stall_keeps_from_being_sent_counts(tmp_path: Path) -> None:
    """The server stalls for 0.5 s of 2: a quarter of all requests is planned in that time, one of which for each client
    is sent. Service times hardly show it, response times do."""
    fixture = ["--protocol", "resp", "--stall-at", str(KEYS + 100), "--stall", "0.5"]
    options = ["--workload", "mix", "--keys", str(KEYS), "--clients", "4", "--rate", "200"]
    status, ran = measured(tmp_path, fixture, *options, "--duration", "2", "--warmup", "0")
    operations = ran["operations"]
    assert (status, operations["asked"]) == (0, 400)
    assert 300 < operations["response"]["number"] == operations["service"]["number"] <= 400  # a busy machine is late
    assert operations["response"]["p90_us"] >= 250_000
    assert operations["service"]["p90_us"] < operations["response"]["p90_us"]
    assert operations["response"]["max_us"] >= 490_000
    assert operations["service"]["max_us"] >= 490_000


def test_a_plan_that_is_too_much_is_told(tmp_path: Path) -> None:
    """A server with a latency of 20 ms cannot give one client 200 answers per second: the run is saturated."""
    fixture = ["--protocol", "resp", "--skip", str(KEYS), "--delay", "0.02"]
    options = ["--workload", "mix", "--keys", str(KEYS), "--clients", "1", "--rate", "200"]
    _, ran = measured(tmp_path, fixture, *options, "--duration", "1", "--warmup", "0")
    operations = ran["operations"]
    assert operations["asked"] == 200
    assert operations["answered"] <= 50
    assert ran["limited_by"] in ("saturated", "machine")  # which other programs may have filled
    assert operations["response"]["p50_us"] > operations["service"]["p50_us"]


def test_the_warm_up_is_left_out(tmp_path: Path) -> None:
    """The first answers are late: the series shows them, the figures do not."""
    fixture = ["--protocol", "resp", "--stall-at", str(KEYS + 1), "--stall", "0.7"]
    options = ["--workload", "mix", "--keys", str(KEYS), "--clients", "2", "--rate", "100"]
    status, ran = measured(tmp_path, fixture, *options, "--warmup", "2", "--duration", "1")
    assert status == 0
    assert 50 < ran["operations"]["response"]["number"] <= ran["operations"]["asked"] == 100  # a busy machine is late
    seconds = [row for row in ran["series"] if row["phase"] in ("warmup", "operate")]
    assert [row["phase"] for row in seconds][:3] == ["warmup", "warmup", "operate"]
    assert max(row["p99_us"] or 0 for row in seconds[:2]) >= 600_000


@pytest.mark.parametrize("workload", ["mix-pipelined", "idle", "churn"])
def test_large_values_in_pieces(workload: str, tmp_path: Path) -> None:
    """Values that do not fit into a socket buffer are sent and received in pieces, and compared."""
    fixture = ["--protocol", "resp"]
    sizes = ["--values", "500000", "--sets", "0.5", "--keys", "5", "--clients", "2", "--rounds", "3"]
    status, ran = measured(tmp_path, fixture, *WORKLOADS[workload], *sizes)
    assert (status, ran["errors"]) == (0, {})
    assert ran["operations"]["answered"] == ran["operations"]["asked"]


def test_churn_connects_for_each_request(tmp_path: Path) -> None:
    """Connections are counted, timed and closed."""
    options = [*WORKLOADS["churn"], "--keys", str(KEYS), "--clients", "4", "--rounds", "20"]
    status, ran = measured(tmp_path, ["--protocol", "resp"], *options)
    assert (status, ran["operations"]["answered"]) == (0, 80)
    assert ran["connect"]["latency"]["number"] == 80
    assert ran["connect"]["per_second"] == pytest.approx(80 / ran["operations"]["seconds"])


def test_a_sweep_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document contains all tested rates, and the result is printed."""
    port, file = process.free_port(), tmp_path / "out.json"
    sweep = ["--sweep", "500ms", "--workload", "mix", "--keys", str(KEYS), "--clients", "2"]
    with process.Server(fixture_command(port, "--protocol", "resp", "--skip", str(KEYS), "--delay", "0.05"), port):
        where = f"127.0.0.1:{port}"
        run.main(["--address", where, "--json", str(file), *sweep, "--duration", "0.5", "--warmup", "0"])
    written = json.loads(file.read_text())
    SCHEMA.validate(written)
    assert written["plan"]["pacing"]["p99_us"] == 500_000
    assert all(0 < ran["target_per_second"] <= 40 for ran in written["runs"])  # two clients, 50 ms each
    assert "with 2 clients holds a p99 of 500ms" in capsys.readouterr().out
