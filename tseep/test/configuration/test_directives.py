"""Tests for L{tseep.configuration.directives}: classification of the directives of redis.conf."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tseep.configuration.directives import IGNORED, REFUSED, TWISTD, for_twistd, refusal
from tseep.configuration.file import OWN
from tseep.configuration.parameters import Config


class DirectivesTests(SynchronousTestCase):
    def test_each_once(self) -> None:
        """No directive is in two of the classes: supported, ignored, refused and left to twistd."""
        ignored = [name for names in IGNORED.values() for name in names]
        counts = Counter([*Config().parameters, *OWN, *ignored, *REFUSED, *TWISTD])
        self.assertEqual([], [name for name, count in counts.items() if count > 1])

    def test_values(self) -> None:
        """A refused directive is accepted with a value that has no effect in tseep, in any spelling."""
        self.assertEqual("", refusal("cluster-enabled", ["No"], []))
        self.assertEqual("", refusal("replicaof", ["NO", "ONE"], []))
        self.assertEqual("", refusal("masterauth", [""], []))
        self.assertEqual("", refusal("hz", ["anything"], []))
        self.assertEqual("", refusal("daemonize", ["yes"], []))
        for name, (harmless, why, remedy) in REFUSED.items():
            self.assertEqual(f"{why}; {remedy}", refusal(name, ["x"], []))
            self.assertEqual([""] * len(harmless), [refusal(name, value.split(" "), []) for value in harmless])

    def test_unknown(self) -> None:
        """The error for an unknown directive is Redis's, followed by a similar name if there is one."""
        said = "Bad directive or wrong number of arguments"
        self.assertEqual(said, refusal("qwxyz", [], ["port"]))
        self.assertEqual(f"{said}; did you mean port?", refusal("prot", ["1"], ["port"]))
        self.assertEqual(f"{said}; did you mean replicaof?", refusal("replicaoff", [], []))

    def test_twistd(self) -> None:
        """L{for_twistd} returns twistd's equivalent option, or an empty string if there is none or none is required."""
        self.assertEqual("twistd --logfile=FILE tseep", for_twistd("logfile", ["/var/log/redis.log"]))
        self.assertEqual(
            ["", "", ""], [for_twistd(*each) for each in [("logfile", [""]), ("daemonize", ["no"]), ("hz", ["1"])]]
        )
