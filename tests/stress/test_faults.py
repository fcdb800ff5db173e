"""Every mistake of a server is found, in every workload and pace; and latencies are what the server made them."""

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
# What a fault is counted as. Where an answer is missing among others that were sent in one go, those after it are
# taken for it.
EXPECTED_FAULTS = {
    "none": set(),
    "split": set(),
    "wrong": {"wrong"},
    "error": {"error"},
    "late": {"late"},
    "garbage": {"wrong"},
    "twice": {"wrong"},
    "drop": {"missing", "wrong"},
    "close": {"closed"},
}

OPENED = [*((workload, "open") for workload in ("seed", "mix", "mix-pipelined", "churn")), ("idle", "poisson")]
LATE = ["--late", "1.25"]
EVERY = [
    *((workload, "closed", fault) for workload in WORKLOADS for fault in EXPECTED_FAULTS),
    *((*opened, fault) for opened in OPENED for fault in ("none", "wrong", "late", "twice", "drop")),
]


def timeout(fault: str) -> list[str]:
    """Return the rig's option: from then on an answer is late, and after twice the time it is missing. Where that is
    not what is waited for, it is as long as no machine stands still."""
    return ["--timeout", "1" if fault in ("late", "drop") else "10"]


def measured(tmp_path: Path, fixture: list[str], *options: str) -> tuple[int, dict[str, Any]]:
    """Run the rig against a fixture server; return its exit status and its one run."""
    port, file = process.free_port(), tmp_path / "out.json"
    with process.Server(fixture_command(port, *fixture), port) as target:
        where = "{}:{}".format(*target.address)
        status = run.main(["--address", where, "--json", str(file), "--seed", "1", *options])
    written = json.loads(file.read_text())
    SCHEMA.validate(written)
    (ran,) = written["runs"]
    return status, ran


def spoken(options: list[str]) -> list[str]:
    """Return the fixture's options for the protocol of a workload, and to leave alone the setting of the keys."""
    shares = "seed" not in options
    return ["--protocol", options[options.index("--protocol") + 1], "--skip", str(KEYS if shares else 0)]


@pytest.mark.parametrize(("workload", "pace", "fault"), EVERY)
def test_every_mistake_is_found(workload: str, pace: str, fault: str, tmp_path: Path) -> None:
    """One request in fifty goes wrong: the run fails and says how; where none does, all is well."""
    options = WORKLOADS[workload]
    fixture = [*spoken(options), "--fault", fault, "--one-in", "50", *LATE]
    more = ["--clients", "8", "--keys", str(KEYS), *timeout(fault), *PACES[pace]]
    status, ran = measured(tmp_path, fixture, *options, *more)
    found = set(ran["errors"])
    assert status == (1 if EXPECTED_FAULTS[fault] else 0), ran["first_errors"]
    assert bool(found) == bool(EXPECTED_FAULTS[fault])
    if fault == "late" and "pipelined" in workload:
        found.discard("missing")  # of several late ones on one connection the last is past twice the timeout
    assert found <= EXPECTED_FAULTS[fault] | ({"late"} if pace != "closed" else set()), ran["first_errors"]


@pytest.mark.parametrize("fault", ["wrong", "late", "twice", "drop"])
def test_one_mistake_in_ten_thousand_is_found(fault: str, tmp_path: Path) -> None:
    """Of 12,800 requests one goes wrong."""
    fixture = ["--protocol", "resp", "--skip", str(KEYS), "--fault", fault, "--one-in", "10000", *LATE]
    mix = ["--workload", "mix", "--keys", str(KEYS), "--pipeline", "16", "--clients", "8", "--rounds", "100"]
    status, ran = measured(tmp_path, fixture, *mix, *timeout(fault))
    assert status == 1
    assert set(ran["errors"]) <= EXPECTED_FAULTS[fault]
    assert sum(ran["errors"].values()) <= 16


def test_an_idle_client_that_is_cut_off_is_found(tmp_path: Path) -> None:
    """The server closes connections that said nothing: those are faults, though nobody asked anything on them."""
    fixture = ["--protocol", "resp", "--skip", str(KEYS), "--cut-idle", "1"]
    options = ["--workload", "idle", "--active", "2", "--clients", "10", "--keys", str(KEYS)]
    status, ran = measured(tmp_path, fixture, *options, "--duration", "2", "--warmup", "0")
    assert (status, ran["errors"]) == (1, {"closed": 8})
    assert ran["active"] == 2
    assert ran["operations"]["answered"] > 0


def test_keys_that_cannot_be_set_are_told(tmp_path: Path) -> None:
    """A server that answers SETs with errors has no mix to be measured with."""
    fixture = ["--protocol", "resp", "--fault", "error", "--one-in", "1"]
    with pytest.raises(run.preload.NotLoaded, match="could not be set"):
        measured(tmp_path, fixture, "--workload", "mix", "--clients", "2", "--keys", "5")


