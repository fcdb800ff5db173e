"""Tests for L{tseep.commands.data.dumping} and L{tseep.commands.admin.persistence}."""

from __future__ import annotations

from tseep.test.support import START, Error, SessionTests


class RestoreTests(SessionTests):
    def payload(self) -> bytes:
        """Return DUMP's reply for a string."""
        self.run_command("SET", "a", "hello")
        payload = self.run_command("DUMP", "a")
        assert isinstance(payload, bytes)
        return payload

    def test_restores(self) -> None:
        """RESTORE and RESTORE-ASKING create the key from DUMP's reply, with a relative or absolute time to live."""
        payload = self.payload()
        self.assertReply("OK", "RESTORE", "b", 0, payload)
        self.assertReply(b"hello", "GET", "b")
        self.assertReply("OK", "RESTORE-ASKING", "c", 1500, payload)
        self.assertReply(1500, "PTTL", "c")
        self.assertReply("OK", "RESTORE", "d", (START + 5) * 1000, payload, "ABSTTL", "IDLETIME", 100)
        self.assertReply(5, "TTL", "d")
        self.assertReply(100, "OBJECT", "IDLETIME", "d")
        self.assertReply(None, "DUMP", "nosuch")

    def test_endless(self) -> None:
        """RESTORE with a time to live that overflows leaves no key, as in Redis."""
        self.assertReply("OK", "RESTORE", "b", 2**63 - 1, self.payload())
        self.assertReply(0, "EXISTS", "b")

    def test_frequency(self) -> None:
        """RESTORE FREQ sets the access frequency under an LFU policy."""
        payload = self.payload()
        self.run_command("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
        self.assertReply("OK", "RESTORE", "b", 0, payload, "FREQ", 77)
        self.assertReply(77, "OBJECT", "FREQ", "b")

    def test_replaces(self) -> None:
        """RESTORE replaces a key only with REPLACE; an expire time in the past deletes it."""
        payload = self.payload()
        self.assertError("BUSYKEY Target key name already exists.", "RESTORE", "a", 0, payload)
        self.assertReply("OK", "RESTORE", "a", 0, payload, "replace")
        self.assertReply("OK", "RESTORE", "a", 1, payload, "REPLACE", "ABSTTL")
        self.assertReply(0, "EXISTS", "a")

    def test_refused(self) -> None:
        """RESTORE refuses invalid options, times and payloads."""
        payload = self.payload()
        self.assertError("ERR Invalid TTL value, must be >= 0", "RESTORE", "x", -1, payload)
        self.assertError("ERR DUMP payload version or checksum are wrong", "RESTORE", "x", 0, payload + b"x")
        for options in (["FOO"], ["IDLETIME"], ["IDLETIME", 1, "FREQ", 2]):
            self.assertError("ERR syntax error", "RESTORE", "x", 0, payload, *options)
        self.assertError("ERR Invalid IDLETIME value, must be >= 0", "RESTORE", "x", 0, payload, "IDLETIME", -1)
        self.assertError("ERR Invalid FREQ value, must be >= 0 and <= 255", "RESTORE", "x", 0, payload, "FREQ", 256)


class LastSaveTests(SessionTests):
    def test_start(self) -> None:
        """LASTSAVE returns the server's start time before the first snapshot."""
        self.assertReply(START, "LASTSAVE")

    def test_syntax(self) -> None:
        """BGSAVE accepts only the option SCHEDULE."""
        self.assertEqual(Error("ERR syntax error"), self.run_command("BGSAVE", "NOW"))
        self.assertEqual(Error("ERR syntax error"), self.run_command("BGSAVE", "SCHEDULE", "x"))
