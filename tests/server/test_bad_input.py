"""Invalid input: the server keeps running, its memory stays bounded, and other clients are served."""

from __future__ import annotations

import random
import resource
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Union

import pytest
import pytest_twisted
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol

from ..support.client import Client, TwistedClient, connect, encode, read_exactly, read_frame, read_to_end, write_frame
from ..support.servers import Redis, Tseep, until, until_connected

MIB = 2**20


@pytest.fixture(params=["v1", "v2", "v3"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Tseep]:
    """A new server, with memory that no other test has used."""
    with Tseep(request.param) as server:
        yield server
        assert server.stop() == 0, server.output
        assert "Traceback" not in server.output, server.output


def serves(server: Tseep) -> bool:
    """True if a new client is served."""
    with server.connect() as client:
        return client("PING") == "PONG"


# Random bytes

FRAGMENTS = [
    b"*1\r\n", b"*2\r\n", b"*3\r\n", b"*0\r\n", b"*-1\r\n", b"*1000000\r\n", b"*x\r\n", b"*\r\n", b"$3\r\n", b"$0\r\n",
    b"$-1\r\n", b"$5\r\n", b"$999999\r\n", b"$x\r\n", b"GET\r\n", b"SET\r\n", b"PING\r\n", b"PING", b"a\r\n", b"\r\n",
    b"\n", b"\r", b"*", b"$", b'"', b"'", b"\\x", b"\x00", b"\xff", b":1\r\n", b"+OK\r\n", b"_\r\n", b"%1\r\n",
    b"\x01\x00\x04\x03key", b"\x02\x00\x06\x01k\x03val", b"\x01\x00\x00", b"\x02\xff\xff", b"\x01", b"\x02\x00",
    b"\x03\x01x",
]  # fmt: skip

PIECES = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=20)), min_size=1, max_size=20)


def test_random_bytes(running: Tseep) -> None:
    """Random bytes, in any pieces, end in EOF for their client; the server keeps running and serves others."""
    with running.connect() as other:

        @given(PIECES)
        @example([b"\x01\x00\x04\x03key", b"GET a\r\n"])
        @example([b"*1\r\n$", b"\x00"])
        def check(pieces: list[bytes]) -> None:
            _answers(running, pieces)
            assert other("PING") == "PONG"

        check()


def test_replies_do_not_depend_on_packets(running: Tseep) -> None:
    """The replies do not depend on how a request is split into packets."""

    @given(st.lists(st.sampled_from([*FRAGMENTS, encode("SET", "a", "1"), encode("GET", "a")]), max_size=8),
           st.lists(st.integers(0, 200), max_size=8))  # fmt: skip
    def check(parts: list[bytes], cuts: list[int]) -> None:
        request = encode("FLUSHALL") + b"".join(parts)
        whole, _ = _answers(running, [request])
        cut, complete = _answers(running, _cut(request, cuts))
        assert whole == cut if complete else whole.startswith(cut)

    check()


LINES = st.lists(
    st.sampled_from(
        [b"a", b"n", b"x", b"4", b"1", b"g", b" ", b"\t", b"\v", b"'", b'"', b"\\", b"\xff", b"\\x41", b"\\'", b'\\"']
    )
).map(lambda words: b"ECHO " + b"".join(words) + b"\r\n")


def test_as_redis(v2: Tseep, oracle: Redis) -> None:
    """Protocol errors and inline commands get redis-server's replies, and close the connection in the same cases."""
    sensible = [fragment for fragment in FRAGMENTS if not any(byte in fragment for byte in b"\x00\x01\x02")]

    @given(st.lists(st.one_of(LINES, st.sampled_from(sensible)), max_size=8).map(b"".join))
    def check(request: bytes) -> None:
        request = encode("FLUSHALL") + request
        assert _answers(v2, [request]) == _answers(oracle, [request])

    check()


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in zip(places, places[1:]) if a < b]


def _answers(server: Union[Tseep, Redis], pieces: list[bytes]) -> tuple[bytes, bool]:
    """
    All that the server sends until EOF.

    @return: the bytes, and whether they are certainly complete: a client that sends after the server has closed the
        connection can lose some.
    """
    sock = connect(server.address)
    complete = True
    try:
        for piece in pieces:
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        complete = False
    got = bytearray()
    try:
        while True:
            data = sock.recv(65536)
            if not data:
                break
            got += data
    except ConnectionResetError:
        complete = False
    sock.close()
    return bytes(got), complete


