"""Tests for L{tseep.configuration.parameters}: defaults, parsing, bounds and lookup."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.configuration.parameters import PARAMETERS, Config


class ConfigTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.config = Config()

    def test_defaults(self) -> None:
        """Every default is accepted by C{Config.set} in the form in which CONFIG GET shows it."""
        for parameter in PARAMETERS:
            value, shown = self.config[parameter.name], self.config.show(parameter.name)
            self.config.set(parameter.name, shown)
            self.assertEqual(value, self.config[parameter.name], parameter.name)

    def test_initial_values(self) -> None:
        """The constructor accepts initial values by name, with underscores in place of dashes."""
        config = Config(maxclients="7", proto_max_bulk_len="2mb")
        self.assertEqual((7, 2 * 2**20), (config["maxclients"], config["proto-max-bulk-len"]))
        self.assertRaises(ValueError, Config, maxclients="x")
        self.assertRaises(KeyError, Config, nosuch="x")

    def assertRefused(self, name: str, words: str, *texts: str) -> None:
        """Assert that C{set} refuses each of these texts with C{words} and leaves the parameter unchanged."""
        before = self.config[name]
        for text in texts:
            error = self.assertRaises(ValueError, self.config.set, name, text)
            self.assertIn(words, str(error), text)
        self.assertEqual(before, self.config[name])

    def test_numbers(self) -> None:
        """A number is decimal and within the parameter's bounds."""
        for text, value in (("1", 1), ("4294967295", 2**32 - 1)):
            self.config.set("maxclients", text)
            self.assertEqual(value, self.config["maxclients"])
        self.assertRefused("maxclients", "must be between 1 and 4294967295 inclusive", "0", "-1", "4294967296")
        self.assertRefused("maxclients", "couldn't be parsed into an integer", "", "x", "1.0", " 1", "1 ", "007", "1e3")
        self.config.set("slowlog-log-slower-than", "-1")
        self.assertEqual(-1, self.config["slowlog-log-slower-than"])

    def test_memory(self) -> None:
        """A memory size accepts Redis's decimal and binary units in any case, and is shown in bytes."""
        sizes = [("2000000", 2000000), ("2000000b", 2000000), ("2000k", 2 * 10**6), ("2048kb", 2**21),
                 ("2m", 2 * 10**6), ("2MB", 2**21), ("1g", 10**9), ("1Gb", 2**30)]  # fmt: skip
        for text, size in sizes:
            self.config.set("proto-max-bulk-len", text)
            self.assertEqual(size, self.config["proto-max-bulk-len"], text)
            self.assertEqual(str(size), self.config.show("proto-max-bulk-len"))
        self.assertRefused("proto-max-bulk-len", "must be a memory value", "", "x", "-1", "1tb", "1.5mb", "mb", "2 mb")
        self.assertRefused("proto-max-bulk-len", "must be between", "1", "1k", "9" * 19 + "gb")

    def test_choices(self) -> None:
        """An enum parameter accepts one of its words in any case."""
        self.config.set("enable-debug-command", "LOCAL")
        self.assertEqual("local", self.config["enable-debug-command"])
        self.assertRefused("enable-debug-command", "no, yes, local", "", "maybe")

    def test_output_limits(self) -> None:
        """Limits are set by client class; an empty text changes none, as in Redis."""
        name = "client-output-buffer-limit"
        for text in ("REPLICA 1kb 2 3", "normal 4 5 6 Normal 7 8 9", ""):
            self.config.set(name, text)
        self.assertEqual("normal 7 8 9 slave 1024 2 3 pubsub 33554432 8388608 60", self.config.show(name))
        self.assertRefused(name, "Wrong number of arguments", "normal", "normal 1 2", "normal 1 2 3 slave")
        self.assertRefused(name, "Invalid client class", "x 1 2 3")
        self.assertRefused(name, "Error in hard, soft or soft_seconds", "normal -1 0 0", "normal 0 a 0", "normal 0 0 x")

    def test_text(self) -> None:
        """A string parameter keeps any value unchanged."""
        self.config.set("requirepass", " pass word ")
        self.assertEqual(" pass word ", self.config.show("requirepass"))

    def test_matching(self) -> None:
        """Glob patterns match names and aliases case-insensitively."""
        self.assertEqual({"slowlog-log-slower-than", "slowlog-max-len"}, set(self.config.matching("SLOWLOG-*")))
        self.assertEqual(["timeout"], list(self.config.matching("[t]imeou?")))
        self.assertEqual([], list(self.config.matching("nosuch")))
        shown = [parameter for parameter in PARAMETERS if not parameter.hidden]
        names = [name for parameter in shown for name in (parameter.name, parameter.alias) if name]
        self.assertEqual(names, list(self.config.matching("*")))
        self.assertEqual([], list(self.config.matching("key-load-dela?")))

    def test_independent(self) -> None:
        """Two instances of L{Config} share no values."""
        self.config.set("timeout", "5")
        self.assertEqual(0, Config()["timeout"])

    def test_help(self) -> None:
        """The help text of every parameter starts with a capital letter and ends with a full stop."""
        for parameter in PARAMETERS:
            self.assertRegex(parameter.help, r"^[A-Z].*\.$", parameter.name)
