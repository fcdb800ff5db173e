"""Tests for L{tseep.protocol.native}: the binary frames of the Go study."""

from __future__ import annotations

from typing import Optional

from twisted.trial.unittest import SynchronousTestCase

from tseep.errors import CommandError
from tseep.protocol import native
from tseep.test.properties import given, settings, st

PARTS = [
    b"\x01\x00\x04\x03key", b"\x02\x00\x06\x01k\x03val", b"\x01\x00\x01\x00", b"\x02\x00\x02\x00\x00",
    b"\x01\x00\x00", b"\x02\x02\x00\xff", b"\x02\xff\xff", b"\x01", b"\x02", b"\x00", b"\x03", b"\xff", b"*1\r\n",
]  # fmt: skip

STREAMS = st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=4)), max_size=8).map(b"".join)


def read(pieces: list[bytes]) -> tuple[list[list[bytes]], Optional[bytes], int]:
    """Return the commands parsed from the pieces, the error, and the number of bytes still held."""
    parser = native.Parser()
    commands = [command for piece in pieces for command in parser.feed(piece)]
    return commands, parser.error, parser.held


class ParserTests(SynchronousTestCase):
    """Frames of the binary protocol are parsed to commands."""

    def test_read(self) -> None:
        """READ is parsed as GET of its key, which can be empty."""
        self.assertEqual(([[b"GET", b"key"]], None, 0), read([b"\x01\x00\x04\x03key"]))
        self.assertEqual(([[b"GET", b""]], None, 0), read([b"\x01\x00\x01\x00"]))

    def test_write(self) -> None:
        """WRITE is parsed as SET, with key and value of up to 255 bytes each."""
        self.assertEqual(([[b"SET", b"k", b"val"]], None, 0), read([b"\x02\x00\x06\x01k\x03val"]))
        self.assertEqual(([[b"SET", b"", b""]], None, 0), read([b"\x02\x00\x02\x00\x00"]))
        longest = b"\x02\x02\x00\xff" + b"k" * 255 + b"\xff" + b"v" * 255
        self.assertEqual(([[b"SET", b"k" * 255, b"v" * 255]], None, 0), read([longest]))

    def test_pipeline(self) -> None:
        """Pipelined frames are parsed in order; an incomplete frame is held."""
        frame = b"\x01\x00\x02\x01k"
        self.assertEqual(([[b"GET", b"k"]] * 3, None, 2), read([frame * 3 + frame[:2]]))

    def test_wrong_opcode(self) -> None:
        """An unknown opcode is an error at once; nothing after it is parsed."""
        self.assertEqual(([], b"unknown opcode 3", 0), read([b"\x03"]))
        frame = b"\x01\x00\x02\x01k"
        self.assertEqual(([[b"GET", b"k"]], b"unknown opcode 42", 0), read([frame + b"*" + frame, frame]))

    def test_too_long(self) -> None:
        """A body length above that of the longest key and value is an error before the body arrives."""
        for opcode in (b"\x01", b"\x02"):
            commands, error, held = read([opcode + b"\x02\x01"])
            self.assertEqual(
                ([], b"the body length is more than a key and a value can take", 0), (commands, error, held)
            )
        self.assertEqual(([], None, 3), read([b"\x02\x02\x00"]))

    def test_inconsistent_lengths(self) -> None:
        """A body whose parts do not add up to its length is an error."""
        bodies = [
            (1, b""), (1, b"\x04key"), (1, b"\x02key"), (2, b""), (2, b"\x00"), (2, b"\x03key"),
            (2, b"\xff" + b"k" * 9), (2, b"\x01k\x02v"), (2, b"\x01k\x00v"),
        ]  # fmt: skip
        for opcode, body in bodies:
            frame = bytes([opcode, 0, len(body)]) + body
            self.assertEqual(([], b"the body length disagrees with its parts", 0), read([frame]), frame)

    @settings(deadline=None, derandomize=True, database=None, max_examples=300)
    @given(STREAMS, st.lists(st.integers(0, 60), max_size=6))
    def test_any_pieces(self, stream: bytes, cuts: list[int]) -> None:
        """However the stream is split, commands and error are the same, and at most one frame is held."""
        whole = read([stream])
        self.assertEqual(whole, read(cut(stream, cuts)))
        self.assertEqual(whole, read([bytes([byte]) for byte in stream]))
        self.assertTrue(whole[2] < 3 + 2 * 256)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """Split bytes at the given offsets."""
    places = [0, *sorted(min(place, len(data)) for place in cuts), len(data)]
    return [data[begin:end] for begin, end in zip(places, places[1:]) if begin < end]


class EncoderTests(SynchronousTestCase):
    """Replies are encoded as frames of the binary protocol."""

    def test_response(self) -> None:
        """A value is encoded as RESPONSE, a null as an empty RESPONSE."""
        self.assertEqual(b"\x03\x05value", native.encode(b"value"))
        self.assertEqual(b"\x03\x00", native.encode(b""))
        self.assertEqual(b"\x03\x00", native.encode(None))
        self.assertEqual(b"\x03\xff" + b"v" * 255, native.encode(b"v" * 255))

    def test_long_value(self) -> None:
        """A value above 255 bytes is encoded as ERROR."""
        self.assertEqual(b"\x04\x22the value is longer than 255 bytes", native.encode(b"v" * 256))

    def test_error(self) -> None:
        """An error is encoded as ERROR with its message, cut to 255 bytes."""
        self.assertEqual(b"\x04\x05ERR x", native.encode(CommandError("ERR x")))
        self.assertEqual(b"\x04\xff" + b"x" * 255, native.encode(CommandError("x" * 300)))
