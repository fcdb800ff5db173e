"""Tests for L{tseep.modes.workers.frames}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.modes.workers.frames import BYTES, CLOSED, MAX_FRAME_BYTES, Outbox, header, split


class FramesTests(SynchronousTestCase):
    """Frames are decoded from any split of the byte stream."""

    def test_header(self) -> None:
        """A header is nine bytes: type, client number and length, little-endian."""
        self.assertEqual(header(BYTES, 1, 258), b"\x02\x01\0\0\0\x02\x01\0\0")

    def test_round_trip(self) -> None:
        """The frames of one C{pop_all} are decoded to the same frames."""
        box = Outbox()
        box.add_frame(CLOSED, 7)
        box.add_data(2**32 - 1, b"abc")
        frames, rest = split(box.pop_all())
        self.assertEqual([(CLOSED, 7, b""), (BYTES, 2**32 - 1, b"abc")], frames)
        self.assertEqual((b"", b""), (rest, box.pop_all()))

    def test_pieces(self) -> None:
        """A stream that is cut at any byte is decoded to the same frames."""
        box = Outbox()
        said = [(BYTES, 1, b"x" * 20), (CLOSED, 1, b""), (BYTES, 2, b"y")]
        for kind, number, text in said:
            box.add_frame(kind, number, text)
        data = box.pop_all()
        for cut in range(len(data) + 1):
            first, rest = split(data[:cut])
            second, left = split(rest + data[cut:])
            self.assertEqual((said, b""), (first + second, left))

    def test_long(self) -> None:
        """Data above C{MAX_FRAME_BYTES} is split into several frames."""
        box = Outbox()
        data = bytes(range(256)) * (MAX_FRAME_BYTES // 128) + b"end"
        box.add_data(1, data)
        frames, _ = split(box.pop_all())
        self.assertEqual([MAX_FRAME_BYTES, MAX_FRAME_BYTES, 3], [len(text) for _, _, text in frames])
        self.assertEqual(data, b"".join([text for _, _, text in frames]))
