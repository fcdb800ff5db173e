"""Function libraries (https://redis.io/docs/latest/develop/interact/programmability/functions-intro/)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable

from tseep.errors import CommandError
from tseep.protocol.inline import UnbalancedQuotes, split_words
from tseep.scripting.lua.interpreter import Body

if TYPE_CHECKING:
    from tseep.scripting.lua.interpreter import Interpreter

FLAGS = (b"no-writes", b"allow-oom", b"allow-stale", b"no-cluster", b"allow-cross-slot-keys")
"""Flags that a script or a function can declare."""

_NAME = re.compile(rb"[A-Za-z0-9_]+")
_BAD_NAME = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"


class _Refused(Exception):
    """A function cannot be registered; the text has the reason."""


class Function:
    """
    A function of a library.

    @ivar description: None if it has none.
    """

    def __init__(self, name: bytes, body: Body, description: bytes | None, flags: frozenset[bytes]) -> None:
        self.name = name
        self.body = body
        self.description = description
        self.flags = flags


class Library:
    """The functions of a library, and its code."""

    def __init__(self, name: bytes, code: bytes) -> None:
        self.name = name
        self.code = code
        self.functions: dict[bytes, Function] = {}


class Functions:
    """
    The function libraries of a server.

    @ivar libraries: the libraries by name.
    @ivar functions: the functions of all libraries by lower-case name.
    """

    def __init__(self) -> None:
        self.libraries: dict[bytes, Library] = {}
        self.functions: dict[bytes, Function] = {}
        self._loading: Library | None = None
        self._interpreter: Interpreter

    @property
    def code_bytes(self) -> int:
        """Bytes of the code of all libraries."""
        return sum([len(library.code) for library in self.libraries.values()])

    def load(self, interpreter: Interpreter, code: bytes, replace: bool) -> bytes:
        """
        Load a library. If that fails, nothing changes.

        @param replace: replace a library of the same name instead of raising.
        @return: the library's name, from its first line.
        @raise CommandError: if the library is invalid or its name or one of its functions exists already.
        """
        name, body = _read_metadata(code)
        previous = self.libraries.get(name)
        if previous is not None and not replace:
            raise CommandError(b"ERR Library '%b' already exists" % name)
        library = Library(name, code)
        self._loading, self._interpreter = library, interpreter
        try:
            interpreter.load(body)
        finally:
            self._loading = None
        self._check(library, previous)
        if previous is not None:
            self.delete(name)
        self._add(library)
        return name

    def _add(self, library: Library) -> None:
        self.libraries[library.name] = library
        self.functions.update({name.lower(): function for name, function in library.functions.items()})

    def restore(self, interpreter: Interpreter, codes: list[bytes], flush: bool, replace: bool) -> None:
        """
        Load several libraries (FUNCTION RESTORE). If one fails, nothing changes.

        @param flush: delete all other libraries.
        @param replace: replace libraries of the same names instead of raising.
        @raise CommandError: if a library cannot be loaded.
        """
        before = self.libraries, self.functions
        self.libraries, self.functions = {}, {}
        try:
            for code in codes:
                self.load(interpreter, code, False)
            restored = self.libraries
        finally:
            self.libraries, self.functions = before
        if flush:
            self.clear()
        self._join(list(restored.values()), replace)

    def _join(self, libraries: list[Library], replace: bool) -> None:
        """Add libraries; none if one of them, or one of their functions, exists already and is not replaced."""
        known = [library.name for library in libraries if library.name in self.libraries]
        if known and not replace:
            raise CommandError(b"ERR Library %b already exists" % known[0])
        leaving = {function.lower() for name in known for function in self.libraries[name].functions}
        for function in [function for library in libraries for function in library.functions]:
            if function.lower() in self.functions and function.lower() not in leaving:
                raise CommandError(b"ERR Function %b already exists" % function)
        for name in known:
            self.delete(name)
        for library in libraries:
            self._add(library)

    def _check(self, library: Library, previous: Library | None) -> None:
        if not library.functions:
            raise CommandError("ERR No functions registered")
        for name in library.functions:
            known = self.functions.get(name.lower())
            if known is not None and (previous is None or known not in previous.functions.values()):
                raise CommandError(b"ERR Function %b already exists" % name)

    def delete(self, name: bytes) -> None:
        """
        Delete a library.

        @raise CommandError: if it does not exist.
        """
        library = self.libraries.pop(name, None)
        if library is None:
            raise CommandError("ERR Library not found")
        for function in library.functions:
            self.functions.pop(function.lower(), None)  # two of its names can be equal in lower case

    def clear(self) -> None:
        self.libraries.clear()
        self.functions.clear()

    def register(self, arguments: tuple[Any, ...]) -> bytes | None:
        """Register a function of the library that is being loaded. Return the error, or None."""
        library = self._loading
        if library is None:  # a function kept a reference to redis.register_function
            return b"ERR redis.register_function can only be called on FUNCTION LOAD command"
        try:
            function = self._read(arguments)
            if not _NAME.fullmatch(function.name):
                raise _Refused(_BAD_NAME)
            if function.name in library.functions:
                raise _Refused("Function already exists in the library")
        except _Refused as problem:
            return f"ERR {problem}".encode()
        library.functions[function.name] = function
        return None

    def _read(self, arguments: tuple[Any, ...]) -> Function:
        """Parse the arguments of redis.register_function: a name and a callback, or one table of named arguments."""
        if not 1 <= len(arguments) <= 2:
            raise _Refused("wrong number of arguments to redis.register_function")
        if len(arguments) == 2:
            name, callback = arguments
            text = _as_text(name)
            if text is None:
                raise _Refused("first argument to redis.register_function must be a string")
            body = self._interpreter.body(callback)
            if body is None:
                raise _Refused("second argument to redis.register_function must be a function")
            return Function(text, body, None, frozenset())
        named = self._interpreter.items(arguments[0])
        if named is None:
            raise _Refused(
                "calling redis.register_function with a single argument is only applicable to Lua table (representing "
                "named arguments)."
            )
        return self._read_named(named)

    def _read_named(self, named: dict[Any, Any]) -> Function:
        read: dict[bytes, Any] = {}
        for key, value in named.items():
            if type(key) is not bytes:
                raise _Refused("named argument key given to redis.register_function is not a string")
            reader = _READERS.get(key)
            if reader is None:
                raise _Refused("unknown argument given to redis.register_function")
            read[key] = reader(self._interpreter, value)
        if b"function_name" not in read:
            raise _Refused("redis.register_function must get a function name argument")
        if b"callback" not in read:
            raise _Refused("redis.register_function must get a callback argument")
        flags = read.get(b"flags", frozenset())
        return Function(read[b"function_name"], read[b"callback"], read.get(b"description"), flags)


def _text(name: str) -> Callable[[Interpreter, Any], bytes]:
    def read(interpreter: Interpreter, value: Any) -> bytes:
        text = _as_text(value)
        if text is None:
            raise _Refused(f"{name} argument given to redis.register_function must be a string")
        return text

    return read


def _as_text(value: Any) -> bytes | None:
    """A string or number of Lua as bytes; None for other types."""
    return value if type(value) is bytes else b"%.14g" % value if type(value) in (int, float) else None


def _callback(interpreter: Interpreter, value: Any) -> Body:
    body = interpreter.body(value)
    if body is None:
        raise _Refused("callback argument given to redis.register_function must be a function")
    return body


def _flags(interpreter: Interpreter, value: Any) -> frozenset[bytes]:
    items = interpreter.items(value)
    if items is None:
        raise _Refused("flags argument to redis.register_function must be a table representing function flags")
    flags = list(items.values())
    if not all(type(flag) is bytes and flag in FLAGS for flag in flags):
        raise _Refused("unknown flag given")
    return frozenset(flags)


_READERS: dict[bytes, Callable[[Interpreter, Any], Any]] = {
    b"function_name": _text("function_name"),
    b"description": _text("description"),
    b"callback": _callback,
    b"flags": _flags,
}


def _read_metadata(code: bytes) -> tuple[bytes, bytes]:
    """The name of a library, from its first line, and its Lua code."""
    if not code.startswith(b"#!"):
        raise CommandError("ERR Missing library metadata")
    line, newline, _ = code.partition(b"\n")
    if not newline:
        raise CommandError("ERR Invalid library metadata")
    try:
        engine, *options = split_words(line)
    except UnbalancedQuotes:
        raise CommandError("ERR Invalid library metadata") from None
    name = _read_name(options)
    if engine.lower() != b"#!lua":
        raise CommandError(b"ERR Engine '%b' not found" % engine[2:])
    return name, code[len(line) :]


def _read_name(options: list[bytes]) -> bytes:
    name = None
    for option in options:
        if not option.lower().startswith(b"name="):
            raise CommandError(b"ERR Invalid metadata value given: %b" % option)
        if name is not None:
            raise CommandError("ERR Invalid metadata value, name argument was given multiple times")
        name = option[5:]
    if name is None:
        raise CommandError("ERR Library name was not given")
    if not _NAME.fullmatch(name):
        raise CommandError("ERR " + _BAD_NAME)
    return name
