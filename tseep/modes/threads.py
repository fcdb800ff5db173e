"""
The threads of v1's clients.

Three things that CPython and Linux do for every program cost thousands of threads dear; they are set otherwise here,
while the mode runs. And of the threads of new clients only a few start at once.
"""

from __future__ import annotations

import _thread
import platform
import sys
import threading
from collections import deque
from queue import SimpleQueue
from typing import Any, Callable, Deque, Optional, Protocol

from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from tseep.system import futex

_log = Logger("tseep.modes.threaded.ThreadedMode")

STACK_SIZE = (4096 if platform.python_implementation() == "PyPy" else 2560) * 1024
"""
Bytes of address space for a thread's stack. The system's 8 MiB would ask 64 GiB for 8,192 threads, more than many
a container may map; a session's calls go a few dozen frames deep and touch about 8 KiB. But a script that calls itself
through string.gsub touches 2 MiB before Lua refuses to go deeper. PyPy looks for an overflow only near its own idea of
a stack, 3 MiB once there are scripts, so that it must have more than that.
"""

SWITCH_INTERVAL = 1.0
"""
Seconds that a thread may keep the interpreter (L{sys.setswitchinterval}). Whoever waits for it wakes so often to ask
again: with CPython's usual 5 ms thousands of waiting threads take all of the processor for that, and none is served.
Nothing else needs it short: a thread gives the interpreter away with each call of the system, and while one runs a long
command the others wait for the lock.
"""

FUTEX_SLOTS = 4096
"""
Slots of the kernel's table of those who sleep at a lock (L{tseep.system.futex}). With the 16 that a process has on a
small machine, a lock that is in constant use can have the slot in which thousands sleep at another one. Each wake-up
then searches all of them, and the server falls to a tenth of its rate, until it ends.
"""

STARTING = 16
"""
Threads of new clients that start at once. Each wants the interpreter several times until it waits for its client; so
thousands of them would let every other client wait for all.
"""

IDLE = 64
"""Threads that stay when their clients are gone. To start one costs more than to serve a client that asks one thing."""

REMEDY = "Memory, ulimit -u, kernel.threads-max or the limit on processes of a container (pids.max) is too low"

Task = Callable[[], None]


class ThreadPool:
    """
    Threads that call functions: as many as there are functions to call, and a few that wait for one.

    It is what C{deferToThreadPool} asks for. Twisted's own pool keeps some seventy objects for each thread, 14 KiB, and
    lets who starts a thread wait until it runs. With thousands of threads that is most of what a client costs, and what
    the garbage collector looks at while everybody waits.

    @ivar count: how many threads there are.
    """

    def __init__(self) -> None:
        self.count = 0
        self._idle = 0
        self._changed = threading.Condition(threading.Lock())
        self._tasks: SimpleQueue[Optional[Task]] = SimpleQueue()
        self._most_idle = IDLE

    def callInThreadWithCallback(
        self, on_result: Callable[[bool, Any], object], function: Callable[..., Any], *arguments: Any
    ) -> None:
        """
        Call C{function(*arguments)} in a thread, then there C{on_result(success, result)}.

        @raise RuntimeError: if the system has no more threads.
        """

        def task() -> None:
            try:
                success, result = True, function(*arguments)
            except BaseException:
                success, result = False, Failure()
            on_result(success, result)

        with self._changed:
            if self._idle:
                self._idle -= 1
            else:
                _thread.start_new_thread(self._work, ())
                self.count += 1
            self._tasks.put(task)

    def _work(self) -> None:
        """What a thread does."""
        try:
            for task in iter(self._tasks.get, None):
                task()
                del task  # else the thread would keep, for as long as it waits, all that its last client had
                if not self._stays():
                    break
        finally:
            with self._changed:
                self.count -= 1
                self._changed.notify()

    def _stays(self) -> bool:
        """Whether the thread that asks is to wait for another task."""
        with self._changed:
            stays = self._idle < self._most_idle
            self._idle += stays
        return stays

    def stop(self) -> None:
        """Wait until every thread has ended."""
        with self._changed:
            self._most_idle = 0
            for _ in range(self._idle):
                self._tasks.put(None)
            self._idle = 0
            while self.count:
                self._changed.wait()


class Client(Protocol):
    """Who gets a thread."""

    def serve(self, begun: Callable[[], None]) -> None:
        """
        Do all that is to be done for the client, in its thread.

        @param begun: to be called when the thread is about to wait for its client for the first time.
        """

    def refuse(self) -> None:
        """Close, since there is no thread. May be called in any thread."""


class Threads:
    """
    A thread for every client, and at times one more that sends to it. All may be called in any thread.

    @ivar waiting: the clients that wait for a thread.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._pool = ThreadPool()
        self._lock = threading.Lock()
        self._starting = 0
        self._short = False  # whether the system had no thread the last time
        self.waiting: Deque[Client] = deque()

    def __len__(self) -> int:
        """How many threads there are."""
        return self._pool.count

    def start(self) -> None:
        """Make ready to start threads."""
        futex.set_slots(FUTEX_SLOTS)
        threading.stack_size(STACK_SIZE)
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL)

    def stop(self) -> None:
        """Wait for the end of every thread."""
        self._pool.stop()
        sys.setswitchinterval(self._interval)

    def serve(self, client: Client) -> None:
        """Let a client have a thread, when it is its turn to start."""
        with self._lock:
            self.waiting.append(client)
        self._start_next()

    def _start_next(self) -> None:
        while True:
            with self._lock:
                if self._starting >= STARTING or not self.waiting:
                    return
                self._starting += 1
                client = self.waiting.popleft()
            if self.run(client.serve, self._begun):
                return
            with self._lock:
                self._starting -= 1
            client.refuse()

    def _begun(self) -> None:
        """A thread has begun; the next may."""
        with self._lock:
            self._starting -= 1
        self._start_next()

    def run(self, function: Callable[..., None], *arguments: Any) -> bool:
        """
        Let C{function(*arguments)} have a thread at once.

        @return: whether it has one: the system may have no more.
        """
        try:
            served = deferToThreadPool(self._reactor, self._pool, function, *arguments)  # type: ignore[arg-type]
        except RuntimeError as error:
            if not self._short:
                _log.error("No threads for clients, who are refused: {error}. {remedy}", error=error, remedy=REMEDY)
            self._short = True
            return False
        served.addErrback(lambda failure: _log.failure("A client's thread failed", failure))
        if self._short:
            _log.info("There are threads for clients again")
        self._short = False
        return True
