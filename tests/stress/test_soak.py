"""The soak finds what is wrong, and nothing where nothing is."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import Any

import pytest

import soak
from soaking import crowd

from ..support.servers import ROOT

MODES = pytest.mark.parametrize("mode", ["v1", "v2", "v3"])


@MODES
def test_nothing_wrong(mode: str) -> None:
    """A short run of few clients has storms, clients that vanish and subscribers that are closed, and ends well."""
    argv = [sys.executable, "stress/soak.py", "--clients", "150", "--time", "11", "--rate", "1000", "--mode", mode]
    if platform.python_implementation() == "PyPy":
        # its compiler works for long, in which v1 sends little, and its heap grows for minutes
        argv += ["--time", "28", "--spare", "256"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == ("nothing was wrong\n", 0), done.stderr
    assert " 0 storms, " not in done.stderr and " 0 clients vanished" not in done.stderr


def test_lost_writes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that keeps nothing loses every acknowledged write, and that is told."""
    whole = soak.server_of

    def forgetful(options: Any, folder: str) -> Any:
        server = whole(options, folder)
        at = server.command.index("--appendonly")
        server.command[at + 1] = "no"
        return server

    monkeypatch.setattr(soak, "server_of", forgetful)
    assert soak.main(["--clients", "120", "--time", "2", "--rate", "1000"]) == 1
    assert "x lost: State(value=None, counted=0) where [State(value=b'" in capsys.readouterr().err


def worker(*wanted: bytes) -> Any:
    """A worker that waits for replies."""
    one = crowd.Crowd(("127.0.0.1", 1), 100, 1, 1).workers[0]
    one.want.extend(wanted)
    return one


@pytest.mark.parametrize(
    ("wanted", "reply", "said"),
    [
        ([b"+OK\r\n"], b"-ERR no\r\n", "in place of b'+OK"),
        ([], b"+OK\r\n", "a reply to no request"),
        ([crowd.ANY], b"+OK\r\n", "in place of a number"),
    ],
)
def test_wrong_replies(wanted: list[bytes], reply: bytes, said: str) -> None:
    """A wrong reply, or one too many, is told."""
    one = worker(*wanted)
    one.answered(reply)
    assert [said in text for text in one.crowd.complaints] == [True]


def test_right_replies() -> None:
    """Right ones are not."""
    one = worker(b"+OK\r\n", crowd.ANY)
    one.answered(b"+OK\r\n")
    one.answered(b":7\r\n")
    assert (dict(one.crowd.complaints), one.crowd.done) == ({}, 1)


def test_missing_message() -> None:
    """So is a message that a subscriber missed."""
    subscriber = crowd.Subscriber(worker().crowd, 0)
    subscriber.last = 5
    for serial in (6, 8):
        subscriber.answered(crowd.command("message", "soak:ch:0", f"{serial} x"))
    assert dict(subscriber.crowd.complaints) == {"message 8 came after 6": 1}


def test_a_request_that_may_have_been_done() -> None:
    """After a request without an answer both states may be, and no third one."""
    pair = crowd.Pair("x")
    pair.states = [crowd.State(b"old", 1), crowd.State(b"new", 2)]
    for value, count, good in ((b"old", 1, True), (b"new", 2, True), (b"new", 1, False), (b"old", 2, False)):
        reply = b"*2\r\n$3\r\n%b\r\n$1\r\n%d\r\n" % (value, count)
        assert (pair.wrong(reply) == "") is good
    assert pair.wrong(b"*2\r\n$-1\r\n$-1\r\n").startswith("lost: State(value=None")


def test_growing_memory() -> None:
    """Memory that grows is told, and so is a deaf subscriber that stays."""
    found = worker().crowd
    mib = 2**20
    assert soak.judge(found, [50 * mib] * 20 + [90 * mib]) == [
        "memory has grown from 50.0 to 90.0 MiB",
        "no subscriber that does not read was closed",
    ]
    found.deaf_closed = 1
    assert soak.judge(found, [50 * mib] * 20 + [60 * mib]) == []


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"", -1),
        (b"+OK\r\n", 5),
        (b"+OK\r", -1),
        (b"$-1\r\n:1\r\n", 5),
        (b"$3\r\nab", -1),
        (b"*2\r\n:1\r\n$1\r\na\r\n", 15),
        (b"*1\r\n", -1),
    ],
)
def test_reply_end(data: bytes, end: int) -> None:
    """Where a reply ends."""
    assert crowd.reply_end(data) == end
