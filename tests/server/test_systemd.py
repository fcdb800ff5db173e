"""The systemd notification protocol; the test plays systemd's part."""

from __future__ import annotations

import socket
from pathlib import Path

from ..support.client import PATIENCE, Client
from ..support.servers import Tseep


def test_ready_and_stopping(tmp_path: Path) -> None:
    """The server sends READY=1 once it serves clients, and STOPPING=1 before it exits."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(PATIENCE)
        with Tseep("v2", env={"NOTIFY_SOCKET": path}) as server:
            assert systemd.recv(100) == b"READY=1"
            with Client(server.address) as client:
                assert client("PING") == "PONG"
            assert server.stop() == 0
            assert systemd.recv(100) == b"STOPPING=1"
