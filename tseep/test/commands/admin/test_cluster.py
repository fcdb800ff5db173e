"""Tests for L{tseep.commands.admin.cluster}."""

from __future__ import annotations

from tseep.test.support import SessionTests


class ClusterTests(SessionTests):
    def test_disabled(self) -> None:
        """Every command of the cluster, HELP too, returns the error of a redis-server outside a cluster."""
        calls = [["CLUSTER", "INFO"], ["cluster", "help"], ["CLUSTER", "SETSLOT", "1", "STABLE"]]
        for argv in (*calls, ["ASKING"], ["READONLY"], ["READWRITE"]):
            self.assertError("ERR This instance has cluster support disabled", *argv)

    def test_arity(self) -> None:
        """The number of arguments and the name are checked first."""
        self.assertError("ERR wrong number of arguments for 'cluster|info' command", "CLUSTER", "INFO", "x")
        self.assertError("ERR unknown subcommand 'NOSUCH'. Try CLUSTER HELP.", "CLUSTER", "NOSUCH")
