"""Access control lists: the subcommands of ACL (https://redis.io/docs/latest/commands/acl-setuser/)."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from tseep.access.users import BAD_NAME
from tseep.algorithms.numeric import require_integer
from tseep.commands.arguments import REDACTED
from tseep.errors import READS_ANY_KEY, AclRuleError, CommandError, wrong_arguments, wrong_subcommand
from tseep.registry.categories import CATEGORIES, categories_of
from tseep.registry.table import command, iter_commands
from tseep.replies import OK, Reply, SetReply

if TYPE_CHECKING:
    from tseep.access.selector import Denied
    from tseep.access.users import User
    from tseep.session.session import Session

_MOST_BITS = 4096
_GENERATED = 256
_SHOWN = 10
_NO_FILE = (
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER "
    "command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store "
    "users in the Redis configuration."
)


@command("ACL WHOAMI")
def acl_whoami(session: Session, argv: list[bytes]) -> Reply:
    return session.user.name


@command("ACL USERS")
def acl_users(session: Session, argv: list[bytes]) -> Reply:
    return sorted(session.server.users.named)


@command("ACL LIST")
def acl_list(session: Session, argv: list[bytes]) -> Reply:
    return [_encode(user.show()) for _, user in sorted(session.server.users.named.items())]


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@command("ACL GETUSER")
def acl_getuser(session: Session, argv: list[bytes]) -> Reply:
    user = session.server.users.named.get(argv[2])
    if user is None:
        return None
    first, *others = [
        {
            b"commands": _encode(selector.shown_commands),
            b"keys": _encode(selector.shown_keys),
            b"channels": _encode(selector.shown_channels),
        }
        for selector in user.selectors
    ]
    flags = SetReply(map(_encode, user.flags))
    return {b"flags": flags, b"passwords": list(map(_encode, user.hashes)), **first, b"selectors": others}


@command("ACL SETUSER")
def acl_setuser(session: Session, argv: list[bytes]) -> Reply:
    name = argv[2]
    rules = [rule.decode("utf-8", "surrogateescape") for rule in argv[3:]]
    argv[2:] = [REDACTED] * (1 + len(rules))
    if any(byte in b" \t\n\r\v\f\0" for byte in name):
        raise CommandError(f"ERR {BAD_NAME}")
    try:
        session.server.users.change(name, rules)
    except AclRuleError as error:
        reason, *rule = error.args
        where = f"Error in ACL SETUSER modifier '{rule[0]}': " if rule else ""
        raise CommandError(_encode(f"ERR {where}{reason}")) from error
    return OK


@command("ACL DELUSER")
def acl_deluser(session: Session, argv: list[bytes]) -> Reply:
    if b"default" in argv[2:]:
        raise CommandError("ERR The 'default' user cannot be removed")
    return sum([session.server.users.delete(name, session) for name in argv[2:]])


def _optional(argv: list[bytes]) -> bytes | None:
    """Return the only argument of a subcommand; None if it is omitted."""
    if len(argv) > 3:
        raise wrong_subcommand(argv)
    return argv[2] if len(argv) == 3 else None


@command("ACL CAT")
def acl_cat(session: Session, argv: list[bytes]) -> Reply:
    name = _optional(argv)
    if name is None:
        return [_encode(category) for category in CATEGORIES]
    category = name.lower().decode("utf-8", "replace")
    if category not in CATEGORIES:
        raise CommandError(b"ERR Unknown category '%b'" % name[:128])
    return [entry.name for entry in iter_commands(session.server.table.commands) if category in categories_of(entry)]


@command("ACL GENPASS")
def acl_genpass(session: Session, argv: list[bytes]) -> Reply:
    text = _optional(argv)
    bits = _GENERATED if text is None else require_integer(text)
    if not 0 < bits <= _MOST_BITS:
        raise CommandError(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
        )
    digits = (bits + 3) // 4
    return secrets.token_hex(digits)[:digits].encode()


@command("ACL DRYRUN")
def acl_dryrun(session: Session, argv: list[bytes]) -> Reply:
    server, words = session.server, argv[3:]
    user: User | None = server.users.named.get(argv[2])
    if user is None:
        raise CommandError(b"ERR User '%b' not found" % argv[2])
    found = server.table.find(words)
    if found is None:
        raise CommandError(b"ERR Command '%b' not found" % words[0])
    if found.run is None or not found.takes(len(words)):
        raise wrong_arguments(found.name)
    denied = user.check(found, words)
    if denied is not None:
        return _explanation(denied)
    option = user.forbidden_option(found, words)
    return OK if option is None else READS_ANY_KEY % option


def _explanation(denied: Denied) -> bytes:
    if denied.reason in ("key", "channel"):
        return b"This user has no permissions to access the '%b' %b" % (denied.what, denied.reason.encode())
    return b"This user has no permissions to run the '%b' command" % denied.what


@command("ACL LOG")
def acl_log(session: Session, argv: list[bytes]) -> Reply:
    log, word = session.server.acl_log, _optional(argv)
    if word is not None and word.lower() == b"reset":
        log.clear()
        return OK
    count = _SHOWN if word is None else max(0, require_integer(word))
    return log.show(count, session.server.monotonic())


@command("ACL LOAD")
def acl_load(session: Session, argv: list[bytes]) -> Reply:
    path = _file(session)
    try:
        session.server.users.load(path, session)
    except AclRuleError as error:
        raise CommandError(_encode(f"ERR {error}")) from error
    return OK


@command("ACL SAVE")
def acl_save(session: Session, argv: list[bytes]) -> Reply:
    path = _file(session)
    try:
        session.server.users.save(path)
    except OSError as error:
        raise CommandError(f"ERR There was an error trying to save the ACLs: {path}: {error.strerror}") from error
    return OK


def _file(session: Session) -> Path:
    path = session.server.users.file
    if path is None:
        raise CommandError(_NO_FILE)
    return path
