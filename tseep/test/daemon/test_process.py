"""Tests for L{tseep.daemon.process}: signals, start-up failures and twistd's options."""

from __future__ import annotations

import os
import signal
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tseep.daemon import process
from tseep.daemon.process import ProcessService, twistd_problem
from tseep.errors import CommandError
from tseep.net.ports import CannotStart
from tseep.persistence import snapshots as snapshots_module
from tseep.server.server import Server
from tseep.test.support import made_folder

ENDING = {signal.SIGTERM, signal.SIGINT}


class Starting(Service):
    """A service like L{TseepService <tseep.daemon.service.TseepService>}, whose data are not loaded yet."""

    def __init__(self) -> None:
        self.loaded: Deferred[None] = Deferred()


class Refusing(Starting):
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

    def begin(self, service: Any, **twistd: Any) -> ProcessService:
        """Start a service under L{ProcessService}, as twistd does."""
        whole = ProcessService(self.reactor, self.server, service, {"nodaemon": True, **twistd})
        whole.privilegedStartService()
        whole.startService()
        return whole

    def test_signals(self) -> None:
        """SIGTERM and SIGINT shut the server down at the next run of cron, each once; SIGHUP is ignored."""
        asked: list[bool] = []
        self.begin(Starting())
        self.server.host.shut_down = lambda: asked.append(True)
        self.assertEqual(self.installed.pop(signal.SIGHUP), signal.SIG_IGN)
        for number in ENDING:
            self.server.stopping = False
            asked.clear()
            self.installed[number](number, None)
            self.installed[number](number, None)
            self.assertEqual(asked, [])
            self.server.cron.run()
            self.server.cron.run()
            self.assertEqual(asked, [True])

    def test_log(self) -> None:
        """A signal is logged with Redis's line, another one while the data are loaded."""
        self.begin(Starting())
        lines: list[str] = []
        self.server.host.log = lambda level, text: lines.append(text)
        self.installed[signal.SIGTERM](signal.SIGTERM, None)
        self.server.set_loading(object())  # type: ignore[arg-type]
        self.installed[signal.SIGINT](signal.SIGINT, None)
        expected = ["Received SIGTERM scheduling shutdown..."]
        expected += ["Received shutdown signal during loading, scheduling shutdown.", "User requested shutdown..."]
        self.assertEqual(expected, lines)

    def test_options(self) -> None:
        """The options of a shutdown are those of C{shutdown-on-sigterm} and C{shutdown-on-sigint}."""
        self.begin(Starting())
        self.server.host.shut_down = lambda: None
        self.server.config.set("shutdown-on-sigterm", "now nosave")
        self.server.config.set("shutdown-on-sigint", "save force")
        for number, options in ((signal.SIGTERM, ("nosave", "now")), (signal.SIGINT, ("save", "force"))):
            self.server.stopping = False
            self.installed[number](number, None)
            self.server.cron.run()
            self.assertEqual(options, self.server.persistence.shutdown_options)

    def test_insisting_in_a_command(self) -> None:
        """SIGINT ends the process at once if a command has delayed a requested shutdown for a second."""
        self.begin(Starting())
        failed: list[str] = []
        self.server.host.shut_down = lambda: None
        self.patch(self.server.host, "fail", failed.append)
        now = self.server.milliseconds()
        for number, later in ((signal.SIGINT, 0), (signal.SIGINT, 999), (signal.SIGTERM, 1000)):
            self.patch(self.server, "milliseconds", lambda later=later: now + later)
            self.installed[number](number, None)
            self.assertEqual([], failed)
        self.installed[signal.SIGINT](signal.SIGINT, None)
        self.assertEqual(["You insist... exiting now."], failed)
        self.server.cron.run()
        self.installed[signal.SIGINT](signal.SIGINT, None)
        self.assertEqual(1, len(failed), "the shutdown has begun")

    def test_insisting(self) -> None:
        """
        SIGINT after another signal, while a snapshot is written, deletes its temporary file and ends the process at
        once.
        """
        self.begin(Starting())
        failed: list[str] = []
        self.server.host.shut_down = lambda: None
        self.patch(self.server.host, "fail", failed.append)
        self.server.config.set("dir", made_folder(self))
        self.server.config.set("rdb-key-save-delay", "1")
        snapshots = self.server.persistence.snapshots

        def interrupt(microseconds: int) -> None:
            self.installed[signal.SIGINT](signal.SIGINT, None)
            self.installed[signal.SIGTERM](signal.SIGTERM, None)
            self.assertEqual([], failed)
            self.installed[signal.SIGINT](signal.SIGINT, None)
            self.assertEqual([], os.listdir(self.server.config["dir"]))

        self.patch(snapshots_module, "delay", interrupt)
        self.server.keyspace.databases[0].set(b"a", b"1")
        self.assertRaises(CommandError, snapshots.save)
        self.assertEqual(["You insist... exiting now."], failed)
        self.assertFalse(snapshots.abandon())

    def test_crash_log(self) -> None:
        """Reports of crashes are written to standard error, or appended to twistd's log."""
        self.begin(Starting())
        self.assertEqual(2, self.server.host.crash_log)
        name = self.mktemp()
        with open(name, "w") as log:
            log.write("a line\n")
        self.begin(Starting(), logfile=name)
        descriptor = self.server.host.crash_log
        assert descriptor is not None
        os.write(descriptor, b"a report\n")
        os.close(descriptor)
        with open(name) as log:
            self.assertEqual("a line\na report\n", log.read())

    def test_title(self) -> None:
        """The process has the title of C{proc-title-template}, also after CONFIG SET; without the package none."""
        titles: list[str] = []
        self.patch(process.title, "set_title", titles.append)
        self.patch(process.title, "setproctitle", process.title)
        self.patch(process.sys, "argv", ["/bin/tseep"])
        self.begin(Starting())
        self.server.config.set("proc-title-template", "{title} {port} {tls-port} {unixsocket} {config-file} {{")
        self.server.apply_config()
        self.assertEqual(["/bin/tseep 127.0.0.1:6379", "/bin/tseep 6379 0  - {"], titles)
        self.patch(process.sys, "argv", ["/bin/twistd"])
        self.server.apply_config()
        self.assertEqual("tseep 6379 0  - {", titles.pop())
        self.server.config.set("port", "0")
        self.server.config.set("proc-title-template", "{title} {listen-addr}")
        self.server.addresses = ["/run/tseep.sock:0"]
        self.assertEqual("x /run/tseep.sock:0", self.server.title("x"))
        self.patch(process.title, "setproctitle", None)
        self.begin(Starting())
        self.assertEqual(("no", ""), (self.server.config["set-proc-title"], self.server.title("x")))

    def test_signals_again(self) -> None:
        """The signal handlers are installed again after the reactor has installed its own."""
        self.begin(Starting())
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

    def pipe(self) -> tuple[int, int]:
        """Return the ends of a pipe; the one to read from is closed when the test ends."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        return reading, writing

    def test_background(self) -> None:
        """twistd's status pipe gets C{0} when the data are loaded, not before."""
        reading, writing = self.pipe()
        service: Any = Starting()
        twistd = {"statusPipe": writing}
        ProcessService(self.reactor, self.server, service, twistd).startService()
        self.assertEqual({}, twistd)  # else twistd itself would report the success
        service.loaded.callback(None)
        self.assertEqual(b"0", os.read(reading, 100))
        self.assertEqual(b"", os.read(reading, 100))

    def test_failure_while_loading(self) -> None:
        """Data that cannot be loaded stop the reactor; the reason is on standard error, and the status is 1."""
        said, errors = self.pipe()
        self.patch(process.os, "dup", lambda number: errors)
        at_exit: list[Any] = []
        self.patch(process.atexit, "register", at_exit.append)
        reading, writing = self.pipe()
        service = Starting()
        self.begin(service, statusPipe=writing)
        service.loaded.errback(CannotStart("tseep: corrupt"))
        self.assertEqual(b"tseep: corrupt\n", os.read(said, 100))
        self.assertEqual(b"1 tseep: corrupt", os.read(reading, 100))
        self.assertTrue(self.reactor.hasStopped)
        self.assertEqual([process._exit_with_failure], at_exit)

    def test_shutdown_while_loading(self) -> None:
        """A shutdown while data are loaded is reported to the process that waits for the daemon."""
        reading, writing = self.pipe()
        self.begin(Starting(), statusPipe=writing).stopService()
        self.assertEqual(b"1 the server was shut down while it loaded the data", os.read(reading, 100))


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
