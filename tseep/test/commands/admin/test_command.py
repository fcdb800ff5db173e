"""Tests for L{tseep.commands.admin.command}: COMMAND and its subcommands."""

from __future__ import annotations

from typing import Any

from tseep.test.support import SessionTests


class InfoTests(SessionTests):
    """COMMAND, COMMAND COUNT and COMMAND INFO."""

    def setUp(self) -> None:
        """Switch to RESP3, which has maps and sets."""
        super().setUp()
        self.run_command("HELLO", 3)

    def info(self, name: str) -> Any:
        """Return COMMAND INFO's entry of one command."""
        (facts,) = self.run_command("COMMAND", "INFO", name)
        return facts

    def test_facts(self) -> None:
        """COMMAND INFO returns Redis's entry for GET."""
        specification = {
            b"flags": {"RO", "access"},
            b"begin_search": {b"type": b"index", b"spec": {b"index": 1}},
            b"find_keys": {b"type": b"range", b"spec": {b"lastkey": 0, b"keystep": 1, b"limit": 0}},
        }
        facts = [b"get", 2, {"readonly", "fast"}, 1, 1, 1, {"@read", "@string", "@fast"}, set(), [specification], set()]
        self.assertEqual(facts, self.info("GET"))

    def test_order(self) -> None:
        """Flags and ACL categories are in Redis's order."""
        self.run_command("HELLO", 2)
        facts = self.info("shutdown")
        self.assertEqual(["admin", "noscript", "loading", "stale", "no_multi", "allow_busy"], facts[2])
        self.assertEqual(["@admin", "@slow", "@dangerous"], facts[6])

    def test_keys(self) -> None:
        """Each use of keys has a key specification; a lastkey of -1 covers all keys that follow."""
        specifications = self.info("rename")[8]
        self.assertEqual([{"RW", "access", "delete"}, {"OW", "update"}], [x[b"flags"] for x in specifications])
        self.assertEqual([1, 2], [x[b"begin_search"][b"spec"][b"index"] for x in specifications])
        (specification,) = self.info("mset")[8]
        self.assertEqual({b"lastkey": -1, b"keystep": 2, b"limit": 0}, specification[b"find_keys"][b"spec"])

    def test_subcommands(self) -> None:
        """COMMAND INFO nests subcommands in their container and finds them by their full name."""
        inside = [facts for facts in self.info("client")[9] if facts[0] == b"client|list"]
        self.assertEqual(inside, [self.info("Client|LIST")])
        self.assertEqual({b"nondeterministic_output"}, inside[0][7])

    def test_unknown(self) -> None:
        """COMMAND INFO returns null for an unknown command."""
        self.assertReply([None, None, None], "COMMAND", "INFO", "nosuch", "client|nosuch", "nosuch|x")

    def test_all(self) -> None:
        """COMMAND and COMMAND INFO return all commands, as many as COMMAND COUNT."""
        everything = self.run_command("COMMAND")
        self.assertEqual(everything, self.run_command("COMMAND", "INFO"))
        self.assertReply(len(everything), "COMMAND", "COUNT")
        self.assertIn(b"command", [facts[0] for facts in everything])


class DocsTests(SessionTests):
    def setUp(self) -> None:
        """Switch to RESP3, which has maps and sets."""
        super().setUp()
        self.run_command("HELLO", 3)

    def test_command(self) -> None:
        """COMMAND DOCS returns summary, version, group, complexity and arguments of a command."""
        (docs,) = self.run_command("COMMAND", "DOCS", "SELECT").values()
        self.assertEqual(
            {
                b"summary": b"Selects a database.",
                b"since": b"1.0.0",
                b"group": b"connection",
                b"complexity": b"O(1)",
                b"arguments": [{b"name": b"index", b"type": b"integer"}],
            },
            docs,
        )

    def test_subcommands(self) -> None:
        """COMMAND DOCS nests subcommands in their container, and returns one alone by its full name."""
        docs = self.run_command("COMMAND", "DOCS", "memory", "nosuch")
        self.assertEqual([b"memory"], list(docs))
        usage = docs[b"memory"][b"subcommands"][b"memory|usage"]
        self.assertEqual({b"name": b"key", b"type": b"key", b"key_spec_index": 0}, usage[b"arguments"][0])
        self.assertReply({b"memory|usage": usage}, "COMMAND", "DOCS", "MEMORY|usage")

    def test_all(self) -> None:
        """COMMAND DOCS without names documents every command, each with a summary."""
        docs = self.run_command("COMMAND", "DOCS")
        self.assertEqual(self.run_command("COMMAND", "COUNT"), len(docs))
        self.assertEqual([], [name for name, facts in docs.items() if not facts[b"summary"]])


