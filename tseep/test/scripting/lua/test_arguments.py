"""Tests for L{tseep.scripting.lua.arguments}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.scripting.lua.arguments import LibraryError, as_text, number, require_number, require_text


class ArgumentsTests(SynchronousTestCase):
    """Conversion of arguments to Lua numbers and strings."""

    def test_number(self) -> None:
        """Numbers and numeric strings are accepted: decimal or hexadecimal, with surrounding spaces."""
        self.assertEqual([2, 1.5, 10.0, 16.0, 1e3], [number(value) for value in (2, 1.5, b" 10\n", b"0x10", b"1e3")])

    def test_no_number(self) -> None:
        """Other values return None."""
        for value in (b"", b"x", b"1_0", b"1 2", b"0xg", True, None, object()):
            self.assertIs(None, number(value), f"{value!r}")

    def test_text(self) -> None:
        """Strings and numbers are accepted; a number is formatted with Lua's 14 significant digits."""
        self.assertEqual([b"x", b"3", b"0.1", b"1e+15"], [as_text(value) for value in (b"x", 3, 0.1, 10**15)])
        self.assertEqual([None, None], [as_text(value) for value in (True, None)])

    def test_required(self) -> None:
        """An invalid argument raises Lua's error with its position; a missing one is "no value"."""
        for function, arguments, got in (
            (require_number, (b"x",), "number expected, got string"),
            (require_number, (), "number expected, got no value"),
            (require_text, (None,), "string expected, got nil"),
            (require_text, (True,), "string expected, got boolean"),
            (require_text, (object(),), "string expected, got table"),
        ):
            error = self.assertRaises(LibraryError, function, 2, "pack", *arguments)
            self.assertEqual(f"bad argument #2 to 'pack' ({got})".encode(), error.message)

    def test_required_and_there(self) -> None:
        """A valid argument is returned in the required type."""
        self.assertEqual((7.0, b"7"), (require_number(1, "f", b"7"), require_text(1, "f", 7)))
