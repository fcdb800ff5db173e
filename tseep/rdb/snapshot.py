"""RDB files: all databases in one file, as Redis's dump.rdb."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from struct import pack, unpack
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from tseep.rdb import format
from tseep.rdb.format import (
    MAGIC,
    NEWEST,
    VERSION,
    Corrupt,
    EmptyValue,
    TooFewDatabases,
    crc64,
    milliseconds,
    opcode,
    string,
)
from tseep.rdb.reader import DAMAGED, Reader, Source
from tseep.rdb.values import read_value, write_value

if TYPE_CHECKING:
    from tseep.keyspace.database import Database
    from tseep.keyspace.keyspace import Keyspace

LARGE = 1 << 20
"""Bytes of values per write; a longer value is written alone, without a copy."""

CHECKED = 1 << 20
"""Bytes of a file per computation of the checksum."""

_HEADER = len(MAGIC) + 4


class Writing(NamedTuple):
    """
    How an RDB file is written.

    @ivar checked: whether the file has a checksum; if not, it is 0.
    @ivar compresses: whether string values are compressed.
    @ivar after_key: called after each key.
    @ivar batch: maximum keys per write.
    @ivar note_written: called after each write with the number of its keys.
    """

    checked: bool = True
    compresses: bool = False
    after_key: Callable[[], None] = lambda: None
    batch: int = 1000
    note_written: Callable[[int], None] = lambda keys: None


PLAIN = Writing()


def write(
    keyspace: Keyspace, libraries: Iterable[bytes], about: dict[bytes, bytes], writing: Writing = PLAIN
) -> Iterator[bytes]:
    """
    Generate an RDB file.

    @param libraries: the code of the function libraries.
    @param about: auxiliary fields by Redis's names, such as C{redis-ver} and C{ctime}.
    """
    checksum = 0
    for piece in _pieces(keyspace, libraries, about, writing):
        if writing.checked:
            checksum = crc64(piece, checksum)
        yield piece
    yield pack("<Q", checksum)


def _pieces(
    keyspace: Keyspace, libraries: Iterable[bytes], about: dict[bytes, bytes], writing: Writing
) -> Iterator[bytes]:
    yield MAGIC + b"%04d" % VERSION
    yield b"".join([opcode(format.AUX) + string(name) + string(value) for name, value in about.items()])
    yield b"".join([opcode(format.FUNCTION_2) + string(code) for code in libraries])
    for database in keyspace.databases:
        if database:
            yield from _database(database, writing)
    yield opcode(format.END)


def _database(database: Database, writing: Writing) -> Iterator[bytes]:
    values, expires = database.values, database.expires
    compresses, after_key, note_written = writing.compresses, writing.after_key, writing.note_written
    sizes = format.length(len(values)) + format.length(len(expires))
    yield opcode(format.SELECT) + format.length(database.number) + opcode(format.RESIZE) + sizes
    out: list[bytes] = []
    size = written = 0
    for number, (key, value) in enumerate(values.items(), 1):
        when = expires.get(key)
        if when is not None:
            out.append(opcode(format.EXPIRY_MS) + milliseconds(when))
        kind, content = write_value(value, compresses)
        out += opcode(kind), string(key)
        after_key()
        if len(content) >= LARGE:
            yield b"".join(out)
            yield content
            out, size = [], 0
            note_written(number - written)
            written = number
            continue
        out.append(content)
        size += len(content)
        if size >= LARGE or len(out) > 3 * writing.batch:
            yield b"".join(out)
            out, size = [], 0
            note_written(number - written)
            written = number
    yield b"".join(out)
    note_written(len(values) - written)


class Loading:
    """
    Loads an RDB file into a keyspace.

    @param load_library: called with the code of each function library.
    @param now: Unix time in milliseconds; keys that expired before are not loaded; 0 to load all.
    @param checks: whether to compare the checksum of the file (rdbchecksum).
    @param merge: whether a key that exists already is replaced, instead of an error.
    @ivar interval: bytes between two pauses of L{load}; a pause follows a whole key.
    @ivar keys: number of keys in the file.
    @ivar expired: number of keys that were not loaded.
    @ivar empty: the keys that were not loaded as their values are empty, which earlier versions of Redis wrote.
    @ivar about: the auxiliary fields of the file.
    """

    def __init__(
        self,
        keyspace: Keyspace,
        load_library: Callable[[bytes], None],
        now: int = 0,
        checks: bool = True,
        merge: bool = False,
    ) -> None:
        self.interval = sys.maxsize
        self.keys = self.expired = 0
        self.empty: list[bytes] = []
        self.about: dict[bytes, bytes] = {}
        self._keyspace = keyspace
        self._load_library = load_library
        self._now = now
        self._merge = merge
        self._checks = checks
        self._db = keyspace.databases[0]
        self._when = 0  # expiry time of the next key
        self._idle = 0  # its idle time in seconds

    def load(self, data: Source) -> Iterator[int]:
        """
        Load an RDB file in pieces.

        @return: the number of bytes read so far, at each pause; at last the offset after the file.
        @raise Corrupt: with the reason and the offset.
        @raise TooFewDatabases: if it has more databases than the keyspace.
        """
        reader = Reader(data, _HEADER)
        version = _read_version(data)
        try:
            yield from self._read(reader)
            end = reader.at
            if version >= 5:
                yield from self._check(data, end, reader.take(8))
        except TooFewDatabases:
            raise
        except DAMAGED as error:
            raise Corrupt(f"damaged at byte {reader.at}: {error}") from error
        yield reader.at

    def _read(self, reader: Reader) -> Iterator[int]:
        """Read up to the END opcode. Runs for every key: each line here counts."""
        byte, take = reader.byte, reader.string
        keys = 0
        pause = reader.at + self.interval
        kind = byte()
        while kind != format.END:
            if kind < format.FUNCTION_2:
                key = take()
                try:
                    value = take() if not kind else read_value(kind, reader)
                except EmptyValue:
                    self._skip(key)
                    kind = byte()
                    continue
                if self._when or self._idle:
                    self._add(key, value)
                elif not self._db.load(key, value):
                    self._replace(key, value)
                keys += 1
                if reader.at >= pause:
                    yield reader.at
                    pause = reader.at + self.interval
            else:
                self._read_opcode(kind, reader)
            kind = byte()
        self.keys = keys

    def _check(self, data: Source, end: int, checksum: bytes) -> Iterator[int]:
        """Compare the checksum of the data before C{end} with the file's, where 0 means none."""
        (expected,) = unpack("<Q", checksum)
        if not expected or not self._checks:
            return
        actual = 0
        for at in range(0, end, CHECKED):
            actual = crc64(data[at : min(end, at + CHECKED)], actual)
            yield end
        if actual != expected:
            raise Corrupt(f"RDB CRC error: the checksum is {actual:x}, and should be {expected:x}")

    def _skip(self, key: bytes) -> None:
        self.empty.append(key)
        self._when = self._idle = 0

    def _add(self, key: bytes, value: Any) -> None:
        """Load a key with an expiry or idle time."""
        when, self._when = self._when, 0
        idle, self._idle = self._idle, 0
        if when and when < self._now:
            self.expired += 1
        elif not self._db.load(key, value, when, idle):
            self._replace(key, value, when, idle)

    def _replace(self, key: bytes, value: Any, when: int = 0, idle: int = 0) -> None:
        """Load a key that exists already."""
        if not self._merge:
            raise Corrupt("the same key occurs twice")
        self._db.delete(key)
        self._db.load(key, value, when, idle)

    def _read_opcode(self, kind: int, reader: Reader) -> None:
        read = _OPCODES.get(kind)
        if read is None:
            raise Corrupt(f"unknown opcode {kind}")
        read(self, reader)

    def _select(self, reader: Reader) -> None:
        number = reader.length()
        if number >= len(self._keyspace.databases):
            raise TooFewDatabases(
                f"there is no database {number}, only {len(self._keyspace.databases)} databases; see --databases"
            )
        self._db = self._keyspace.databases[number]

    def _resize(self, reader: Reader) -> None:
        reader.length()
        reader.length()

    def _take_seconds(self, reader: Reader) -> None:
        self._when = 1000 * int.from_bytes(reader.take(4), "little", signed=True)

    def _take_milliseconds(self, reader: Reader) -> None:
        self._when = reader.milliseconds()

    def _take_idle(self, reader: Reader) -> None:
        self._idle = reader.length()

    def _take_frequency(self, reader: Reader) -> None:
        reader.byte()

    def _take_about(self, reader: Reader) -> None:
        name = reader.string()
        self.about[name] = reader.string()

    def _take_library(self, reader: Reader) -> None:
        self._load_library(reader.string())


_OPCODES: dict[int, Callable[[Loading, Reader], None]] = {
    format.FUNCTION_2: Loading._take_library,
    format.IDLE: Loading._take_idle,
    format.FREQUENCY: Loading._take_frequency,
    format.AUX: Loading._take_about,
    format.RESIZE: Loading._resize,
    format.EXPIRY_MS: Loading._take_milliseconds,
    format.EXPIRY: Loading._take_seconds,
    format.SELECT: Loading._select,
}


def _read_version(data: Source) -> int:
    """The RDB version of a file."""
    head = data[:_HEADER]
    if head[: len(MAGIC)] != MAGIC or not head[len(MAGIC) :].isdigit():
        raise Corrupt("wrong signature: not an RDB file")
    version = int(head[len(MAGIC) :])
    if not 1 <= version <= NEWEST:
        raise Corrupt(f"cannot handle RDB format version {version}; the newest known is {NEWEST}")
    return version
