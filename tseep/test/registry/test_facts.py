"""Tests of the command table's files, C{tseep/registry/commands/*.json}."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections import Counter
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.commands.admin.command import FLAGS
from tseep.registry.categories import CATEGORIES
from tseep.registry.key_finders import ANY_KEY_OPTIONS, KEY_FINDERS
from tseep.registry.syntax import parse
from tseep.registry.table import FACTS, Command

FIELDS = {*inspect.signature(Command).parameters, "help_since"} - {"name", "group"}
DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(Command).parameters.items()
    if parameter.default is not parameter.empty
}
ACCESS = {
    "RO", "RW", "OW", "RM", "not_key", "ACCESS", "UPDATE", "INSERT", "DELETE", "INCOMPLETE", "VARIABLE_FLAGS",
}  # fmt: skip
"""Flags of key specifications (https://redis.io/docs/latest/develop/reference/key-specs/)."""

WITHOUT_COMMANDS = """
import sys
from tseep.registry.table import COMMANDS, iter_commands

entries = list(iter_commands(COMMANDS))
assert len(entries) > 300
assert all(entry.summary and entry.arity and entry.group and entry.since for entry in entries)
unbound = [entry for entry in entries if entry.run is None]
assert len(unbound) == len(entries) - sum(entry.name.endswith(b"|help") for entry in entries)
assert COMMANDS[b"mset"].keys_in([b"MSET", b"a", b"1", b"b", b"2"]) == [b"a", b"b"]
assert COMMANDS[b"sort"].keys_in(b"SORT a BY STORE STORE b".split()) == [b"a", b"b"]
assert COMMANDS[b"sort"].reads_any_key(b"SORT a GET x_*".split()) == b"GET"
assert COMMANDS[b"xreadgroup"].keys_in(b"XREADGROUP GROUP g streams STREAMS k >".split()) == [b"k"]
loaded = [name for name in sys.modules if name.startswith(("tseep.", "twisted"))]
print(*sorted({".".join(name.split(".")[:2]) for name in loaded}))
"""


def facts() -> list[tuple[str, str, dict[str, Any]]]:
    """Group, name and facts of each entry, in the order of the files."""
    return [
        (path.stem, name, dict(entry))
        for path in sorted(FACTS.glob("*.json"))
        for name, entry in json.loads(path.read_text("utf-8"), object_pairs_hook=list)
    ]


class FactsTests(SynchronousTestCase):
    """The files are complete and consistent."""

    def test_fields(self) -> None:
        """Entries have known fields only, each once, and omit those with the default value."""
        for path in FACTS.glob("*.json"):
            for name, entry in json.loads(path.read_text("utf-8"), object_pairs_hook=list):
                given = dict(entry)
                self.assertEqual(len(given), len(entry), name)
                self.assertLessEqual(set(given), FIELDS, name)
                self.assertLessEqual({"summary", "arity"}, set(given), name)
                for field, value in given.items():
                    self.assertNotEqual(DEFAULTS.get(field, ...), value, (name, field))

    def test_names(self) -> None:
        """Names are in capitals, unique, and sorted within a file; a subcommand follows its container."""
        names = [name for _, name, _ in facts()]
        self.assertEqual([], [name for name, count in Counter(names).items() if count > 1])
        self.assertEqual([], [name for name in names if name != name.upper()])
        for group in {group for group, _, _ in facts()}:
            own = [name for each, name, _ in facts() if each == group]
            self.assertEqual(sorted(own), own)
            containers = {name.split(" ")[0] for name in own if " " in name}
            self.assertLessEqual(containers, set(own))
            self.assertEqual(
                containers, {name for each, name, entry in facts() if each == group and "help_since" in entry}
            )

    def test_values(self) -> None:
        """Flags, access flags, ACL categories and syntax are valid."""
        for _, name, entry in facts():
            self.assertLessEqual(set(entry.get("flags", "").split()), set(FLAGS), name)
            self.assertLessEqual(set(entry.get("acl", "").split()), set(CATEGORIES), name)
            for specification in entry.get("access", "").split(";"):
                self.assertLessEqual(set(specification.partition("@")[0].split()), ACCESS, name)
            self.assertEqual(3, len(entry.get("keys", [1, 1, 1])), name)
            parse(entry.get("syntax", ""))

    def test_key_finders(self) -> None:
        """Key finders belong to commands of the table."""
        self.assertLessEqual({*KEY_FINDERS, *ANY_KEY_OPTIONS}, {name for _, name, _ in facts()})

    def test_without_commands(self) -> None:
        """The table alone has all facts and finds keys, without functions, data types, keyspace or Twisted."""
        process = subprocess.run(
            [sys.executable, "-c", WITHOUT_COMMANDS],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        self.assertEqual(
            "tseep.algorithms tseep.errors tseep.registry tseep.replies tseep.telemetry", process.stdout.strip()
        )
