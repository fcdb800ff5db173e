"""Which files the append-only file is made of (redis/src/aof.c)."""

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
    """A manifest makes no sense; the text says why."""


class File(NamedTuple):
    """
    One file.

    @ivar kind: C{b} for the base, C{i} for what was added to it, C{h} for one that is to be removed.
    """

    name: str
    number: int
    kind: str


class Manifest:
    """
    All files, as the file with the suffix C{.manifest} lists them.

    @param name: what the names of the files begin with (appendfilename).
    """

    def __init__(self, name: str, files: Iterable[File] = ()) -> None:
        self.name = name
        self.files: list[File] = list(files)

    @property
    def path(self) -> str:
        """The name of the file that lists them."""
        return f"{self.name}.manifest"

    def of_kind(self, kind: str) -> list[File]:
        """The files of a kind, in their order."""
        return [file for file in self.files if file.kind == kind]

    @property
    def to_load(self) -> list[File]:
        """What is to be read, in order: the base, if there is one, and what was added."""
        return self.of_kind(BASE) + self.of_kind(INCREMENT)

    def next_base(self) -> File:
        """A name for a new base."""
        number = 1 + max([file.number for file in self.of_kind(BASE)], default=0)
        return File(f"{self.name}.{number}.base.rdb", number, BASE)

    def next_increment(self) -> File:
        """A name for a new file to add to."""
        number = 1 + max([file.number for file in self.of_kind(INCREMENT)], default=0)
        return File(f"{self.name}.{number}.incr.aof", number, INCREMENT)

    def adding(self, file: File) -> Manifest:
        """The same with one more file."""
        return Manifest(self.name, [*self.files, file])

    def rewritten(self, base: File, kept: Iterable[File]) -> Manifest:
        """The one after a rewrite: a new base, C{kept} of what was added, and all others to be removed."""
        stay = list(kept)
        past = [file._replace(kind=HISTORY) for file in self.files if file not in stay]
        return Manifest(self.name, [base, *past, *stay])

    def forgetting(self) -> Manifest:
        """The same without the files that were to be removed."""
        return Manifest(self.name, [file for file in self.files if file.kind != HISTORY])

    def show(self) -> bytes:
        """The text of the file that lists them."""
        lines = [
            b"file %b seq %d type %b\n" % (_quoted(name), number, kind.encode()) for name, number, kind in self.files
        ]
        return b"".join(lines)


def _quoted(name: str) -> bytes:
    plain = os.fsencode(name)
    return plain if _PLAIN.fullmatch(plain) else quote(plain)


def read_manifest(name: str, text: bytes) -> Manifest:
    """
    Read a manifest.

    @raise BadManifest: naming the line that makes no sense.
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
        raise BadManifest("what was added is not in order")
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
    """Whether it names a file, and one in the folder of the manifest."""
    return bool(name) and not set(name) & set(b"/\0")
