"""DUMP and RESTORE: values in Redis's serialisation format (https://redis.io/docs/latest/commands/dump/)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tseep.algorithms.numeric import HIGHEST, require_integer
from tseep.commands.data.typed import place
from tseep.errors import SYNTAX, CommandError
from tseep.keyspace.usage import LFUCounters
from tseep.rdb.format import Corrupt
from tseep.rdb.payload import BAD_FOOTER, dump, restore
from tseep.registry.table import command
from tseep.replies import OK, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session


@command("DUMP")
def dump_(session: Session, argv: list[bytes]) -> Reply:
    value = session.db.read(argv[1])
    return None if value is None else dump(value)


@command("RESTORE")
def restore_(session: Session, argv: list[bytes]) -> Reply:
    db, key = session.db, argv[1]
    options = _Options(argv)
    if not options.replace and db.get(key) is not None:
        raise CommandError("BUSYKEY Target key name already exists.")
    when = require_integer(argv[2])
    if when < 0:
        raise CommandError("ERR Invalid TTL value, must be >= 0")
    value = _restored(session, argv[3])
    if options.replace:
        db.delete(key)
    if when and not options.absolute:
        when += session.server.keyspace.now
        when -= 2**64 if when > HIGHEST else 0  # overflows as in Redis, where the key is then expired
    if when and when < session.server.keyspace.now:
        return OK
    place(db, key, value, when or None, b"restore")
    uses = db.accessed
    if not isinstance(uses, LFUCounters):
        uses[key] -= options.idle or 0
    elif options.frequency is not None:
        uses.set_counter(key, session.server.keyspace.second, options.frequency)
    return OK


@command("RESTORE-ASKING")
def restore_asking(session: Session, argv: list[bytes]) -> Reply:
    return restore_(session, argv)


class _Options:
    """
    Options of RESTORE.

    @ivar replace: True if an existing key is replaced.
    @ivar absolute: True if the expiration is a Unix time.
    @ivar idle: seconds since the last access, or None.
    @ivar frequency: the LFU counter, or None.
    """

    def __init__(self, argv: list[bytes]) -> None:
        self.replace = self.absolute = False
        self.idle: int | None = None
        self.frequency: int | None = None
        words = iter(argv[4:])
        for word in words:
            self._take(word.lower(), words)

    def _take(self, option: bytes, words: Iterator[bytes]) -> None:
        if option == b"replace":
            self.replace = True
        elif option == b"absttl":
            self.absolute = True
        elif option == b"idletime" and self.frequency is None:
            self.idle = _number(words, 2**63 - 1, "ERR Invalid IDLETIME value, must be >= 0")
        elif option == b"freq" and self.idle is None:
            self.frequency = _number(words, 255, "ERR Invalid FREQ value, must be >= 0 and <= 255")
        else:
            raise CommandError(SYNTAX)


def _number(words: Iterator[bytes], most: int, error: str) -> int:
    text = next(words, None)
    if text is None:
        raise CommandError(SYNTAX)
    number = require_integer(text)
    if not 0 <= number <= most:
        raise CommandError(error)
    return number


def _restored(session: Session, payload: bytes) -> Any:
    try:
        return restore(payload, session.server.checks_checksums)
    except Corrupt as error:
        known = str(error) == BAD_FOOTER
        session.server.host.log(1, f"Internal error in RDB reading: {error}")
        raise CommandError(f"ERR {error}" if known else "ERR Bad data format") from error
