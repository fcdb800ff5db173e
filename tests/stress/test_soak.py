"""The soak reports faults, and none for a correct server."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import Any

import pytest

import soak
from rig.codec import Decoder, Reply, encode
from soaking import clients

from ..support.servers import ROOT

MODES = pytest.mark.parametrize("mode", ["v1", "v2", "v3"])


@MODES
def test_nothing_wrong(mode: str) -> None:
    """A short run of few clients has storms, disconnects and closed subscribers, and finds no fault."""
    argv = [sys.executable, "stress/soak.py", "--clients", "150", "--time", "11", "--rate", "1000", "--mode", mode]
    if platform.python_implementation() == "PyPy":
        # its compiler runs long, so that v1 sends little, and its heap grows for minutes
        argv += ["--time", "28", "--spare", "256"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert (done.stdout, done.returncode) == ("no faults\n", 0), done.stderr
    assert " 0 storms, " not in done.stderr and " 0 disconnects" not in done.stderr


def test_lost_writes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The soak reports the lost writes of a server without persistence."""
    whole = soak.server_of

    def forgetful(options: Any, folder: str) -> Any:
        server = whole(options, folder)
        at = server.command.index("--appendonly")
        server.command[at + 1] = "no"
        return server

    monkeypatch.setattr(soak, "server_of", forgetful)
    assert soak.main(["--clients", "120", "--time", "2", "--rate", "1000"]) == 1
    assert "x lost: State(value=None, counted=0) where [State(value=b'" in capsys.readouterr().err


def worker(*expected: Reply) -> Any:
    """A worker with these replies outstanding."""
    one = clients.Clients(("127.0.0.1", 1), 100, 1, 1).workers[0]
    one.expected.extend(expected)
    return one


@pytest.mark.parametrize(
    ("expected", "reply", "fault"),
    [
        ([clients.OK], Reply("-", "ERR no"), "Error('ERR no') in place of 'OK'"),
        ([], clients.OK, "a reply to no request: 'OK'"),
        ([clients.ANY_NUMBER], clients.OK, "'OK' in place of a number"),
    ],
)
def test_wrong_replies(expected: list[Reply], reply: Reply, fault: str) -> None:
    """A worker reports a wrong reply, and one without a request."""
    one = worker(*expected)
    one.received(reply)
    assert dict(one.clients.faults) == {fault: 1}


def test_right_replies() -> None:
    """A worker reports nothing for the expected replies."""
    one = worker(clients.OK, clients.ANY_NUMBER)
    one.received(clients.OK)
    one.received(Reply(":", "7"))
    assert (dict(one.clients.faults), one.clients.done) == ({}, 1)


def reply_of(data: bytes) -> Reply:
    """The only reply in the bytes."""
    (reply,) = Decoder().feed(data)
    return reply


def test_missing_message() -> None:
    """A subscriber reports a gap in the numbers of the messages."""
    subscriber = clients.Subscriber(worker().clients, 0)
    subscriber.last = 5
    for serial in (6, 8):
        subscriber.received(reply_of(encode("message", "soak:ch:0", f"{serial} x")))
    assert dict(subscriber.clients.faults) == {"message 8 came after 6": 1}


def test_unanswered_request() -> None:
    """After a request without an answer the keys can be in either of two states, but in no third one."""
    pair = clients.Pair("x")
    pair.states = [clients.State(b"old", 1), clients.State(b"new", 2)]
    for value, count, good in ((b"old", 1, True), (b"new", 2, True), (b"new", 1, False), (b"old", 2, False)):
        assert (pair.fault(reply_of(encode(value, count))) == "") is good
    assert pair.fault(reply_of(b"*2\r\n$-1\r\n$-1\r\n")).startswith("lost: State(value=None")
    assert pair.fault(Reply("-", "ERR no")) == "Error('ERR no') in place of two values"


def test_growing_memory() -> None:
    """
    Growing memory is a fault, and so is that no subscriber that never reads is closed, once enough has been published.
    """
    all_clients = worker().clients
    mib = 2**20
    all_clients.published = soak.MAX_UNREAD_BYTES
    assert soak.judge(all_clients, [50 * mib] * 20 + [60 * mib]) == []
    all_clients.published += 1
    assert soak.judge(all_clients, [50 * mib] * 20 + [90 * mib]) == [
        "memory has grown from 50.0 to 90.0 MiB",
        "the server closed no subscriber that does not read",
    ]
    all_clients.non_readers_closed = 1
    assert soak.judge(all_clients, [50 * mib] * 20 + [60 * mib]) == []
