"""
Translation of commands for propagation, so that replaying them gives the same data at any time: expiry times become
absolute, random choices and elements that blocked clients received become explicit (redis/src/server.c, propagation;
https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/).

A command without a translation is propagated unchanged, if it changed something.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Callable

from tseep.datatypes.hash import Hash
from tseep.datatypes.stream import Group, Stream, id_text
from tseep.datatypes.stream_ids import leading_ids, read_id

if TYPE_CHECKING:
    from tseep.keyspace.database import Database
    from tseep.session.session import Session

Argv = list[bytes]
Effects = list[Argv]
Translate = Callable[["Database", Argv, Any], Effects]


def effects(session: Session, name: bytes, argv: Argv, reply: Any) -> Effects:
    """
    The commands to propagate for an executed command.

    @param name: its full name, such as C{xgroup|create}.
    @param argv: its arguments, as received.
    @param reply: its reply, which is not an error.
    """
    translate = _TRANSLATE.get(name)
    return [argv] if translate is None else translate(session.db, argv, reply)


# Expiry times


def _key_with_time(db: Database, key: bytes) -> Effects:
    """SET with the string's present value and absolute expiry time."""
    value = db.values.get(key)
    if value is None:  # expired at once
        return [[b"DEL", key]]
    when = db.expires.get(key)
    return [[b"SET", key, bytes(value)] + ([] if when is None else [b"PXAT", b"%d" % when])]


def _set(db: Database, argv: Argv, reply: Any) -> Effects:
    return [argv] if len(argv) == 3 else _key_with_time(db, argv[1])


def _only_time(db: Database, argv: Argv, reply: Any) -> Effects:
    """The present expiry time of a key; DEL if the key was deleted."""
    key = argv[1]
    when = db.expires.get(key)
    if when is not None:
        return [[b"PEXPIREAT", key, b"%d" % when]]
    return [[b"PERSIST" if key in db.values else b"DEL", key]]


def _restore(db: Database, argv: Argv, reply: Any) -> Effects:
    if argv[1] not in db.values:  # expired at once
        return [[b"DEL", argv[1]]]
    when = db.expires.get(argv[1], 0)
    if not when or b"absttl" in [word.lower() for word in argv[4:]]:
        return [argv]
    return [[b"RESTORE", argv[1], b"%d" % when, argv[3], *argv[4:], b"ABSTTL"]]


# Floating-point sums, which can differ between processors


def _hash_field(db: Database, argv: Argv, reply: Any) -> Effects:
    value = db.values[argv[1]]
    assert isinstance(value, Hash)
    return [[b"HSET", argv[1], argv[2], value[argv[2]]]]


# Random choices and blocking commands


def _spop(db: Database, argv: Argv, reply: Any) -> Effects:
    if argv[1] not in db.values:
        return [[b"DEL", argv[1]]]
    return [[b"SREM", argv[1], *([reply] if type(reply) is bytes else reply)]]


def _popping(name: bytes) -> Translate:
    """Translation of a blocking pop from one list, whose reply begins with the key."""
    return lambda db, argv, reply: [[name, reply[0]]]


def _list_pop(db: Database, argv: Argv, reply: Any) -> Effects:
    """BLMPOP timeout numkeys key [key ...] side, whose reply is the key and the elements."""
    key, elements = reply
    return [[b"LMPOP", b"1", key, argv[3 + int(argv[2])], b"COUNT", b"%d" % len(elements)]]


def _member_pop(db: Database, argv: Argv, reply: Any) -> Effects:
    """ZREM of the reply's key and member."""
    return [[b"ZREM", reply[0], reply[1]]]


def _members_pop(db: Database, argv: Argv, reply: Any) -> Effects:
    key, members = reply
    return [[b"ZREM", key, *[member for member, _ in members]]]


def _block_move(db: Database, argv: Argv, reply: Any) -> Effects:
    return [[b"LMOVE", *argv[1:5]]]


def _block_rpoplpush(db: Database, argv: Argv, reply: Any) -> Effects:
    return [[b"RPOPLPUSH", *argv[1:3]]]


# Streams


def _xadd(db: Database, argv: Argv, reply: Any) -> Effects:
    at = _id_place(argv)
    added = [b"XADD", argv[1], reply, *argv[at + 1 :]]
    return [added] if at == 2 else [added, *_xtrim(db, argv, reply)]


