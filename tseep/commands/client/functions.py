"""Functions (https://redis.io/docs/latest/commands/?group=scripting)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tseep.algorithms.glob import matcher
from tseep.commands.client.scripting import CALLING, keys_and_arguments
from tseep.errors import CommandError, wrong_subcommand
from tseep.rdb.format import Corrupt
from tseep.rdb.payload import dump_libraries, restore_libraries
from tseep.registry.table import command, container
from tseep.replies import OK, Reply, SetReply, Status
from tseep.scripting.functions import FLAGS, Function, Library
from tseep.scripting.scripts import BUSY_FUNCTION

if TYPE_CHECKING:
    from tseep.session.session import Session

_TIME = "Depends on the function that is executed."
_EVERYWHERE = "request_policy:all_shards response_policy:all_succeeded"

_calling: dict[str, Any] = {
    "arity": -3,
    "since": "7.0.0",
    "complexity": _TIME,
    "syntax": "function numkeys [key [key ...]] [arg [arg ...]]",
}


@command("FCALL", flags=CALLING, access="RW ACCESS UPDATE @ numkeys 2", **_calling)
def fcall(session: Session, argv: list[bytes]) -> Reply:
    """Calls a function."""
    return _call(session, argv, False)


@command("FCALL_RO", flags=f"readonly {CALLING}", access="RO ACCESS @ numkeys 2", **_calling)
def fcall_ro(session: Session, argv: list[bytes]) -> Reply:
    """Calls a function that may change nothing."""
    return _call(session, argv, True)


def _call(session: Session, argv: list[bytes], ro: bool) -> Reply:
    scripting = session.server.scripting
    function = scripting.functions.functions.get(argv[1].lower())
    if function is None:
        raise CommandError("ERR Function not found")
    given = keys_and_arguments(argv, "ERR Bad number of keys provided")
    return scripting.run_function(session, function, given, argv, ro)


container("FUNCTION", __name__, "Holds the commands about functions.", since="7.0.0", help_since="7.0.0")


@command(
    "FUNCTION LOAD", arity=-3, flags="write denyoom noscript", since="7.0.0", tips=_EVERYWHERE,
    complexity="O(1) (considering compilation time is redundant)", syntax="[REPLACE] function-code",
)  # fmt: skip
def function_load(session: Session, argv: list[bytes]) -> Reply:
    """Loads a library of functions, and answers its name."""
    *options, code = argv[2:]
    for option in options:
        if option.lower() != b"replace":
            raise CommandError(b"ERR Unknown option given: %b" % option)
    scripting = session.server.scripting
    return scripting.functions.load(scripting.interpreter, code, bool(options))


@command(
    "FUNCTION DELETE", arity=3, flags="write noscript", since="7.0.0", tips=_EVERYWHERE, complexity="O(1)",
    syntax="library-name",
)  # fmt: skip
def function_delete(session: Session, argv: list[bytes]) -> Reply:
    """Forgets a library and its functions."""
    session.server.scripting.functions.delete(argv[2])
    return OK


@command(
    "FUNCTION FLUSH", arity=-2, flags="write noscript", since="7.0.0", tips=_EVERYWHERE,
    complexity="O(N) where N is the number of functions.", syntax="[ASYNC | SYNC]",
)  # fmt: skip
def function_flush(session: Session, argv: list[bytes]) -> Reply:
    """Forgets all libraries."""
    if len(argv) > 3:
        raise wrong_subcommand(argv)
    if len(argv) == 3 and argv[2].lower() not in (b"async", b"sync"):
        raise CommandError("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
    session.server.scripting.functions.clear()
    return OK


@command(
    "FUNCTION DUMP", arity=2, flags="noscript", since="7.0.0", complexity="O(N) where N is the number of functions."
)
def function_dump(session: Session, argv: list[bytes]) -> Reply:
    """Returns all libraries in Redis's own format."""
    return dump_libraries([library.code for library in session.server.scripting.functions.libraries.values()])


@command(
    "FUNCTION RESTORE", arity=-3, flags="write denyoom noscript", since="7.0.0", tips=_EVERYWHERE,
    complexity="O(N) where N is the number of functions.", syntax="serialized-value:string [FLUSH | APPEND | REPLACE]",
)  # fmt: skip
def function_restore(session: Session, argv: list[bytes]) -> Reply:
    """Loads the libraries that FUNCTION DUMP returned: all, or none."""
    if len(argv) > 4:
        raise wrong_subcommand(argv)
    policy = argv[3].lower() if len(argv) == 4 else b"append"
    if policy not in (b"flush", b"append", b"replace"):
        raise CommandError("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
    try:
        codes = restore_libraries(argv[2])
    except Corrupt as error:
        raise CommandError(f"ERR {error}") from error
    scripting = session.server.scripting
    scripting.functions.restore(scripting.interpreter, codes, policy == b"flush", policy == b"replace")
    return OK


@command(
    "FUNCTION LIST", arity=-2, flags="noscript", since="7.0.0", tips="nondeterministic_output_order",
    complexity="O(N) where N is the number of functions.",
    syntax="[LIBRARYNAME library-name-pattern] [WITHCODE]",
)  # fmt: skip
def function_list(session: Session, argv: list[bytes]) -> Reply:
    """Lists the libraries and their functions."""
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


@command(
    "FUNCTION STATS", arity=2, flags="noscript allow_busy", since="7.0.0", complexity="O(1)",
    tips="nondeterministic_output request_policy:all_shards response_policy:special",
)  # fmt: skip
def function_stats(session: Session, argv: list[bytes]) -> Reply:
    """Tells what runs, and how many libraries and functions there are."""
    scripting, timer = session.server.scripting, session.server.timer
    running = scripting.running
    about = running and {
        b"name": running.name,
        b"command": running.argv,
        b"duration_ms": (timer() - running.started) // 1_000_000,
    }
    functions = scripting.functions
    counts = {b"libraries_count": len(functions.libraries), b"functions_count": len(functions.functions)}
    return {b"running_script": about, b"engines": {b"LUA": counts}}


@command(
    "FUNCTION KILL", arity=2, flags="noscript allow_busy", since="7.0.0",
    tips="request_policy:all_shards response_policy:one_succeeded",
)  # fmt: skip
def function_kill(session: Session, argv: list[bytes]) -> Reply:
    """Ends the function that runs, if it has not changed anything."""
    session.server.scripting.kill(BUSY_FUNCTION)
    return OK
