"""The process C{python -m tseep.testing}, in each mode: its requests, and what ends it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..support.servers import ROOT, until

ENDLESS = "redis.call('SET', 'k', 'v') while true do end"

PATIENCE = 60
"""Seconds within which the process must end."""


class Child:
    """A process with its pipes."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tseep.testing", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._requests, self._answers = self.process.stdin, self.process.stdout
        self.first: dict[str, Any] = json.loads(self._answers.readline())

    def client(self) -> redis.Redis:
        """Return a client without retries."""
        return redis.Redis(port=self.first["port"], retry=Retry(NoBackoff(), 0))

    def call(self, call: str, **arguments: Any) -> Any:
        """Send a request; return its result."""
        self._requests.write(json.dumps({"id": 1, "call": call, "arguments": arguments}).encode() + b"\n")
        self._requests.flush()
        return json.loads(self._answers.readline())["result"]

    def close(self) -> None:
        """Close the pipe of the requests."""
        self._requests.close()

    def run_endless(self) -> threading.Thread:
        """Start a script that does not end; return the thread of its client."""
        script = threading.Thread(target=self._run_endless)
        script.start()
        return script

    def _run_endless(self) -> None:
        try:
            self.client().eval(ENDLESS, 0)
        except redis.RedisError:
            pass  # killed, or closed


@pytest.fixture(params=["v1", "v2", "v3"])
def child(request: pytest.FixtureRequest) -> Iterator[Child]:
    child = Child(request.param, "busy_reply_threshold", "1")  # other clients get BUSY as soon as a script runs
    yield child
    child.process.kill()
    child.process.wait(PATIENCE)
    for pipe in (child.process.stdin, child.process.stdout, child.process.stderr):
        assert pipe is not None
        pipe.close()


def test_eof(child: Child) -> None:
    """The process ends with status 0 when its input is closed."""
    assert child.client().ping()
    child.close()
    assert child.process.wait(PATIENCE) == 0


def test_sigterm(child: Child) -> None:
    """The process ends with status 0 on SIGTERM."""
    child.process.send_signal(signal.SIGTERM)
    assert child.process.wait(PATIENCE) == 0


def test_shutdown(child: Child) -> None:
    """The process ends with status 0 when a client calls SHUTDOWN."""
    child.client().shutdown(nosave=True)
    assert child.process.wait(PATIENCE) == 0


def test_stop(child: Child) -> None:
    assert child.call("stop") is None
    assert child.process.wait(PATIENCE) == 0


def _runs(child: Child) -> bool:
    try:
        return not child.client().ping()
    except redis.ResponseError as error:
        return "BUSY" in str(error)


def test_endless_script(child: Child) -> None:
    """Flush kills a script that has written and would not end."""
    script = child.run_endless()
    until(lambda: _runs(child), "the script runs")
    assert child.call("flush", keep_connections=False) is None
    script.join(PATIENCE)
    assert not script.is_alive()
    assert child.client().dbsize() == 0


def test_eof_in_a_script(child: Child) -> None:
    """The process ends although a script would not, also while another request waits for it."""
    script = child.run_endless()
    until(lambda: _runs(child), "the script runs")
    child._requests.write(b'{"id": 1, "call": "last_commands"}\n')
    child.close()
    assert child.process.wait(PATIENCE) == 0
    script.join(PATIENCE)


def test_faults_and_time(child: Child) -> None:
    """Faults, the clock, records and snapshots."""
    client = child.client()
    child.call("fail", command="GET", error="MOVED 1 127.0.0.1:1", times=1)
    with pytest.raises(redis.ResponseError, match="127"):
        client.get("k")
    client.set("k", "v", ex=300)
    snapshot = child.call("snapshot")
    child.call("advance", seconds=301)
    assert client.get("k") is None
    number = child.call("record_start")
    client.set(b"\xff", "v")
    (command,) = child.call("record_stop", number=number)
    assert command[2] == ["SET", "\udcff", "v"]
    child.call("flush", keep_connections=True)
    child.call("restore", snapshot=snapshot)
    assert client.keys() == [b"k"]
    child.call("refuse")
    with pytest.raises(redis.ConnectionError):
        child.client().ping()
    child.call("flush", keep_connections=False)
    assert child.client().ping()
    workers = 2 if client.info("server")["tseep_mode"] == "v3" else 0
    assert len(child.call("pids")) == 1 + workers


def test_cannot_start() -> None:
    """Wrong parameters are the first answer, without a traceback."""
    wrong = {
        ("V2",): ("ValueError", "mode is 'V2', not one of v1, v2, v3; did you mean 'v2'?"),
        ("v2", "requirpass", "x"): ("TypeError", "did you mean 'requirepass'?"),
        ("v2", "timeout", "soon"): ("ValueError", "couldn't be parsed into an integer"),
    }
    for words, (kind, text) in wrong.items():
        child = Child(*words)
        assert child.first["error"] == kind
        assert text in child.first["message"]
        _, errors = child.process.communicate(timeout=PATIENCE)
        assert (child.process.returncode, errors) == (1, b"")