def _id_place(argv: Argv) -> int:
    """The index of the ID in an XADD: after the options."""
    at = 2
    while True:
        option = argv[at].lower()
        if option in (b"maxlen", b"minid"):
            at += 3 if argv[at + 1] in (b"~", b"=") else 2
        elif option == b"limit":
            at += 2
        elif option == b"nomkstream":
            at += 1
        else:
            return at


def _xtrim(db: Database, argv: Argv, reply: Any) -> Effects:
    """XTRIM to the present first entry, as what C{~} removes depends on the entries' layout in memory."""
    stream: Stream = db.values[argv[1]]
    if not stream.entries:
        return [[b"XTRIM", argv[1], b"MAXLEN", b"0"]]
    return [[b"XTRIM", argv[1], b"MINID", id_text(stream.entries.first())]]


def _xclaim(db: Database, argv: Argv, reply: Any) -> Effects:
    key, name = argv[1], argv[2]
    group = _group(db, key, name)
    gone = [id_text(id) for id in leading_ids(argv[5:]) if group.pending.get(id) is None]
    found = _claims(group, key, name, argv[3], map(_id_of, reply))
    last = [_last(group, key, name)] if any(word.lower() == b"lastid" for word in argv) else []
    return found + _acknowledge(key, name, gone) + last


def _xautoclaim(db: Database, argv: Argv, reply: Any) -> Effects:
    key, name = argv[1], argv[2]
    _, claimed, deleted = reply
    found = _claims(_group(db, key, name), key, name, argv[3], map(_id_of, claimed))
    return found + _acknowledge(key, name, deleted)


def _xreadgroup(db: Database, argv: Argv, reply: Any) -> Effects:
    at = next(at for at, word in enumerate(argv) if word.lower() == b"group")
    name, consumer = argv[at + 1 : at + 3]
    out: Effects = []
    pairs = reply.items() if isinstance(reply, dict) else reply if isinstance(reply, list) else ()
    for key, found in pairs:
        group = _group(db, key, name)
        out += _claims(group, key, name, consumer, (entry[0] for entry in found))
        out.append(_last(group, key, name))
    return out


def _group(db: Database, key: bytes, name: bytes) -> Group:
    group: Group = db.values[key].groups[name]
    return group


def _id_of(claimed: Any) -> bytes:
    """The ID of an entry in a reply, which is the ID alone or the ID and the fields."""
    return claimed if type(claimed) is bytes else claimed[0]


def _claims(group: Group, key: bytes, name: bytes, consumer: bytes, ids: Iterable[bytes]) -> Effects:
    """XCLAIMs of the entries pending for a consumer; XGROUP CREATECONSUMER if none of them is."""
    out: Effects = []
    for id in ids:
        pending = group.pending.get(read_id(id))
        if pending is not None:
            state = [b"TIME", b"%d" % pending.time, b"RETRYCOUNT", b"%d" % pending.count]
            out.append([b"XCLAIM", key, name, consumer, b"0", id, *state, b"FORCE", b"JUSTID"])
    return out or [[b"XGROUP", b"CREATECONSUMER", key, name, consumer]]


def _acknowledge(key: bytes, name: bytes, ids: list[bytes]) -> Effects:
    return [[b"XACK", key, name, *ids]] if ids else []


def _last(group: Group, key: bytes, name: bytes) -> Argv:
    """XGROUP SETID with the last ID delivered to a group."""
    read = -1 if group.entries_read is None else group.entries_read
    return [b"XGROUP", b"SETID", key, name, id_text(group.last_id), b"ENTRIESREAD", b"%d" % read]


_TRANSLATE: dict[bytes, Translate] = {
    b"set": _set,
    b"setex": lambda db, argv, reply: _key_with_time(db, argv[1]),
    b"psetex": lambda db, argv, reply: _key_with_time(db, argv[1]),
    b"incrbyfloat": lambda db, argv, reply: _key_with_time(db, argv[1]),
    **dict.fromkeys((b"getex", b"expire", b"pexpire", b"expireat", b"pexpireat"), _only_time),
    b"restore": _restore,
    b"hincrbyfloat": _hash_field,
    b"spop": _spop,
    b"blpop": _popping(b"LPOP"),
    b"brpop": _popping(b"RPOP"),
    b"blmpop": _list_pop,
    b"bzpopmin": _member_pop,
    b"bzpopmax": _member_pop,
    b"bzmpop": _members_pop,
    b"blmove": _block_move,
    b"brpoplpush": _block_rpoplpush,
    b"xadd": _xadd,
    b"xtrim": _xtrim,
    b"xclaim": _xclaim,
    b"xautoclaim": _xautoclaim,
    b"xreadgroup": _xreadgroup,
}
