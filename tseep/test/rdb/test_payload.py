"""Tests for L{tseep.rdb.payload}: DUMP, RESTORE, FUNCTION DUMP and FUNCTION RESTORE."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.rdb.format import Corrupt, crc64
from tseep.rdb.payload import BAD_FOOTER, dump, dump_libraries, restore, restore_libraries


def seal(content: bytes, version: int = 10) -> bytes:
    """Return content with the footer of DUMP: version and checksum."""
    content += version.to_bytes(2, "little")
    return content + crc64(content).to_bytes(8, "little")


class PayloadTests(SynchronousTestCase):
    def test_value(self) -> None:
        """A string's payload equals that of Redis 7.0, and is restored to the string."""
        payload = dump(b"hello")
        self.assertEqual(b"\0\x05hello\x0a\0", payload[:-8])
        self.assertEqual(b"hello", restore(payload))

    def test_libraries(self) -> None:
        """C{restore_libraries} returns the libraries in the order of C{dump_libraries}."""
        self.assertEqual([b"one", b"two"], restore_libraries(dump_libraries([b"one", b"two"])))
        self.assertEqual([], restore_libraries(dump_libraries([])))

    def test_refused(self) -> None:
        """A payload with a wrong footer, damaged content or trailing bytes is refused."""
        for payload in (b"", b"short", dump(b"x")[:-1], dump(b"x") + b"x", seal(b"\0\x01a", 99)):
            self.assertEqual(BAD_FOOTER, str(self.assertRaises(Corrupt, restore, payload)))
        for content in (b"\0\x05a", b"\x99a", b"\0\x01ab", b""):
            self.assertRaises(Corrupt, restore, seal(content))
        for content in (b"\0\x01a", b"\xf5\x05a"):
            self.assertRaises(Corrupt, restore_libraries, seal(content))
