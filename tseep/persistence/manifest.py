"""The manifest, which lists the files of the append-only file (redis/src/aof.c)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from tseep.algorithms.numeric import integer
from tseep.protocol.inline import UnbalancedQuotes, quote, split_words

BASE, INCREMENT, HISTORY = "bih"

AS_SNAPSHOT, AS_COMMANDS = ".rdb", ".aof"
"""The suffixes of a base, by its format."""

_PLAIN = re.compile(rb"[!#-&(-\[\]-~]+")


MAX_LINE = 1024
"""Maximum bytes of a line, with its end."""


class BadManifest(ValueError):
    """A manifest is damaged; the text names the place and the reason."""


class File(NamedTuple):
    """
    A line of the manifest.

    @ivar kind: C{b} for the base, C{i} for an increment, C{h} for a history file, which will be deleted.
    """

    name: str
    number: int
    kind: str


class Manifest:
    """
    The files of an append-only file, as the file with the suffix C{.manifest} lists them.

    @param name: the prefix of the file names (appendfilename).
    """

    def __init__(self, name: str, files: Iterable[File] = ()) -> None:
        self.name = name
        self.files: list[File] = list(files)

    @property
    def path(self) -> str:
        """The file name of the manifest."""
        return f"{self.name}.manifest"

    def of_kind(self, kind: str) -> list[File]:
        """The files of a kind, in manifest order."""
        return [file for file in self.files if file.kind == kind]

    @property
    def to_load(self) -> list[File]:
        """The files to load, in order: the base, if there is one, and the increments."""
        return self.of_kind(BASE) + self.of_kind(INCREMENT)

    def next_base(self, suffix: str) -> File:
        """
        A base with the next free number.

        @param suffix: L{AS_SNAPSHOT} or L{AS_COMMANDS}.
        """
        number = 1 + max([file.number for file in self.of_kind(BASE)], default=0)
        return File(f"{self.name}.{number}.base{suffix}", number, BASE)

    def next_increment(self) -> File:
        """An increment with the next free number."""
        number = 1 + max([file.number for file in self.of_kind(INCREMENT)], default=0)
        return File(f"{self.name}.{number}.incr.aof", number, INCREMENT)

    def adding(self, file: File) -> Manifest:
        """A copy with one more file."""
        return Manifest(self.name, [*self.files, file])

    def rewritten(self, base: File, kept: Iterable[File]) -> Manifest:
        """A copy as after a rewrite: a new base, the increments C{kept}, and the other files as history."""
        stay = list(kept)
        past = self.of_kind(INCREMENT) + self.of_kind(BASE)
        history = [file._replace(kind=HISTORY) for file in past if file not in stay] + self.of_kind(HISTORY)
        return Manifest(self.name, [base, *history, *stay])

    def forgetting(self) -> Manifest:
        """A copy without the history files."""
        return Manifest(self.name, [file for file in self.files if file.kind != HISTORY])

    def show(self) -> bytes:
        """The content of the manifest file."""
        lines = [
            b"file %b seq %d type %b\n" % (_quoted(name), number, kind.encode()) for name, number, kind in self.files
        ]
        return b"".join(lines)


def _quoted(name: str) -> bytes:
    plain = os.fsencode(name)
    return plain if _PLAIN.fullmatch(plain) else quote(plain)


def read_manifest(name: str, text: bytes) -> Manifest:
    """
    Parse a manifest.

    @raise BadManifest: with Redis's message, if a line is damaged, or the files are not consistent.
    """
    if not text:
        raise BadManifest("Found an empty AOF manifest")
    manifest = Manifest(name)
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if line.startswith(b"#"):
            continue
        try:
            manifest = _with_file(manifest, _read_line(line))
        except BadManifest as error:
            raise BadManifest(f"line {number}, {line[:MAX_LINE]!r}: {error}") from None
    if not manifest.files:
        raise BadManifest("it names no file")
    return manifest


def _with_file(manifest: Manifest, file: File) -> Manifest:
    """Add a file that a manifest names."""
    if file.kind == BASE and manifest.of_kind(BASE):
        raise BadManifest("Found duplicate base file information")
    if file.kind == INCREMENT and any(file.number <= before.number for before in manifest.of_kind(INCREMENT)):
        raise BadManifest("Found a non-monotonic sequence number")
    return manifest.adding(file)


def _read_line(line: bytes) -> File:
    if len(line) > MAX_LINE or not line.endswith(b"\n"):
        raise BadManifest("The AOF manifest file contains too long line")
    try:
        words = split_words(line)
    except UnbalancedQuotes:
        words = []
    facts = {key.lower(): value for key, value in zip(words[::2], words[1::2])}
    name, sequence, kind = (facts.get(key, b"") for key in (b"file", b"seq", b"type"))
    place = integer(sequence)
    if set(name) & set(b"/\0"):
        raise BadManifest("File can't be a path, just a filename")
    if len(words) % 2 or not name or place is None or place <= 0 or not kind:
        raise BadManifest("Invalid AOF manifest file format")
    if kind[:1] not in (b"b", b"i", b"h"):
        raise BadManifest("Unknown AOF file type")
    return File(os.fsdecode(name), place, kind[:1].decode())
