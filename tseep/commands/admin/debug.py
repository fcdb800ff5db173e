"""
DEBUG, for tests of servers and clients (https://redis.io/docs/latest/commands/debug/).

Subcommands of Redis that concern its allocator, its data structures in C, replicas or the cluster are unknown.
"""

from __future__ import annotations

import re
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from tseep.algorithms.numeric import require_integer
from tseep.commands.admin.config import rewrite_file
from tseep.configuration.kinds import memory
from tseep.datatypes.encoding import encoding, references
from tseep.datatypes.memory import of_dict
from tseep.errors import NO_SUCH_KEY, CommandError, not_allowed, wrong_subcommand
from tseep.keyspace import digest
from tseep.persistence.reload import reload_log, reload_snapshot
from tseep.rdb.values import write_value
from tseep.registry.table import command
from tseep.replies import OK, Attributed, BigNumber, Push, Reply, SetReply, Several, Status, Verbatim
from tseep.session.client_info import is_allowed

if TYPE_CHECKING:
    from tseep.session.session import Session

_PACKED_THRESHOLD = memory(0, 2**32 - 2**20)
_NOT_POSITIVE = "ERR value is out of range, must be positive"
_LONGEST_SLEEP = 1_000_000_000
_NUMBER = re.compile(rb"\s*\+?(\d+\.?\d*|\.\d+)")

TYPES: dict[bytes, Reply] = {
    b"string": b"Hello World",
    b"integer": 12345,
    b"double": 3.141,
    b"bignum": BigNumber(b"1234567999999999999999999999999999999"),
    b"null": None,
    b"array": [0, 1, 2],
    b"set": SetReply([0, 1, 2]),
    b"map": {0: False, 1: True, 2: False},
    b"attrib": Attributed({b"key-popularity": [b"key:123", 90]}, b"Some real reply following the attribute"),
    b"push": Several([Push([b"server-cpu-usage", 42]), b"Some real reply following the push reply"]),
    b"verbatim": Verbatim(b"This is a verbatim\nstring"),
    b"true": True,
    b"false": False,
}
"""By type, the example that DEBUG PROTOCOL returns."""


class Subcommand(NamedTuple):
    """
    A subcommand of DEBUG.

    @ivar run: the function, with the session and the arguments after the subcommand's name as arguments.
    @ivar syntax: the arguments in HELP.
    @ivar least: the minimum number of arguments, C{most}: the maximum.
    """

    run: Callable[[Session, list[bytes]], Reply]
    syntax: str
    summary: str
    least: int
    most: int


@command("DEBUG")
def debug(session: Session, argv: list[bytes]) -> Reply:
    if not is_allowed(session, "enable-debug-command"):
        raise not_allowed("DEBUG")
    subcommand = _SUBCOMMANDS.get(argv[1].lower())
    if subcommand is None or not subcommand.least <= len(argv) - 2 <= subcommand.most:
        raise wrong_subcommand(argv)
    return subcommand.run(session, argv[2:])


def _sleep(session: Session, arguments: list[bytes]) -> Reply:
    time.sleep(min(_number(arguments[0]), _LONGEST_SLEEP))
    return OK


def _number(text: bytes) -> float:
    """Return the number at the start of a text like C's atof; 0 if there is none."""
    match = _NUMBER.match(text)
    return float(match[1]) if match else 0.0


def _object(session: Session, arguments: list[bytes]) -> Reply:
    db, key = session.db, arguments[0]
    value = db.values.get(key)  # even if it has expired
    if value is None:
        raise CommandError(NO_SUCH_KEY)
    by_frequency = session.server.keyspace.frequency is not None
    idle = 0 if by_frequency else db.idle(key)
    used = db.accessed[key] if by_frequency else session.server.keyspace.now // 1000 - idle
    count = references(value, not session.server.eviction.ranks_accesses)
    text = f"Value at:{id(value):#x} refcount:{count} encoding:{encoding(value).decode()}"
    text += f" serializedlength:{len(write_value(value)[1])} lru:{used & 0xFFFFFF} lru_seconds_idle:{idle}"
    return Status(text.encode())


