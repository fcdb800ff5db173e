"""
v1's threads, one for each client.

Three defaults of CPython and Linux do not suit thousands of threads: the stack size, the switch interval of the GIL and
the size of the kernel's futex hash table. L{Threads} sets all three, and starts new threads in bounded numbers.
"""

from __future__ import annotations

import _thread
import platform
import sys
import threading
from collections import deque
from queue import SimpleQueue
from typing import Any, Callable, Optional, Protocol

from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from tseep.system import futex

_log = Logger("tseep.modes.threaded.ThreadedMode")

STACK_BYTES = (4096 if platform.python_implementation() == "PyPy" else 2560) * 1024
"""
Bytes of address space for a thread's stack. The system's default of 8 MiB is 64 GiB for 8,192 threads, more than many
containers allow to map. A session's calls are a few dozen frames deep and touch about 8 KiB, but a script that calls
itself through string.gsub touches 2 MiB before Lua's limit on nesting. PyPy assumes stacks of 3 MiB once there are
scripts, and checks for an overflow only near that limit; its stacks must be larger.
"""

SWITCH_INTERVAL_S = 1.0
"""
CPython's switch interval while v1 runs, in seconds (L{sys.setswitchinterval}). A thread that waits for the GIL wakes
after each interval to request it. At the default of 5 ms the wake-ups of thousands of threads use all CPU time. v1
does not need a short interval: its threads release the GIL with each system call, and during a long command the other
clients wait for the lock anyway.
"""

FUTEX_SLOTS = 4096
"""
Slots of the process's futex hash table (L{tseep.system.futex}). With the kernel's default of 16 slots (on two cores) a
lock that is in constant use can share its slot with a lock at which thousands of threads sleep. Each wake-up then
searches the whole slot, and the rate of the server drops to a tenth for the rest of its life.
"""

MAX_STARTING = 16
"""
Maximum number of new clients' threads that start at the same time. A thread needs the GIL several times until it waits
for its client. Without the bound, the threads of thousands of new clients would compete with those of the others.
"""

MAX_IDLE = 64
"""Maximum number of idle threads. Starting a thread costs more than serving a short connection."""

REMEDY = "Raise ulimit -u, kernel.threads-max, the container's pids.max, or the memory limit"

Task = Callable[[], None]


class ThreadPool:
    """
    A thread pool without a limit, for C{deferToThreadPool}. It keeps up to L{MAX_IDLE} idle threads.

    Twisted's own pool holds about seventy objects and 13 KiB for each thread, and its C{callInThread} blocks until the
    new thread runs. With thousands of threads these objects are most of the memory of a client, and most of the work of
    the garbage collector.

    @ivar count: number of threads, including the idle ones.
    """

    def __init__(self) -> None:
        self.count = 0
        self._idle = 0
        self._changed = threading.Condition(threading.Lock())
        self._tasks: SimpleQueue[Optional[Task]] = SimpleQueue()
        self._max_idle = MAX_IDLE

    def callInThreadWithCallback(
        self, on_result: Callable[[bool, Any], object], function: Callable[..., Any], *arguments: Any
    ) -> None:
        """
        Call C{function(*arguments)} in a thread, then there C{on_result(success, result)}.

        @raise RuntimeError: if the system cannot start a thread.
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
        """Run tasks until one is C{None}, or enough threads are idle. This is the main function of a thread."""
        try:
            for task in iter(self._tasks.get, None):
                task()
                del task  # an idle thread must hold no reference to its last client
                if not self._stays():
                    break
        finally:
            with self._changed:
                self.count -= 1
                self._changed.notify()

    def _stays(self) -> bool:
        """Register the calling thread as idle. Return False, and do not, if enough threads are idle."""
        with self._changed:
            stays = self._idle < self._max_idle
            self._idle += stays
        return stays

    def stop(self) -> None:
        """End the idle threads, and block until the others have ended, too."""
        with self._changed:
            self._max_idle = 0
            for _ in range(self._idle):
                self._tasks.put(None)
            self._idle = 0
            while self.count:
                self._changed.wait()


class Client(Protocol):
    """The interface of a client to its thread."""

    def serve(self, begun: Callable[[], None]) -> None:
        """
        Serve the client until its connection ends. Called in the client's thread.

        @param begun: must be called once, before the thread blocks on the client for the first time.
        """

    def refuse(self) -> None:
        """Close the connection: no thread can be started. Must be thread-safe."""


class _Settings:
    """The stack size and the switch interval, from the start of the process's first pool to the stop of its last."""

    def __init__(self) -> None:
        self._pools = 0
        self._stack_size = 0
        self._interval = 0.0

    def apply(self) -> None:
        """Set both, unless they are set."""
        if not self._pools:
            self._stack_size = threading.stack_size(STACK_BYTES)
            self._interval = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._pools += 1

    def restore(self) -> None:
        """Restore both, unless another pool needs them."""
        self._pools -= 1
        if not self._pools:
            sys.setswitchinterval(self._interval)
            threading.stack_size(self._stack_size)


_settings = _Settings()


class Threads:
    """
    Starts the threads of clients. All methods but L{start} and L{stop} are thread-safe.

    @ivar waiting: clients whose threads are not started yet.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._pool = ThreadPool()
        self._lock = threading.Lock()
        self._starting = 0
        self._failing = False  # whether the last start of a thread failed
        self.waiting: deque[Client] = deque()

    def __len__(self) -> int:
        return self._pool.count

    def start(self) -> None:
        """Set stack size, switch interval and futex slots. Must be called before the first thread starts."""
        futex.set_slots(FUTEX_SLOTS)
        _settings.apply()

    def stop(self) -> None:
        """Block until all threads have ended, and restore stack size and switch interval."""
        self._pool.stop()
        _settings.restore()

    def serve(self, client: Client) -> None:
        """Start the client's thread as soon as fewer than L{MAX_STARTING} are starting."""
        with self._lock:
            self.waiting.append(client)
        self._start_next()

    def _start_next(self) -> None:
        while True:
            with self._lock:
                if self._starting >= MAX_STARTING or not self.waiting:
                    return
                self._starting += 1
                client = self.waiting.popleft()
            if self.run(client.serve, self._begun):
                return
            with self._lock:
                self._starting -= 1
            client.refuse()

    def _begun(self) -> None:
        """Called in a client's thread when its start is complete."""
        with self._lock:
            self._starting -= 1
        self._start_next()

    def run(self, function: Callable[..., None], *arguments: Any) -> bool:
        """
        Call C{function(*arguments)} in a thread at once.

        @return: False if the system cannot start a thread; the function is not called then.
        """
        try:
            served = deferToThreadPool(self._reactor, self._pool, function, *arguments)  # type: ignore[arg-type]
        except RuntimeError as error:
            if not self._failing:
                _log.error("Refusing clients: cannot start a thread: {error}. {remedy}", error=error, remedy=REMEDY)
            self._failing = True
            return False
        served.addErrback(lambda failure: _log.failure("Error in a client's thread; its connection is closed", failure))
        if self._failing:
            _log.info("Accepting clients again: threads can be started")
        self._failing = False
        return True
