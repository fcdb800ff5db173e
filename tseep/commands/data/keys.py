"""
Commands on keys of any type: names, databases, expiry, OBJECT.

Source: https://redis.io/docs/latest/commands/?group=generic
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tseep.algorithms.glob import matcher
from tseep.algorithms.numeric import HIGHEST, LOWEST, require_int, require_integer
from tseep.commands.arguments import SCAN_COUNT, database_index, read_cursor
from tseep.commands.data.scanning import step
from tseep.commands.data.typed import place
from tseep.datatypes.collection import type_name
from tseep.datatypes.encoding import encoding, references
from tseep.errors import NO_SUCH_KEY, SAME_OBJECT, SYNTAX, CommandError, invalid_expire_time
from tseep.keyspace.database import Database
from tseep.registry.table import command
from tseep.replies import OK, Reply, Status

if TYPE_CHECKING:
    from tseep.session.session import Session

RANDOM_TRIES = 100

_NO_TYPE = Status(b"none")


# Existence


def _unlink(session: Session, keys: list[bytes]) -> int:
    removed = 0
    for key in keys:
        value = session.db.peek(key)
        if value is not None:
            session.db.delete(key)
            session.server.lazyfree.add_value(value)
            removed += 1
    return removed


@command("DEL")
def del_(session: Session, argv: list[bytes]) -> Reply:
    if session.server.config["lazyfree-lazy-user-del"] == "yes":
        return _unlink(session, argv[1:])
    delete = session.db.delete
    return sum([delete(key) for key in argv[1:]])


@command("UNLINK")
def unlink(session: Session, argv: list[bytes]) -> Reply:
    return _unlink(session, argv[1:])


@command("EXISTS")
def exists(session: Session, argv: list[bytes]) -> Reply:
    look = session.db.read_untouched
    return sum([look(key) is not None for key in argv[1:]])


@command("TOUCH")
def touch(session: Session, argv: list[bytes]) -> Reply:
    read = session.db.read
    return sum([read(key) is not None for key in argv[1:]])


@command("TYPE")
def type_(session: Session, argv: list[bytes]) -> Reply:
    value = session.db.read_untouched(argv[1])
    return _NO_TYPE if value is None else Status(type_name(value))


# Iteration


def _alive(db: Database, keys: Iterable[bytes]) -> Iterator[bytes]:
    return (key for key in keys if db.peek(key) is not None)


@command("KEYS")
def keys(session: Session, argv: list[bytes]) -> Reply:
    db = session.db
    names = db.values if argv[1] == b"*" else filter(matcher(argv[1]), db.values)
    return list(_alive(db, list(names)))


@command("SCAN")
def scan(session: Session, argv: list[bytes]) -> Reply:
    cursor = read_cursor(argv[1])
    count, pattern, type_filter = _scan_options(argv)
    db = session.db
    following, keys = step(db.scan, cursor, count)
    if pattern != b"*":
        keys = list(filter(matcher(pattern), keys))
    if type_filter is not None:
        keys = [key for key in keys if type_name(db.values[key]) == type_filter]
    return [following, list(_alive(db, keys))]


def _scan_options(argv: list[bytes]) -> tuple[int, bytes, bytes | None]:
    """Return the COUNT, the MATCH and the TYPE of a SCAN."""
    count, pattern, type_filter = SCAN_COUNT, b"*", None
    for at in range(2, len(argv), 2):
        option = argv[at].lower()
        if at + 1 == len(argv):
            raise CommandError(SYNTAX)
        if option == b"count":
            count = require_integer(argv[at + 1])
            if count < 1:
                raise CommandError(SYNTAX)
        elif option == b"match":
            pattern = argv[at + 1]
        elif option == b"type":
            type_filter = argv[at + 1].lower()
        else:
            raise CommandError(SYNTAX)
    return count, pattern, type_filter


@command("RANDOMKEY")
def randomkey(session: Session, argv: list[bytes]) -> Reply:
    db = session.db
    for _ in range(RANDOM_TRIES):
        key = db.random_key()
        if key is None or db.peek(key) is not None:
            return key
    return next(_alive(db, list(db.values)), None)  # most keys have expired


# Rename, copy, move


def _rename(session: Session, argv: list[bytes], only_new: bool) -> bool:
    """Rename a key; return False if C{only_new} and the new name exists."""
    db = session.db
    _, key, new = argv
    value = db.get(key)
    if value is None:
        raise CommandError(NO_SUCH_KEY)
    if key == new:
        return not only_new
    if only_new and db.get(new) is not None:
        return False
    expires = db.expires.get(key)
    db.delete(key, b"rename_from")
    place(db, new, value, expires, b"rename_to", 0)
    return True


@command("RENAME")
def rename(session: Session, argv: list[bytes]) -> Reply:
    _rename(session, argv, only_new=False)
    return OK


@command("RENAMENX")
def renamenx(session: Session, argv: list[bytes]) -> Reply:
    return int(_rename(session, argv, only_new=True))


@command("COPY")
def copy(session: Session, argv: list[bytes]) -> Reply:
    db = session.db
    target, replace = _copy_options(session, argv)
    source, destination = argv[1], argv[2]
    if db is target and source == destination:
        raise CommandError(SAME_OBJECT)
    value = db.read(source)
    if value is None or (target.get(destination) is not None and not replace):
        return 0
    copied = value if type(value) is bytes else value.copy()
    place(target, destination, copied, db.expires.get(source), b"copy_to")
    return 1


def _copy_options(session: Session, argv: list[bytes]) -> tuple[Database, bool]:
    """Return the DB and the REPLACE of a COPY."""
    target, replace = session.db, False
    options = iter(argv[3:])
    for option in options:
        number = next(options, None) if option.lower() == b"db" else None
        if number is not None:
            target = session.server.keyspace.databases[database_index(session, number)]
        elif option.lower() == b"replace":
            replace = True
        else:
            raise CommandError(SYNTAX)
    return target, replace


@command("MOVE")
def move(session: Session, argv: list[bytes]) -> Reply:
    db, key = session.db, argv[1]
    target = session.server.keyspace.databases[database_index(session, argv[2])]
    if db is target:
        raise CommandError(SAME_OBJECT)
    value = db.get(key)
    if value is None or target.get(key) is not None:
        return 0
    expires = db.expires.get(key)
    db.delete(key, b"move_from")
    place(target, key, value, expires, b"move_to", 0)
    return 1


# Databases


@command("DBSIZE")
def dbsize(session: Session, argv: list[bytes]) -> Reply:
    return len(session.db)


def _flush(session: Session, argv: list[bytes], databases: Iterable[Database] | None = None) -> Reply:
    default = b"async" if session.server.config["lazyfree-lazy-user-flush"] == "yes" else b"sync"
    way = argv[1].lower() if len(argv) > 1 else default
    if len(argv) > 2 or way not in (b"async", b"sync"):
        raise CommandError(SYNTAX)
    keyspace = session.server.keyspace
    if way == b"sync":
        keyspace.flush(databases)
    else:
        for emptied in keyspace.detach(databases):
            session.server.lazyfree.add(emptied)
    return OK


@command("FLUSHDB")
def flushdb(session: Session, argv: list[bytes]) -> Reply:
    return _flush(session, argv, [session.db])


@command("FLUSHALL")
def flushall(session: Session, argv: list[bytes]) -> Reply:
    reply = _flush(session, argv)
    session.server.persistence.flushed()
    return reply


@command("SWAPDB")
def swapdb(session: Session, argv: list[bytes]) -> Reply:
    for text, which in zip(argv[1:], ("first", "second")):
        require_int(text, f"ERR invalid {which} DB index")
    session.server.keyspace.swap(*[database_index(session, text) for text in argv[1:]])
    return OK


# Expiry


def _conditions(argv: list[bytes]) -> frozenset[bytes]:
    """Return the options NX, XX, GT and LT of an EXPIRE, in lower case."""
    for option in argv[3:]:
        if option.lower() not in (b"nx", b"xx", b"gt", b"lt"):
            raise CommandError(b"ERR Unsupported option %b" % option)
    conditions = frozenset(map(bytes.lower, argv[3:]))
    if b"nx" in conditions and len(conditions) > 1:
        raise CommandError("ERR NX and XX, GT or LT options at the same time are not compatible")
    if conditions >= {b"gt", b"lt"}:
        raise CommandError("ERR GT and LT options at the same time are not compatible")
    return conditions


def _meets(conditions: frozenset[bytes], current: int | None, when: int) -> bool:
    """Return whether conditions allow to change an expiration from C{current} (None: never) to C{when}."""
    if current is None:
        return not conditions & {b"xx", b"gt"}
    if b"nx" in conditions or (b"gt" in conditions and when <= current):
        return False
    return b"lt" not in conditions or when < current


def _expire(session: Session, argv: list[bytes], unit: int, base: int) -> int:
    """
    Set the expiration of a key; return 1 if it was set, otherwise 0.

    @param unit: the unit of the argument, in milliseconds.
    @param base: the Unix time in milliseconds to which the argument is relative.
    """
    conditions = _conditions(argv) if len(argv) > 3 else None
    when = require_integer(argv[2]) * unit
    if not LOWEST <= when <= HIGHEST - base:
        raise invalid_expire_time(argv[0].lower())
    when += base
    db, key = session.db, argv[1]
    if db.get(key) is None or (conditions and not _meets(conditions, db.expires.get(key), when)):
        return 0
    if when <= session.server.keyspace.now:
        db.delete(key)
    else:
        db.expire_at(key, when)
    return 1


@command("EXPIRE")
def expire(session: Session, argv: list[bytes]) -> Reply:
    return _expire(session, argv, 1000, session.server.keyspace.now)


@command("PEXPIRE")
def pexpire(session: Session, argv: list[bytes]) -> Reply:
    return _expire(session, argv, 1, session.server.keyspace.now)


@command("EXPIREAT")
def expireat(session: Session, argv: list[bytes]) -> Reply:
    return _expire(session, argv, 1000, 0)


@command("PEXPIREAT")
def pexpireat(session: Session, argv: list[bytes]) -> Reply:
    return _expire(session, argv, 1, 0)


def _expiry(session: Session, key: bytes, since: int, unit: int) -> int:
    """
    Return the expiration of a key.

    @param since: the Unix time in milliseconds to which the result is relative.
    @param unit: the unit of the result, in milliseconds. The result is rounded to the nearest.
    @return: -1 if the key does not expire, -2 if it does not exist.
    """
    db = session.db
    if db.read_untouched(key) is None:
        return -2
    when = db.expires.get(key)
    return -1 if when is None else (when - since + unit // 2) // unit


@command("TTL")
def ttl(session: Session, argv: list[bytes]) -> Reply:
    return _expiry(session, argv[1], session.server.keyspace.now, 1000)


@command("PTTL")
def pttl(session: Session, argv: list[bytes]) -> Reply:
    return _expiry(session, argv[1], session.server.keyspace.now, 1)


@command("EXPIRETIME")
def expiretime(session: Session, argv: list[bytes]) -> Reply:
    return _expiry(session, argv[1], 0, 1000)


@command("PEXPIRETIME")
def pexpiretime(session: Session, argv: list[bytes]) -> Reply:
    return _expiry(session, argv[1], 0, 1)


@command("PERSIST")
def persist(session: Session, argv: list[bytes]) -> Reply:
    return int(session.db.get(argv[1]) is not None and session.db.persist(argv[1]))


# OBJECT


_SWITCHING = (
    " Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
)


@command("OBJECT ENCODING")
def object_encoding(session: Session, argv: list[bytes]) -> Reply:
    value = session.db.read_untouched(argv[2])
    return None if value is None else encoding(value)


@command("OBJECT FREQ")
def object_freq(session: Session, argv: list[bytes]) -> Reply:
    if session.db.read_untouched(argv[2]) is None:
        return None
    keyspace = session.server.keyspace
    if keyspace.frequency is None:
        raise CommandError("ERR An LFU maxmemory policy is not selected, access frequency not tracked." + _SWITCHING)
    return session.db.frequency(argv[2], keyspace.second)


@command("OBJECT IDLETIME")
def object_idletime(session: Session, argv: list[bytes]) -> Reply:
    db = session.db
    if db.read_untouched(argv[2]) is None:
        return None
    if session.server.keyspace.frequency is not None:
        raise CommandError("ERR An LFU maxmemory policy is selected, idle time not tracked." + _SWITCHING)
    return db.idle(argv[2])


@command("OBJECT REFCOUNT")
def object_refcount(session: Session, argv: list[bytes]) -> Reply:
    value = session.db.read_untouched(argv[2])
    return None if value is None else references(value, not session.server.eviction.ranks_accesses)
