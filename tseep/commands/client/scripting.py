"""EVAL and the subcommands of SCRIPT (https://redis.io/docs/latest/commands/?group=scripting)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.algorithms.numeric import require_integer
from tseep.errors import NOT_AN_INTEGER, CommandError
from tseep.registry.table import command
from tseep.replies import OK, Reply
from tseep.scripting.debugging import NO, SYNC, YES, debug
from tseep.scripting.scripts import BUSY_SCRIPT

if TYPE_CHECKING:
    from tseep.session.session import Session


_DEBUG_MODES = {b"no": NO, b"sync": SYNC, b"yes": YES}


def keys_and_arguments(argv: list[bytes], error: str = NOT_AN_INTEGER) -> tuple[list[bytes], list[bytes]]:
    """
    Return the keys, whose number is the third word of the command, and the arguments after them.

    @param error: the error if that word is not an integer.
    @raise CommandError: if it is not a possible number of keys.
    """
    count = require_integer(argv[2], error)
    if count > len(argv) - 3:
        raise CommandError("ERR Number of keys can't be greater than number of args")
    if count < 0:
        raise CommandError("ERR Number of keys can't be negative")
    return argv[3 : 3 + count], argv[3 + count :]


def _eval(session: Session, argv: list[bytes], ro: bool) -> Reply:
    if session.debugging:
        return debug(session, argv[1], lambda: _run(session, argv, ro))
    return _run(session, argv, ro)


def _run(session: Session, argv: list[bytes], ro: bool) -> Reply:
    given = keys_and_arguments(argv)  # its errors come before those of the script, as in Redis
    scripting = session.server.scripting
    return scripting.run_script(session, scripting.load(argv[1]), given, argv, ro)


def _evalsha(session: Session, argv: list[bytes], ro: bool) -> Reply:
    if session.debugging:
        raise CommandError("ERR Please use EVAL instead of EVALSHA for debugging")
    given = keys_and_arguments(argv)
    scripting = session.server.scripting
    return scripting.run_script(session, scripting.find(argv[1]), given, argv, ro)


@command("EVAL")
def eval_(session: Session, argv: list[bytes]) -> Reply:
    return _eval(session, argv, False)


@command("EVALSHA")
def evalsha(session: Session, argv: list[bytes]) -> Reply:
    return _evalsha(session, argv, False)


@command("EVAL_RO")
def eval_ro(session: Session, argv: list[bytes]) -> Reply:
    return _eval(session, argv, True)


@command("EVALSHA_RO")
def evalsha_ro(session: Session, argv: list[bytes]) -> Reply:
    return _evalsha(session, argv, True)


@command("SCRIPT LOAD")
def script_load(session: Session, argv: list[bytes]) -> Reply:
    return session.server.scripting.load(argv[2]).sha


@command("SCRIPT EXISTS")
def script_exists(session: Session, argv: list[bytes]) -> Reply:
    scripts = session.server.scripting.scripts
    return [int(sha.lower() in scripts) for sha in argv[2:]]


@command("SCRIPT FLUSH")
def script_flush(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) > 3 or (len(argv) == 3 and argv[2].lower() not in (b"async", b"sync")):
        raise CommandError("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
    session.server.scripting.forget()
    return OK


@command("SCRIPT KILL")
def script_kill(session: Session, argv: list[bytes]) -> Reply:
    session.server.scripting.kill(BUSY_SCRIPT)
    return OK


@command("SCRIPT DEBUG")
def script_debug(session: Session, argv: list[bytes]) -> Reply:
    if session.reply_memory or session.connection.unsent:
        raise CommandError("ERR SCRIPT DEBUG must be called outside a pipeline")
    mode = _DEBUG_MODES.get(argv[2].lower())
    if mode is None:
        raise CommandError("ERR Use SCRIPT DEBUG YES/SYNC/NO")
    session.debugging = mode
    return OK
