"""Tests for L{tseep.commands.admin.memory}: MEMORY and its subcommands."""

from __future__ import annotations

from tseep.datatypes.memory import size
from tseep.session.client_info import memory_of
from tseep.system import process
from tseep.test.support import SessionTests, Verbatim

MIB = 2**20


class UsageTests(SessionTests):
    def test_usage(self) -> None:
        """MEMORY USAGE returns the estimate of the key, which a time to live increases, and null for no key."""
        self.assertReply(None, "MEMORY", "USAGE", "key")
        self.run_command("SET", "key", "x" * 100)
        self.assertReply(size(b"key", b"x" * 100), "MEMORY", "USAGE", "key", "SAMPLES", 0)
        self.run_command("EXPIRE", "key", 100)
        self.assertReply(size(b"key", b"x" * 100, True), "MEMORY", "USAGE", "key")

    def test_no_touch(self) -> None:
        """MEMORY USAGE changes neither the key's access time nor the hits."""
        self.run_command("SET", "key", "value")
        before = self.session.db.accessed[b"key"]
        self.pass_time(10)
        self.run_command("MEMORY", "USAGE", "key")
        self.assertEqual((before, 0), (self.session.db.accessed[b"key"], self.server.keyspace.hits))

    def test_wrong_options(self) -> None:
        """MEMORY USAGE accepts only SAMPLES with a count."""
        for options in (["FOO"], ["SAMPLES"], ["SAMPLES", -1], ["FOO", 1], ["SAMPLES", 1, "FOO"]):
            self.assertError("ERR syntax error", "MEMORY", "USAGE", "key", *options)
        self.assertError("ERR value is not an integer or out of range", "MEMORY", "USAGE", "key", "SAMPLES", "x")


class ProcessTests(SessionTests):
    """MEMORY STATS, DOCTOR, MALLOC-STATS and PURGE."""

    def setUp(self) -> None:
        """Simulate a process of 90 MiB with a peak of 100 MiB, on a machine of 1000 MiB."""
        super().setUp()
        self.sizes(resident=90, peak=100, system=1000)
        self.run_command("HELLO", 3)

    def sizes(self, **mebibytes: int) -> None:
        """Replace figures of the process and the machine."""
        for name, number in mebibytes.items():
            self.patch(process, f"{name}_memory", lambda number=number: number * MIB)

    def test_stats(self) -> None:
        """MEMORY STATS has what counts for maxmemory, its parts, and its share per key."""
        for database in (0, 1):
            self.run_command("SELECT", database)
            self.run_command("SET", "key", "value", "EX", 100)
        stats = self.run_command("MEMORY", "STATS")
        used = self.server.eviction.measured()
        expected = {
            b"peak.allocated": self.server.eviction.peak,
            b"total.allocated": used.used,
            b"startup.allocated": 0,
            b"clients.normal": memory_of(self.session),
            b"overhead.total": used.overhead,
            b"dataset.bytes": used.dataset,
            b"dataset.percentage": 100 * used.dataset / used.used,
            b"keys.count": 2,
            b"keys.bytes-per-key": used.used // 2,
            b"peak.percentage": 100.0,
            b"allocator.resident": 90 * MIB,
            b"fragmentation.bytes": 90 * MIB - used.used,
        }
        self.assertEqual(expected, {name: stats[name] for name in expected})
        for name in (b"db.0", b"db.1"):
            self.assertEqual([True, True, False], [size > 0 for size in stats[name].values()])

    def test_no_keys(self) -> None:
        """keys.bytes-per-key is 0 if there are no keys."""
        self.assertEqual(0, self.run_command("MEMORY", "STATS")[b"keys.bytes-per-key"])

    def test_doctor(self) -> None:
        """MEMORY DOCTOR reports a peak far above the current size, and a size of more than half of the machine."""
        self.assertEqual(b"No memory problems found. The process uses 90.00M.\n", self.run_command("MEMORY", "DOCTOR"))
        self.sizes(peak=200)
        self.assertEqual(b"Peak memory: 200.00M in the past, 90.00M now.\n", self.run_command("MEMORY", "DOCTOR"))
        self.sizes(peak=90, system=100)
        report = self.run_command("MEMORY", "DOCTOR")
        self.assertEqual(b"The process uses 90.00M, more than half of the machine's 100.00M.\n", report)

    def test_malloc_stats(self) -> None:
        """MEMORY MALLOC-STATS returns several lines on every Python."""
        stats = self.run_command("MEMORY", "MALLOC-STATS")
        self.assertIsInstance(stats, Verbatim)
        self.assertGreater(stats.count(b"\n"), 1)

    def test_purge(self) -> None:
        """MEMORY PURGE frees objects in reference cycles."""
        import weakref

        class Node:
            """An object in a reference cycle."""

        node = Node()
        node.itself = node
        reference = weakref.ref(node)
        del node
        self.assertReply("OK", "MEMORY", "PURGE")
        self.assertIsNone(reference())