def _set_active_expire(session: Session, arguments: list[bytes]) -> Reply:
    session.server.cron.active_expire = _flag(arguments[0])
    return OK


def _flag(text: bytes) -> bool:
    """Return whether a text begins with an integer other than 0."""
    return _number(text) >= 1


def _pause_cron(session: Session, arguments: list[bytes]) -> Reply:
    session.server.cron.paused = _flag(arguments[0])
    return OK


def _set_disable_deny_scripts(session: Session, arguments: list[bytes]) -> Reply:
    session.server.scripting.allows_noscript = _flag(arguments[0])
    return OK


def _change_replication_id(session: Session, arguments: list[bytes]) -> Reply:
    session.server.host.log(3, "Changing replication IDs after receiving DEBUG change-repl-id")
    session.server.change_replication_id()
    return OK


def _rewrite_all(session: Session, arguments: list[bytes]) -> Reply:
    rewrite_file(session.server, True)
    return OK


def _digest(session: Session, arguments: list[bytes]) -> Reply:
    return Status(digest.of_dataset(session.server.keyspace))


def _digest_value(session: Session, arguments: list[bytes]) -> Reply:
    return [Status(digest.of_value(session.db, key)) for key in arguments]


def _load_log(session: Session, arguments: list[bytes]) -> Reply:
    reload_log(session.server)
    return OK


