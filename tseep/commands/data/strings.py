"""Commands on strings: values, numbers and ranges (https://redis.io/docs/latest/commands/?group=string)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

from tseep.algorithms.lcs import Pair, common_bytes, runs
from tseep.algorithms.long_double import ZERO, require_long_double, sum_text
from tseep.algorithms.numeric import HIGHEST, LOWEST, require_integer
from tseep.errors import SYNTAX, WRONG_TYPE, CommandError, invalid_expire_time, wrong_arguments
from tseep.registry.table import command
from tseep.replies import OK, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session

String = Union[bytes, bytearray]
"""The value of a string: a C{bytearray} after a change in place."""

TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"

# Options of one group exclude each other.
_TIMES = {b"EX": "expiry", b"PX": "expiry", b"EXAT": "expiry", b"PXAT": "expiry"}
_SET_OPTIONS = {**_TIMES, b"KEEPTTL": "expiry", b"NX": "condition", b"XX": "condition", b"GET": "get"}
_GETEX_OPTIONS = {**_TIMES, b"PERSIST": "expiry"}


# Helpers of all commands on strings


def require_string(value: Any) -> String | None:
    """
    Check that a value is a string, or None.

    @raise CommandError: if it is of another type.
    """
    if value is None or type(value) is bytes or type(value) is bytearray:
        return value
    raise CommandError(WRONG_TYPE)


def read_string(session: Session, key: bytes) -> String | None:
    """Return the string at a key, or None, for a command that only reads."""
    return require_string(session.db.read(key))


def string_to_change(session: Session, key: bytes, size: int = 0) -> bytearray:
    """
    Return the string at a key for a change in place, padded with zero bytes to C{size}.

    The caller must put it into the database with L{Database.replace <tseep.keyspace.database.Database.replace>}.
    """
    value = require_string(session.db.get(key))
    if value is None:
        return bytearray(size)
    if type(value) is bytes:
        value = bytearray(value)
    assert isinstance(value, bytearray)
    if len(value) < size:
        value.extend(bytes(size - len(value)))
    return value


def span(start: int, end: int, length: int) -> tuple[int, int]:
    """Return the first and the last position of a range; negative bounds count from the end."""
    if start < 0:
        start = max(0, length + start)
    if end < 0:
        end = max(0, length + end)
    return start, min(end, length - 1)


def _reply(value: String | None) -> bytes | None:
    return bytes(value) if type(value) is bytearray else value  # type: ignore[return-value]


def _check_length(session: Session, length: int) -> None:
    if length > session.limits.bulk:
        raise CommandError(TOO_LONG)


def _options(argv: list[bytes], start: int, groups: dict[bytes, str]) -> dict[str, bytes]:
    """Return by group the options that start at index C{start}; C{amount} is the argument of one of L{_TIMES}."""
    chosen: dict[str, bytes] = {}
    words = iter(argv[start:])
    for word in words:
        option = word.upper()
        group = groups.get(option)
        if group is None or chosen.setdefault(group, option) != option:
            raise CommandError(SYNTAX)
        if option in _TIMES:
            amount = next(words, None)
            if amount is None:
                raise CommandError(SYNTAX)
            chosen["amount"] = amount
    return chosen


def _chosen_deadline(session: Session, argv: list[bytes], options: dict[str, bytes]) -> int | None:
    amount = options.get("amount")
    return None if amount is None else _deadline(session, argv[0], options["expiry"], amount)


def _deadline(session: Session, name: bytes, unit: bytes, amount: bytes) -> int:
    """Return the expiration, in Unix milliseconds, of an option of L{_TIMES} and its argument."""
    number = require_integer(amount)
    when = number if unit in (b"PX", b"PXAT") else number * 1000
    if unit in (b"EX", b"PX"):
        when += session.server.keyspace.now
    if number <= 0 or when > HIGHEST:
        raise invalid_expire_time(name.lower())
    return when


# One key


@command("GET")
def get(session: Session, argv: list[bytes]) -> Reply:
    value = session.db.read(argv[1])
    if value is None or type(value) is bytes:
        return value
    return _reply(require_string(value))


@command("SET")
def set_(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) == 3:
        session.db.set(argv[1], argv[2])
        return OK
    return _set_with_options(session, argv)


def _set_with_options(session: Session, argv: list[bytes]) -> Reply:
    options = _options(argv, 3, _SET_OPTIONS)
    when = _chosen_deadline(session, argv, options)
    wants_previous = "get" in options
    previous = _reply(read_string(session, argv[1])) if wants_previous else None
    exists = session.db.get(argv[1]) is not None
    condition = options.get("condition")
    to_be_set = condition is None or exists == (condition == b"XX")
    if to_be_set:
        _store(session, argv[1], argv[2], when, options.get("expiry") == b"KEEPTTL")
    if wants_previous:
        return previous
    return OK if to_be_set else None


def _store(session: Session, key: bytes, value: bytes, when: int | None, keep: bool = False) -> None:
    """Set a key that expires at C{when}; with C{keep}, its present expiration stays."""
    if keep:
        session.db.replace(key, value, b"set")
    else:
        session.db.set(key, value)
    if when is not None:
        session.db.expire_at(key, when, changes=0)


def write(session: Session, argv: list[bytes]) -> Reply:
    """Execute WRITE of the native protocol: SET, but it returns the value."""
    session.db.set(argv[1], argv[2])
    return argv[2]


@command("SETNX")
def setnx(session: Session, argv: list[bytes]) -> Reply:
    if session.db.get(argv[1]) is not None:
        return 0
    session.db.set(argv[1], argv[2])
    return 1


@command("SETEX")
def setex(session: Session, argv: list[bytes]) -> Reply:
    _store(session, argv[1], argv[3], _deadline(session, argv[0], b"EX", argv[2]))
    return OK


@command("PSETEX")
def psetex(session: Session, argv: list[bytes]) -> Reply:
    _store(session, argv[1], argv[3], _deadline(session, argv[0], b"PX", argv[2]))
    return OK


@command("GETSET")
def getset(session: Session, argv: list[bytes]) -> Reply:
    previous = _reply(read_string(session, argv[1]))
    session.db.set(argv[1], argv[2])
    return previous


@command("GETEX")
def getex(session: Session, argv: list[bytes]) -> Reply:
    options = _options(argv, 2, _GETEX_OPTIONS)
    value = read_string(session, argv[1])
    if value is None:
        return None
    when = _chosen_deadline(session, argv, options)
    if when is None:
        if "expiry" in options:
            session.db.persist(argv[1])
    elif when <= session.server.keyspace.now:
        session.db.delete(argv[1])
    else:
        session.db.expire_at(argv[1], when)
    return _reply(value)


@command("GETDEL")
def getdel(session: Session, argv: list[bytes]) -> Reply:
    value = _reply(read_string(session, argv[1]))
    if value is not None:
        session.db.delete(argv[1])
    return value


# Several keys


@command("MGET")
def mget(session: Session, argv: list[bytes]) -> Reply:
    read = session.db.read
    values = [read(key) for key in argv[1:]]
    return [_reply(value) if isinstance(value, (bytes, bytearray)) else None for value in values]


@command("MSET")
def mset(session: Session, argv: list[bytes]) -> Reply:
    _set_all(session, argv)
    return OK


@command("MSETNX")
def msetnx(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) % 2 and any(session.db.get(key) is not None for key in argv[1::2]):
        return 0
    _set_all(session, argv)
    return 1


def _set_all(session: Session, argv: list[bytes]) -> None:
    if len(argv) % 2 == 0:
        raise wrong_arguments(argv[0].lower())
    session.db.set_all(argv[1::2], argv[2::2])


# Numbers


@command("INCR")
def incr(session: Session, argv: list[bytes]) -> Reply:
    return _increment(session, argv[1], 1)


@command("DECR")
def decr(session: Session, argv: list[bytes]) -> Reply:
    return _increment(session, argv[1], -1)


@command("INCRBY")
def incrby(session: Session, argv: list[bytes]) -> Reply:
    return _increment(session, argv[1], require_integer(argv[2]))


@command("DECRBY")
def decrby(session: Session, argv: list[bytes]) -> Reply:
    decrement = require_integer(argv[2])
    if decrement == LOWEST:
        raise CommandError("ERR decrement would overflow")
    return _increment(session, argv[1], -decrement)


def _increment(session: Session, key: bytes, increment: int) -> int:
    value = require_string(session.db.get(key))
    total = increment if value is None else require_integer(value) + increment
    if not LOWEST <= total <= HIGHEST:
        raise CommandError("ERR increment or decrement would overflow")
    session.db.replace(key, b"%d" % total, b"incrby")
    return total


@command("INCRBYFLOAT")
def incrbyfloat(session: Session, argv: list[bytes]) -> Reply:
    value = require_string(session.db.get(argv[1]))
    number = ZERO if value is None else require_long_double(bytes(value))
    total = sum_text(number, require_long_double(argv[2]))
    if total is None:
        raise CommandError("ERR increment would produce NaN or Infinity")
    session.db.replace(argv[1], total, b"incrbyfloat")
    return total


# Parts


@command("STRLEN")
def strlen(session: Session, argv: list[bytes]) -> Reply:
    return len(read_string(session, argv[1]) or b"")


@command("APPEND")
def append(session: Session, argv: list[bytes]) -> Reply:
    value = require_string(session.db.get(argv[1]))
    if value is None:
        session.db.set(argv[1], argv[2], b"append")
        return len(argv[2])
    _check_length(session, len(value) + len(argv[2]))
    longer = string_to_change(session, argv[1])
    longer += argv[2]
    session.db.replace(argv[1], longer, b"append")
    return len(longer)


@command("SETRANGE")
def setrange(session: Session, argv: list[bytes]) -> Reply:
    start, part = require_integer(argv[2]), argv[3]
    if start < 0:
        raise CommandError("ERR offset is out of range")
    value = require_string(session.db.get(argv[1]))
    if not part:
        return len(value or b"")
    end = start + len(part)
    _check_length(session, end)
    changed = string_to_change(session, argv[1], end)
    changed[start:end] = part
    session.db.replace(argv[1], changed, b"setrange")
    return len(changed)


@command("SUBSTR")
@command("GETRANGE")
def getrange(session: Session, argv: list[bytes]) -> Reply:
    start, end = require_integer(argv[2]), require_integer(argv[3])
    value = read_string(session, argv[1])
    if value is None or end < start < 0:
        return b""
    first, last = span(start, end, len(value))
    return bytes(value[first : last + 1])


@command("LCS")
def lcs(session: Session, argv: list[bytes]) -> Reply:
    first, second = _strings_to_compare(session, argv)
    flags, least = _lcs_options(argv)
    # Redis allocates a table of this size, and checks its limit first.
    if (len(first) + 1) * (len(second) + 1) * 4 > session.server.limits.bulk:
        raise CommandError("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
    pairs = common_bytes(first, second)
    if b"IDX" in flags:
        return {b"matches": _lcs_matches(pairs, least, b"WITHMATCHLEN" in flags), b"len": len(pairs)}
    if b"LEN" in flags:
        return len(pairs)
    return bytes([first[i] for i, _ in reversed(pairs)])


def _strings_to_compare(session: Session, argv: list[bytes]) -> tuple[bytes, bytes]:
    first, second = session.db.read(argv[1]), session.db.read(argv[2])
    for value in (first, second):
        if not (value is None or isinstance(value, (bytes, bytearray))):
            raise CommandError("ERR The specified keys must contain string values")
    return bytes(first or b""), bytes(second or b"")


def _lcs_options(argv: list[bytes]) -> tuple[list[bytes], int]:
    """Return the options without arguments, and MINMATCHLEN."""
    flags, least = [], 0
    words = iter(argv[3:])
    for word in words:
        option = word.upper()
        if option in (b"LEN", b"IDX", b"WITHMATCHLEN"):
            flags.append(option)
            continue
        length = next(words, None)
        if option != b"MINMATCHLEN" or length is None:
            raise CommandError(SYNTAX)
        least = require_integer(length)
    if b"IDX" in flags and b"LEN" in flags:
        raise CommandError("ERR If you want both the length and indexes, please just use IDX.")
    return flags, least


def _lcs_matches(pairs: list[Pair], least: int, with_length: bool) -> list[list[Any]]:
    """Return the matches of at least C{least} bytes: their ranges in both strings, the last first."""
    return [
        [[i, i + length - 1], [j, j + length - 1]] + ([length] if with_length else [])
        for i, j, length in runs(pairs)
        if length >= least
    ]
