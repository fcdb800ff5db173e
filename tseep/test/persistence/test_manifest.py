"""Tests for L{tseep.persistence.manifest}: the list of append-only files, in Redis's format."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.persistence.manifest import BASE, HISTORY, INCREMENT, BadManifest, File, Manifest, read_manifest
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
        self.assertEqual(File("a.1.base.rdb", 1, BASE), manifest.next_base())
        manifest = manifest.adding(File("a.7.incr.aof", 7, INCREMENT))
        self.assertEqual(File("a.8.incr.aof", 8, INCREMENT), manifest.next_increment())

    def test_rewritten(self) -> None:
        """After a rewrite the replaced files have type history, until they are removed."""
        old = [File("b1", 1, BASE), File("i1", 1, INCREMENT), File("i2", 2, INCREMENT)]
        new = Manifest("a", old).rewritten(File("b2", 2, BASE), old[2:])
        self.assertEqual([File("b2", 2, BASE), File("i2", 2, INCREMENT)], new.to_load)
        self.assertEqual(["b1", "i1"], [file.name for file in new.of_kind(HISTORY)])
        self.assertEqual(new.to_load, new.forgetting().files)

    def test_invalid(self) -> None:
        """A manifest with an invalid line raises C{BadManifest}."""
        line = b"file x seq 1 type b\n"
        for text in (
            b"", b"\n" + line, line + b"\n",
            b"file x seq 1\n", b"file x seq y type b\n", b"file x seq 1 type z\n", b"file ../x seq 1 type b\n",
            b'file "x seq 1 type b\n', line + line, b"file x seq 2 type i\nfile y seq 1 type i\n", b"file x seq 1 type",
        ):  # fmt: skip
            self.assertRaises(BadManifest, read_manifest, "a", text)

    @settings(deadline=None, derandomize=True, database=None, max_examples=300)
    @given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=5)), max_size=20))
    def test_anything(self, pieces: list[bytes]) -> None:
        """Any content is refused, or is the same after it was read and written."""
        try:
            manifest = read_manifest("a", b"".join(pieces))
        except BadManifest:
            return
        self.assertEqual(manifest.files, read_manifest("a", manifest.show()).files)
