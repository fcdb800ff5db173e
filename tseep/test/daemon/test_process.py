"""Tests for L{tseep.daemon.process}: signals, start-up failures and twistd's options."""

from __future__ import annotations

import os
import signal
from typing import Any

from twisted.application.service import Service
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tseep.daemon import process
from tseep.daemon.process import ProcessService, twistd_problem
from tseep.net.ports import CannotStart
from tseep.server.server import Server

ENDING = {signal.SIGTERM, signal.SIGINT}


class Refusing(Service):
    """A service whose start raises L{CannotStart}."""

    def startService(self) -> None:
        raise CannotStart("tseep: no")


class ProcessServiceTests(SynchronousTestCase):
    """Signals and start-up failures of a server in its own process."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.server = Server()
        self.installed: dict[int, Any] = {}
        self.patch(process.signal, "signal", self.installed.__setitem__)

    def begin(self, service: Service, **twistd: Any) -> None:
        """Start a service under L{ProcessService}, as twistd does."""
        whole = ProcessService(self.reactor, self.server, service, twistd)
        whole.privilegedStartService()
        whole.startService()

    def test_signals(self) -> None:
        """SIGTERM and SIGINT shut the server down, each once; SIGHUP is ignored."""
        asked: list[bool] = []
        self.begin(Service())
        self.server.host.shut_down = lambda: asked.append(True)
        self.assertEqual(self.installed.pop(signal.SIGHUP), signal.SIG_IGN)
        for number in ENDING:
            self.server.stopping = False
            self.installed[number](number, None)
        self.assertEqual(asked, [True, True])

    def test_signals_again(self) -> None:
        """The signal handlers are installed again after the reactor has installed its own."""
        self.begin(Service())
        self.installed.clear()
        for function, args, kwargs in self.reactor.whenRunningHooks:
            function(*args, **kwargs)
        self.assertEqual(set(self.installed), ENDING)

    def failed(self, **twistd: Any) -> Any:
        """Return the error of a failed start; assert that its text was written to standard error."""
        reading, writing = os.pipe()
        self.patch(process.os, "dup", lambda number: writing)
        error = self.assertRaises(CannotStart, self.begin, Refusing(), **twistd)
        os.close(writing)
        with os.fdopen(reading) as said:
            self.assertEqual("tseep: no\n", said.read())
        return error

    def test_failure(self) -> None:
        """In the foreground the exit status is 1, and the interpreter prints nothing more."""
        self.assertEqual(self.failed().code, 1)

    def test_failure_in_the_background(self) -> None:
        """In the background twistd gets an exception with the error's text, which it logs."""
        error = self.failed(statusPipe=9)
        self.assertEqual(error.code, "tseep: no")
        self.assertIsInstance(error, Exception)


class ProblemTests(SynchronousTestCase):
    """Check of twistd's options before the start."""

    def test_files(self) -> None:
        """An unwritable file is reported with twistd's option for another one, and a missing run directory without."""
        self.assertEqual("", twistd_problem({"nodaemon": True, "pidfile": "", "logfile": None}))
        self.assertEqual(
            "", twistd_problem({"nodaemon": True, "pidfile": self.mktemp(), "logfile": "-", "rundir": "."})
        )
        said = "twistd cannot write /nonexistent/a; choose another file with twistd --pidfile=FILE"
        self.assertEqual(said, twistd_problem({"pidfile": "/nonexistent/a", "logfile": self.mktemp()}))
        self.assertIn("--logfile=FILE", twistd_problem({"nodaemon": True, "logfile": "/nonexistent/a"}))
        self.assertIn("no such directory", twistd_problem({"rundir": "/nonexistent"}))

    def test_rights(self) -> None:
        """twistd's --uid requires root, unless it is the current user."""
        self.patch(process.os, "geteuid", lambda: 1000)
        self.patch(process.os, "getuid", lambda: 1000)
        self.assertEqual("", twistd_problem({"nodaemon": True, "uid": 1000, "gid": None}))
        self.assertIn("twistd's --uid needs root's rights", twistd_problem({"nodaemon": True, "uid": 1}))
