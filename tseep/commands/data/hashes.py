"""Commands on hashes, without expiration of fields (https://redis.io/docs/latest/commands/?group=hash)."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

from tseep.algorithms.long_double import ZERO, long_double, require_long_double, sum_text
from tseep.algorithms.numeric import HIGHEST, LOWEST, require_count, require_integer, require_room
from tseep.commands.arguments import read_cursor, scan_options
from tseep.commands.data.scanning import step_of_value
from tseep.commands.data.typed import read, to_change
from tseep.datatypes.hash import Hash, ListpackHash
from tseep.datatypes.limits import LIMITS
from tseep.errors import SYNTAX, CommandError, wrong_arguments
from tseep.keyspace.scan import pick, walk
from tseep.registry.table import command
from tseep.replies import OK, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session

MOST_RANDOM = HIGHEST // 2
"""Maximum count of HRANDFIELD WITHVALUES, whose reply has two elements for each field."""


def _to_fill(session: Session, key: bytes) -> Hash:
    """Return the hash at a key, or a new hash that is not in the database yet, for a command that adds fields."""
    value = session.db.get(key)
    if type(value) is ListpackHash or type(value) is Hash:
        return value
    return to_change(session, key, Hash) or ListpackHash()


def _set_one(session: Session, key: bytes, value: Hash, field: bytes, text: bytes, event: bytes) -> int:
    """
    Set a field of a hash that L{_to_fill} returned.

    @return: the number of new fields.
    """
    before = len(value)
    value[field] = text
    after = len(value)
    if type(value) is ListpackHash and (
        after > LIMITS.hash_max_listpack_entries or len(field) + len(text) > LIMITS.hash_max_listpack_value
    ):
        value.convert_if_large((field, text))
    if before:
        session.db.changed(key, event)
    else:
        session.db.set(key, value, event)
    return after - before


def _set_all(session: Session, argv: list[bytes]) -> int:
    """Set fields; return the number of new ones."""
    if len(argv) % 2:
        raise wrong_arguments(argv[0].lower())
    value = _to_fill(session, argv[1])
    before = len(value)
    texts = argv[2:]
    value.update(zip(texts[::2], texts[1::2]))
    if type(value) is ListpackHash:
        value.convert_if_large(texts)
    if before:
        session.db.changed(argv[1], b"hset", len(texts) // 2)
    else:
        session.db.set(argv[1], value, b"hset", len(texts) // 2)
    return len(value) - before


@command("HSET")
def hset(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) == 4:
        return _set_one(session, argv[1], _to_fill(session, argv[1]), argv[2], argv[3], b"hset")
    return _set_all(session, argv)


@command("HMSET")
def hmset(session: Session, argv: list[bytes]) -> Reply:
    _set_all(session, argv)
    return OK


@command("HSETNX")
def hsetnx(session: Session, argv: list[bytes]) -> Reply:
    value = _to_fill(session, argv[1])
    if argv[2] in value:
        return 0
    return _set_one(session, argv[1], value, argv[2], argv[3], b"hset")


@command("HGET")
def hget(session: Session, argv: list[bytes]) -> Reply:
    value = read(session, argv[1], Hash)
    return None if value is None else value.get(argv[2])


@command("HMGET")
def hmget(session: Session, argv: list[bytes]) -> Reply:
    value = read(session, argv[1], Hash) or Hash()
    return list(map(value.get, argv[2:]))


@command("HGETALL")
def hgetall(session: Session, argv: list[bytes]) -> Reply:
    return dict(read(session, argv[1], Hash) or {})


@command("HKEYS")
def hkeys(session: Session, argv: list[bytes]) -> Reply:
    return list(read(session, argv[1], Hash) or ())


@command("HVALS")
def hvals(session: Session, argv: list[bytes]) -> Reply:
    return list((read(session, argv[1], Hash) or Hash()).values())


@command("HLEN")
def hlen(session: Session, argv: list[bytes]) -> Reply:
    return len(read(session, argv[1], Hash) or ())


@command("HEXISTS")
def hexists(session: Session, argv: list[bytes]) -> Reply:
    return int(argv[2] in (read(session, argv[1], Hash) or ()))


@command("HSTRLEN")
def hstrlen(session: Session, argv: list[bytes]) -> Reply:
    return len((read(session, argv[1], Hash) or Hash()).get(argv[2], b""))


@command("HDEL")
def hdel(session: Session, argv: list[bytes]) -> Reply:
    value = to_change(session, argv[1], Hash)
    if value is None:
        return 0
    before = len(value)
    for field in argv[2:]:
        value.pop(field, None)
    removed = before - len(value)
    if removed:
        session.db.shrunk(argv[1], value, b"hdel", removed)
    return removed


@command("HINCRBY")
def hincrby(session: Session, argv: list[bytes]) -> Reply:
    increment = require_integer(argv[3])
    value = _to_fill(session, argv[1])
    text = value.get(argv[2])
    total = increment if text is None else require_integer(text, "ERR hash value is not an integer") + increment
    if not LOWEST <= total <= HIGHEST:
        raise CommandError("ERR increment or decrement would overflow")
    _set_one(session, argv[1], value, argv[2], b"%d" % total, b"hincrby")
    return total


@command("HINCRBYFLOAT")
def hincrbyfloat(session: Session, argv: list[bytes]) -> Reply:
    increment = require_long_double(argv[3])
    if isinstance(increment, float):
        raise CommandError("ERR value is NaN or Infinity")
    value = _to_fill(session, argv[1])
    text = value.get(argv[2])
    number = ZERO if text is None else long_double(text)
    if number is None:
        raise CommandError("ERR hash value is not a float")
    total = sum_text(number, increment)
    if total is None:
        raise CommandError("ERR increment would produce NaN or Infinity")
    _set_one(session, argv[1], value, argv[2], total, b"hincrbyfloat")
    return total


@command("HRANDFIELD")
def hrandfield(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) == 2:
        value = read(session, argv[1], Hash)
        return None if value is None else pick(value)
    count = require_count(argv[2])
    with_values = len(argv) == 4 and argv[3].lower() == b"withvalues"
    if len(argv) > 4 or (len(argv) == 4 and not with_values):
        raise CommandError(SYNTAX)
    if with_values and not -MOST_RANDOM <= count <= MOST_RANDOM:
        raise CommandError("ERR value is out of range")
    value = read(session, argv[1], Hash) or Hash()
    if value and count < 0:
        require_room(count, value, *([value.values()] if with_values else []))
    fields = random_choice(list(value), count) if value and count else []
    if not with_values:
        return fields
    pairs = [[field, value[field]] for field in fields]
    return pairs if session.protocol == 3 else [word for pair in pairs for word in pair]


def random_choice(elements: list[bytes], count: int) -> list[bytes]:
    """Return C{count} distinct random elements; if it is negative, -C{count} elements with repetitions."""
    if count < 0:
        return random.choices(elements, k=-count)
    return random.sample(elements, count) if count < len(elements) else elements


@command("HSCAN")
def hscan(session: Session, argv: list[bytes]) -> Reply:
    cursor = read_cursor(argv[2])
    value = read(session, argv[1], Hash)
    if value is None:
        return [b"0", []]
    count, matches = scan_options(argv)
    following, fields = step_of_value(value, partial(walk, value), cursor, count)
    chosen = fields if matches is None else filter(matches, fields)
    return [following, [word for field in chosen for word in (field, value[field])]]
