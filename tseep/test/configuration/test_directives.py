"""Tests for L{tseep.configuration.directives}."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tseep.configuration.directives import IGNORED, REFUSED, TWISTD, for_twistd, refusal
from tseep.configuration.file import OWN
from tseep.configuration.parameters import Config


class DirectivesTests(SynchronousTestCase):
    """What becomes of a directive is said once."""

    def test_each_once(self) -> None:
        """A directive is served, ignored, refused or left to twistd, and only one of these."""
        ignored = [name for names in IGNORED.values() for name in names]
        counts = Counter([*Config().parameters, *OWN, *ignored, *REFUSED, *TWISTD])
        self.assertEqual([], [name for name, count in counts.items() if count > 1])

    def test_values(self) -> None:
        """A value that asks for what tseep does anyway is not refused, however it is spelt."""
        self.assertEqual("", refusal("cluster-enabled", ["No"], []))
        self.assertEqual("", refusal("replicaof", ["NO", "ONE"], []))
        self.assertEqual("", refusal("masterauth", [""], []))
        self.assertEqual("", refusal("hz", ["anything"], []))
        self.assertEqual("", refusal("daemonize", ["yes"], []))
        for name, (harmless, why, remedy) in REFUSED.items():
            self.assertEqual(f"{why}; {remedy}", refusal(name, ["x"], []))
            self.assertEqual([""] * len(harmless), [refusal(name, value.split(" "), []) for value in harmless])

    def test_unknown(self) -> None:
        """What nobody knows is told in Redis's words, and with what is near to it."""
        said = "Bad directive or wrong number of arguments"
        self.assertEqual(said, refusal("qwxyz", [], ["port"]))
        self.assertEqual(f"{said}; did you mean port?", refusal("prot", ["1"], ["port"]))
        self.assertEqual(f"{said}; did you mean replicaof?", refusal("replicaoff", [], []))

    def test_twistd(self) -> None:
        """For what twistd has an option, that option is named, unless nothing is asked for."""
        self.assertEqual("twistd --logfile=FILE tseep", for_twistd("logfile", ["/var/log/redis.log"]))
        self.assertEqual(
            ["", "", ""], [for_twistd(*each) for each in [("logfile", [""]), ("daemonize", ["no"]), ("hz", ["1"])]]
        )
