"""Tests for L{tseep.config_file}."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from ..config import Config
from ..config_file import ConfigError, apply, read_directives


class ConfigFileTests(SynchronousTestCase):
    """Files as Redis reads them."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.mkdir(self.folder)

    def write(self, text: str, name: str = "a.conf") -> str:
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def apply(self, text: str) -> Config:
        config = Config()
        self.unknown = apply(config, list(read_directives(self.write(text))))
        return config

    def assertRefused(self, text: str, line: str) -> None:
        with self.assertRaises(ConfigError) as caught:
            self.apply(text)
        self.assertIn(line, str(caught.exception))

    def test_lines(self) -> None:
        """Comments and empty lines say nothing, names have no case, quotes and escapes are undone."""
        config = self.apply('# timeout 1\n\n  TimeOut 30\r\nrequirepass "a b\\x21"\nmaxclients 7')
        self.assertEqual((config["timeout"], config["requirepass"], config["maxclients"]), (30, "a b!", 7))

    def test_last_wins(self) -> None:
        """Of two lines the lower one counts."""
        self.assertEqual(self.apply("timeout 1\ntimeout 2")["timeout"], 2)

    def test_words(self) -> None:
        """What takes several words adds up over its lines."""
        limit = "client-output-buffer-limit"
        limits = self.apply(f"{limit} normal 1 2 3\n{limit} pubsub 4 5 6")[limit]
        self.assertEqual((limits["normal"], limits["pubsub"]), ((1, 2, 3), (4, 5, 6)))

    def test_unknown(self) -> None:
        """What tseep does not have is named, each once."""
        self.apply("daemonize no\nport 1\ntcp-backlog 5\ndaemonize yes")
        self.assertEqual(self.unknown, ["daemonize", "tcp-backlog"])

    def test_include(self) -> None:
        """A file stands where it is included; a pattern includes all that match, or none."""
        self.write("timeout 5\n", "b-1.part")
        self.write("maxclients 6\n", "b-2.part")
        config = self.apply(f"timeout 1\ninclude {self.folder}/b-*.part\ninclude {self.folder}/no*\n")
        self.assertEqual((config["timeout"], config["maxclients"]), (5, 6))

    def test_wrong(self) -> None:
        """What is wrong is named with its file and line."""
        self.assertRefused("\ntimeout many", "a.conf:2: timeout 'many': argument couldn't be parsed into an integer")
        self.assertRefused("timeout 1 2", "a.conf:1: timeout: wrong number of arguments")
        self.assertRefused('requirepass "a', "a.conf:1: unbalanced quotes")
        self.assertRefused("include /no/such/file", "cannot read the configuration file /no/such/file: No such file")
        self.assertRefused(f"include {self.folder}/a.conf", "a.conf:1: files include each other more than 16 deep")
