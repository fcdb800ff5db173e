"""Servers killed at random moments: every acknowledged write is loaded at the next start."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from threading import Thread, Timer

import pytest

from ..support.durable import APPENDING, tseep
from ..support.servers import MODES, Tseep

KILLS = int(os.environ.get("TSEEP_KILLS", "10"))
"""Number of kills per mode."""

CLIENTS = 20


@pytest.mark.parametrize("mode", MODES)
def test_killed_under_load(tmp_path: Path, mode: str) -> None:
    """A server killed at random moments under load keeps every write that it acknowledged."""
    options = (*APPENDING, "--appendfsync", "always", "--auto-aof-rewrite-min-size", "30kb")
    chance = random.Random(7)
    acknowledged = [0] * CLIENTS
    for _ in range(KILLS):
        with tseep(tmp_path, *options, mode=mode) as server:
            _check_acknowledged(server, acknowledged)
            _write_until_killed(server, acknowledged, chance.uniform(0.0, 0.3))


def _check_acknowledged(server: Tseep, acknowledged: list[int]) -> None:
    """Each counter has its acknowledged value or one more, and the list of the same transaction has that length."""
    with server.connect() as client:
        for number, said in enumerate(acknowledged):
            value, length = int(client("GET", f"n{number}") or 0), client("LLEN", f"l{number}")
            assert said <= value <= said + 1 and value == length, (number, said, value, length)
            acknowledged[number] = value


def _write_until_killed(server: Tseep, acknowledged: list[int], seconds: float) -> None:
    """Run clients that increment counters, each time in a transaction, until the server is killed."""

    def count(number: int) -> None:
        try:
            with server.connect() as client:
                while True:
                    client("MULTI"), client("INCR", f"n{number}"), client("RPUSH", f"l{number}", "x")
                    value, _ = client("EXEC")
                    acknowledged[number] = value
        except (OSError, EOFError):
            pass

    clients = [Thread(target=count, args=(number,)) for number in range(len(acknowledged))]
    killer = Timer(seconds, server.send_signal, [signal.SIGKILL])
    for thread in [*clients, killer]:
        thread.start()
    for thread in [*clients, killer]:
        thread.join()
