"""
The process of a server, and the requests to it.

It is C{python -m tseep.testing}, which reads requests on standard input and writes results to standard output, one JSON
object a line, and exits at EOF.
"""

from __future__ import annotations

import builtins
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from typing import Any

MAIN = """\
import sys
if sys.path[0] == "":
    del sys.path[0]
import runpy
runpy.run_module("tseep.testing", run_name="__main__", alter_sys=True)
"""
"""The program without the current directory, whose modules could hide those that the server imports."""

COMMAND = [sys.executable, "-c", MAIN]

STOP_TIMEOUT_S = 5.0
"""Time that a process has to exit at a request, and then once more at SIGTERM."""

_starting = threading.RLock()
"""Held while a process is started and before a fork, so that L{_leave_all} finds all pipes."""

_processes: weakref.WeakSet[Process] = weakref.WeakSet()


class ServerEnded(RuntimeError):
    """The process of the server has ended, or does not answer."""


class Process:
    """
    A running or ended process. Its methods are thread-safe.

    @param words: arguments of the command line.
    @param errors: the descriptor of the file for standard error.
    @ivar ended_by_us: whether L{stop} or L{kill} has ended it.
    @ivar foreign: whether this is another process, forked from the one that started it.
    """

    def __init__(self, words: list[str], errors: int) -> None:
        self._lock = threading.RLock()
        self._received = bytearray()  # appending to bytes copies what is there
        self._last_id = 0
        self._has_started = False
        self.ended_by_us = self.foreign = False
        with _starting:
            self._child = subprocess.Popen(
                [*COMMAND, *words],
                bufsize=0,
                stdin=subprocess.PIPE,  # the child exits when this pipe is closed
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # so that Ctrl-C in the terminal does not end it before the tests
            )
            _processes.add(self)
        assert self._child.stdin is not None and self._child.stdout is not None
        self._stdin, self._stdout = self._child.stdin, self._child.stdout
        os.set_blocking(self._stdin.fileno(), False)
        self.pid = self._child.pid

    def wait_for_start(self, timeout: float) -> None:
        """
        Wait until the server listens. No effect if it has done so, was ended by us, or has failed to start before.

        @param timeout: how long, in seconds.
        @raise Exception: of the child, if its parameters are wrong.
        @raise ServerEnded: if it does not start.
        """
        with self._lock:
            if not self.ended_by_us and not self._stdout.closed:
                self._receive_start(_Deadline(timeout))

    def _receive_start(self, deadline: _Deadline) -> None:
        """Receive the first line, if that is still to come."""
        if self._has_started:
            return
        answer = self._receive(deadline)
        if "error" in answer:
            raise _exception(answer)
        self._has_started = True

    @property
    def status(self) -> str:
        """C{runs}, C{was stopped}, or how the process ended by itself, such as C{was killed by SIGSEGV}."""
        code = self._child.poll()
        if code is None:
            return "runs"
        if self.ended_by_us:
            return "was stopped"
        return f"exited with status {code}" if code >= 0 else f"was killed by {_signal_name(-code)}"

    def stop(self) -> None:
        """End the process by a request, else by SIGTERM, else by SIGKILL. No effect if it has ended."""
        if self._lock.acquire(timeout=STOP_TIMEOUT_S):  # an unanswered request of another thread holds it
            try:
                self._ask_to_end()
            finally:
                self._lock.release()
        self.kill()

    def _ask_to_end(self) -> None:
        if self._child.poll() is not None:
            return
        self.ended_by_us = True
        try:
            self._stdin.write(b'{"id": 0, "call": "stop", "arguments": {}}\n')
        except OSError:
            pass
        self._stdin.close()
        if not self.wait_for_end():
            self._child.terminate()
            self.wait_for_end()

    def wait_for_end(self) -> bool:
        """Wait L{STOP_TIMEOUT_S} for the end of the process. Return whether it came."""
        deadline = _now() + STOP_TIMEOUT_S
        pause = 0.0005
        while self._child.poll() is None:
            if _now() > deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, 0.02)
        return True

    def kill(self) -> None:
        """End the process and v3's workers by SIGKILL, and close the pipes."""
        if self._child.poll() is None:
            self.ended_by_us = True
            os.killpg(self.pid, signal.SIGKILL)  # without the lock: an unanswered request fails now
        with self._lock:
            self._child.wait()
            self._stdin.close()
            self._stdout.close()

    def request(self, call: str, arguments: dict[str, Any], timeout: float) -> Any:
        """
        Return the result of a call in the process.

        @param timeout: time to wait for it, in seconds.
        @raise Exception: of the child, if the call fails.
        @raise ServerEnded: if the process has ended, or does not answer in time.
        """
        deadline = _Deadline(timeout)
        if not self._lock.acquire(timeout=timeout):
            raise deadline.error()
        try:
            answer = self._answer(call, arguments, deadline)
        finally:
            self._lock.release()
        if "error" in answer:
            raise _exception(answer)
        return answer.get("result")

    def _answer(self, call: str, arguments: dict[str, Any], deadline: _Deadline) -> dict[str, Any]:
        if self.ended_by_us or self._child.poll() is not None:
            raise ServerEnded("was stopped" if self.ended_by_us else self.status)
        self._receive_start(deadline)
        self._last_id += 1
        request = json.dumps({"id": self._last_id, "call": call, "arguments": arguments})
        self._send(request.encode() + b"\n", deadline)
        answer = self._receive(deadline)
        while answer.get("id") != self._last_id:  # to a request that was interrupted or timed out
            answer = self._receive(deadline)
        return answer

    def _send(self, data: bytes, deadline: _Deadline) -> None:
        sent = 0
        try:
            while sent < len(data):
                deadline.wait(self._stdin.fileno(), select.POLLOUT)
                sent += os.write(self._stdin.fileno(), data[sent : sent + select.PIPE_BUF])
        except OSError:
            raise self._ended() from None
        except BaseException:
            if sent:
                self._child.kill()  # the next request would continue this line
            raise

    def _receive(self, deadline: _Deadline) -> dict[str, Any]:
        end = self._received.find(b"\n")
        while end < 0:
            deadline.wait(self._stdout.fileno(), select.POLLIN)
            data = os.read(self._stdout.fileno(), 65536)
            if not data:
                raise self._ended()
            self._received += data
            end = self._received.find(b"\n", len(self._received) - len(data))
        answer: dict[str, Any] = json.loads(self._received[:end])
        del self._received[: end + 1]
        return answer

    def _ended(self) -> ServerEnded:
        """Return the error for closed pipes."""
        if not self.wait_for_end():
            self._child.kill()
            self._child.wait()
        return ServerEnded(self.status)

    def leave(self) -> None:
        """Close the pipes in a forked process, so that the server ends with the process that started it."""
        self.foreign = True
        self._stdin.close()
        self._stdout.close()
        self._child.returncode = 0  # so that nothing waits for it or signals it: it is no child of this process


