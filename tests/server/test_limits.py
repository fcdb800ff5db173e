"""Limits: clients that exceed one do not affect others, and the server reports which limit it was."""

from __future__ import annotations

import platform
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.client import Client, connect, encode, read_to_end
from ..support.durable import info, kill
from ..support.servers import MODES, Redis, Tseep, until

both = pytest.mark.parametrize("mode", MODES)


@pytest.fixture(params=[*MODES, "redis"])
def limited(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Starts a server with given options, in each mode, and redis-server as the reference."""
    running: list[Any] = []

    def start(*options: str) -> Any:
        server = Redis(*options) if request.param == "redis" else Tseep(request.param, *options)
        running.append(server)
        return server

    yield start
    for server in running:
        server.kill()


def test_output_limit(limited: Any) -> None:
    """A subscriber that does not read is closed at its limit; one that reads receives everything."""
    server = limited("--client-output-buffer-limit", "pubsub 1mb 0 0")
    with server.connect() as good, server.connect() as publisher:
        bad = connect(server.address, receive_buffer=4096)
        for sock in (bad, good.socket):
            sock.sendall(encode("SUBSCRIBE", "c"))
        good.reply()
        until(lambda: publisher("PUBSUB", "NUMSUB", "c")[1] == 2, "both are subscribed")
        sent = 0
        while publisher("PUBLISH", "c", "x" * 100_000) == 2:
            sent += 1
            assert good.reply().value[2].value == b"x" * 100_000
        assert 10 <= sent < 200
        assert good.reply().value[2].value == b"x" * 100_000
        assert len(read_to_end(bad)) < 100_000 * 200


def test_many_threads() -> None:
    """
    v1 starts a thread for each of hundreds of clients that block at the same time, and reports their number, while
    others are served. After the clients disconnect, most of the threads end.
    """
    with Tseep("v1") as server, server.connect() as other:
        crowd = [connect(server.address) for _ in range(300)]
        for sock in crowd:
            sock.sendall(encode("BLPOP", "nothing", 0))
        until(lambda: info(other, "blocked_clients") == "300", "all of them are blocked")
        assert int(info(other, "tseep_threads")) > 300
        assert info(other, "tseep_waiting_clients") == "0"
        assert other("PING") == "PONG"
        for sock in crowd:
            sock.close()
        until(lambda: info(other, "connected_clients") == "1", "all of them are disconnected")
        until(lambda: int(info(other, "tseep_threads")) < 100, "their threads have ended")


def test_query_limit(limited: Any) -> None:
    """A client whose command exceeds client-query-buffer-limit is closed; others are served."""
    server = limited("--client-query-buffer-limit", "1mb")
    with server.connect() as other:
        sock = connect(server.address)
        try:
            sock.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4000000\r\n" + b"x" * 3_000_000)
        except OSError:
            pass
        assert read_to_end(sock) == b""
        assert other("GET", "a") is None


def test_too_many(limited: Any) -> None:
    """A client beyond maxclients gets an error, and another is accepted after one disconnects."""
    server = limited("--maxclients", "3")
    clients = [server.connect() for _ in range(3)]
    assert all(client("PING") == "PONG" for client in clients)
    assert read_to_end(connect(server.address)) == b"-ERR max number of clients reached\r\n"
    clients.pop().close()

    def fits() -> bool:
        with server.connect() as client:
            try:
                return bool(client("PING") == "PONG")
            except (EOFError, OSError):
                return False

    until(fits, "a new client is accepted")


@both
def test_reserved_endpoint(mode: str, tmp_path: Path) -> None:
    """An operator can connect to a reserved endpoint after maxclients is reached."""
    path = str(tmp_path / "operator")
    with Tseep(mode, "--maxclients", "2", "--operator-listen", f"unix:{path}:mode=600") as server:
        clients = [server.connect() for _ in range(2)]
        assert [client("PING") for client in clients] == ["PONG", "PONG"]
        assert read_to_end(connect(server.address)) == b"-ERR max number of clients reached\r\n"
        with Client(path) as operator:
            assert len(operator("CLIENT", "LIST").splitlines()) == 3
            assert operator("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") == 2
        with server.connect() as client:
            assert client("PING") == "PONG"


def test_evicts_keys(limited: Any) -> None:
    """At maxmemory the server evicts keys, or refuses commands that need memory, by its policy."""
    server = limited("--maxmemory", "8mb")
    with server.connect() as client:
        number = 0
        while (reply := client("SET", f"key:{number}", "x" * 10_000)) == "OK":
            number += 1
            assert number < 2000
        assert reply == "OOM command not allowed when used memory > 'maxmemory'."
        assert client("GET", "key:0") == b"x" * 10_000
        assert client("CONFIG", "SET", "maxmemory-policy", "allkeys-lru") == "OK"
        for extra in range(500):
            assert client("SET", f"more:{extra}", "x" * 10_000) == "OK"
        assert int(info(client, "evicted_keys")) > 300 and client("DBSIZE") < number + 200


@both
def test_loaded_keys_count(mode: str, tmp_path: Path) -> None:
    """Loaded keys count towards maxmemory, and none is evicted during loading."""
    folder = ("--dir", str(tmp_path), "--appendonly", "yes")
    with Tseep(mode, *folder) as server, server.connect() as client:
        for number in range(1000):
            client("SET", f"key:{number}", "x" * 10_000)
        assert server.stop() == 0
    with Tseep(mode, *folder, "--maxmemory", "5mb") as server, server.connect() as client:
        assert client("DBSIZE") == 1000
        assert client("SET", "a", "b").startswith("OOM")
        assert client("CONFIG", "SET", "maxmemory-policy", "allkeys-lru") == "OK"
        until(lambda: 100 < client("DBSIZE") < 600, "keys are evicted")
        left = client("DBSIZE")
        kill(server, client)
    with Tseep(mode, *folder) as server, server.connect() as client:
        assert client("DBSIZE") <= left, "no evicted key returns"


def test_evicts_clients(limited: Any) -> None:
    """Beyond maxmemory-clients the largest clients are closed first, except those with CLIENT NO-EVICT."""
    server = limited("--maxmemory-clients", "2mb")
    with server.connect() as small, server.connect() as spared, server.connect() as large:
        assert spared("CLIENT", "NO-EVICT", "ON") == "OK"
        for client in (spared, large):
            assert client("MULTI") == "OK"
        try:
            for _ in range(40):
                spared("SET", "a", "x" * 40_000)
                large("SET", "a", "x" * 50_000)
        except (EOFError, OSError):
            pass
        until(lambda: info(small, "evicted_clients") == "1", "a client is closed")
        assert small("PING") == "PONG" and spared("DISCARD") == "OK"


@both
def test_keepalive(mode: str) -> None:
    """The kernel sends keepalive probes at the configured interval."""
    with Tseep(mode, "--tcp-keepalive", "60") as server, server.connect() as client:
        assert client("CONFIG", "GET", "tcp-keepalive") == [b"tcp-keepalive", b"60"]
        assert has_keepalive_timer(server, client)
        assert client("CONFIG", "SET", "tcp-keepalive", "0") == "OK"
        with server.connect() as unasked:
            assert unasked("PING") == "PONG"
            assert not has_keepalive_timer(server, unasked)
        assert client("CONFIG", "SET", "tcp-keepalive", "2147483647") == "OK"
        with server.connect() as other:
            assert other("PING") == "PONG"
            assert has_keepalive_timer(server, other)


def has_keepalive_timer(server: Tseep, client: Client) -> bool:
    """True if the server's socket has a keepalive timer, according to /proc/net/tcp."""
    ours, theirs = f":{server.port:04X}", f":{client.socket.getsockname()[1]:04X}"
    lines = map(str.split, Path("/proc/net/tcp").read_text().splitlines())
    (timer,) = [line[5] for line in lines if line[1].endswith(ours) and line[2].endswith(theirs)]
    return timer.startswith("02:")


@both
def test_slow_reader(mode: str) -> None:
    """A client with very many queued commands that reads a byte at a time uses little memory, and delays no other."""
    with Tseep(mode) as server, server.connect() as other:
        other("SET", "a", "x" * 1000)
        before = server.memory
        slow = connect(server.address, receive_buffer=4096)
        slow.setblocking(False)
        batch = encode("GET", "a") * 1000
        sent = 0
        deadline = time.monotonic() + 3
        while sent < 1000 and time.monotonic() < deadline:
            try:
                slow.send(batch)
                sent += 1
            except BlockingIOError:
                time.sleep(0.01)
            assert other("PING") == "PONG"
        slow.setblocking(True)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        for _ in range(5):
            assert slow.recv(1)
            assert other("GET", "a") == b"x" * 1000
        assert server.memory - before < 20 * 2**20


def test_output_limit_of_replies(limited: Any) -> None:
    """A client whose unread replies exceed the hard limit is closed; one below it gets its replies."""
    server = limited("--client-output-buffer-limit", "normal 10mb 0 0")
    with server.connect() as other:
        other("SET", "large", "x" * 40_000_000)
        other("SET", "small", "x" * 4_000_000)
        sock = connect(server.address, receive_buffer=4096)
        try:
            id = _id_of(sock)
            sock.sendall(encode("GET", "large"))
            until(lambda: f"id={id} " not in other("CLIENT", "LIST").decode(), "the client is disconnected")
            assert len(read_to_end(sock)) < 40_000_000
        finally:
            sock.close()
        server.wait_for(rf"id={id} .*output buffer limits")
        assert len(other("GET", "small")) == 4_000_000


def test_soft_output_limit_of_replies(limited: Any) -> None:
    """The soft limit applies to unread replies even if nothing more is sent in either direction."""
    server = limited("--client-output-buffer-limit", "normal 0 1mb 1")
    with server.connect() as other:
        other("SET", "large", "x" * 40_000_000)
        sock = connect(server.address, receive_buffer=4096)
        try:
            id = _id_of(sock)
            sock.sendall(encode("GET", "large"))
            until(lambda: f"id={id} " not in other("CLIENT", "LIST").decode(), "the client is disconnected")
        finally:
            sock.close()


def test_unauthenticated_output(limited: Any) -> None:
    """A client that has to authenticate, and does not read the errors that it gets, is closed."""
    server = limited("--requirepass", "secret")
    closed = pytest.raises((BrokenPipeError, ConnectionResetError))  # not TimeoutError
    with connect(server.address, receive_buffer=4096) as sock, closed:
        sock.sendall(encode("SET", "x", 5) * 1_000_000)


def _id_of(sock: socket.socket) -> int:
    """The client ID of a socket that has sent nothing yet."""
    sock.sendall(encode("CLIENT", "ID"))
    return int(sock.recv(100)[1:])


@pytest.mark.skipif(platform.python_implementation() != "CPython", reason="PyPy's collector decides when")
@both
def test_memory_after_slow_subscribers(mode: str) -> None:
    """Output buffers of slow subscribers are returned to the system after they disconnect, by v3's workers, too."""
    message = b"x" * 16_000_000
    with Tseep(mode, *(["--workers", "1"] if mode == "v3" else [])) as server, server.connect() as client:
        client("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0")
        before = _memory(server)
        listeners = [connect(server.address, 4096) for _ in range(16)]
        for listener in listeners:
            listener.sendall(encode("SUBSCRIBE", "c"))
        until(lambda: client("PUBSUB", "NUMSUB", "c")[1] == 16, "all are subscribed")
        for _ in range(2):
            assert client("PUBLISH", "c", message) == 16
        until(lambda: _memory(server) > before + len(message), "the messages are buffered")
        for listener in listeners:
            listener.close()
        until(lambda: _memory(server) < before + 2 * len(message), "the memory is returned")


def _memory(server: Tseep) -> int:
    """Memory of the server and its workers in bytes."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in (server.pid, *children)]
    return sum(int(found[1]) * 1024 for found in (re.search(r"VmRSS:\s+(\d+)", text) for text in texts) if found)


@both
def test_repeated_elements(mode: str) -> None:
    """A reply that would repeat few elements hundreds of millions of times is refused; a million small ones are not."""
    with Tseep(mode) as server, server.connect() as client:
        client("SADD", "s", "a", "b")
        client("HSET", "h", "a", "b")
        client("ZADD", "z", 1, "a")
        for names in (("SRANDMEMBER", "s"), ("HRANDFIELD", "h"), ("ZRANDMEMBER", "z")):
            assert len(client(*names, -1000)) == 1000
        assert len(client("SRANDMEMBER", "s", -1_000_000)) == 1_000_000
        before = server.most_memory
        for asked in (
            ("SRANDMEMBER", "s", -400_000_000),
            ("HRANDFIELD", "h", -400_000_000),
            ("HRANDFIELD", "h", -400_000_000, "WITHVALUES"),
            ("ZRANDMEMBER", "z", -400_000_000),
            ("ZRANDMEMBER", "z", -400_000_000, "WITHSCORES"),
        ):
            assert "67108864 are allowed" in str(client(*asked))
        assert server.most_memory - before < 64 * 2**20
