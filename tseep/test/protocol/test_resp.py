"""Tests for L{tseep.protocol.resp}: requests, and replies in RESP2 and RESP3."""

from __future__ import annotations

from typing import Any, Optional

from twisted.trial.unittest import SynchronousTestCase

from tseep.errors import CommandError
from tseep.protocol import resp
from tseep.replies import NO_REPLY, NULL_ARRAY, Attributed, BigNumber, Push, SetReply, Several, Status, Verbatim
from tseep.test.properties import example, given, settings, st
from tseep.test.protocol.test_native import cut
from tseep.test.support import encode

PARTS = [
    b"*1\r\n", b"*2\r\n", b"*3\r\n", b"*0\r\n", b"*-1\r\n", b"*1000000\r\n", b"*x\r\n", b"*\r\n",
    b"$3\r\n", b"$0\r\n", b"$2000\r\n", b"$-1\r\n", b"$4\r\n", b"$x\r\n", b"GET\r\n", b"PING\r\n", b"PING",
    b"a\r\n", b"\r\n", b"\n", b"\r", b"*", b"$", b'"', b"'", b":1\r\n", b"x" * 2000,
    encode("GET", "a"), encode("SET", "a", "b\r\nc"), encode("ECHO", "x" * 1500), encode(""),
]  # fmt: skip

STREAMS = st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=4)), max_size=10).map(b"".join)

BULK = 100_000
"""The limit of an argument in these tests, in bytes."""


def new_parser(trusted: bool = True, query_buffer: int = 2**30) -> resp.Parser:
    """Return a parser with a limit of L{BULK} bytes per argument."""
    return resp.Parser(resp.Limits(BULK, query_buffer), trusted)


def read(pieces: list[bytes], trusted: bool = True) -> tuple[list[list[bytes]], Optional[bytes]]:
    """Return all commands parsed from the pieces, and the error."""
    parser = new_parser(trusted)
    commands = []
    for piece in pieces:
        found = parser.feed(piece)
        while found:
            commands += found
            found = parser.feed(b"")
    return commands, parser.error