class _Deadline:
    """
    The end of the time for an answer.

    @param seconds: how much time, from now on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = _now() + seconds

    def wait(self, fd: int, event: int) -> None:
        """
        Wait until a descriptor can be read or written.

        @param event: C{select.POLLIN} or C{select.POLLOUT}.
        @raise ServerEnded: if it cannot in time.
        """
        poll = select.poll()  # select() has no descriptors above 1023
        poll.register(fd, event)
        left_ms = int((self._end - _now()) * 1000)
        if left_ms < 0 or not poll.poll(left_ms):  # data that go on coming do not put the end off
            raise self.error()

    def error(self) -> ServerEnded:
        """Return the error for time that has run out."""
        return ServerEnded(f"did not answer within {self._seconds:g} s")


def _now() -> float:
    """The monotonic time in seconds, which freezegun and time-machine leave alone."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def _exception(answer: dict[str, Any]) -> Exception:
    """Return the exception that the child has raised."""
    kind = getattr(builtins, answer["error"], None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        return kind(answer["message"])
    return RuntimeError(f"{answer['error']}: {answer['message']}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _leave_all() -> None:
    _starting.release()
    for process in list(_processes):
        process.leave()


os.register_at_fork(before=_starting.acquire, after_in_parent=_starting.release, after_in_child=_leave_all)