def _reload(session: Session, arguments: list[bytes]) -> Reply:
    options = {option.lower() for option in arguments}
    if not options <= {b"merge", b"noflush", b"nosave"}:
        raise CommandError("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
    reload_snapshot(session.server, b"nosave" not in options, b"noflush" not in options, b"merge" in options)
    return OK


def _populate(session: Session, arguments: list[bytes]) -> Reply:
    db = session.db
    count, size = _positive(arguments[0]), _positive(arguments[2]) if len(arguments) > 2 else 0
    prefix = arguments[1] if len(arguments) > 1 else b"key"
    for number in range(count):
        key, value = b"%b:%d" % (prefix, number), b"value:%d" % number
        if db.get(key) is None:
            db.set(key, value[:size].ljust(size, b"\0") if size else value, b"")
    return OK


def _positive(text: bytes) -> int:
    number = require_integer(text, _NOT_POSITIVE)
    if number < 0:
        raise CommandError(_NOT_POSITIVE)
    return number


def _hash_tables(session: Session, arguments: list[bytes]) -> Reply:
    number, databases = require_integer(arguments[0]), session.server.keyspace.databases
    if not 0 <= number < len(databases):
        raise CommandError("ERR Out of range database")
    db = databases[number]
    text = f"[Dictionary HT]\n{_table(db.values)}[Expires HT]\n{_table(db.expires)}"
    return Verbatim(text.encode())


def _table(entries: dict[bytes, Any]) -> str:
    if not entries:
        return "No stats available for empty dictionaries\n"
    return f" number of elements: {len(entries)}\n bytes: {of_dict(entries)}\n"


def _set_aof_flush_sleep(session: Session, arguments: list[bytes]) -> Reply:
    session.server.persistence.log.flush_sleep = _number(arguments[0]) / 1e6
    return OK


def _set_skip_checksum_validation(session: Session, arguments: list[bytes]) -> Reply:
    session.server.checks_checksums = not _flag(arguments[0])
    return OK


def _set_packed_threshold(session: Session, arguments: list[bytes]) -> Reply:
    try:
        _PACKED_THRESHOLD.parse(arguments[0].decode("utf-8", "replace"))
    except ValueError:
        raise CommandError("ERR argument must be a memory value bigger than 1 and smaller than 4gb") from None
    return OK


def _reply_buffer(session: Session, arguments: list[bytes]) -> Reply:
    name, value = arguments[0].lower(), arguments[1].lower()
    if name not in (b"peak-reset-time", b"resizing"):
        raise wrong_subcommand([b"DEBUG", b"REPLYBUFFER"])
    if name == b"peak-reset-time" and value not in (b"never", b"reset"):
        require_integer(value)
    return OK


def _segfault(session: Session, arguments: list[bytes]) -> Reply:
    signal.raise_signal(signal.SIGSEGV)  # in this thread, as a fault does
    return OK


def _log(session: Session, arguments: list[bytes]) -> Reply:
    session.server.host.log(3, f"DEBUG LOG: {arguments[0].decode('utf-8', 'surrogateescape')}")
    return OK


def _error(session: Session, arguments: list[bytes]) -> Reply:
    raise CommandError(arguments[0])


def _protocol(session: Session, arguments: list[bytes]) -> Reply:
    name = arguments[0].lower()
    if name not in TYPES:
        raise CommandError(
            "ERR Wrong protocol type name. Please use one of the following: "
            "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
        )
    if name == b"push" and session.protocol < 3:
        raise CommandError("ERR RESP2 is not supported by this command")
    return TYPES[name]


def _help(session: Session, arguments: list[bytes]) -> Reply:
    lines = ["DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for name, subcommand in _SUBCOMMANDS.items():
        lines += [f"{name.decode().upper()} {subcommand.syntax}".rstrip(), f"    {subcommand.summary}"]
    return [Status(line.encode()) for line in lines]


_SUBCOMMANDS: dict[bytes, Subcommand] = {
    b"aof-flush-sleep": Subcommand(
        _set_aof_flush_sleep, "microseconds", "Delays each write to the append-only file, for tests.", 1, 1
    ),
    b"change-repl-id": Subcommand(_change_replication_id, "", "Changes the replication ID.", 0, 0),
    b"config-rewrite-force-all": Subcommand(
        _rewrite_all, "", "Writes all parameters to the configuration file, also those with their default.", 0, 0
    ),
    b"digest": Subcommand(_digest, "", "Returns a signature of all keys.", 0, 0),
    b"digest-value": Subcommand(_digest_value, "key [key ...]", "Returns signatures of values.", 0, sys.maxsize),
    b"error": Subcommand(_error, "message", "Returns an error with this message.", 1, 1),
    b"htstats": Subcommand(_hash_tables, "database", "Returns the sizes of a database's dictionaries.", 1, 1),
    b"loadaof": Subcommand(_load_log, "", "Empties the server, and loads the append-only file.", 0, 0),
    b"log": Subcommand(_log, "message", "Writes the message to the log.", 1, 1),
    b"object": Subcommand(_object, "key", "Returns the encoding and other properties of a value.", 1, 1),
    b"pause-cron": Subcommand(_pause_cron, "0|1", "Stops (1) or resumes (0) the periodic tasks.", 1, 1),
    b"populate": Subcommand(
        _populate, "count [prefix] [size]", "Creates keys PREFIX:NUMBER with strings; existing keys are kept.", 1, 3
    ),
    b"protocol": Subcommand(_protocol, "type", "Returns an example of a type of reply.", 1, 1),
    b"quicklist-packed-threshold": Subcommand(
        _set_packed_threshold, "size", "Has no effect: a list keeps elements of all sizes alike.", 1, 1
    ),
    b"reload": Subcommand(
        _reload, "[MERGE] [NOFLUSH] [NOSAVE]", "Saves a snapshot, empties the server, and loads it.", 0, sys.maxsize
    ),
    b"replybuffer": Subcommand(
        _reply_buffer, "PEAK-RESET-TIME|RESIZING value", "Has no effect: a client has no reply buffer.", 2, 2
    ),
    b"segfault": Subcommand(_segfault, "", "Ends the process by SIGSEGV.", 0, 0),
    b"set-active-expire": Subcommand(_set_active_expire, "0|1", "Stops (0) or resumes (1) active expiry.", 1, 1),
    b"set-disable-deny-scripts": Subcommand(
        _set_disable_deny_scripts, "0|1", "Permits (1) commands to scripts that they may not call.", 1, 1
    ),
    b"set-skip-checksum-validation": Subcommand(
        _set_skip_checksum_validation, "0|1", "Skips (1) the checksums of snapshots and of RESTORE's payloads.", 1, 1
    ),
    b"sleep": Subcommand(_sleep, "seconds", "Blocks the server, and so every client.", 1, 1),
    b"help": Subcommand(_help, "", "Lists the subcommands.", 0, 0),
}