def test_percentiles_are_those_of_the_server(tmp_path: Path) -> None:
    """Every answer after 20 ms and one in ten after 200 ms more: the percentiles are not below, and apart."""
    fixture = ["--protocol", "resp", "--skip", str(KEYS), "--delay", "0.02", "--fault", "late", "--one-in", "10"]
    options = ["--workload", "mix", "--keys", str(KEYS), "--clients", "4", "--rounds", "50"]
    status, ran = measured(tmp_path, [*fixture, "--late", "0.2"], *options)
    latency = ran["operations"]["response"]
    assert (status, latency["number"]) == (0, 200)
    assert 19_900 <= latency["p50_us"] < 150_000
    assert 199_000 <= latency["p99_us"] <= latency["max_us"]
    # 20 of 200 take 220 ms, the others 20 ms.
    assert latency["mean_us"] >= 39_800


def test_what_a_stall_keeps_from_being_sent_counts(tmp_path: Path) -> None:
    """The server stands still for 0.5 s of 2: a quarter of all requests is planned meanwhile, of which one for each
    client is sent. Service times hardly show it, response times do."""
    fixture = ["--protocol", "resp", "--stall-at", str(KEYS + 100), "--stall", "0.5"]
    options = ["--workload", "mix", "--keys", str(KEYS), "--clients", "4", "--rate", "200"]
    status, ran = measured(tmp_path, fixture, *options, "--duration", "2", "--warmup", "0")
    operations = ran["operations"]
    assert (status, operations["asked"]) == (0, 400)
    assert operations["response"]["number"] == operations["service"]["number"] == 400
    assert operations["response"]["p90_us"] >= 250_000
    assert operations["service"]["p90_us"] < 250_000
    assert operations["response"]["max_us"] >= 490_000
    assert operations["service"]["max_us"] >= 490_000


def test_a_plan_that_is_too_much_is_told(tmp_path: Path) -> None:
    """A server that takes 20 ms can't give one client 200 answers a second."""
    fixture = ["--protocol", "resp", "--skip", str(KEYS), "--delay", "0.02"]
    options = ["--workload", "mix", "--keys", str(KEYS), "--clients", "1", "--rate", "200"]
    _, ran = measured(tmp_path, fixture, *options, "--duration", "1", "--warmup", "0")
    operations = ran["operations"]
    assert operations["asked"] == 200
    assert operations["answered"] <= 50
    assert ran["limited_by"] in ("saturated", "machine")  # which other programs may have filled
    assert operations["response"]["p99_us"] > operations["service"]["p50_us"] * 5


def test_the_warm_up_is_left_out(tmp_path: Path) -> None:
    """The first answers are late, which no figure shows, but the seconds do."""
    fixture = ["--protocol", "resp", "--stall-at", str(KEYS + 1), "--stall", "0.7"]
    options = ["--workload", "mix", "--keys", str(KEYS), "--clients", "2", "--rate", "100"]
    status, ran = measured(tmp_path, fixture, *options, "--warmup", "2", "--duration", "1")
    assert status == 0
    assert ran["operations"]["response"]["max_us"] < 690_000
    seconds = [row for row in ran["series"] if row["phase"] in ("warmup", "operate")]
    assert [row["phase"] for row in seconds][:3] == ["warmup", "warmup", "operate"]
    assert seconds[0]["p99_us"] >= 600_000


@pytest.mark.parametrize("workload", ["mix-pipelined", "idle", "churn"])
def test_large_values_in_pieces(workload: str, tmp_path: Path) -> None:
    """Values that no socket takes whole are sent and read in pieces, and compared all the same."""
    fixture = ["--protocol", "resp"]
    sizes = ["--values", "500000", "--sets", "0.5", "--keys", "5", "--clients", "2", "--rounds", "3"]
    status, ran = measured(tmp_path, fixture, *WORKLOADS[workload], *sizes)
    assert (status, ran["errors"]) == (0, {})
    assert ran["operations"]["answered"] == ran["operations"]["asked"]


def test_churn_connects_for_each_request(tmp_path: Path) -> None:
    """Connections are counted, timed, and ended."""
    options = [*WORKLOADS["churn"], "--keys", str(KEYS), "--clients", "4", "--rounds", "20"]
    status, ran = measured(tmp_path, ["--protocol", "resp"], *options)
    assert (status, ran["operations"]["answered"]) == (0, 80)
    assert ran["connect"]["latency"]["number"] == 80
    assert ran["connect"]["per_second"] == pytest.approx(80 / ran["operations"]["seconds"])


def test_a_sweep_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All rates tried are in the document, and the answer is printed."""
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
