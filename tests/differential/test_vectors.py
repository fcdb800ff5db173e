"""
Test vectors for every mode: the bytes that a client sends, the exact bytes that it receives, and whether the server
closes the connection.

The RESP vectors are also run against redis-server, which verifies them.
"""

# ruff: noqa: E501  # the list is easier to read in long lines

from __future__ import annotations

import socket
from typing import Any, NamedTuple

import pytest

from ..support.client import (
    Client,
    connect,
    encode,
    error_frame,
    read_exactly,
    read_frame,
    read_to_end,
    response_frame,
    write_frame,
)
from ..support.servers import Redis, Tseep


class Vector(NamedTuple):
    """
    A conversation.

    @ivar pieces: the bytes that the client sends, in separate writes.
    @ivar answer: all bytes that it receives.
    @ivar closed: whether the server then closes the connection.
    @ivar redis: whether redis-server sends the same.
    @ivar keys: the keys that are set before.
    @ivar whole: True if the pieces cannot be split, as nothing can be sent to a closed connection.
    """

    name: str
    pieces: list[bytes]
    answer: bytes
    closed: bool = False
    redis: bool = True
    keys: dict[bytes, bytes] = {}
    whole: bool = False


def native(name: str, pieces: list[bytes], answer: bytes, closed: bool = False, **keys: bytes) -> Vector:
    """A conversation in the binary protocol, which Redis does not implement."""
    stored = {key.encode(): value for key, value in keys.items()}
    return Vector(f"native: {name}", pieces, answer, closed, False, stored)


def protocol_error(text: bytes) -> bytes:
    """Redis's reply to a protocol error, after which it closes the connection."""
    return b"-ERR Protocol error: " + text + b"\r\n"


def in_resp3(*commands: bytes) -> list[bytes]:
    """The commands after a switch to RESP3, whose reply, which varies, is skipped."""
    return [encode("CLIENT", "REPLY", "SKIP") + encode("HELLO", 3), *commands]


K255, V255 = b"k" * 255, b"v" * 255
DISAGREES = error_frame(b"the body length disagrees with its parts")
PING, PONG = encode("PING"), b"+PONG\r\n"
COUNT_TOO_BIG, LENGTH_TOO_BIG = b"*" + b"1" * 65536, b"*1\r\n$" + b"1" * 65536

NATIVE = [
    native("READ as in the table", [b"\x01\x00\x04\x03key"], b"\x03\x05value", key=b"value"),
    native("WRITE as in the table", [b"\x02\x00\x0a\x03key\x05value", b"\x01\x00\x04\x03key"], b"\x03\x05value" * 2),
    native("READ of a missing key", [b"\x01\x00\x04\x03key"], b"\x03\x00"),
    native("longest key and value", [write_frame(K255, V255), read_frame(K255)], response_frame(V255) * 2),
    native("empty key and value", [b"\x02\x00\x02\x00\x00", b"\x01\x00\x01\x00"], b"\x03\x00\x03\x00"),
    native("empty key that holds a value", [write_frame(b"", b"x"), read_frame(b"")], b"\x03\x01x" * 2),
    native("bytes that are line ends", [write_frame(b"\r\n", b"*1\r\n$4\r\n"), read_frame(b"\r\n")], response_frame(b"*1\r\n$4\r\n") * 2),
    native("pipeline in one piece", [b"".join(write_frame(b"%d" % n, b"v%d" % n) + read_frame(b"%d" % n) for n in range(20))],
           b"".join(response_frame(b"v%d" % n) * 2 for n in range(20))),
    native("pieces across frames", [write_frame(b"a", b"1")[:4], write_frame(b"a", b"1")[4:] + read_frame(b"a")[:2],
           read_frame(b"a")[2:]], b"\x03\x011" * 2),
    native("value of 255 bytes set by RESP", [read_frame(b"key")], response_frame(V255), key=V255),
    native("value longer than a frame can say", [read_frame(b"key"), read_frame(b"other")],
           error_frame(b"the value is longer than 255 bytes") + b"\x03\x00", key=b"v" * 256),
    native("opcode 7", [read_frame(b"key") + b"\x07"], b"\x03\x00" + error_frame(b"unknown opcode 7"), True),
    native("opcode 3", [read_frame(b"key") + b"\x03"], b"\x03\x00" + error_frame(b"unknown opcode 3"), True),
    native("RESP after a frame", [read_frame(b"key"), b"*"], b"\x03\x00" + error_frame(b"unknown opcode 42"), True),
    native("READ of an empty body", [b"\x01\x00\x00"], DISAGREES, True),
    native("READ whose key is longer than its body", [b"\x01\x00\x04\x04key"], DISAGREES, True),
    native("READ whose key is shorter than its body", [b"\x01\x00\x04\x02key"], DISAGREES, True),
    native("WRITE of an empty body", [b"\x02\x00\x00"], DISAGREES, True),
    native("WRITE without a value", [b"\x02\x00\x04\x03key"], DISAGREES, True),
    native("WRITE whose key is longer than its body", [b"\x02\x00\x06\xffkey\x01v"], DISAGREES, True),
    native("WRITE whose value is longer than its body", [b"\x02\x00\x06\x03key\x02v"], DISAGREES, True),
    native("WRITE whose value is shorter than its body", [b"\x02\x00\x06\x03key\x00v"], DISAGREES, True),
    native("READ of a body that no key can fill", [b"\x01\xff\xff"],
           error_frame(b"the body length is more than a key and a value can take"), True),
    native("WRITE of a body one byte too long", [b"\x02\x02\x01"],
           error_frame(b"the body length is more than a key and a value can take"), True),
    native("frames before a wrong one are answered", [write_frame(b"a", b"1") + b"\x01\x00\x00"], b"\x03\x011" + DISAGREES, True),
]  # fmt: skip

