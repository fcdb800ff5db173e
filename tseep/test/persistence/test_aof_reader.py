"""Tests for L{tseep.persistence.aof_reader}: parsing of append-only files."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.persistence import aof_reader
from tseep.persistence.aof_reader import Annotation, place_after, read_commands
from tseep.test.properties import given, settings, st
from tseep.test.support import encode

COMMANDS = st.lists(
    st.one_of(
        st.lists(st.sampled_from([b"", b"a", b"\r\n", b"$1\r\n", b"*1\r\n$1\r\n", b"x" * 40]), min_size=1, max_size=5),
        st.just(Annotation([b"#TS:17\r\n"])),
    ),
    max_size=8,
)


def encoded(commands: list[list[bytes]]) -> list[bytes]:
    """Return the bytes of each command in a file."""
    return [command[0] if isinstance(command, Annotation) else encode(*command) for command in commands]


class ReaderTests(SynchronousTestCase):
    def read(self, data: bytes) -> tuple[list[list[bytes]], bool]:
        """Return the commands of a file, and whether the last of them is complete."""
        found: list[list[bytes]] = []
        try:
            for _, commands in read_commands(data, 0):
                found += commands
        except EOFError:
            return found, False
        return found, True

    @settings(deadline=None, derandomize=True, database=None, max_examples=100)
    @given(COMMANDS, st.integers(1, 60))
    def test_any_chunks(self, commands: list[list[bytes]], size: int) -> None:
        """All commands, and the offset after each, are found with any chunk size."""
        self.patch(aof_reader, "CHUNK", size)
        parts = encoded(commands)
        data = b"".join(parts)
        self.assertEqual((commands, True), self.read(data))
        for number in range(len(parts) + 1):
            self.assertEqual(len(b"".join(parts[:number])), place_after(data, 0, number))

    @settings(deadline=None, derandomize=True, database=None, max_examples=50)
    @given(COMMANDS, st.integers(1, 60))
    def test_any_cut(self, commands: list[list[bytes]], size: int) -> None:
        """A file cut at any byte yields the complete commands before the cut."""
        self.patch(aof_reader, "CHUNK", size)
        parts = encoded(commands)
        data = b"".join(parts)
        ends = [len(b"".join(parts[:number])) for number in range(len(parts) + 1)]
        for end in range(len(data)):
            whole = max(number for number, place in enumerate(ends) if place <= end)
            self.assertEqual((commands[:whole], end in ends), self.read(data[:end]))
