"""FCALL and the subcommands of FUNCTION (https://redis.io/docs/latest/commands/?group=scripting)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tseep.algorithms.glob import matcher
from tseep.commands.client.scripting import keys_and_arguments
from tseep.errors import CommandError, wrong_subcommand
from tseep.rdb.format import Corrupt
from tseep.rdb.payload import dump_libraries, restore_libraries
from tseep.registry.table import command
from tseep.replies import OK, Reply, SetReply, Status
from tseep.scripting.functions import FLAGS, Function, Library
from tseep.scripting.lua.interpreter import require_lua
from tseep.scripting.scripts import BUSY_FUNCTION, BUSY_SCRIPT

if TYPE_CHECKING:
    from tseep.session.session import Session


@command("FCALL")
def fcall(session: Session, argv: list[bytes]) -> Reply:
    return _call(session, argv, False)


@command("FCALL_RO")
def fcall_ro(session: Session, argv: list[bytes]) -> Reply:
    return _call(session, argv, True)


def _call(session: Session, argv: list[bytes], ro: bool) -> Reply:
    scripting = session.server.scripting
    function = scripting.functions.functions.get(argv[1].lower())
    if function is None:
        require_lua()
        raise CommandError("ERR Function not found")
    given = keys_and_arguments(argv, "ERR Bad number of keys provided")
    return scripting.run_function(session, function, given, argv, ro)


@command("FUNCTION LOAD")
def function_load(session: Session, argv: list[bytes]) -> Reply:
    *options, code = argv[2:]
    for option in options:
        if option.lower() != b"replace":
            raise CommandError(b"ERR Unknown option given: %b" % option)
    scripting = session.server.scripting
    name = scripting.functions.load(scripting.interpreter, code, bool(options))
    session.server.persistence.recording.count()
    return name


@command("FUNCTION DELETE")
def function_delete(session: Session, argv: list[bytes]) -> Reply:
    session.server.scripting.functions.delete(argv[2])
    session.server.persistence.recording.count()
    return OK


@command("FUNCTION FLUSH")
def function_flush(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) > 3:
        raise wrong_subcommand(argv)
    if len(argv) == 3 and argv[2].lower() not in (b"async", b"sync"):
        raise CommandError("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
    session.server.scripting.functions.clear()
    session.server.persistence.recording.count()
    return OK


@command("FUNCTION DUMP")
def function_dump(session: Session, argv: list[bytes]) -> Reply:
    return dump_libraries([library.code for library in session.server.scripting.functions.libraries.values()])


@command("FUNCTION RESTORE")
def function_restore(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) > 4:
        raise wrong_subcommand(argv)
    policy = argv[3].lower() if len(argv) == 4 else b"append"
    if policy not in (b"flush", b"append", b"replace"):
        raise CommandError("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
    try:
        codes = restore_libraries(argv[2], session.server.checks_checksums)
    except Corrupt as error:
        raise CommandError(f"ERR {error}") from error
    scripting = session.server.scripting
    scripting.functions.restore(scripting.interpreter, codes, policy == b"flush", policy == b"replace")
    session.server.persistence.recording.count()
    return OK


@command("FUNCTION LIST")
def function_list(session: Session, argv: list[bytes]) -> Reply:
    pattern, with_code = None, False
    words = iter(argv[2:])
    for word in words:
        option = word.lower()
        if option == b"withcode" and not with_code:
            with_code = True
        elif option == b"libraryname" and pattern is None:
            pattern = next(words, None)
            if pattern is None:
                raise CommandError("ERR library name argument was not given")
        else:
            raise CommandError(b"ERR Unknown argument %b" % word)
    matches = matcher(b"*" if pattern is None else pattern.lower())
    libraries = session.server.scripting.functions.libraries
    return [_describe(library, with_code) for name, library in libraries.items() if matches(name.lower())]


def _describe(library: Library, with_code: bool) -> dict[bytes, Any]:
    about = {
        b"library_name": library.name,
        b"engine": b"LUA",
        b"functions": [_describe_function(function) for function in library.functions.values()],
    }
    return {**about, b"library_code": library.code} if with_code else about


def _describe_function(function: Function) -> dict[bytes, Any]:
    flags = SetReply(Status(flag) for flag in FLAGS if flag in function.flags)
    return {b"name": function.name, b"description": function.description, b"flags": flags}


@command("FUNCTION STATS")
def function_stats(session: Session, argv: list[bytes]) -> Reply:
    scripting, timer = session.server.scripting, session.server.timer
    running = scripting.running
    if running is not None and running.error == BUSY_SCRIPT:
        raise CommandError(BUSY_SCRIPT)
    about = running and {
        b"name": running.name,
        b"command": running.argv,
        b"duration_ms": (timer() - running.started) // 1_000_000,
    }
    functions = scripting.functions
    counts = {b"libraries_count": len(functions.libraries), b"functions_count": len(functions.functions)}
    return {b"running_script": about, b"engines": {b"LUA": counts}}


@command("FUNCTION KILL")
def function_kill(session: Session, argv: list[bytes]) -> Reply:
    session.server.scripting.kill(BUSY_FUNCTION)
    return OK
