"""Tests for L{tseep.modes.threads}."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from typing import Any, Callable

from twisted.trial.unittest import SynchronousTestCase

from tseep.modes import threads
from tseep.modes.threads import FUTEX_SLOTS, MAX_IDLE, MAX_STARTING, STACK_BYTES, SWITCH_INTERVAL_S, ThreadPool, Threads
from tseep.test.support import ThreadClock, log_events

PATIENCE = 30
"""Timeout in seconds for a thread."""


def divide(number: int) -> None:
    """Raise C{ZeroDivisionError} if C{number} is 0."""
    1 / number


def no_more(*_: Any) -> None:
    """Raise C{RuntimeError}, as C{start_new_thread} does at the system's thread limit."""
    raise RuntimeError("can't start new thread")


class ThreadPoolTests(SynchronousTestCase):
    """L{ThreadPool} runs functions in threads and keeps at most C{MAX_IDLE} idle ones."""

    def setUp(self) -> None:
        self.pool = ThreadPool()
        self.addCleanup(self.pool.stop)
        self.results: list[Any] = []
        self.come = threading.Semaphore(0)

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Run a function in the pool and wait until it has ended."""
        self.pool.callInThreadWithCallback(self.note, function, *arguments)
        self.assertTrue(self.come.acquire(timeout=PATIENCE))

    def note(self, success: bool, result: Any) -> None:
        self.results.append((success, result))
        self.come.release()

    def test_result(self) -> None:
        """The callback gets the function's result; the function runs in another thread."""
        self.call(lambda: threading.get_ident())
        ((success, ident),) = self.results
        self.assertTrue(success)
        self.assertNotEqual(threading.get_ident(), ident)

    def test_failure(self) -> None:
        """The callback gets the exception as a C{Failure}; the thread continues."""
        self.call(lambda number: 1 / number, 0)
        ((success, failure),) = self.results
        self.assertFalse(success)
        failure.trap(ZeroDivisionError)
        self.call(str, 1)
        self.assertEqual((True, "1"), self.results[1])

    def test_many_at_once(self) -> None:
        """Each running function has a thread; at most C{MAX_IDLE} threads remain after that."""
        begun, go_on = threading.Semaphore(0), threading.Event()

        def wait() -> None:
            begun.release()
            go_on.wait(PATIENCE)

        number = MAX_IDLE + 20
        for _ in range(number):
            self.pool.callInThreadWithCallback(self.note, wait)
        for _ in range(number):
            self.assertTrue(begun.acquire(timeout=PATIENCE))
        self.assertEqual(number, self.pool.count)
        go_on.set()
        with self.pool._changed:
            self.assertTrue(self.pool._changed.wait_for(lambda: self.pool.count <= MAX_IDLE, PATIENCE))
        self.assertEqual(number, len(self.results))

    def test_idle_thread_holds_no_reference(self) -> None:
        """An idle thread holds no reference to its last function."""

        class Client:
            def serve(self) -> None:
                pass

        client = Client()
        kept = weakref.ref(client)
        self.call(client.serve)
        del client
        self.pool.stop()  # waits until the thread has left its task
        gc.collect()
        self.assertIsNone(kept())

    def test_stop(self) -> None:
        """C{stop} ends all threads, including idle ones."""
        self.call(str)
        self.call(str)
        self.pool.stop()
        self.assertEqual(0, self.pool.count)

    def test_thread_limit(self) -> None:
        """If no thread can start, C{callInThreadWithCallback} raises C{RuntimeError} and queues nothing."""
        self.patch(threads._thread, "start_new_thread", no_more)
        self.assertRaises(RuntimeError, self.pool.callInThreadWithCallback, self.note, str)
        self.assertEqual((0, True), (self.pool.count, self.pool._tasks.empty()))


class Client:
    """
    A client that records the calls it gets.

    @ivar begun: the callback that reports that its thread has begun; None until C{serve} is called.
    """

    def __init__(self, come: threading.Semaphore) -> None:
        self._come = come
        self.begun: Any = None
        self.refused = False

    def serve(self, begun: Callable[[], None]) -> None:
        self.begun = begun
        self._come.release()

    def refuse(self) -> None:
        self.refused = True


