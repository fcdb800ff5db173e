"""v3's processes: workers that die, hang, and lose the data process, with clients connected."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.client import Client, connect, encode, read_exactly
from ..support.servers import Tseep, until


def test_both_serve(workers: Tseep) -> None:
    """Clients are spread over the workers; CLIENT LIST, INFO and CLIENT KILL cover them all."""
    clients = _spread(workers)
    assert set(clients) == {0, 1}
    first, second = clients[0][0], clients[1][0]
    assert first("SET", "a", "1") == "OK"
    assert second("GET", "a") == b"1"
    told = _workers(first)
    assert sum(int(fields["clients"]) for fields in told) == sum(map(len, clients.values()))
    assert first("CLIENT", "KILL", "ID", str(second("CLIENT", "ID"))) == 1
    with pytest.raises((EOFError, OSError)):
        second("PING")


def test_worker_dies(workers: Tseep) -> None:
    """A worker that dies closes only its own clients, loses nothing that they waited for, and is restarted."""
    clients = _spread(workers)
    lost, kept = clients[0][0], clients[1][0]
    lost.send(encode("BLPOP", "l", "0"))
    until(lambda: "blocked_clients:1" in kept("INFO", "clients").decode(), "a client is blocked")
    (pid,) = [int(fields["pid"]) for fields in _workers(kept) if fields["worker"] == "0"]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises((EOFError, OSError)):
        lost.reply()
    until(lambda: "blocked_clients:0" in kept("INFO", "clients").decode(), "no client is blocked")
    assert kept("RPUSH", "l", "x") == 1
    assert kept("LPOP", "l") == b"x"
    until(lambda: _workers(kept)[0]["restarts"] == "1", "a new worker is running")
    until(lambda: 0 in _spread(workers), "the new worker has clients")
    assert "worker 0 exited" in workers.output


def test_worker_hangs(workers: Tseep) -> None:
    """An unresponsive worker is detected and killed."""
    clients = _spread(workers)
    kept = clients[1][0]
    (pid,) = [int(fields["pid"]) for fields in _workers(kept) if fields["worker"] == "0"]
    os.kill(pid, signal.SIGSTOP)
    workers.wait_for("worker 0 is unresponsive; killing it")
    until(lambda: _workers(kept)[0]["restarts"] == "1", "a new worker is running")


def test_data_process_dies() -> None:
    """Workers exit when the data process dies, and the port is free."""
    with Tseep("v3", "--workers", "2") as server:
        with server.connect() as client:
            pids = [int(fields["pid"]) for fields in _workers(client)]
        server.kill()
        until(lambda: not any(_alive(pid) for pid in pids), "the workers have exited")
        with socket.create_server(("127.0.0.1", server.port)):
            pass


def test_signals_to_all() -> None:
    """A signal to all processes stops the server after it has replied to the commands received until then."""
    with Tseep("v3", "--workers", "2") as server:
        socks = [connect(server.address) for _ in range(50)]
        with server.connect() as client:
            pids = [int(fields["pid"]) for fields in _workers(client)]
        for sock in socks:
            sock.sendall(encode("PING"))
        for pid in [*pids, server.pid]:
            os.kill(pid, signal.SIGTERM)
        for sock in socks:
            assert read_exactly(sock, 7) == b"+PONG\r\n"
            assert sock.recv(1) == b""
            sock.close()
        assert server.wait() == 0, server.output
        assert not any(_alive(pid) for pid in pids)


def test_worker_dies_at_a_unix_socket(tmp_path: Path) -> None:
    """A Unix socket outlives a worker: the next worker listens on it."""
    endpoint = "unix:" + str(tmp_path / "socket")
    with Tseep("v3", "--workers", "1", endpoint=endpoint) as server:
        with server.connect() as client:
            os.kill(int(_workers(client)[0]["pid"]), signal.SIGKILL)
        assert server.wait_for(r"worker 0 exited \(.*signal 9.*\); 1 clients disconnected; restarting in 0\.2 s")
        with server.connect() as client:
            assert client("PING") == "PONG"
        assert server.stop() == 0
    assert not (tmp_path / "socket").exists()


@pytest.fixture
def workers() -> Iterator[Tseep]:
    """A server with two workers."""
    with Tseep("v3", "--workers", "2") as server:
        yield server
        assert server.stop() == 0, server.output
        assert "Traceback" not in server.output, server.output


def _spread(server: Tseep) -> dict[int, list[Client]]:
    """Some clients, by their workers."""
    found: dict[int, list[Client]] = {}
    for _ in range(24):
        client = server.connect()
        found.setdefault(int(_field(client("CLIENT", "INFO").decode(), "worker")), []).append(client)
    return found


def _workers(client: Client) -> list[dict[str, str]]:
    """INFO's fields of each worker by name, and its number as C{worker}."""
    text = client("INFO", "clients").decode()
    return [
        {"worker": number, **dict(field.split("=") for field in fields.split(","))}
        for number, fields in re.findall(r"^worker(\d+):(.*?)\r$", text, re.MULTILINE)
    ]


def _field(text: str, name: str) -> str:
    match = re.search(rf"\b{name}=(\S+)", text)
    assert match is not None, text
    return match[1]


def _alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
