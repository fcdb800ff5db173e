"""Tests for L{tseep.testing.names}."""

from __future__ import annotations

from typing import Any, Callable

from twisted.trial.unittest import SynchronousTestCase

from pytest_tseep.shared import check_mode
from tseep.commands import COMMANDS
from tseep.configuration.parameters import PARAMETERS
from tseep.testing import names

KNOWN = [parameter.name for parameter in PARAMETERS]


class NamesTests(SynchronousTestCase):
    """Arguments, and the errors of wrong ones."""

    def assertRefuses(self, kind: type[Exception], text: str, function: Callable[..., Any], *arguments: Any) -> None:
        """Assert that a call raises an error with this text."""
        error = self.assertRaises(kind, function, *arguments)
        self.assertEqual(text, str(error))

    def test_mode(self) -> None:
        self.assertEqual("v1", check_mode("v1"))
        self.assertRefuses(ValueError, "the mode is 'V2', not one of v1, v2, v3; did you mean 'v2'?", check_mode, "V2")

    def test_parameters(self) -> None:
        """Numbers and booleans become text; the error for an unknown name has the nearest one."""
        texts = names.texts_of({"maxclients": 10, "appendonly": True, "lazyfree_lazy_expire": False, "dir": "x"}, KNOWN)
        self.assertEqual({"maxclients": "10", "appendonly": "yes", "lazyfree_lazy_expire": "no", "dir": "x"}, texts)
        text = "the server has no parameter 'requirpass'; did you mean 'requirepass'?"
        self.assertRefuses(TypeError, text, names.texts_of, {"requirpass": "x"}, KNOWN)
        self.assertRefuses(TypeError, "the server has no parameter 'xyzzy'", names.texts_of, {"xyzzy": "x"}, KNOWN)
        text = "maxmemory must be a text, a number or a bool, not NoneType"
        self.assertRefuses(TypeError, text, names.texts_of, {"maxmemory": None}, KNOWN)

    def test_commands(self) -> None:
        """A name in any case; a command with subcommands includes them."""
        self.assertEqual({b"get"}, names.names_of("Get", COMMANDS))
        self.assertEqual({b"client|kill"}, names.names_of("client kill", COMMANDS))
        self.assertEqual({b"client|kill"}, names.names_of("CLIENT|KILL", COMMANDS))
        self.assertIn(b"client|kill", names.names_of("CLIENT", COMMANDS) or ())
        self.assertIs(None, names.names_of(None, COMMANDS))
        text = "there is no command 'GETT'; did you mean 'GET'?"
        self.assertRefuses(ValueError, text, names.names_of, "GETT", COMMANDS)
        text = "there is no command 'client kil'; did you mean 'CLIENT KILL'?"
        self.assertRefuses(ValueError, text, names.names_of, "client kil", COMMANDS)
        self.assertRefuses(ValueError, "there is no command ''", names.names_of, "", COMMANDS)
        self.assertRefuses(TypeError, "command must be a name or None, not bytes", names.names_of, b"GET", COMMANDS)

    def test_error(self) -> None:
        self.assertEqual("OOM no memory", names.check_error("OOM no memory"))
        for wrong in ("", "-OOM", "OOM\r\n", "a\nb"):
            self.assertRaises(ValueError, names.check_error, wrong)
        self.assertRefuses(TypeError, "error must be a text, not NoneType", names.check_error, None)

    def test_count(self) -> None:
        self.assertEqual(0, names.check_count(0, "after", 0))
        self.assertIs(None, names.check_count(None, "times", 1, True))
        self.assertRefuses(ValueError, "times is 0, not at least 1", names.check_count, 0, "times", 1)
        for wrong in (None, True, 1.0, "1"):
            self.assertRaises(TypeError, names.check_count, wrong, "times", 1)

    def test_seconds(self) -> None:
        self.assertEqual(0.5, names.check_seconds(0.5))
        for wrong in (0, -1, float("inf"), float("nan")):
            self.assertRaises(ValueError, names.check_seconds, wrong)
        self.assertRefuses(TypeError, "seconds must be a number, not str", names.check_seconds, "1")
