"""Scripts (https://redis.io/docs/latest/commands/?group=scripting)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tseep.algorithms.numeric import require_integer
from tseep.errors import NOT_AN_INTEGER, CommandError
from tseep.registry.table import command, container
from tseep.replies import OK, Reply
from tseep.scripting.scripts import BUSY_SCRIPT

if TYPE_CHECKING:
    from tseep.session.session import Session

_SCRIPT_TIME = "Depends on the script that is executed."
CALLING = "noscript stale skip_monitor no_mandatory_keys movablekeys"
_KEYS = "numkeys [key [key ...]] [arg [arg ...]]"

_changing: dict[str, Any] = {"arity": -3, "flags": CALLING, "access": "RW ACCESS UPDATE @ numkeys 2"}
_reading: dict[str, Any] = {"arity": -3, "flags": f"readonly {CALLING}", "access": "RO ACCESS @ numkeys 2"}


def keys_and_arguments(argv: list[bytes], error: str = NOT_AN_INTEGER) -> tuple[list[bytes], list[bytes]]:
    """
    What a script or a function is given: the keys, whose number is the third word of a command, and the words after.

    @param error: for a number that is none.
    @raise CommandError: if that is no number of keys.
    """
    count = require_integer(argv[2], error)
    if count > len(argv) - 3:
        raise CommandError("ERR Number of keys can't be greater than number of args")
    if count < 0:
        raise CommandError("ERR Number of keys can't be negative")
    return argv[3 : 3 + count], argv[3 + count :]


def _eval(session: Session, argv: list[bytes], ro: bool) -> Reply:
    given = keys_and_arguments(argv)  # before the script is looked at
    scripting = session.server.scripting
    return scripting.run_script(session, scripting.load(argv[1]), given, argv, ro)


def _evalsha(session: Session, argv: list[bytes], ro: bool) -> Reply:
    given = keys_and_arguments(argv)
    scripting = session.server.scripting
    return scripting.run_script(session, scripting.find(argv[1]), given, argv, ro)


@command("EVAL", since="2.6.0", complexity=_SCRIPT_TIME, syntax=f"script {_KEYS}", **_changing)
def eval_(session: Session, argv: list[bytes]) -> Reply:
    """Runs a script."""
    return _eval(session, argv, False)


@command("EVALSHA", since="2.6.0", complexity=_SCRIPT_TIME, syntax=f"sha1 {_KEYS}", **_changing)
def evalsha(session: Session, argv: list[bytes]) -> Reply:
    """Runs a script that the server knows, by its digest."""
    return _evalsha(session, argv, False)


@command("EVAL_RO", since="7.0.0", complexity=_SCRIPT_TIME, syntax=f"script {_KEYS}", **_reading)
def eval_ro(session: Session, argv: list[bytes]) -> Reply:
    """Runs a script that may change nothing."""
    return _eval(session, argv, True)


@command("EVALSHA_RO", since="7.0.0", complexity=_SCRIPT_TIME, syntax=f"sha1 {_KEYS}", **_reading)
def evalsha_ro(session: Session, argv: list[bytes]) -> Reply:
    """Runs a script that the server knows, by its digest, and that may change nothing."""
    return _evalsha(session, argv, True)


container("SCRIPT", __name__, "Holds the commands about scripts.", since="2.6.0")

_EVERYWHERE = "request_policy:all_nodes response_policy:all_succeeded"


@command(
    "SCRIPT LOAD", arity=3, flags="noscript stale", since="2.6.0", tips=_EVERYWHERE, syntax="script",
    complexity="O(N) where N is the length of the script.",
)  # fmt: skip
def script_load(session: Session, argv: list[bytes]) -> Reply:
    """Makes a script known, and answers its digest."""
    return session.server.scripting.load(argv[2]).sha


@command(
    "SCRIPT EXISTS", arity=-3, flags="noscript", since="2.6.0", syntax="sha1 [sha1 ...]",
    tips="request_policy:all_shards response_policy:agg_logical_and",
    complexity="O(N) where N is the number of digests.",
)  # fmt: skip
def script_exists(session: Session, argv: list[bytes]) -> Reply:
    """Says of each of some digests whether its script is known."""
    scripts = session.server.scripting.scripts
    return [int(sha.lower() in scripts) for sha in argv[2:]]


@command(
    "SCRIPT FLUSH", arity=-2, flags="noscript", since="2.6.0", tips=_EVERYWHERE, syntax="[ASYNC | SYNC]",
    complexity="O(N) where N is the number of scripts.",
)  # fmt: skip
def script_flush(session: Session, argv: list[bytes]) -> Reply:
    """Forgets every script."""
    if len(argv) > 3 or (len(argv) == 3 and argv[2].lower() not in (b"async", b"sync")):
        raise CommandError("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
    session.server.scripting.forget()
    return OK


@command(
    "SCRIPT KILL", arity=2, flags="noscript allow_busy", since="2.6.0",
    tips="request_policy:all_shards response_policy:one_succeeded",
)  # fmt: skip
def script_kill(session: Session, argv: list[bytes]) -> Reply:
    """Ends the script that runs, if it has not changed anything."""
    session.server.scripting.kill(BUSY_SCRIPT)
    return OK


@command("SCRIPT DEBUG", arity=3, flags="noscript", since="3.2.0", syntax="<YES | SYNC | NO>")
def script_debug(session: Session, argv: list[bytes]) -> Reply:
    """Turns the debugger of scripts on or off; there is none here."""
    word = argv[2].lower()
    if word == b"no":
        return OK
    if word in (b"yes", b"sync"):
        raise CommandError("ERR this server has no debugger for scripts; use redis.log() or redis-server's")
    raise CommandError("ERR Use SCRIPT DEBUG YES/SYNC/NO")
