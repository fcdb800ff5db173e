"""The server under test: one on a movable clock, with faults and a record of its commands; and its host."""

from __future__ import annotations

import socket
from typing import Any, Callable

from pytest_tseep.shared import reserved
from tseep.configuration.parameters import Config
from tseep.daemon.host import ReactorHost
from tseep.persistence.aof_loader import Loader
from tseep.server.server import Server
from tseep.testing.clock import MovableClock
from tseep.testing.faults import Faults, State
from tseep.testing.recorder import Recorder

HOST = "127.0.0.1"


class HostUnderTest(ReactorHost):
    """
    A host on the reactor of the tests.

    @ivar shut_down_server: called when a client has called SHUTDOWN; it stops this server alone.
    """

    def __init__(self, reactor: Any, clock: MovableClock) -> None:
        super().__init__(reactor)
        self._clock = clock
        self._calls: set[Any] = set()
        self._stopped = False
        self.shut_down_server: Callable[[], object] = lambda: None

    def _exit(self) -> None:
        self.shut_down_server()

    def wake(self, when: int) -> None:
        """Forward, unless the clock is stopped, which no timer can pass: moving the clock fires the timers."""
        if not self._clock.frozen:
            super().wake(when)

    def call_later(self, seconds: float, function: Callable[[], None]) -> None:
        """Call a function as the mode calls cron, after real seconds. Thread-safe."""
        self._reactor.callFromThread(self._call_later, seconds, function)

    def _call_later(self, seconds: float, function: Callable[[], None]) -> None:
        def run() -> None:
            self._calls.discard(call)
            assert self._mode is not None
            self._mode.call(lambda: self._run(function))

        if not self._stopped:
            call = self._reactor.callLater(seconds, run)
            self._calls.add(call)

    def _run(self, function: Callable[[], None]) -> None:
        assert self._mode is not None
        function()
        self._mode.server.run_deferred()
        self._mode.server.deliver()

    def cancel_calls(self) -> None:
        """Cancel the calls of L{call_later}, and make none any more."""
        self._stopped = True
        calls, self._calls = self._calls, set()
        for call in calls:
            call.cancel()


class ServerUnderTest(Server):
    """
    A server under test. Its dates, timeouts and idle times follow a clock of its own; the time that commands take is
    measured with the machine's timer, which also ends long scripts while the clock is stopped.

    @ivar test_clock: the clock. C{own_host}: the host.
    @ivar faults: in place of CLIENT PAUSE, which they include. C{recorder}: in place of MONITOR's clients, likewise.
    @ivar loads, refuses: the states for L{Faults.enter}.
    """

    def __init__(self, config: Config, reactor: Any, clock: MovableClock | None = None) -> None:
        self.test_clock = clock or MovableClock()
        self.own_host = host = HostUnderTest(reactor, self.test_clock)
        super().__init__(config, self.test_clock.time, host=host)
        self.monitors = self.recorder = Recorder(
            self.test_clock.time,
            self.deferred,
            self.refresh_dispatch,
            lambda session, command, argv: self.faults.check(session, command, argv),
        )
        self.pause = self.faults = Faults(
            self.timers, self.blocking, self._pause_changed, host.call_later, self.recorder.note
        )
        self.loads = State(lambda: self.set_loading(Loader(self)), lambda: self.set_loading(None))
        self.refuses = State(self._refuse, self._accept)
        self.port = config["port"]
        self._placeholder: socket.socket | None = None
        self.refresh_dispatch()

    def monotonic(self) -> float:
        return self.test_clock.nanoseconds() / 1e9

    def milliseconds(self) -> int:
        return self.test_clock.nanoseconds() // 1_000_000

    def _refuse(self) -> None:
        """Close the port, and reserve it."""
        self._listen_on(0)
        self._placeholder = reserved(HOST, self.port)

    def _accept(self) -> None:
        self._listen_on(self.port)
        self.close_placeholder()

    def close_placeholder(self) -> None:
        """Close the socket that keeps the port while connections are refused."""
        if self._placeholder is not None:
            self._placeholder.close()
            self._placeholder = None

    def _listen_on(self, port: int) -> None:
        """Listen on another port; on none if it is 0."""
        self.config.set("port", str(port))
        self.host.change_addresses()

    def move_clock(self, move: Callable[[], None]) -> None:
        """Move the clock by a function, and do what is due then: timeouts, expiry, closing of idle clients."""
        before = self.monotonic()
        move()
        passed = int((self.monotonic() - before) * 1e9)
        for session in self.sessions.values():
            session.last_seen -= passed
            session.connected_at -= passed
        self.keyspace.second = int(self.monotonic())
        self.fire()
        self.cron.run()