RESP = [
    Vector("PING", [PING], PONG),
    Vector("SET and GET", [encode("SET", "a", "1"), encode("GET", "a")], b"+OK\r\n$1\r\n1\r\n"),
    Vector("missing key in RESP2", [encode("GET", "a")], b"$-1\r\n"),
    Vector("missing key in RESP3", in_resp3(encode("GET", "a")), b"_\r\n"),
    Vector("back to RESP2", in_resp3(encode("GET", "a"), encode("CLIENT", "REPLY", "SKIP") + encode("HELLO", 2), encode("GET", "a")),
           b"_\r\n$-1\r\n"),
    Vector("RESET goes back to RESP2", in_resp3(encode("RESET"), encode("GET", "a")), b"+RESET\r\n$-1\r\n"),
    Vector("HELLO of a version that is none", [encode("HELLO", 4), encode("HELLO", "x")],
           b"-NOPROTO unsupported protocol version\r\n-ERR Protocol version is not an integer or out of range\r\n"),
    Vector("null in an array in RESP2", [encode("COMMAND", "INFO", "nosuch")], b"*1\r\n$-1\r\n"),
    Vector("null in an array in RESP3", in_resp3(encode("COMMAND", "INFO", "nosuch")), b"*1\r\n_\r\n"),
    Vector("map in RESP2", [encode("CONFIG", "GET", "timeout")], b"*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"),
    Vector("map in RESP3", in_resp3(encode("CONFIG", "GET", "timeout")), b"%1\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"),
    Vector("verbatim string in RESP3", in_resp3(encode("CLIENT", "LIST", "ID", 99999999)), b"=4\r\ntxt:\r\n"),
    Vector("verbatim string in RESP2", [encode("CLIENT", "LIST", "ID", 99999999)], b"$0\r\n\r\n"),
    Vector("pipeline in one piece", [encode("SET", "a", "1") + encode("APPEND", "a", "2") + encode("GET", "a") + PING],
           b"+OK\r\n:2\r\n$2\r\n12\r\n" + PONG),
    Vector("pieces across commands", [b"*2\r\n$4\r\nEC", b"HO\r\n$5\r\nhe", b"llo\r\n*1\r\n$4\r", b"\nPING\r\n"], b"$5\r\nhello\r\n" + PONG),
    Vector("empty string", [encode("SET", "", ""), encode("GET", "")], b"+OK\r\n$0\r\n\r\n"),
    Vector("binary string", [encode("ECHO", b"\x00\xff\r\n$3\r\n")], b"$8\r\n\x00\xff\r\n$3\r\n\r\n"),
    Vector("argument of 2,000 bytes", [encode("ECHO", "x" * 2000)], b"$2000\r\n" + b"x" * 2000 + b"\r\n"),
    Vector("2,000 arguments", [encode("DEL", *range(1999))], b":0\r\n"),
    Vector("unknown command", [encode("NOSUCH", "a", "b")], b"-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' \r\n"),
    Vector("too few arguments", [encode("GET")], b"-ERR wrong number of arguments for 'get' command\r\n"),
    Vector("empty command name", [encode("")], b"-ERR unknown command '', with args beginning with: \r\n"),
    Vector("a wrong command does not end the pipeline", [encode("NOSUCH") + PING],
           b"-ERR unknown command 'NOSUCH', with args beginning with: \r\n" + PONG),
    Vector("*0 and *-1 ask for nothing", [b"*0\r\n", b"*-1\r\n", PING], PONG),
    Vector("what stands in place of a line end is not looked at", [b"*1\r\n$4\r\nPINGxx", PING], PONG * 2),
    Vector("QUIT", [PING + encode("QUIT")], PONG + b"+OK\r\n", True),
    Vector("nothing after QUIT is answered", [encode("QUIT") + PING], b"+OK\r\n", True, whole=True),
    Vector("CLIENT REPLY OFF and ON", [encode("CLIENT", "REPLY", "OFF") + PING, PING, encode("CLIENT", "REPLY", "ON") + PING],
           b"+OK\r\n" + PONG),
    Vector("CLIENT REPLY SKIP", [encode("CLIENT", "REPLY", "SKIP") + PING + PING], PONG),
    Vector("CLIENT REPLY SKIP skips an error too", [encode("CLIENT", "REPLY", "SKIP") + encode("NOSUCH") + PING], PONG),
    Vector("CLIENT SETINFO, of Redis 7.2", [encode("CLIENT", "SETINFO", "LIB-NAME", "x")], b"+OK\r\n", redis=False),
    Vector("inline", [b"PING\r\n"], PONG),
    Vector("inline with a bare line feed", [b"PING\nPING\n"], PONG * 2),
    Vector("inline in pieces", [b"SE", b"T a", b" hello\r", b"\nGET a\r\n"], b"+OK\r\n$5\r\nhello\r\n"),
    Vector("inline: empty lines ask for nothing", [b"\r\n\r\n\n", b"PING\r\n"], PONG),
    Vector("inline: spaces", [b"  SET \t a   1  \r\n"], b"+OK\r\n"),
    Vector("inline: double quotes", [b'ECHO "a b\\x41\\n\\r\\t\\b\\a\\"\\\\\\z"\r\n'], b"$12\r\na bA\n\r\t\b\a\"\\z\r\n"),
    Vector("inline: single quotes", [b"ECHO 'it\\'s \\n'\r\n"], b"$7\r\nit's \\n\r\n"),
    Vector("inline: empty quotes", [b"ECHO \"\"\r\nECHO ''\r\n"], b"$0\r\n\r\n" * 2),
    Vector("inline: a quote in the middle of a word", [b'ECHO a"b c"\r\n'], b"$4\r\nab c\r\n"),
    Vector("inline: double quotes not closed", [b'ECHO "a\r\n'], protocol_error(b"unbalanced quotes in request"), True),
    Vector("inline: single quotes not closed", [b"ECHO 'a\r\n"], protocol_error(b"unbalanced quotes in request"), True),
    Vector("inline: more after a closing quote", [b'ECHO "a"b\r\n'], protocol_error(b"unbalanced quotes in request"), True),
    Vector("inline: longest", [b"ECHO " + b"x" * 60000 + b"\r\n"], b"$60000\r\n" + b"x" * 60000 + b"\r\n"),
    Vector("inline: too long", [b"x" * 65537], protocol_error(b"too big inline request"), True),
    Vector("inline and arrays in turn", [b"PING\r\n" + PING + b"PING\r\n" + PING], PONG * 4),
    Vector("HTTP", [b"POST / HTTP/1.1\r\n"], b"", True),
    Vector("HTTP's Host", [b"Host: example.com\r\n"], b"", True),
    Vector("array of no number", [b"*abc\r\n"], protocol_error(b"invalid multibulk length"), True),
    Vector("array of an empty number", [b"*\r\n"], protocol_error(b"invalid multibulk length"), True),
    Vector("array of too many", [b"*2147483648\r\n"], protocol_error(b"invalid multibulk length"), True),
    Vector("array of a huge number", [b"*99999999999999999999\r\n"], protocol_error(b"invalid multibulk length"), True),
    Vector("array of a number with a plus", [b"*+1\r\n"], protocol_error(b"invalid multibulk length"), True),
    Vector("array without an end to its number", [COUNT_TOO_BIG], protocol_error(b"too big mbulk count string"), True),
    Vector("integer in place of a string", [b"*1\r\n:3\r\n"], protocol_error(b"expected '$', got ':'"), True),
    Vector("simple string in place of a string", [b"*1\r\n+PING\r\n"], protocol_error(b"expected '$', got '+'"), True),
    Vector("odd byte in place of a string", [b"*1\r\n\xff3\r\n"], b"-ERR Protocol error: expected '$', got '\xff'\r\n", True),
    Vector("string of no number", [b"*1\r\n$abc\r\n"], protocol_error(b"invalid bulk length"), True),
    Vector("string of a negative length", [b"*1\r\n$-1\r\n"], protocol_error(b"invalid bulk length"), True),
    Vector("string of 512 MiB and a byte", [b"*1\r\n$536870913\r\n"], protocol_error(b"invalid bulk length"), True),
    Vector("string of 600 MiB", [b"*2\r\n$3\r\nGET\r\n$629145600\r\n"], protocol_error(b"invalid bulk length"), True),
    Vector("string without an end to its length", [LENGTH_TOO_BIG], protocol_error(b"too big bulk count string"), True),
    Vector("commands before wrong bytes are answered", [PING + encode("SET", "a", "1") + b"*x\r\n" + PING],
           PONG + b"+OK\r\n" + protocol_error(b"invalid multibulk length"), True, whole=True),
]  # fmt: skip

