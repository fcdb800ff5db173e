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
        """SHUTDOWN ABORT is refused, as no shutdown is in progress."""
        self.assertError("ERR No shutdown in progress.", "SHUTDOWN", "ABORT")

    def test_wrongly(self) -> None:
        """SHUTDOWN refuses unknown options and those that exclude each other."""
        for options in (["FOO"], ["SAVE", "NOSAVE"], ["ABORT", "NOW"], ["NOSAVE", "ABORT"]):
            self.assertError("ERR syntax error", "SHUTDOWN", *options)
        self.assertEqual(0, self.stops)
