"""Clients of a server that loads its data, and signals."""

from __future__ import annotations

import signal
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ..support.client import Client, Error, encode
from ..support.durable import info
from ..support.servers import MODES, Process, until

KEYS = 500
LOADING = Error("LOADING Redis is loading the dataset in memory")


def write_log(folder: Path) -> None:
    """Write an append-only file."""
    (folder / "appendonlydir").mkdir()
    (folder / "appendonlydir/appendonly.aof.manifest").write_text("file appendonly.aof.1.incr.aof seq 1 type i\n")
    commands = b"".join(encode("SET", number, "x" * 100) for number in range(KEYS))
    (folder / "appendonlydir/appendonly.aof.1.incr.aof").write_bytes(commands)


def write_snapshot(folder: Path) -> None:
    """Write a snapshot without a checksum."""
    keys = b"".join(b"\0\3%03d\x44\0" % number + bytes(1024) for number in range(KEYS))
    (folder / "dump.rdb").write_bytes(b"REDIS0010" + keys + b"\xff" + bytes(8))


class Slow(Process):
    """A server that needs minutes to load its data, unless key-load-delay is set to 0. It already listens."""

    def __init__(self, folder: Path, mode: str, kind: str) -> None:
        (write_log if kind == "log" else write_snapshot)(folder)
        file = folder / "tseep.conf"
        file.write_text(
            f"dir {folder}\nappendonly {'yes' if kind == 'log' else 'no'}\nsave 1 1\nkey-load-delay 200000\n"
            "loading-process-events-interval-bytes 1024\n"
        )
        local = "tcp:0:interface=127.0.0.1"
        options = ["--mode", mode, "--workers", "1", "--config", str(file), "--listen", local, "--metrics", local]
        super().__init__([sys.executable, "-m", "tseep", *options])
        port = self.wait_for(r"listens on 127\.0\.0\.1:(\d+): mode")[1]
        self.client = Client(("127.0.0.1", int(port)))

    def status(self, page: str) -> int:
        """The HTTP status of a page."""
        address = self.wait_for(r"/metrics and /health are on 127\.0\.0\.1:(\d+)")[1]
        with closing(HTTPConnection("127.0.0.1", int(address), timeout=30)) as connection:
            connection.request("GET", page)
            return connection.getresponse().status


@pytest.mark.parametrize("kind", ["log", "snapshot"])
@pytest.mark.parametrize("mode", MODES)
def test_loading(tmp_path: Path, mode: str, kind: str) -> None:
    """Clients get LOADING, or replies to the commands that are allowed, until all data are loaded."""
    with Slow(tmp_path, mode, kind) as server, server.client as client:
        assert client("PING") == client("GET", "1") == client("SET", "a", 1) == LOADING
        assert info(client, "loading") == "1"
        assert "is ready" not in server.output
        assert (server.status("/health"), server.status("/alive")) == (503, 200)
        assert client("CONFIG", "SET", "key-load-delay", 0) == "OK"
        assert until(lambda: client("DBSIZE") != LOADING, "the data are loaded")
        assert client("DBSIZE") == KEYS
        assert info(client, "loading") == "0"
        assert client("SET", "a", 1) == "OK"
        server.wait_for("is ready")
        assert server.status("/health") == 200


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "SHUTDOWN"])
@pytest.mark.parametrize("mode", MODES)
def test_shutdown(tmp_path: Path, mode: str, how: str) -> None:
    """A shutdown ends a load at once, with status 0 and without a change of the files."""
    with Slow(tmp_path, mode, "snapshot") as server, server.client as client:
        before = (tmp_path / "dump.rdb").read_bytes()
        assert client("PING") == LOADING
        if how == "SHUTDOWN":
            client.send(encode("SHUTDOWN"))
        else:
            server.send_signal(getattr(signal, how))
        assert server.wait() == 0, server.output
        assert (tmp_path / "dump.rdb").read_bytes() == before