@pytest.mark.parametrize("whole", [encode("SET", "key", "value"), encode("GET", "key"), write_frame(b"key", b"value"),
                                   read_frame(b"key"), b'SET "a b" c\r\n'])  # fmt: skip
def test_truncated(server: Tseep, whole: bytes) -> None:
    """A client that disconnects in the middle of a command changes nothing, wherever that is."""
    with server.connect() as client:
        for length in range(1, len(whole)):
            sock = connect(server.address)
            sock.sendall(whole[:length])
            sock.shutdown(socket.SHUT_WR)
            assert read_to_end(sock) == b""
            sock.close()
        assert client("DBSIZE") == 0


# Invalid arguments

HOSTILE = [
    b"", b"\0", b"a\0b", b"\xff\xfe", b"\xed\xa0\x80", b"x" * 70_000, b"a\r\nb", b"\x1b[2J", b"%s%n", b"*", b"[a-",
    b"(1", b"-", b"+", b"$", b">", b"0", b"1", b"-1", b"-0", b"1.5", b"nan", b"-inf", b"inf", b"1e400", b"0x1p-5000",
    b"2147483648", b"9223372036854775807", b"-9223372036854775809", b"18446744073709551615", b"9" * 5000,
    b"-" + b"9" * 5000, b"0" * 5000, b"9" * 5000 + b"-1", b"1e" + b"9" * 5000, b"u" + b"9" * 5000, b"\xb2",
    b"return 1",
]  # fmt: skip
WORDS = b"""
    ALL ANY ASC BCAST BEFORE BLOCK BY BYRADIUS CH COUNT DESC ENTRIESREAD EX FLUSH FORCE FROMLONLAT FULL GET GROUP ID
    IDLE INCRBY KEEPTTL KEYS LEFT LIMIT MATCH MAXLEN MINID MKSTREAM NOACK NX OFF OFFSET ON PX RANK REPLACE REV RIGHT SET
    STORE STREAMS TIMEOUT TYPE WEIGHTS WITHDIST WITHSCORES WITHVALUES XX
""".split()
TYPED = [
    ["SET", "string", "10"], ["SET", "huge", "1" * 5000], ["RPUSH", "list", "a", "1"], ["SADD", "set", "a", "1"],
    ["HSET", "hash", "a", "1"], ["ZADD", "zset", "1", "a"], ["GEOADD", "geo", "1", "1", "a"], ["PFADD", "hll", "a"],
    ["XADD", "stream", "1-1", "a", "b"],
]  # fmt: skip
KEYS = [words[1].encode() for words in TYPED]
UNCALLED = {b"shutdown", b"debug", b"quit", b"client|kill", b"client|pause"}
"""Commands that end the server, the client or all replies, or that take as long as their argument specifies."""


@pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
def test_every_command(mode: str, tmp_path: Path) -> None:
    """Every command with random arguments keeps its client connected, other clients served, and the log clean."""
    chance = random.Random(1)
    with Tseep(mode, "--dir", str(tmp_path), "--appendonly", "yes") as server, server.connect() as other:
        for name, arity, first, last, step in _commands(other("COMMAND")):
            for words in TYPED:
                other(*words)
            with server.connect() as client:
                number = client("CLIENT", "ID")
                calls = [_hostile(chance, name, arity, range(first, last + 1 or 99, step or 1)) for _ in range(5)]
                ends = [["CLIENT", "REPLY", "ON"], ["RESET"], ["ECHO", "still here"]]
                client.send(b"".join([encode(*words) for words in [*calls, *ends]]))  # type: ignore[misc]
                until(partial(_is_heard, client, other, number), f"{calls} get replies")
            assert other("PING") == "PONG"
        assert server.stop() == 0, server.output
    assert "Traceback" not in server.output, server.output