NO_AUTH = b"-NOAUTH Authentication required.\r\n"
AUTH = encode("AUTH", "secret")

GUARDED = [
    Vector("no password", [PING, encode("GET", "a"), encode("GET"), encode("NOSUCH")],
           NO_AUTH * 2 + b"-ERR wrong number of arguments for 'get' command\r\n"
           b"-ERR unknown command 'NOSUCH', with args beginning with: \r\n"),
    Vector("a password", [AUTH, PING], b"+OK\r\n" + PONG),
    Vector("a user and a password", [encode("AUTH", "default", "secret"), PING], b"+OK\r\n" + PONG),
    Vector("a wrong password", [encode("AUTH", "wrong"), PING],
           b"-WRONGPASS invalid username-password pair or user is disabled.\r\n" + NO_AUTH),
    Vector("a wrong password after a right one", [AUTH, encode("AUTH", "wrong"), PING],
           b"+OK\r\n-WRONGPASS invalid username-password pair or user is disabled.\r\n" + PONG),
    Vector("RESET forgets", [AUTH, encode("RESET"), PING], b"+OK\r\n+RESET\r\n" + NO_AUTH),
    Vector("QUIT needs none", [encode("QUIT")], b"+OK\r\n", True),
    Vector("more than 10 arguments", [b"*11\r\n"], protocol_error(b"unauthenticated multibulk length"), True),
    Vector("more than 16 KiB", [b"*2\r\n$4\r\nAUTH\r\n$16385\r\n"], protocol_error(b"unauthenticated bulk length"), True),
    Vector("16 KiB", [encode("AUTH", "x" * 16384)], b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
    Vector("caps are lifted in the same piece", [AUTH + encode("DEL", *range(20)) + encode("ECHO", "x" * 20000)],
           b"+OK\r\n:0\r\n$20000\r\n" + b"x" * 20000 + b"\r\n"),
    Vector("inline AUTH", [b"AUTH secret\r\nPING\r\n"], b"+OK\r\n" + PONG),
]  # fmt: skip


def _names(vectors: list[Vector]) -> Any:
    return pytest.mark.parametrize("vector", vectors, ids=[vector.name for vector in vectors])


def converse(server: Any, vector: Vector, pieces: list[bytes], control: Client) -> bytes:
    """
    Run a conversation.

    @param control: another client of the server: its reply shows that earlier bytes were read.
    @return: all bytes received, up to EOF if the server closes the connection, else up to the reply of a last command.
    """
    sock = connect(server.address)
    try:
        for piece in pieces:
            sock.sendall(piece)
            control("PING")
        if vector.closed:
            return read_to_end(sock)
        return _to_last_words(sock, vector)
    finally:
        sock.close()


def _to_last_words(sock: Any, vector: Vector) -> bytes:
    """The bytes before the reply of one more command, which shows that the connection was still open."""
    if vector.name.startswith("native"):
        probe, answer = read_frame(b"end"), response_frame(b"of the vector")
    else:
        probe, answer = encode("QUIT"), b"+OK\r\n"
    sock.sendall(probe)
    sock.shutdown(socket.SHUT_WR)
    got = read_to_end(sock)
    assert got.endswith(answer), f"no answer to a last command, only {got!r}"
    return got[: -len(answer)]


def _bytes_of(pieces: list[bytes]) -> list[bytes]:
    return [b"%c" % byte for piece in pieces for byte in piece]


def _prepare(server: Any, vector: Vector, *password: str) -> Client:
    client = server.connect()
    if password:
        assert client("AUTH", *password) == "OK"
    assert client("FLUSHALL") == "OK"
    for key, value in {**vector.keys, b"end": b"of the vector"}.items():
        assert client("SET", key, value) == "OK"
    return client


def _check(server: Any, vector: Vector, *password: str) -> None:
    with _prepare(server, vector, *password) as control:
        assert converse(server, vector, vector.pieces, control) == vector.answer
    if not vector.whole and sum(map(len, vector.pieces)) < 400:
        with _prepare(server, vector, *password) as control:
            assert converse(server, vector, _bytes_of(vector.pieces), control) == vector.answer, "byte by byte"


@_names(NATIVE + RESP)
def test_tseep(running: Tseep, vector: Vector) -> None:
    """tseep sends exactly these bytes, whether the pieces are sent as they are or byte by byte."""
    _check(running, vector)


@_names([vector for vector in RESP if vector.redis])
def test_redis(oracle: Redis, vector: Vector) -> None:
    """redis-server sends the same, so the vectors are right."""
    _check(oracle, vector)


@_names(GUARDED)
def test_tseep_with_password(running_guarded: Tseep, vector: Vector) -> None:
    """A server with a password sends exactly these bytes."""
    _check(running_guarded, vector, "secret")


@_names([vector for vector in GUARDED if vector.redis])
def test_redis_with_password(guarded_oracle: Redis, vector: Vector) -> None:
    """redis-server with a password sends the same, so the vectors are right."""
    _check(guarded_oracle, vector, "secret")


def test_one_keyspace(server: Tseep) -> None:
    """RESP and the binary protocol share a keyspace; the binary protocol uses database 0."""
    sock = connect(server.address)
    with server.connect() as client:
        sock.sendall(write_frame(b"a", b"from native"))
        assert read_exactly(sock, 13) == response_frame(b"from native")
        assert client("GET", "a") == b"from native"
        assert client("SET", "b", "from RESP") == "OK"
        assert client("SELECT", 1) == "OK"
        assert client("SET", "b", "elsewhere") == "OK"
        sock.sendall(read_frame(b"b"))
        assert read_exactly(sock, 11) == response_frame(b"from RESP")
        assert client("SELECT", 0) == "OK"
        assert client("EXPIRE", "b", -1) == 1
        sock.sendall(read_frame(b"b"))
        assert read_exactly(sock, 2) == response_frame(b"")
    sock.close()


def test_native_write_forgets_expiry(server: Tseep) -> None:
    """A WRITE removes the key's expiry, as SET does."""
    sock = connect(server.address)
    with server.connect() as client:
        assert client("SET", "a", "1", "EX", 1000) == "OK"
        sock.sendall(write_frame(b"a", b"2"))
        assert read_exactly(sock, 3) == response_frame(b"2")
        assert client("TTL", "a") == -1
    sock.close()


def test_native_without_password(running_guarded: Tseep) -> None:
    """The binary protocol has no authentication: with a password every frame is refused, and the connection stays open."""
    sock = connect(running_guarded.address)
    refused = error_frame(b"NOAUTH Authentication required.")
    for frame in (read_frame(b"a"), write_frame(b"a", b"1"), read_frame(b"a")):
        sock.sendall(frame)
        assert read_exactly(sock, len(refused)) == refused
    sock.close()
    with running_guarded.connect() as client:
        assert client("AUTH", "secret") == "OK"
        assert client("EXISTS", "a") == 0
