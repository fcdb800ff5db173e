"""Tests for L{tseep.daemon.host} and for what it inherits from L{tseep.interfaces}."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tseep import interfaces
from tseep.configuration.parameters import Config
from tseep.daemon.host import ReactorHost
from tseep.interfaces import NullHost, ServerHost
from tseep.server.server import Server
from tseep.system import oom_score
from tseep.test.daemon.test_service import FakeMode
from tseep.test.support import log_events, made_folder


class InThread:
    """A thread pool that runs the work at once, like C{twisted.python.threadpool.ThreadPool}."""

    def callInThreadWithCallback(self, report: Any, work: Any) -> None:
        try:
            work()
        except Exception as error:
            report(False, type("Failure", (), {"value": error}))
        else:
            report(True, None)


class HostTests(SynchronousTestCase):
    """The host gives a server the reactor and its mode."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.reactor.callFromThread = lambda function, *arguments: function(*arguments)
        self.reactor.getThreadPool = InThread
        self.host = ReactorHost(self.reactor)
        self.server = Server(Config(dir=made_folder(self)), host=self.host)
        self.mode = FakeMode(self.reactor, self.server)

    def test_crash_log(self) -> None:
        """crash-log-enabled turns the reports of crashes on and off, if the process is the server's own."""
        calls: list[int | None] = []
        self.patch(interfaces.faulthandler, "enable", calls.append)
        self.patch(interfaces.faulthandler, "disable", lambda: calls.append(None))
        host = ReactorHost(self.reactor)
        server = Server(host=host)
        self.assertEqual([], calls)
        host.crash_log = 7
        for value in ("no", "yes"):
            server.config.set("crash-log-enabled", value)
            server.apply_config()
        self.assertEqual([None, 7], calls)

    def test_incomplete(self) -> None:
        """A host without one of the methods cannot be created."""
        self.assertRaises(TypeError, type("Incomplete", (ServerHost,), {"log": lambda level, text: None}))

    def test_forwards(self) -> None:
        """Three methods are the mode's, once it has started; before, they do nothing."""
        for host in (self.host, NullHost()):
            self.mode.events.clear()
            for _ in range(2):
                host.serve_clients()
                host.set_keepalive(60)
                host.wake(5)
                events = list(self.mode.events)
                host.attach(self.mode)
            self.assertEqual(["serve clients", ("keepalive", 60), ("wake", 5)], events)

    def test_log_level(self) -> None:
        """loglevel omits lines of lower levels."""
        events = log_events(self)
        for name, least in (("debug", 0), ("verbose", 1), ("notice", 2), ("warning", 3)):
            self.server.config.set("loglevel", name)
            self.server.apply_config()
            for level in range(4):
                self.host.log(level, f"level {level}")
            self.assertEqual([f"level {level}" for level in range(least, 4)], [event["text"] for event in events])
            events.clear()

    def test_server(self) -> None:
        """The server calls it for timers and for tcp-keepalive."""
        self.host.attach(self.mode)
        self.server.timers.set(7, lambda: None)
        self.server.config.set("tcp-keepalive", "9")
        self.server.apply_config()
        self.assertEqual([("wake", 7), ("keepalive", 9)], self.mode.events)

    def test_run_in_thread(self) -> None:
        """The result of work in a thread arrives through the mode: the exception, or None."""
        results: list[Any] = []
        self.host.attach(self.mode)
        self.host.run_in_thread(lambda: None, results.append)
        self.host.run_in_thread(lambda: [][0], results.append)
        self.assertEqual(["<lambda>"] * 2, self.mode.events)
        self.assertIs(None, results[0])
        self.assertIsInstance(results[1], IndexError)

    def test_shut_down(self) -> None:
        """The reactor stops if the data are safe; otherwise the server continues."""
        self.host.attach(self.mode)
        self.reactor.running = True
        self.server.stop()
        self.assertTrue(self.reactor.hasStopped)
        self.reactor.running, self.reactor.hasStopped, self.server.stopping = True, False, False
        self.server.config.set("save", "1 1")
        os.rmdir(self.server.config["dir"])
        self.server.persistence.recording.dirty = 1
        self.server.stop()
        self.assertFalse(self.reactor.hasStopped)
        self.assertFalse(self.server.stopping)

    def test_options_of_a_signal(self) -> None:
        """C{nosave} stops without a snapshot, C{save} writes one though save is empty, C{force} stops if that fails."""
        self.host.attach(self.mode)
        folder = self.server.config["dir"]
        self.server.config.set("save", "1 1")
        for options, files in ((["nosave"], []), (["save"], ["dump.rdb"]), (["save", "force"], None)):
            self.server.persistence.saves_at_end, self.server.persistence.recording.dirty = True, 1
            self.reactor.running, self.reactor.hasStopped, self.server.stopping = True, False, False
            if files is None:
                os.unlink(f"{folder}/dump.rdb")
                os.rmdir(folder)
            self.server.stop(options)
            self.assertTrue(self.reactor.hasStopped)
            if files is not None:
                self.assertEqual(files, os.listdir(folder))
            self.server.config.set("save", "")

    def test_oom_score(self) -> None:
        """A score that cannot be set is logged."""
        self.patch(oom_score, "PATH", Path("/nonexistent/score"))
        lines: list[str] = []
        self.patch(self.host, "log", lambda level, text: lines.append(text))
        self.assertFalse(self.host.set_oom_score("yes", 5))
        self.assertEqual(
            ["Unable to set /nonexistent/score to 5 (yes): No such file or directory; see oom-score-adj"], lines
        )
        self.assertTrue(self.host.set_oom_score("no", 5))