def _commands(table: list[Any]) -> Iterator[tuple[bytes, int, int, int, int]]:
    """Names, arities and key positions of all commands from COMMAND, subcommands as C{client|id}."""
    for name, arity, _, first, last, step, _, _, _, subcommands in table:
        if name in UNCALLED:
            continue
        yield from _commands(subcommands)
        if not subcommands:
            yield name, arity, first, last, step


def _hostile(chance: random.Random, name: bytes, arity: int, keys: range) -> list[bytes]:
    """A call of a command with random arguments."""
    argv = name.split(b"|")
    count = abs(arity) + (chance.randrange(6) if arity < 0 else 0)
    while len(argv) < count:
        is_key = len(argv) in keys if keys.start else chance.random() < 0.3
        argv.append(chance.choice(KEYS if is_key else chance.choice((HOSTILE, HOSTILE, WORDS))))
    return argv


def _is_heard(client: Client, other: Client, number: int) -> bool:
    """True if a client received all replies; a client that is blocked is unblocked first."""
    client.socket.settimeout(0.1)
    try:
        while True:
            reply = client.reply()
            if reply.value == b"still here":
                return True
    except socket.timeout:  # not a TimeoutError before Python 3.10
        other("CLIENT", "UNBLOCK", number)
        return False


# Declared lengths that are wrong


@pytest.mark.parametrize(
    "header",
    [
        b"*1000000\r\n",
        b"*2147483647\r\n",
        b"*1\r\n$536870912\r\n",
        b"*1000000\r\n$3\r\nDEL\r\n$536870912\r\n",
        b"\x02\x02\x00\xff",
    ],
)
def test_declared_lengths_allocate_nothing(fresh: Tseep, header: bytes) -> None:
    """The server allocates memory for received bytes, not for declared lengths: 50 large headers cost little."""
    assert serves(fresh)
    before = fresh.memory
    socks = [connect(fresh.address) for _ in range(50)]
    for sock in socks:
        sock.sendall(header)
    assert serves(fresh)
    assert fresh.memory - before < 32 * MIB
    for sock in socks:
        sock.close()


def test_many_tiny_arguments(fresh: Tseep) -> None:
    """A command of 200,000 empty arguments gets its reply."""
    with fresh.connect() as client:
        client.send(b"*200001\r\n$3\r\nDEL\r\n" + b"$0\r\n\r\n" * 200_000)
        assert client.reply().plain == 0
        assert client("PING") == "PONG"


def test_query_buffer_limit() -> None:
    """An incomplete command beyond client-query-buffer-limit closes the connection, with bounded memory."""
    with Tseep("v2", "--client-query-buffer-limit", "4mb") as server:
        assert serves(server)
        before = server.memory
        sock = connect(server.address)
        sock.sendall(b"*1000000\r\n")
        argument = b"$65536\r\n" + b"x" * 65536 + b"\r\n"
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            sock.sendall(argument * 200)
        assert server.most_memory - before < 32 * MIB
        assert serves(server)


def test_proto_max_bulk_len() -> None:
    """proto-max-bulk-len limits the length of arguments, and can be changed at run time."""
    with Tseep("v2", "--proto-max-bulk-len", "2mb") as server, server.connect() as client:
        assert client("ECHO", "x" * 2 * MIB) == b"x" * 2 * MIB
        assert client("CONFIG", "SET", "proto-max-bulk-len", 1 * MIB) == "OK"
        client.send(b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % (MIB + 1))
        assert client.reply().plain == "ERR Protocol error: invalid bulk length"
        assert read_to_end(client.socket) == b""


# Clients that do not read, or do not complete a command


@pytest_twisted.ensureDeferred
async def test_a_client_that_does_not_read(fresh: Tseep) -> None:
    """A client that does not read uses bounded memory, delays no other, and gets all replies in order when it reads."""
    host, port = fresh.address  # type: ignore[misc, str-unpack]
    endpoint = HostnameEndpoint(reactor, host, port)  # type: ignore[arg-type]
    control = await connectProtocol(endpoint, TwistedClient())
    value = random.Random(1).randbytes(MIB)
    assert await control.call("SET", "big", value) == "OK"
    before = fresh.memory
    greedy = await connectProtocol(endpoint, TwistedClient())
    greedy.transport.pauseProducing()
    wanted = [greedy.call(*words) for number in range(150) for words in (("GET", "big"), ("ECHO", number))]
    others = await gatherResults([connectProtocol(endpoint, TwistedClient()) for _ in range(20)])
    for _ in range(20):
        assert await gatherResults([other.call("PING") for other in others]) == ["PONG"] * 20
    assert fresh.memory - before < 24 * MIB
    greedy.transport.resumeProducing()
    answers = await gatherResults(wanted)
    assert all(answer == value for answer in answers[::2])
    assert answers[1::2] == [b"%d" % number for number in range(150)]
    await _leave([control, greedy, *others])


