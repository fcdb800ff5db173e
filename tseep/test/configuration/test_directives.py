"""Tests for L{tseep.configuration.directives}: classification of the directives of redis.conf."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tseep.configuration.directives import DEPRECATED, for_twistd, is_ignored, unknown
from tseep.configuration.file import OWN
from tseep.configuration.parameters import Config
from tseep.configuration.refused import REFUSED, refusal


class DirectivesTests(SynchronousTestCase):
    def test_each_once(self) -> None:
        """No directive is in two of the classes: parameter, of the process, and deprecated."""
        counts = Counter([*Config().parameters, *OWN, *DEPRECATED])
        self.assertEqual([], [name for name, count in counts.items() if count > 1])

    def test_ignored(self) -> None:
        """Parameters without effect, under both names, and deprecated directives are ignored."""
        for name in ("dynamic-hz", "repl-ping-slave-period", "lua-replicate-commands"):
            self.assertTrue(is_ignored(name), name)
        self.assertFalse(is_ignored("maxmemory"))

    def test_values(self) -> None:
        """A refused directive is accepted with a value that has no effect in tseep, in any spelling."""
        self.assertEqual("", refusal("cluster-enabled", ["No"]))
        self.assertEqual("", refusal("replicaof", ["NO", "ONE"]))
        self.assertEqual("", refusal("masterauth", [""]))
        self.assertEqual("", refusal("hz", ["anything"]))
        self.assertEqual("", refusal("daemonize", ["yes"]))
        for name, (harmless, why, remedy) in REFUSED.items():
            self.assertEqual(f"{why}; {remedy}", refusal(name, ["x"]))
            self.assertEqual([""] * len(harmless), [refusal(name, value.split(" ")) for value in harmless])

    def test_unknown(self) -> None:
        """The error for an unknown directive is Redis's, followed by a similar name if there is one."""
        said = "Bad directive or wrong number of arguments"
        self.assertEqual(said, unknown("qwxyz", ["port"]))
        self.assertEqual(f"{said}; did you mean port?", unknown("prot", ["port"]))
        self.assertEqual(f"{said}; did you mean replicaof?", unknown("replicaoff", []))

    def test_twistd(self) -> None:
        """L{for_twistd} returns twistd's equivalent option, or an empty string if there is none or none is required."""
        self.assertEqual("twistd --logfile=FILE tseep", for_twistd("logfile", ["/var/log/redis.log"]))
        self.assertEqual(
            ["", "", ""], [for_twistd(*each) for each in [("logfile", [""]), ("daemonize", ["no"]), ("hz", ["1"])]]
        )
