"""Tests for L{tseep.commands.admin.server}: TIME, LOLWUT and SHUTDOWN."""

from __future__ import annotations

import os
from itertools import count
from typing import Any

from tseep.test.support import START, SessionTests, decode, encode, made_folder

WRITES_SLOWLY = "redis.call('SET', KEYS[1], 1) for i = 1, 3000000 do end redis.call('SET', KEYS[2], 1) return 1"


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
        """
        A shutdown that was requested before a script, in the middle of which cron does not run, begins in it when it
        is slow, also with a long threshold.
        """
        self.run_command("CONFIG", "SET", "busy-reply-threshold", 1_000_000)
        self.server.request_stop([])
        self.server.timer = count(0, 10_000_000).__next__
        self.assertIn("killed", self.run_command("EVAL", "while true do end", 0))
        self.assertEqual(1, self.stops)

    def test_script_that_has_written(self) -> None:
        """A shutdown does not begin in the middle of a script that has written, but after it."""
        self.run_command("CONFIG", "SET", "busy-reply-threshold", 100)
        self.server.timer = count(0, 20_000_000).__next__

        def signalled(seconds: float = 0) -> None:
            self.server.request_stop([])
            self.server.cron.run()

        self.server.host.serve_clients = signalled
        self.assertReply(1, "EVAL", WRITES_SLOWLY, 2, "a", "b")
        self.assertEqual((b"1", b"1", 0), (*self.run_command("MGET", "a", "b"), self.stops))
        self.server.cron.run()
        self.assertEqual(1, self.stops)

    def test_script_that_does_not_end(self) -> None:
        """A script that has written is ended by NOSAVE, and some seconds after a signal; nothing of it is recorded."""
        self.run_command("CONFIG", "SET", "busy-reply-threshold", 100)
        recorded: list[Any] = []
        self.server.persistence.recording.begin(lambda number, commands: recorded.extend(commands))
        self.server.persistence._running = True
        self.server.config.set("save", "1 1")
        self.server.changes.update()
        self.assertReply(1, "EVAL", WRITES_SLOWLY, 2, "a", "b")
        self.assertEqual([[b"SET", b"a", b"1"], [b"SET", b"b", b"1"]], recorded)
        recorded.clear()
        stops: list[Any] = [lambda: self.server.stop(["nosave"]), lambda: self.server.request_stop([])]
        for stop in stops:
            self.server.stopping = False
            self.server.timer = count(0, 100_000_000).__next__
            self.server.host.serve_clients = lambda seconds=0, stop=stop: stop()  # type: ignore[misc]
            self.assertIn("killed", self.run_command("EVAL", f"{WRITES_SLOWLY[:-9]} while true do end", 2, "a", "b"))
        self.assertEqual([], recorded)

    def test_wrongly(self) -> None:
        """SHUTDOWN refuses unknown options and those that exclude each other."""
        for options in (["FOO"], ["SAVE", "NOSAVE"], ["ABORT", "NOW"], ["NOSAVE", "ABORT"]):
            self.assertError("ERR syntax error", "SHUTDOWN", *options)
        self.assertEqual(0, self.stops)
