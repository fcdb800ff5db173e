"""The manifest, which lists the files of the append-only file (redis/src/aof.c)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from tseep.algorithms.numeric import integer
from tseep.protocol.inline import UnbalancedQuotes, quote, split_words

BASE, INCREMENT, HISTORY = "bih"

_PLAIN = re.compile(rb"[!#-&(-\[\]-~]+")


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

    def next_base(self) -> File:
        """A base with the next free number."""
        number = 1 + max([file.number for file in self.of_kind(BASE)], default=0)
        return File(f"{self.name}.{number}.base.rdb", number, BASE)

    def next_increment(self) -> File:
        """An increment with the next free number."""
        number = 1 + max([file.number for file in self.of_kind(INCREMENT)], default=0)
        return File(f"{self.name}.{number}.incr.aof", number, INCREMENT)

    def adding(self, file: File) -> Manifest:
        """A copy with one more file."""
        return Manifest(self.name, [*self.files, file])

    def rewritten(self, base: File, kept: Iterable[File]) -> Manifest:
        """A copy as after a rewrite: a new base, the increments C{kept}, and all other files as history."""
        stay = list(kept)
        past = [file._replace(kind=HISTORY) for file in self.files if file not in stay]
        return Manifest(self.name, [base, *past, *stay])

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

    @raise BadManifest: if a line is damaged, or the files are not consistent.
    """
    files = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith(b"#"):
            files.append(_read_line(number, line))
    manifest = Manifest(name, files)
    if len(manifest.of_kind(BASE)) > 1:
        raise BadManifest("it names more than one base")
    if not files:
        raise BadManifest("it names no file")
    numbers = [file.number for file in manifest.of_kind(INCREMENT)]
    if numbers != sorted(set(numbers)):
        raise BadManifest("the increments are not in order")
    return manifest


def _read_line(number: int, line: bytes) -> File:
    try:
        words = split_words(line)
    except UnbalancedQuotes:
        words = []
    facts = dict(zip(words[::2], words[1::2]))
    name, sequence, kind = (facts.get(key, b"") for key in (b"file", b"seq", b"type"))
    place = integer(sequence)
    if len(words) % 2 or not _is_name(name) or place is None or place < 0 or kind not in (b"b", b"i", b"h"):
        raise BadManifest(f"line {number} is not 'file NAME seq NUMBER type b, i or h'")
    return File(os.fsdecode(name), place, kind.decode())


def _is_name(name: bytes) -> bool:
    """True if it is a file name without a folder."""
    return bool(name) and not set(name) & set(b"/\0")
