"""Tests for L{tseep.modes.workers.frames}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.modes.workers.frames import BYTES, CLOSED, MAX_FRAME_BYTES, Outbox, head, split


class FramesTests(SynchronousTestCase):
    """What one end says the other hears, in whatever pieces it comes."""

    def test_head(self) -> None:
        """A head has nine bytes."""
        self.assertEqual(head(BYTES, 1, 258), b"\x02\x01\0\0\0\x02\x01\0\0")

    def test_whole(self) -> None:
        """Frames leave together, and are told apart again."""
        box = Outbox()
        box.say(CLOSED, 7)
        box.say_bytes(2**32 - 1, b"abc")
        frames, rest = split(box.take())
        self.assertEqual([(CLOSED, 7, b""), (BYTES, 2**32 - 1, b"abc")], frames)
        self.assertEqual((b"", b""), (rest, box.take()))

    def test_pieces(self) -> None:
        """Cut anywhere, they are the same."""
        box = Outbox()
        said = [(BYTES, 1, b"x" * 20), (CLOSED, 1, b""), (BYTES, 2, b"y")]
        for kind, number, text in said:
            box.say(kind, number, text)
        data = box.take()
        for cut in range(len(data) + 1):
            first, rest = split(data[:cut])
            second, left = split(rest + data[cut:])
            self.assertEqual((said, b""), (first + second, left))

    def test_long(self) -> None:
        """What is longer than one frame may be becomes several."""
        box = Outbox()
        data = bytes(range(256)) * (MAX_FRAME_BYTES // 128) + b"end"
        box.say_bytes(1, data)
        frames, _ = split(box.take())
        self.assertEqual([MAX_FRAME_BYTES, MAX_FRAME_BYTES, 3], [len(text) for _, _, text in frames])
        self.assertEqual(data, b"".join([text for _, _, text in frames]))
