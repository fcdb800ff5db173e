"""Tests for L{tseep.commands.admin.server}: TIME, LOLWUT and SHUTDOWN."""

from __future__ import annotations

import os

from tseep.test.support import START, SessionTests, decode, encode, made_folder


class ServerTests(SessionTests):
    def test_time(self) -> None:
        """TIME returns seconds and microseconds of the server's clock."""
        self.pass_time(1.25)
        self.assertReply([b"%d" % (START + 1), b"250000"], "TIME")

    def test_lolwut(self) -> None:
        """LOLWUT returns the version of Redis, whatever VERSION it is called with."""
        for argv in ([], ["VERSION", "5"], ["7"], ["VERSION"]):
            self.assertReply(b"Redis ver. 7.0.15\n", "LOLWUT", *argv)
        self.assertError("ERR value is not an integer or out of range", "LOLWUT", "version", "x")


class ShutdownTests(SessionTests):
    def setUp(self) -> None:
        """Count calls of the server's C{shut_down}."""
        super().setUp()
        self.stops = 0
        self.server.host.shut_down = self.stop

    def stop(self) -> None:
        self.stops += 1

    def test_stops(self) -> None:
        """SHUTDOWN stops the server without a reply; later commands of the pipeline do not run."""
        replies = self.session.receive(encode("SHUTDOWN", "nosave", "NOW", "force") + encode("PING"))
        self.assertEqual((b"", 1), (replies, self.stops))
        self.assertIsNotNone(self.session.blocked)

    def test_plain(self) -> None:
        """SHUTDOWN without options stops the server."""
        self.assertEqual(b"", self.send("SHUTDOWN"))
        self.assertEqual(1, self.stops)

    def test_save(self) -> None:
        """SHUTDOWN SAVE saves first; if that fails it is refused, unless FORCE is given."""
        folder = made_folder(self)
        self.server.config.set("dir", folder)
        os.rmdir(folder)
        self.assertError("ERR Errors trying to SHUTDOWN. Check logs.", "SHUTDOWN", "SAVE")
        self.assertEqual(0, self.stops)
        self.assertEqual([], decode(self.send("SHUTDOWN", "SAVE", "FORCE", session=self.connect())))
        self.assertEqual(1, self.stops)
        os.mkdir(folder)
        self.server.persistence.saves_at_end = True
        self.send("SHUTDOWN", "SAVE")
        self.assertEqual(["dump.rdb"], os.listdir(folder))

    def test_abort(self) -> None:
        """SHUTDOWN ABORT cancels the shutdown that a signal has requested, until cron begins it."""
        self.assertError("ERR No shutdown in progress.", "SHUTDOWN", "ABORT")
        self.server.request_stop(["nosave"])
        self.assertReply("OK", "SHUTDOWN", "ABORT")
        self.assertError("ERR No shutdown in progress.", "SHUTDOWN", "ABORT")
        self.server.cron.run()
        self.assertEqual(0, self.stops)
        self.server.cron.paused = True
        self.server.request_stop(["nosave"])
        self.server.cron.run()
        self.assertEqual(0, self.stops)
        self.server.cron.paused = False
        self.server.cron.run()
        self.assertEqual(1, self.stops)
        self.assertError("ERR No shutdown in progress.", "SHUTDOWN", "ABORT")

    def test_at_once(self) -> None:
        """A signal's shutdown begins at once in the middle of a script, and of the load of the data."""
        self.server.host.shut_down = lambda: self.server.scripting.running.kill()
        self.server.host.serve_clients = lambda seconds=0: self.server.request_stop([])
        self.run_command("CONFIG", "SET", "busy-reply-threshold", 0)
        self.assertIn("killed", self.run_command("EVAL", "while true do end", 0))
        self.server.host.shut_down = self.stop
        self.server.stopping = False
        self.server.set_loading(object())  # type: ignore[arg-type]
        self.server.request_stop([])
        self.assertEqual(1, self.stops)

    def test_requested_before_script(self) -> None:
        """A shutdown that was requested before a script, in the middle of which cron does not run, begins in it."""
        self.server.host.shut_down = lambda: self.server.scripting.running.kill()
        self.server.request_stop([])
        self.assertIn("killed", self.run_command("EVAL", "while true do end", 0))

    def test_wrongly(self) -> None:
        """SHUTDOWN refuses unknown options and those that exclude each other."""
        for options in (["FOO"], ["SAVE", "NOSAVE"], ["ABORT", "NOW"], ["NOSAVE", "ABORT"]):
            self.assertError("ERR syntax error", "SHUTDOWN", *options)
        self.assertEqual(0, self.stops)