class ParserTests(SynchronousTestCase):
    """RESP requests are parsed to commands."""

    def test_one(self) -> None:
        """An array of bulk strings is a command; its arguments can be empty or contain CRLF."""
        for argv in ([b"PING"], [b"SET", b"a", b""], [b""], [b"ECHO", b"\r\n$1\r\n"], [b"ECHO", b"x" * 5000]):
            self.assertEqual(([argv], None), read([encode(*argv)]))

    def test_pipeline(self) -> None:
        """Pipelined commands are parsed in order, multibulk and inline ones mixed."""
        data = encode("A") + encode("B", "\r\n") + b"C d\r\n" + encode("E", "x" * 2000) + encode("F")
        expected = [[b"A"], [b"B", b"\r\n"], [b"C", b"d"], [b"E", b"x" * 2000], [b"F"]]
        self.assertEqual((expected, None), read([data]))

    def test_empty_requests(self) -> None:
        """Empty arrays, null arrays and empty lines are ignored."""
        self.assertEqual(([[b"PING"]], None), read([b"*0\r\n*-1\r\n*-7\r\n\r\n\n  \r\n" + encode("PING")]))

    def test_unchecked_line_end(self) -> None:
        """The CRLF after an argument is not checked, as in Redis."""
        self.assertEqual(([[b"PING"], [b"PING"]], None), read([b"*1\r\n$4\r\nPINGxx" + encode("PING")]))

    def test_inline(self) -> None:
        """A line that is not an array is an inline command."""
        self.assertEqual(([[b"SET", b"a", b"b c"], [b"PING"]], None), read([b'SET a "b c"\r\nPING\n']))

    def assertRefused(self, text: bytes, data: bytes, trusted: bool = True) -> None:
        """
        Assert that the bytes are refused with this error after the command before them, and nothing after is
        parsed.
        """
        before, after = encode("PING"), encode("PING")
        expected = ([[b"PING"]], text)
        self.assertEqual(expected, read([before + data], trusted))
        self.assertEqual(expected, read([before + data + after, after], trusted))
        self.assertEqual(expected, read([before, data, after], trusted))

    def test_invalid(self) -> None:
        """Invalid requests are refused with Redis's error texts."""
        for number in (b"x", b"", b"1x", b"+1", b"01", b"2147483648", b"9" * 30, b" 1"):
            self.assertRefused(b"invalid multibulk length", b"*" + number + b"\r\n")
        for number in (b"x", b"", b"-1", b"+1", b"01", b"100001", b"9" * 30):
            self.assertRefused(b"invalid bulk length", b"*1\r\n$" + number + b"\r\n")
        self.assertRefused(b"expected '$', got ':'", b"*1\r\n:1\r\n")
        self.assertRefused(b"expected '$', got '*'", b"*2\r\n$1\r\na\r\n*1\r\n")
        self.assertRefused(b"unbalanced quotes in request", b"ECHO 'a\r\n")

    def test_lines_without_end(self) -> None:
        """A line above 64 KiB is refused before its end arrives."""
        lines = [
            (b"too big inline request", b"x" * 65537),
            (b"too big mbulk count string", b"*" + b"1" * 65536),
            (b"too big bulk count string", b"*1\r\n$" + b"1" * 65536),
        ]
        for text, line in lines:
            self.assertEqual(([[b"PING"]], text), read([encode("PING"), line, b"\r\n", encode("PING")]))
            self.assertEqual(([[b"PING"]], text), read([encode("PING") + line + b"\r\n" + encode("PING")]))
        self.assertEqual(([], None), read([b"x" * 65536]))

    def test_unauthenticated(self) -> None:
        """An unauthenticated client can send at most 10 arguments of at most 16 KiB."""
        self.assertRefused(b"unauthenticated multibulk length", b"*11\r\n", trusted=False)
        self.assertRefused(b"unauthenticated bulk length", b"*1\r\n$16385\r\n", trusted=False)
        longest = [b"x" * 16384] * 10
        self.assertEqual(([longest], None), read([encode(*longest)], trusted=False))

    def test_unauthenticated_pipeline(self) -> None:
        """An unauthenticated client's commands are parsed one at a time, as each can lift the limits."""
        parser = new_parser(trusted=False)
        self.assertEqual([[b"AUTH", b"x"]], parser.feed(encode("AUTH", "x") + encode(*["a"] * 11) + encode("PING")))
        parser.trusted = True
        self.assertEqual([[b"a"] * 11, [b"PING"]], parser.feed(b""))

    def test_limit_that_changes(self) -> None:
        """A changed limit applies to the next argument."""
        limits = resp.Limits(bulk=10)
        parser = resp.Parser(limits)
        limits.bulk = 20
        self.assertEqual([[b"x" * 20]], parser.feed(encode("x" * 20)))
        parser.feed(b"*1\r\n$21\r\n")
        self.assertEqual(b"invalid bulk length", parser.error)

    def test_held(self) -> None:
        """C{held} is the memory of an incomplete command, and 0 after a complete one."""
        parser = new_parser()
        self.assertEqual(0, parser.held)
        parser.feed(b"*3\r\n$3\r\nSET\r\n$5\r\nab")
        self.assertEqual(len(b"SETab") + resp.ARGUMENT_OVERHEAD, parser.held)
        parser.feed(b"cde\r\n$1\r\nx\r\nGE")
        self.assertEqual(len(b"GE"), parser.held)

    def test_query_buffer(self) -> None:
        """A command above C{client-query-buffer-limit} sets an empty error; empty arguments count by their overhead."""
        parser = new_parser(query_buffer=10_000)
        parser.feed(b"*1000\r\n$20000\r\n" + b"x" * 10_001)
        self.assertEqual(b"", parser.error)
        parser = new_parser(query_buffer=10_000)
        parser.feed(b"*1000\r\n" + b"$0\r\n\r\n" * 200)
        self.assertEqual(b"", parser.error)

    @settings(deadline=None, derandomize=True, database=None, max_examples=300)
    @given(STREAMS, st.lists(st.integers(0, 100), max_size=6), st.booleans())
    @example(b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r", [], True)
    def test_any_pieces(self, stream: bytes, cuts: list[int], trusted: bool) -> None:
        """However the stream is split, commands and error are the same."""
        whole = read([stream], trusted)
        self.assertEqual(whole, read(cut(stream, cuts), trusted))
        self.assertEqual(whole, read([bytes([byte]) for byte in stream], trusted))

    @settings(deadline=None, derandomize=True, database=None, max_examples=200)
    @given(
        st.lists(st.lists(st.one_of(st.binary(max_size=8), st.just(b"y" * 1100)), min_size=1, max_size=5), max_size=8)
    )
    def test_round_trip(self, commands: list[list[bytes]]) -> None:
        """Encoded commands are parsed to the same commands."""
        self.assertEqual((commands, None), read([b"".join(encode(*argv) for argv in commands)]))

    @settings(deadline=None, derandomize=True, database=None, max_examples=200)
    @given(STREAMS)
    def test_held_is_bounded(self, stream: bytes) -> None:
        """C{held} is at most the bytes received plus a fixed overhead per argument."""
        parser = new_parser()
        parser.feed(stream)
        if parser.error is None:
            self.assertTrue(parser.held <= len(stream) + resp.ARGUMENT_OVERHEAD * stream.count(b"$"))


def encoded(value: Any) -> tuple[bytes, bytes]:
    """Return a reply encoded in RESP2 and in RESP3."""
    two, three = (resp.ENCODERS[version][type(value)](value) for version in (2, 3))
    return two, three


class EncoderTests(SynchronousTestCase):
    """Replies are encoded in RESP2 and RESP3."""

    def assertSame(self, expected: bytes, value: Any) -> None:
        """Assert that the reply is the same in both versions."""
        self.assertEqual((expected, expected), encoded(value))

    def test_same_in_both(self) -> None:
        """Strings, integers, statuses, errors and arrays are equal in both versions."""
        self.assertSame(b"$0\r\n\r\n", b"")
        self.assertSame(b"$4\r\na\r\nb\r\n", b"a\r\nb")
        self.assertSame(b"$1\r\na\r\n", bytearray(b"a"))
        self.assertSame(b":-9223372036854775808\r\n", -(2**63))
        self.assertSame(b"+OK\r\n", Status(b"OK"))
        self.assertSame(b"-ERR x\r\n", CommandError("ERR x"))
        self.assertSame(b"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", [1, [b"a"]])
        self.assertSame(b"*0\r\n", [])
        self.assertSame(b"", NO_REPLY)

    def test_an_error_is_one_line(self) -> None:
        """Line breaks in an error become spaces, as clients would parse the rest as another reply."""
        self.assertSame(b"-ERR a  b c\r\n", CommandError(b"ERR a\r\nb\nc"))

    def test_nulls(self) -> None:
        """RESP2 has a null string and a null array, RESP3 one null."""
        self.assertEqual((b"$-1\r\n", b"_\r\n"), encoded(None))
        self.assertEqual((b"*-1\r\n", b"_\r\n"), encoded(NULL_ARRAY))

    def test_booleans(self) -> None:
        """A boolean is an integer in RESP2."""
        self.assertEqual((b":1\r\n", b"#t\r\n"), encoded(True))
        self.assertEqual((b":0\r\n", b"#f\r\n"), encoded(False))

    def test_doubles(self) -> None:
        """A double is a bulk string in RESP2."""
        self.assertEqual((b"$3\r\n1.5\r\n", b",1.5\r\n"), encoded(1.5))
        self.assertEqual((b"$2\r\n-3\r\n", b",-3\r\n"), encoded(-3.0))
        self.assertEqual((b"$3\r\ninf\r\n", b",inf\r\n"), encoded(float("inf")))
        self.assertEqual((b"$4\r\n-inf\r\n", b",-inf\r\n"), encoded(float("-inf")))
        self.assertEqual((b"$3\r\nnan\r\n", b",nan\r\n"), encoded(float("nan")))
        self.assertEqual((b"$19\r\n0.10000000000000001\r\n", b",0.10000000000000001\r\n"), encoded(0.1))
        self.assertEqual((b"$2\r\n-0\r\n", b",-0\r\n"), encoded(-0.0))
        self.assertEqual((b"$5\r\n1e+17\r\n", b",1e+17\r\n"), encoded(1e17))

    def test_big_numbers(self) -> None:
        """A big number is a bulk string in RESP2."""
        self.assertEqual(
            (b"$20\r\n-9223372036854775809\r\n", b"(-9223372036854775809\r\n"),
            encoded(BigNumber(b"-9223372036854775809")),
        )

    def test_attributes(self) -> None:
        """Attributes precede their reply in RESP3 and are omitted in RESP2."""
        reply = Attributed({b"ttl": 5}, [True])
        self.assertEqual((b"*1\r\n:1\r\n", b"|1\r\n$3\r\nttl\r\n:5\r\n*1\r\n#t\r\n"), encoded(reply))

    def test_several(self) -> None:
        """Several replies are concatenated, each in its own encoding."""
        self.assertEqual((b":1\r\n$-1\r\n", b":1\r\n_\r\n"), encoded(Several([1, None])))
        self.assertSame(b"", Several())

    def test_long_strings(self) -> None:
        """Bulk strings of any length have the right length prefix."""
        for length in (9, 10, 1022, 1023, 1024, 1025, 70_000):
            self.assertSame(b"$%d\r\n%b\r\n" % (length, b"x" * length), b"x" * length)

    def test_collections(self) -> None:
        """Maps, sets and pushes are arrays in RESP2, at any depth."""
        self.assertEqual(
            (b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", b"%1\r\n$1\r\na\r\n~1\r\n:1\r\n"), encoded({b"a": SetReply([1])})
        )
        self.assertEqual((b"*1\r\n$1\r\na\r\n", b">1\r\n$1\r\na\r\n"), encoded(Push([b"a"])))
        self.assertEqual((b"*1\r\n*0\r\n", b"*1\r\n%0\r\n"), encoded([{}]))

    def test_verbatim(self) -> None:
        """A verbatim string has its format as prefix in RESP3."""
        self.assertEqual((b"$2\r\nhi\r\n", b"=6\r\ntxt:hi\r\n"), encoded(Verbatim(b"hi")))
        self.assertEqual((b"$0\r\n\r\n", b"=4\r\nmkd:\r\n"), encoded(Verbatim(b"", b"mkd")))

    def test_protocol_error(self) -> None:
        """A protocol error is encoded as Redis's error reply."""
        self.assertEqual(b"-ERR Protocol error: x\r\n", resp.encode_protocol_error(b"x"))
        self.assertEqual(b"-ERR x\r\n", resp.encode_error(b"ERR x"))