class ThreadsTests(SynchronousTestCase):
    """L{Threads} changes process settings for thousands of threads, limits thread starts and refuses clients."""

    def setUp(self) -> None:
        self.slots: list[int] = []
        self.patch(threads.futex, "set_slots", self.slots.append)
        self.clock = ThreadClock()
        self.threads = Threads(self.clock)
        self.come = threading.Semaphore(0)

    def start(self) -> None:
        self.threads.start()
        self.addCleanup(self.threads.stop)

    def clients(self, number: int) -> list[Client]:
        """Return C{number} new clients, each passed to C{serve}."""
        found = [Client(self.come) for _ in range(number)]
        for client in found:
            self.threads.serve(client)
        return found

    def test_settings(self) -> None:
        """C{start} sets the switch interval and the stack size; C{stop} restores them."""
        before = sys.getswitchinterval(), threading.stack_size()
        self.threads.start()
        self.assertEqual((SWITCH_INTERVAL_S, STACK_BYTES), (sys.getswitchinterval(), threading.stack_size()))
        self.threads.stop()
        self.assertEqual(before, (sys.getswitchinterval(), threading.stack_size()))

    def test_settings_of_two(self) -> None:
        """The last pool that stops restores them, in any order."""
        before = sys.getswitchinterval(), threading.stack_size()
        other = Threads(self.clock)
        self.threads.start()
        other.start()
        self.threads.stop()
        self.assertEqual((SWITCH_INTERVAL_S, STACK_BYTES), (sys.getswitchinterval(), threading.stack_size()))
        other.stop()
        self.assertEqual(before, (sys.getswitchinterval(), threading.stack_size()))

    def test_futex_slots(self) -> None:
        """C{start} enlarges the kernel's futex hash before any thread exists."""
        self.start()
        self.assertEqual([[FUTEX_SLOTS], 0], [self.slots, len(self.threads)])

    def test_bound(self) -> None:
        """At most C{MAX_STARTING} threads start at once; each that has begun starts the next, in order of arrival."""
        self.start()
        clients = self.clients(MAX_STARTING + 2)
        for _ in range(MAX_STARTING):
            self.assertTrue(self.come.acquire(timeout=PATIENCE))
        self.assertEqual([client for client in clients if client.begun is None], list(self.threads.waiting))
        for number in (0, 1):
            self.assertIsNone(clients[MAX_STARTING + number].begun)
            clients[number].begun()
            self.assertTrue(self.come.acquire(timeout=PATIENCE))
            self.assertIsNotNone(clients[MAX_STARTING + number].begun)

    def test_thread_limit(self) -> None:
        """
        At the system's thread limit new and waiting clients are refused, with one log event. Once threads can start
        again clients are served, with another log event.
        """
        events = log_events(self)
        self.start()
        pool = self.threads._pool
        pool._max_idle = 0
        served = self.clients(MAX_STARTING + 2)
        for _ in range(MAX_STARTING):
            self.assertTrue(self.come.acquire(timeout=PATIENCE))
        self.patch(threads._thread, "start_new_thread", no_more)
        with pool._changed:
            self.assertTrue(pool._changed.wait_for(lambda: pool.count == 0, PATIENCE))
        served[0].begun()
        self.assertEqual([False] * MAX_STARTING + [True, True], [client.refused for client in served])
        self.patch(threads._thread, "start_new_thread", START_NEW_THREAD)
        (client,) = self.clients(1)
        self.assertTrue(self.come.acquire(timeout=PATIENCE))
        self.assertFalse(client.refused)
        said = [event["log_format"].format(**event) for event in events if " clients" in event.get("log_format", "")]
        self.assertEqual(2, len(said))
        self.assertIn("cannot start a thread: can't start new thread. Raise ulimit -u", said[0])
        self.assertEqual("Accepting clients again: threads can be started", said[1])

    def test_failure(self) -> None:
        """An exception in a thread is logged; the thread continues."""
        self.start()
        self.assertTrue(self.threads.run(divide, 0))
        self.assertTrue(self.clock.called.wait(PATIENCE))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))


START_NEW_THREAD = threads._thread.start_new_thread
