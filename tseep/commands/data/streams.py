"""Streams, without consumer groups (https://redis.io/docs/latest/commands/?group=stream)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tseep.algorithms.numeric import require_integer
from tseep.commands.arguments import require_milliseconds
from tseep.commands.data.typed import read, to_change
from tseep.coordination.blocking import NOT_YET, block
from tseep.datatypes.limits import LIMITS, MAX_NODE_BYTES
from tseep.datatypes.stream import HIGHEST_ID, Stream, id_text
from tseep.datatypes.stream_entries import SEQUENCE, Fields
from tseep.datatypes.stream_ids import read_end, read_id, read_milliseconds, read_start
from tseep.errors import NO_SUCH_KEY, SYNTAX, CommandError, wrong_arguments
from tseep.registry.key_finders import XREAD_OPTIONS
from tseep.registry.options import read_options
from tseep.registry.table import command
from tseep.replies import NULL_ARRAY, OK, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session

Found = TypeVar("Found")

TOO_LOW = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
TOO_LARGE = "ERR Elements are too large to be stored"
EXHAUSTED = "ERR The stream has exhausted the last possible ID, unable to add more items"
TWO_STRATEGIES = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"

MAX_TRIMMED_NODES = 100
"""Default LIMIT of approximate trimming, in nodes of the maximum number of entries."""

MAX_TRIMMED_ENTRIES = 1_000_000
"""Upper bound of that LIMIT, which is 10,000 if the number of entries of a node is not limited."""

WHILE_BLOCKED = 1000
"""Default COUNT of a blocked XREAD."""

_UNBALANCED = "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."


def entry(id: int, fields: Fields) -> list[Any]:
    """Return an entry for a reply: its ID, and its fields and values in a flat list."""
    return [id_text(id), list(fields)]


def at_most(found: Iterable[Found], count: int) -> Iterable[Found]:
    """Return the first C{count} elements; all if it is 0."""
    return islice(found, count) if count else found


def entries(found: Iterable[tuple[int, Fields]]) -> list[Any]:
    """Return entries for a reply, each as L{entry} does."""
    return [entry(id, fields) for id, fields in found]


# Trimming


class Trim:
    """
    The trimming options of XADD and XTRIM.

    @ivar given: True if there is a MAXLEN or MINID.
    """

    def __init__(self) -> None:
        self.given = False
        self._keep = 0
        self._lowest = HIGHEST_ID + 1
        self._approximate = False
        self._limit: int | None = None

    def read(self, argv: list[bytes], at: int) -> int:
        """
        Parse the option at index C{at}, if it is a trimming option.

        @return: the index after it; C{at} if it is another option.
        """
        option, more = argv[at].lower(), len(argv) - at - 1
        if not more or option not in (b"maxlen", b"minid", b"limit"):
            return at
        if option == b"limit":
            self._limit = require_integer(argv[at + 1])
            if self._limit < 0:
                raise CommandError("ERR The LIMIT argument must be >= 0.")
            return at + 2
        if self.given:
            raise CommandError(TWO_STRATEGIES)
        self.given = True
        marked = more >= 2 and argv[at + 1] in (b"~", b"=")
        self._approximate = marked and argv[at + 1] == b"~"
        self._read_threshold(option, argv[at + 1 + marked])
        return at + 2 + marked

    def _read_threshold(self, option: bytes, text: bytes) -> None:
        if option == b"minid":
            self._lowest = read_id(text)
            return
        self._keep = require_integer(text)
        if self._keep < 0:
            raise CommandError("ERR The MAXLEN argument must be >= 0.")

    def check(self, required: bool = False) -> None:
        """
        Check that the options are compatible.

        @param required: True if MAXLEN or MINID is required.
        @raise CommandError: if they are not.
        """
        if self._limit and not self.given:
            raise CommandError("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
        if required and not self.given:
            raise CommandError("ERR syntax error, XTRIM must be called with a trimming strategy")
        if self._limit is not None and not self._approximate:
            raise CommandError("ERR syntax error, LIMIT cannot be used without the special ~ option")

    def apply(self, stream: Stream) -> int:
        """Trim the stream; return the number of removed entries."""
        limit = 0
        if self._approximate and self._limit is None:
            limit = min(MAX_TRIMMED_NODES * LIMITS.stream_nodes.entries or 10_000, MAX_TRIMMED_ENTRIES)
        elif self._approximate:
            limit = self._limit or 0
        return stream.entries.trim(self._keep, self._lowest, self._approximate, limit)


# Add


@command("XADD")
def xadd(session: Session, argv: list[bytes]) -> Reply:
    trim, make, at = None, True, 2
    if argv[2] != b"*":
        trim, make, at = _adding_options(argv)
    text = argv[at]
    milliseconds, given = None, 0
    if text != b"*":
        milliseconds = read_milliseconds(text)
        given = read_id(text) if milliseconds is None else 0
    if trim is not None:
        trim.check()
    if len(argv) - at < 3 or not (len(argv) - at) % 2:
        raise wrong_arguments(b"xadd")
    if milliseconds is None and text != b"*" and not given:
        raise CommandError("ERR The ID specified in XADD must be greater than 0-0")
    db, key = session.db, argv[1]
    stream = to_change(session, key, Stream)
    if stream is None:
        if not make:
            return None
        stream = Stream()
        db.replace(key, stream, b"", 0)
    if stream.last_id == HIGHEST_ID:
        raise CommandError(EXHAUSTED)
    id = given or _next_id(stream, session.server.keyspace.now, milliseconds)
    if id <= stream.last_id:
        raise CommandError(TOO_LOW)
    fields = tuple(argv[at + 1 :])
    if sum(map(len, fields)) > MAX_NODE_BYTES:
        raise CommandError(TOO_LARGE)
    stream.add(id, fields)
    db.changed(key, b"xadd")
    if trim is not None and trim.given and trim.apply(stream):
        db.note(key, b"xtrim", 0)
    return id_text(id)


def _adding_options(argv: list[bytes]) -> tuple[Trim, bool, int]:
    """Return the trimming options, whether XADD creates a missing stream, and the index of the ID."""
    trim, make, at = Trim(), True, 2
    while at < len(argv) and argv[at] != b"*":
        after = trim.read(argv, at)
        if after == at:
            if argv[at].lower() != b"nomkstream":
                return trim, make, at
            make, after = False, at + 1
        at = after
    if at == len(argv):
        trim.check()
        raise wrong_arguments(b"xadd")
    return trim, make, at


def _next_id(stream: Stream, now: int, milliseconds: int | None) -> int:
    """Return the ID of a new entry, after the last ID: at the present time, or at C{milliseconds} (for C{ms-*})."""
    last = stream.last_id
    if milliseconds is None:
        return max(now << 64, last + 1)
    if milliseconds >> 64 != last >> 64:
        return milliseconds or 1  # 0-0 is not a valid ID
    return last if last & SEQUENCE == SEQUENCE else last + 1


@command("XTRIM")
def xtrim(session: Session, argv: list[bytes]) -> Reply:
    trim, at = Trim(), 2
    while at < len(argv):
        after = trim.read(argv, at)
        if after == at:
            raise CommandError(SYNTAX)
        at = after
    trim.check(required=True)
    stream = to_change(session, argv[1], Stream)
    removed = 0 if stream is None else trim.apply(stream)
    if removed:
        session.db.changed(argv[1], b"xtrim", removed)
    return removed


@command("XDEL")
def xdel(session: Session, argv: list[bytes]) -> Reply:
    stream = to_change(session, argv[1], Stream)
    if stream is None:
        return 0
    ids = list(map(read_id, argv[2:]))
    deleted = sum(map(stream.delete, ids))
    if deleted:
        session.db.changed(argv[1], b"xdel", deleted)
    return deleted


@command("XSETID")
def xsetid(session: Session, argv: list[bytes]) -> Reply:
    id = read_id(argv[2])
    added, deleted = _past(argv, id)
    stream = to_change(session, argv[1], Stream)
    if stream is None:
        raise CommandError(NO_SUCH_KEY)
    if stream.entries:
        if id < stream.entries.last():
            raise CommandError("ERR The ID specified in XSETID is smaller than the target stream top item")
        if added is not None and added < len(stream):
            raise CommandError("ERR The entries_added specified in XSETID is smaller than the target stream length")
    stream.last_id = id
    stream.entries_added = stream.entries_added if added is None else added
    stream.max_deleted_id = deleted or stream.max_deleted_id
    session.db.note(argv[1], b"xsetid")
    return OK


def _past(argv: list[bytes], id: int) -> tuple[int | None, int]:
    """Return ENTRIESADDED (None if omitted) and MAXDELETEDID of XSETID."""
    added, deleted, at = None, 0, 3
    while at < len(argv):
        option = argv[at].lower()
        if at + 1 == len(argv) or option not in (b"entriesadded", b"maxdeletedid"):
            raise CommandError(SYNTAX)
        if option == b"entriesadded":
            added = require_integer(argv[at + 1])
            if added < 0:
                raise CommandError("ERR entries_added must be positive")
        else:
            deleted = read_id(argv[at + 1])
            if id < deleted:
                raise CommandError("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
        at += 2
    return added, deleted


# Read


@command("XLEN")
def xlen(session: Session, argv: list[bytes]) -> Reply:
    stream = read(session, argv[1], Stream)
    return 0 if stream is None else len(stream)


def _range(session: Session, argv: list[bytes], first: bytes, last: bytes, down: bool) -> Reply:
    start, end = read_start(first), read_end(last)
    count = _count(argv)
    stream = read(session, argv[1], Stream)
    if stream is None:
        return []
    if count == 0:
        return NULL_ARRAY
    found = stream.entries.items_down(start, end) if down else stream.entries.items(start, end)
    return entries(at_most(found, count or 0) if start <= end else ())


def _count(argv: list[bytes]) -> int | None:
    """Return the COUNT of an XRANGE, or None."""
    count = None
    for at in range(4, len(argv), 2):
        if argv[at].lower() != b"count" or at + 1 == len(argv):
            raise CommandError(SYNTAX)
        count = max(0, require_integer(argv[at + 1]))
    return count


@command("XRANGE")
def xrange_(session: Session, argv: list[bytes]) -> Reply:
    return _range(session, argv, argv[2], argv[3], False)


@command("XREVRANGE")
def xrevrange(session: Session, argv: list[bytes]) -> Reply:
    return _range(session, argv, argv[3], argv[2], True)


class Reading(NamedTuple):
    """
    Arguments of XREAD or XREADGROUP.

    @ivar streams: keys, each with its ID, C{$} or C{>}.
    @ivar most: COUNT, for each stream; 0: unlimited.
    @ivar timeout: BLOCK, in milliseconds; 0: without limit; None: do not block.
    @ivar group: the names of group and consumer, or None.
    """

    streams: list[tuple[bytes, bytes]]
    most: int
    timeout: int | None
    group: tuple[bytes, bytes] | None
    no_ack: bool


def read_reading(argv: list[bytes], grouped: bool, scripted: bool) -> Reading:
    """
    Parse the arguments of XREAD or XREADGROUP.

    @param grouped: True for XREADGROUP, which requires GROUP.
    @param scripted: True if a script calls it, which excludes BLOCK.
    @raise CommandError: if they are invalid.
    """
    count, timeout, no_ack = 0, None, False
    group: tuple[bytes, bytes] | None = None
    for option, _, parameters in read_options(argv, 1, XREAD_OPTIONS):
        if option == b"block":
            if scripted:
                raise CommandError(b"ERR %b command is not allowed with BLOCK option from scripts" % argv[0])
            timeout = require_milliseconds(parameters[0])
        elif option == b"count":
            count = max(0, require_integer(parameters[0]))
        elif option == b"streams":
            streams = _streams(parameters)
            if grouped and group is None:
                raise CommandError("ERR Missing GROUP option for XREADGROUP")
            return Reading(streams, count, timeout, group, no_ack)
        elif option == b"group":
            _require_grouped("GROUP", grouped)
            group = parameters[0], parameters[1]
        elif option == b"noack":
            _require_grouped("NOACK", grouped)
            no_ack = True
        else:
            raise CommandError(SYNTAX)
    raise CommandError(SYNTAX)


def _require_grouped(option: str, grouped: bool) -> None:
    if not grouped:
        raise CommandError(f"ERR The {option} option is only supported by XREADGROUP. You called XREAD instead.")


def _streams(words: list[bytes]) -> list[tuple[bytes, bytes]]:
    half, odd = divmod(len(words), 2)
    if odd:
        raise CommandError(_UNBALANCED)
    return list(zip(words[:half], words[half:]))


def of_streams(session: Session, found: dict[bytes, Any] | list[tuple[bytes, Any]]) -> Reply:
    """Return the reply of XREAD: a map in RESP3; pairs in RESP2, where keys can repeat."""
    pairs = found.items() if isinstance(found, dict) else found
    return dict(pairs) if session.protocol == 3 else [[key, value] for key, value in pairs]


@command("XREAD")
def xread(session: Session, argv: list[bytes]) -> Reply:
    reading = read_reading(argv, False, session.server.scripting.running is not None)
    after = [(key, _after(session, key, text)) for key, text in reading.streams]
    found = []
    for key, id in after:
        stream = read(session, key, Stream)
        if stream is not None and stream.entries and stream.entries.last() > id:
            found.append((key, entries(at_most(stream.entries.items(id + 1), reading.most))))
    if found:
        return of_streams(session, found)
    if reading.timeout is None:
        return NULL_ARRAY
    return _wait(session, dict(after), reading)


def _after(session: Session, key: bytes, text: bytes) -> int:
    """Return the ID after which XREAD reads a stream; C{$} is its last ID."""
    stream = read(session, key, Stream)
    if text == b">":
        raise CommandError(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
        )
    if text == b"$":
        return 0 if stream is None else stream.last_id
    return read_id(text)


def _wait(session: Session, after: dict[bytes, int], reading: Reading) -> Reply:
    db = session.db

    def serve(key: bytes) -> Reply:
        stream = db.peek(key)
        if type(stream) is not Stream or stream.last_id <= after[key]:
            return NOT_YET
        found = entries(at_most(stream.entries.items(after[key] + 1), reading.most or WHILE_BLOCKED))
        return of_streams(session, {key: found})

    return block(session, list(after), reading.timeout or 0, serve)