async def _leave(clients: list[TwistedClient]) -> None:
    for client in clients:
        client.transport.loseConnection()
    await gatherResults([client.gone for client in clients])


def test_disconnect_without_reading(server: Tseep) -> None:
    """The server frees a client that sent many commands and disconnects without reading."""
    with server.connect() as client:
        assert client("SET", "big", "x" * MIB) == "OK"
        greedy = connect(server.address, receive_buffer=4096)
        greedy.sendall(encode("GET", "big") * 100)
        assert client("PING") == "PONG"
        greedy.close()
        until_connected(client, 1)


@pytest.mark.parametrize(
    "beginning", [b"*2\r\n$3\r\nGE", b"*2\r\n$3\r\nGET\r\n$10\r\nabc", b"GET", b"\x02\x00\x0a\x03ke", b"\x01"]
)
def test_incomplete_command(server: Tseep, beginning: bytes) -> None:
    """A client that stops in the middle of a command delays no other client."""
    slow = [connect(server.address) for _ in range(20)]
    for sock in slow:
        sock.sendall(beginning)
    with server.connect() as client:
        assert client("SET", "a", "1") == "OK"
        assert client("GET", "a") == b"1"
    for sock in slow:
        sock.close()


@pytest_twisted.ensureDeferred
async def test_idle_clients(fresh: Tseep) -> None:
    """Thousands of idle connections do not affect other clients: 10,000 in v2, 1,000 threads in v1."""
    wanted = 9_900 if fresh.mode == "v2" else 1_000
    affordable = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500
    if affordable < wanted:
        print(f"only {affordable} of {wanted} idle clients: the hard limit on open files is too low")
    silent = [connect(fresh.address) for _ in range(min(wanted, affordable))]
    host, port = fresh.address  # type: ignore[misc, str-unpack]
    talking = await gatherResults(
        [connectProtocol(HostnameEndpoint(reactor, host, port), TwistedClient()) for _ in range(50)]  # type: ignore[arg-type]
    )
    for number in range(10):
        calls = [client.call("ECHO", number) for client in talking]
        assert await gatherResults(calls) == [b"%d" % number] * 50
    await _leave(talking)
    with fresh.connect() as client:
        shown = b"connected_clients:%d\r\n" % (len(silent) + 1)
        until(lambda: shown in client("INFO", "clients"), "only the idle clients are connected")
    for sock in silent:
        sock.close()


@pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
def test_too_many_clients(mode: str) -> None:
    """A client beyond maxclients gets Redis's error and is closed; when another disconnects, one more is accepted."""
    with Tseep(mode, "--maxclients", "3") as server:
        clients = [server.connect() for _ in range(3)]
        assert [client("PING") for client in clients] == ["PONG"] * 3
        for _ in range(3):
            extra = connect(server.address)
            assert read_to_end(extra) == b"-ERR max number of clients reached\r\n"
            extra.close()
        assert b"rejected_connections:3\r\n" in clients[0]("INFO", "stats")
        clients.pop().close()
        until_connected(clients[0], 2)
        with server.connect() as client:
            assert client("PING") == "PONG"
        assert server.stop() == 0


def test_churn(server: Tseep) -> None:
    """Clients that connect, send one command and disconnect leave nothing behind."""
    with server.connect() as client:
        for number in range(300):
            sock = connect(server.address)
            sock.sendall(encode("ECHO", f"{number:03}"))
            assert read_exactly(sock, 9) == b"$3\r\n%03d\r\n" % number
            if number % 3 == 0:  # a reset instead of a FIN
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            sock.close()
        until_connected(client, 1)