class ListTests(SessionTests):
    def test_all(self) -> None:
        """COMMAND LIST without a filter returns all commands, those of Redis, and their subcommands."""
        names = self.run_command("COMMAND", "LIST")
        self.assertReply(240, "COMMAND", "COUNT")
        self.assertEqual(240, len([name for name in names if b"|" not in name]))
        self.assertTrue({b"client", b"client|id", b"cluster|info", b"module|load"} <= set(names))

    def test_pattern(self) -> None:
        """FILTERBY PATTERN matches the names of commands and subcommands case-insensitively."""
        self.assertReply([b"config|get"], "COMMAND", "LIST", "FILTERBY", "PATTERN", "CONFIG|g?t")
        self.assertReply([b"ping"], "COMMAND", "LIST", "filterby", "pattern", "pin*")

    def test_category(self) -> None:
        """FILTERBY ACLCAT selects commands and subcommands by category, without the C{@}."""
        names = self.run_command("COMMAND", "LIST", "FILTERBY", "ACLCAT", "Connection")
        self.assertTrue({b"ping", b"client|id", b"command"} <= set(names))
        self.assertNotIn(b"client", names)
        self.assertReply([], "COMMAND", "LIST", "FILTERBY", "ACLCAT", "@connection")

    def test_module(self) -> None:
        """FILTERBY MODULE returns no commands, as there are no modules."""
        self.assertReply([], "COMMAND", "LIST", "FILTERBY", "MODULE", "json")

    def test_wrongly(self) -> None:
        """COMMAND LIST refuses other filters with a syntax error."""
        for filter in (["FOO"], ["FILTERBY"], ["FILTERBY", "FOO", "x"], ["FILTERBY", "PATTERN", "x", "y"]):
            self.assertError("ERR syntax error", "COMMAND", "LIST", *filter)


class KeysTests(SessionTests):
    def test_keys(self) -> None:
        """COMMAND GETKEYS returns the keys of a command or subcommand."""
        self.assertReply([b"a"], "COMMAND", "GETKEYS", "get", "a")
        self.assertReply([b"a", b"b"], "COMMAND", "GETKEYS", "MSET", "a", 1, "b", 2)
        self.assertReply([b"a"], "COMMAND", "GETKEYS", "MEMORY", "USAGE", "a")

    def test_flags(self) -> None:
        """COMMAND GETKEYSANDFLAGS returns each key with its flags."""
        reply = [[b"a", ["RW", "access", "delete"]], [b"b", ["OW", "update"]]]
        self.assertReply(reply, "COMMAND", "GETKEYSANDFLAGS", "RENAME", "a", "b")
        self.assertReply([[b"a", ["RO"]]], "COMMAND", "GETKEYSANDFLAGS", "MEMORY", "USAGE", "a")

    def test_narrowed_flags(self) -> None:
        """The key flags of SET and BITFIELD depend on their arguments."""
        for flags, argv in [
            (["OW", "update"], ["SET", "k", "v", "EX", "10"]),
            (["RW", "access", "update"], ["SET", "k", "v", "get"]),
            (["RO", "access"], ["BITFIELD", "k", "GET", "u8", "0"]),
            (["RW", "access", "update"], ["BITFIELD", "k", "incrby", "u8", "0", "1"]),
        ]:
            self.assertReply([[b"k", flags]], "COMMAND", "GETKEYSANDFLAGS", *argv)

    def test_wrongly(self) -> None:
        """An unknown command, one without keys, and a wrong number of arguments are refused."""
        for text, argv in [
            ("ERR Invalid command specified", ["nosuch", "a"]),
            ("ERR Invalid command specified", ["MEMORY", "nosuch"]),
            ("ERR The command has no key arguments", ["PING", "a"]),
            ("ERR The command has no key arguments", ["CLIENT", "LIST"]),
            ("ERR Invalid number of arguments specified for command", ["GET", "a", "b"]),
        ]:
            self.assertError(text, "COMMAND", "GETKEYS", *argv)
            self.assertError(text, "COMMAND", "GETKEYSANDFLAGS", *argv)
