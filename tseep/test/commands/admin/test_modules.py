"""Tests for L{tseep.commands.admin.modules}: MODULE and enable-module-command."""

from __future__ import annotations

from tseep.test.support import SessionTests

REFUSAL = (
    'ERR MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from a '
    "local connection, otherwise you need to set this option in the configuration file, and then restart the server."
)
LOADING = (["LOAD", "x.so"], ["LOADEX", "x.so", "ARGS", "1"], ["UNLOAD", "x"])


class ForbiddenTests(SessionTests):
    def test_list(self) -> None:
        """MODULE LIST is empty."""
        self.assertReply([], "MODULE", "LIST")

    def test_refused(self) -> None:
        """The commands that load and unload modules are refused unless enable-module-command allows them."""
        for argv in LOADING:
            self.assertError(REFUSAL, "MODULE", *argv)


class PermittedTests(SessionTests):
    config = {"enable_module_command": "yes"}

    def test_load(self) -> None:
        """MODULE LOAD fails, and the log has the reason."""
        lines: list[str] = []
        self.server.host.log = lambda level, text: lines.append(text)
        for argv in LOADING[:2]:
            self.assertError("ERR Error loading the extension. Please check the server logs.", "MODULE", *argv)
        self.assertEqual(["Module 'x.so' failed to load: tseep has no modules"] * 2, lines)

    def test_unload(self) -> None:
        """MODULE UNLOAD knows no module."""
        self.assertError("ERR Error unloading module: no such module with that name", "MODULE", *LOADING[2])
