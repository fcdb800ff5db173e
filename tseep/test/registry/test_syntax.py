"""Tests of L{tseep.registry.syntax}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.registry.syntax import Argument, document, parse
from tseep.registry.table import COMMANDS, iter_commands


def show(argument: Argument) -> str:
    """Return an argument in short form: token, type, name or parts, and marks of optional and multiple."""
    marks = "?" * argument.optional + "*" * argument.multiple + "+" * argument.multiple_token
    token = f"{argument.token}=" if argument.token else ""
    parts = f"({' '.join(map(show, argument.parts))})" if argument.parts else argument.name
    return f"{token}{argument.type}:{parts}{marks}"


class ParseTests(SynchronousTestCase):
    """Parsing of syntax lines."""

    def check(self, syntax: str, *expected: str) -> None:
        """Assert the arguments parsed from a syntax line."""
        self.assertEqual(list(expected), [show(argument) for argument in parse(syntax)])

    def test_words(self) -> None:
        """A word is an argument; its type follows from its name."""
        self.check(
            "key value seconds pattern score",
            "key:key",
            "string:value",
            "integer:seconds",
            "pattern:pattern",
            "double:score",
        )

    def test_types(self) -> None:
        """A type or a token's name can follow a colon; other colons are part of the name."""
        self.check(
            "increment:double start:string [change:CH] ip:port",
            "double:increment", "string:start", "CH=pure-token:change?", "string:ip:port",
        )  # fmt: skip

    def test_nothing(self) -> None:
        """An empty line has no arguments."""
        self.check("")

    def test_tokens(self) -> None:
        """A word in upper case is a token, alone or before the arguments that follow it."""
        self.check("NOW", "NOW=pure-token:now")
        self.check("key [DB db] [REPLACE]", "key:key", "DB=integer:db?", "REPLACE=pure-token:replace?")
        self.check("LIMIT offset count", "LIMIT=block:(integer:offset integer:count)")
        self.check("STREAMS key [BLOCK ms] id", "STREAMS=key:key", "BLOCK=integer:ms?", "string:id")
        self.check("[= | ~] x", "oneof:(==pure-token:= ~=pure-token:~)?", "string:x")

    def test_alternatives(self) -> None:
        """Bars separate alternatives in brackets: C{<>} required, C{[]} optional."""
        self.check("<ON | OFF>", "oneof:(ON=pure-token:on OFF=pure-token:off)")
        self.check(
            "[EX seconds | LIMIT offset count | KEEPTTL]",
            "oneof:(EX=integer:seconds LIMIT=block:(integer:offset integer:count) KEEPTTL=pure-token:keepttl)?",
        )
        self.check("[TYPE <A | B>]", "TYPE=oneof:(A=pure-token:a B=pure-token:b)?")

    def test_optional(self) -> None:
        """Arguments that are optional together are a block."""
        self.check(
            "[start end [BYTE | BIT]]",
            "block:(integer:start integer:end oneof:(BYTE=pure-token:byte BIT=pure-token:bit)?)?",
        )

    def test_repeated(self) -> None:
        """A repetition sets the C{multiple} flag of the argument before it."""
        self.check("key [key ...]", "key:key*")
        self.check("[name [name ...]]", "string:name?*")
        self.check("key value [key value ...]", "block:(key:key string:value)*")
        self.check("WEIGHTS weight [weight ...]", "WEIGHTS=integer:weight*")
        self.check("<A | B> [<A | B> ...]", "oneof:(A=pure-token:a B=pure-token:b)*")

    def test_repeated_with_token(self) -> None:
        """A token can be repeated with its arguments."""
        self.check("[GET pattern [GET pattern ...]]", "GET=pattern:pattern?*+")
        self.check("[GET x y [GET x y ...]]", "GET=block:(string:x string:y)?*+")

    def test_all_repeated(self) -> None:
        """A repetition after the last alternative can cover all of them."""
        self.check("[GET x | SET x y [GET x | SET x y ...]]", "oneof:(GET=string:x SET=block:(string:x string:y))?*")

    def test_wrongly(self) -> None:
        """Unbalanced brackets, and the repetition of another argument, raise C{ValueError}."""
        for syntax in ("[key", "key]", "<a | b]", "a | b", "key [value ...]", "[...]"):
            self.assertRaises(ValueError, parse, syntax)

    def test_table(self) -> None:
        """Every syntax line of the command table can be parsed."""
        for command in iter_commands(COMMANDS):
            parse(command.syntax)


class DocumentTests(SynchronousTestCase):
    """The arguments in the reply to COMMAND DOCS."""

    def test_fields(self) -> None:
        """An argument has the fields and flags that apply to it."""
        (argument,) = document("[GET pattern [GET pattern ...]]", 0)
        flags = [status.text for status in argument.pop(b"flags")]
        self.assertEqual({b"name": b"pattern", b"type": b"pattern", b"token": b"GET"}, argument)
        self.assertEqual([b"optional", b"multiple", b"multiple_token"], flags)

    def test_parts(self) -> None:
        """A oneof has its alternatives as arguments."""
        (argument,) = document("<ON | OFF>", 0)
        self.assertEqual((b"on_off", b"oneof"), (argument[b"name"], argument[b"type"]))
        parts = [(part[b"name"], part[b"token"]) for part in argument[b"arguments"]]
        self.assertEqual([(b"on", b"ON"), (b"off", b"OFF")], parts)

    def test_empty_token(self) -> None:
        """A token can be the empty string, as the key of MIGRATE."""
        (argument,) = document("<key | empty_string:>", 1)
        self.assertEqual(b"", argument[b"arguments"][1][b"token"])

    def test_keys(self) -> None:
        """Keys refer to the key specifications in order; the last specification covers the remaining keys."""
        arguments = document("source destination key [key ...]", 2)
        self.assertEqual([0, 1, 1], [argument[b"key_spec_index"] for argument in arguments])
