"""Changes of the wall clock at run time: expiry dates follow it, intervals do not."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.request import urlopen

import pytest

from ..support.client import Client
from ..support.durable import info
from ..support.servers import MODES, ROOT, Tseep, until

HOUR = 3600.0


class Turned(Tseep):
    """A server for which the test sets the wall clock of all processes; the clock starts at the real time."""

    def __init__(self, mode: str, folder: Path, *options: str) -> None:
        self._clock = folder / "clock"
        self._clock.write_bytes(struct.pack("dQ", 0.0, 0))
        env = {"PYTHONPATH": str(ROOT / "tests" / "support" / "wall_clock"), "WALL_CLOCK": str(self._clock)}
        super().__init__(mode, "--metrics", "tcp:0:interface=127.0.0.1", *options, env=env)
        self.page = self.wait_for(r"/health are on (\S+?:\d+)")[1]

    def turn(self, seconds: float) -> None:
        """Shift the wall clock by C{seconds} from the real time."""
        with self._clock.open("r+b") as file:
            file.write(struct.pack("d", seconds))

    @property
    def syncs(self) -> int:
        """Number of calls of fsync so far."""
        return int(struct.unpack("dQ", self._clock.read_bytes())[1])


@pytest.fixture(params=MODES)
def turned(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Turned]:
    """A server in each mode, with an append-only file."""
    with Turned(request.param, tmp_path, "--appendonly", "yes", "--dir", str(tmp_path)) as server:
        yield server


@pytest.fixture
def traffic(turned: Turned) -> Iterator[None]:
    """A client that writes continuously."""
    enough = Event()

    def write() -> None:
        with turned.connect() as client:
            while not enough.is_set():
                client("INCR", "written")

    thread = Thread(target=write, daemon=True)
    thread.start()
    yield
    enough.set()
    thread.join()


def test_set_back_and_forth(turned: Turned, traffic: None) -> None:
    """Whatever the clock is set to, blocked clients get replies, pauses end, and statistics are reported."""
    with turned.connect() as client:
        for offset in (-HOUR, HOUR):
            turned.turn(offset)
            until(lambda at=offset: abs(int(client("TIME")[0]) - time.time() - at) < HOUR / 4, "the clock is set")  # type: ignore[misc]
            _intervals_pass(turned, client)


def _intervals_pass(server: Turned, client: Client) -> None:
    assert client("BLPOP", "nothing", "0.3") is None
    assert client("XREAD", "BLOCK", "100", "STREAMS", "nothing", "0") is None
    assert client("CLIENT", "PAUSE", "200") == "OK"
    assert client("SET", "after", "the pause") == "OK"
    until(lambda: int(info(client, "instantaneous_ops_per_sec")) > 0, "the rate of commands is reported")
    assert 0 <= int(info(client, "uptime_in_seconds")) < HOUR / 2
    client("SET", "used", "once")
    idle = server.connect()
    assert client("CONFIG", "SET", "timeout", "1") == "OK"
    until(lambda: not client("PING") or _rest(idle) == b"", "an idle client is closed")
    assert client("CONFIG", "SET", "timeout", "0") == "OK"
    assert 0 <= client("OBJECT", "IDLETIME", "used") < HOUR / 2
    before = _samples(server)
    until(lambda: _samples(server) != before, "the live page's figures change")


def _rest(client: Client) -> Any:
    client.socket.settimeout(0.01)
    try:
        return client.socket.recv(1)
    except socket.timeout:
        return None


def _samples(server: Turned) -> list[float]:
    with urlopen(f"http://{server.page}/live.json") as answer:
        return [sample["time"] for sample in json.load(answer)["samples"]][-1:]


def test_synced(turned: Turned, traffic: None) -> None:
    """The append-only file is synced every second."""
    with turned.connect() as client:
        for offset in (-HOUR, HOUR):
            turned.turn(offset)
            for _ in range(2):
                before = turned.syncs
                until(lambda known=before: turned.syncs > known, "the append-only file is synced")  # type: ignore[misc]
            assert info(client, "aof_last_write_status") == "ok"


def test_dates(turned: Turned) -> None:
    """A key expires by the wall clock: setting it back delays the expiry, setting it forward expires the key."""
    with turned.connect() as client:
        client("SET", "key", "value", "EX", 1800)
        turned.turn(-HOUR)
        until(lambda: client("TTL", "key") > 1800, "the clock is set back")
        turned.turn(HOUR)
        until(lambda: client("GET", "key") is None, "the key has expired")
