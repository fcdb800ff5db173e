"""A server under test in memory, on fake clocks."""

from __future__ import annotations

from typing import Any, Callable

from tseep.configuration.parameters import Config
from tseep.test.support import SessionTests, ThreadClock
from tseep.testing.clock import MovableClock
from tseep.testing.server import ServerUnderTest


class DirectMode:
    """A mode that only calls."""

    def __init__(self, server: ServerUnderTest) -> None:
        self.server = server
        self.woken: list[int] = []

    def call(self, function: Callable[[], None]) -> None:
        function()

    def wake(self, when: int) -> None:
        self.woken.append(when)


class UnderTestTests(SessionTests):
    """
    Base class of tests of a L{ServerUnderTest}.

    @ivar reactor: the clock of what does not follow the server's.
    """

    server: ServerUnderTest

    def setUp(self) -> None:
        super().setUp()
        self.reactor = ThreadClock()
        clock = MovableClock(self.clock.seconds, self.look_at_timer)
        self.server = ServerUnderTest(Config(**self.config), self.reactor, clock)
        mode: Any = DirectMode(self.server)
        self.mode = mode
        self.server.host.attach(mode)
        self.session = self.connect()
