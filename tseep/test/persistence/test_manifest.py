"""Tests for L{tseep.persistence.manifest}: the list of append-only files, in Redis's format."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.persistence.manifest import (
    AS_COMMANDS,
    AS_SNAPSHOT,
    BASE,
    HISTORY,
    INCREMENT,
    MAX_LINE,
    BadManifest,
    File,
    Manifest,
    read_manifest,
)
from tseep.test.properties import given, settings, st

PIECES = [
    b"file", b"seq", b"type", b" ", b" ", b" ", b"\n", b"a", b"x.1.base.rdb", b"1", b"2", b"b", b"i", b"h", b'"',
    b"\\x41", b"file a seq 1 type b\n", b"file b seq 2 type i\n", b"file c seq ", b"\xc2\xb2", b" type h\n", b"#",
    b"'", b"/", b"-1",
]  # fmt: skip


class ManifestTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """A manifest is written in Redis's lines, and read with or without comments."""
        manifest = Manifest("a", [File("a.1.base.rdb", 1, BASE), File("two words", 2, INCREMENT)])
        text = b'file a.1.base.rdb seq 1 type b\nfile "two words" seq 2 type i\n'
        self.assertEqual(text, manifest.show())
        self.assertEqual(manifest.files, read_manifest("a", text).files)
        self.assertEqual(manifest.files, read_manifest("a", b"# a comment\n" + text).files)

    def test_next(self) -> None:
        """A new file gets the next sequence number of its type."""
        manifest = Manifest("a")
        self.assertEqual(File("a.1.base.rdb", 1, BASE), manifest.next_base(AS_SNAPSHOT))
        self.assertEqual(File("a.1.base.aof", 1, BASE), manifest.next_base(AS_COMMANDS))
        manifest = manifest.adding(File("a.7.incr.aof", 7, INCREMENT))
        self.assertEqual(File("a.8.incr.aof", 8, INCREMENT), manifest.next_increment())

    def test_rewritten(self) -> None:
        """After a rewrite the replaced files have type history, until they are removed."""
        old = [File("b1", 1, BASE), File("i1", 1, INCREMENT), File("i2", 2, INCREMENT)]
        new = Manifest("a", old).rewritten(File("b2", 2, BASE), old[2:])
        self.assertEqual([File("b2", 2, BASE), File("i2", 2, INCREMENT)], new.to_load)
        self.assertEqual(["i1", "b1"], [file.name for file in new.of_kind(HISTORY)])
        again = new.rewritten(File("b3", 3, BASE), [])
        self.assertEqual(["b3", "i2", "b2", "i1", "b1"], [file.name for file in again.files])
        self.assertEqual(new.to_load, new.forgetting().files)

    def test_invalid(self) -> None:
        """An invalid manifest raises C{BadManifest} with Redis's reason, and with the line if it is damaged."""
        base, increment = b"file x seq 1 type b\n", b"file y seq 2 type i\n"
        wrong = "Invalid AOF manifest file format"
        for text, line, reason in (
            (b"", 0, "Found an empty AOF manifest"),
            (b"# nothing\n", 0, "it names no file"),
            (b"\n" + base, 1, wrong),
            (base + b"\n" + increment, 2, wrong),
            (b"file x seq 1\n", 1, wrong),
            (b"file x type b seq\n", 1, wrong),
            (b"file x seq y type b\n", 1, wrong),
            (b"file x seq 0 type b\n", 1, wrong),
            (b'file "x seq 1 type b\n', 1, wrong),
            (b"file x seq 1 type z\n", 1, "Unknown AOF file type"),
            (b"file ../x seq 1 type b\n", 1, "File can't be a path, just a filename"),
            (base + base.replace(b"x", b"y"), 2, "Found duplicate base file information"),
            (increment + base + b"file z seq 1 type i\n", 3, "Found a non-monotonic sequence number"),
            (increment + increment, 2, "Found a non-monotonic sequence number"),
            (base[:-1], 1, "The AOF manifest file contains too long line"),
            (base + b"file %b seq 1 type i\n" % (b"z" * MAX_LINE), 2, "The AOF manifest file contains too long line"),
        ):
            error = str(self.assertRaises(BadManifest, read_manifest, "a", text))
            self.assertTrue(error.endswith(reason), error)
            self.assertEqual(f"line {line}, " if line else reason, error[: len(f"line {line}, ") if line else None])

    def test_unknown_facts(self) -> None:
        """Keys that are not known, in any case and order, and gaps between the numbers are accepted, as in Redis."""
        text = b"newkey newvalue FILE x seq 3 Type i\nfile y seq 9 type incr\n"
        self.assertEqual([File("x", 3, INCREMENT), File("y", 9, INCREMENT)], read_manifest("a", text).files)

    @settings(deadline=None, derandomize=True, database=None, max_examples=300)
    @given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=5)), max_size=20))
    def test_anything(self, pieces: list[bytes]) -> None:
        """Any content is refused, or is the same after it was read and written."""
        try:
            manifest = read_manifest("a", b"".join(pieces))
        except BadManifest:
            return
        self.assertEqual(manifest.files, read_manifest("a", manifest.show()).files)
