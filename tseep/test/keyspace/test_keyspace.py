"""Tests for L{tseep.keyspace.database} and L{tseep.keyspace.scan}: expiry, iteration for SCAN, and databases."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.keyspace.database import MIN_REBUILD_ENTRIES, SLOT_MS, Database
from tseep.keyspace.keyspace import Keyspace
from tseep.keyspace.scan import walk
from tseep.test.properties import given, settings, st

QUICK = settings(derandomize=True, database=None, deadline=None, max_examples=100)

KEYS = [b"key:%d" % number for number in range(5)]


class Time:
    """A clock in milliseconds that returns seconds and can be set back."""

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def __call__(self) -> float:
        return self.milliseconds / 1000


def check_slots(case: SynchronousTestCase, database: Database) -> None:
    """Assert that each expiring key is in the slot of its expiry time alone, and each slot in the slot order."""
    found: dict[bytes, int] = {}
    for slot, keys in database._slots.items():
        members = keys if isinstance(keys, set) else {keys}
        case.assertTrue(members, f"slot {slot} must not be empty")
        case.assertFalse(members & set(found), "a key must be in one slot only")
        found.update(dict.fromkeys(members, slot))
    case.assertEqual({key: when // SLOT_MS for key, when in database.expires.items()}, found)
    case.assertLessEqual(set(database._slots), set(database._order))
    case.assertLessEqual(set(database.expires), set(database.values))
    case.assertEqual(set(database.accessed), set(database.values))


def walk_on(entries: dict[bytes, None], cursor: int, count: int) -> list[bytes]:
    """Return the names of an iteration from this cursor to its completion; fail if it does not complete."""
    met: list[bytes] = []
    for _ in range(len(entries) + 1):
        cursor, names = walk(entries, cursor, count)
        met += names
        if not cursor:
            return met
    raise AssertionError("the walk does not end")


class WalkTests(SynchronousTestCase):
    """The guarantees of SCAN (https://redis.io/commands/scan) hold for C{walk}."""

    def test_unchanged(self) -> None:
        """An iteration without changes returns every entry once."""
        entries = dict.fromkeys(b"%d" % number for number in range(100))
        for count in (1, 7, 99, 100, 1000):
            met = walk_on(entries, 0, count)
            self.assertEqual((100, set(entries)), (len(met), set(met)), f"with COUNT {count}")

    def test_empty(self) -> None:
        """An iteration over no entries completes at the first step, with any cursor."""
        self.assertEqual((0, []), walk({}, 0, 10))
        self.assertEqual((0, []), walk({}, 2**64 - 1, 10))

    def test_large(self) -> None:
        """For many entries a small COUNT is raised, so that the number of steps is bounded."""
        entries = dict.fromkeys(b"%d" % number for number in range(5000))
        cursor, names = walk(entries, 0, 1)
        self.assertEqual((4995, 5), (cursor, len(names)))

    @QUICK
    @given(
        st.integers(0, 40),
        st.lists(st.tuples(st.integers(1, 6), st.lists(st.integers(0, 80)), st.integers(0, 8)), min_size=1),
    )
    def test_guarantee(self, size: int, rounds: list[tuple[int, list[int], int]]) -> None:
        """
        An entry that is present during the whole iteration is returned, whatever is added or removed. The entries that
        are returned again are at most as many as those that were removed before they were returned.
        """
        entries = dict.fromkeys(b"%d" % number for number in range(size))
        constant, newest = set(entries), size
        met: list[bytes] = []
        cursor = missed = 0
        for count, removals, additions in rounds:
            cursor, names = walk(entries, cursor, count)
            met += names
            if not cursor:
                break
            removed = {b"%d" % number for number in removals} & set(entries)
            missed += len(removed - set(met))
            constant -= removed
            for name in removed:
                del entries[name]
            entries.update(dict.fromkeys(b"%d" % number for number in range(newest, newest + additions)))
            newest += additions
        if cursor:
            met += walk_on(entries, cursor, 3)
        self.assertEqual(set(), constant - set(met), "these were there all the time, and were not met")
        self.assertLessEqual(len(met) - len(set(met)), missed)

    def test_bounded(self) -> None:
        """An iteration completes, however many entries are added during it."""
        entries = dict.fromkeys(b"%d" % number for number in range(100))
        cursor = walk(entries, 0, 10)[0]
        for step in range(9):
            self.assertNotEqual(0, cursor)
            entries.update(dict.fromkeys(b"%d-%d" % (step, number) for number in range(20)))
            cursor = walk(entries, cursor, 10)[0]
        self.assertEqual(0, cursor)


HALF_SECONDS = st.integers(-2, 8).map(lambda number: number * SLOT_MS // 2)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("expire"), st.sampled_from(KEYS), HALF_SECONDS),
        st.tuples(st.sampled_from(["set", "replace", "delete", "persist", "read"]), st.sampled_from(KEYS)),
        st.tuples(st.just("turn"), HALF_SECONDS | st.sampled_from([1, -10_000, -(10**12), 10**12])),
        st.tuples(st.just("sweep"), st.integers(0, 4)),
    ),
    max_size=60,
)
"""Operations at times on the edges of slots; the times are few, so that keys share slots."""


class Model:
    """A simple model of a database: each key with its expiry time, or None; keys are removed only on access."""

    def __init__(self, database: Database, time: Time) -> None:
        self.database = database
        self.time = time
        self.keys: dict[bytes, int | None] = {}

    def forget_expired(self) -> None:
        """Remove the keys whose time has passed."""
        now = self.time.milliseconds
        self.keys = {key: when for key, when in self.keys.items() if when is None or when >= now}

    def set(self, key: bytes) -> None:
        """Set a key without a time to live."""
        self.database.set(key, b"value")
        self.keys[key] = None

    def replace(self, key: bytes) -> None:
        """Read a key and replace its value; the time to live stays."""
        self.database.get(key)
        self.database.replace(key, b"value", b"")
        self.keys.setdefault(key, None)

    def delete(self, key: bytes) -> None:
        """Delete a key and compare the result."""
        assert self.database.delete(key) == (key in self.keys)
        self.keys.pop(key, None)

    def persist(self, key: bytes) -> None:
        """Remove a key's time to live and compare the result."""
        if self.database.get(key) is not None:
            assert self.database.persist(key) == (self.keys[key] is not None)
            self.keys[key] = None

    def read(self, key: bytes) -> None:
        """Read a key and compare its existence."""
        assert (self.database.read(key) is not None) == (key in self.keys)

    def expire(self, key: bytes, after: int) -> None:
        """Set a key's expiry to C{after} milliseconds from now; create the key if missing."""
        self.replace(key)
        self.database.expire_at(key, self.time.milliseconds + after)
        self.keys[key] = self.time.milliseconds + after

    def turn(self, milliseconds: int) -> None:
        """Advance the clock, or set it back: then expired keys are removed first, as they would exist again."""
        for key in KEYS:
            if milliseconds < 0:
                self.database.peek(key)
        self.time.milliseconds += milliseconds
        self.database._keyspace.tick()

    def sweep(self, most: int) -> None:
        """Run a sweep of at most C{most} keys."""
        assert 0 <= self.database.sweep(most) <= most


class ExpiryTests(SynchronousTestCase):
    """Keys expire on access; the sweep removes expired keys that are not accessed."""

    def setUp(self) -> None:
        self.time = Time(1_700_000_000_000)
        self.keyspace = Keyspace(2, self.time)
        self.database = self.keyspace.databases[0]

    def turn(self, milliseconds: int) -> None:
        """Advance the clock and the keyspace's time."""
        self.time.milliseconds += milliseconds
        self.keyspace.tick()

    def add(self, key: bytes, after: int) -> None:
        """Add a key that expires in C{after} milliseconds."""
        self.database.set(key, b"value")
        self.database.expire_at(key, self.keyspace.now + after)

    def test_set_all(self) -> None:
        """C{set_all} equals single sets, and removes times to live."""
        self.database.set(b"a", b"0")
        self.database.expire_at(b"a", self.keyspace.now + 10)
        for keys in ([b"a", b"b"], [b"b", b"c", b"b"]):
            self.database.set_all(keys, [key + b"%d" % number for number, key in enumerate(keys)])
        self.assertEqual({b"a": b"a0", b"b": b"b2", b"c": b"c1"}, self.database.values)
        self.assertEqual(({}, {b"a", b"b", b"c"}), (self.database.expires, set(self.database.accessed)))

    @QUICK
    @given(OPERATIONS)
    def test_any_operations(self, operations: list[tuple[str, ...]]) -> None:
        """Slots and keys are consistent after any operations and clock jumps in both directions."""
        self.setUp()
        model = Model(self.database, self.time)
        for name, *arguments in operations:
            getattr(model, name)(*arguments)
            model.forget_expired()
            check_slots(self, self.database)
        alive = {key for key in KEYS if self.database.peek(key) is not None}
        self.assertEqual(set(model.keys), alive)

    @QUICK
    @given(OPERATIONS)
    def test_all_expired(self, operations: list[tuple[str, ...]]) -> None:
        """After all expiry times have passed, sweeps leave only the keys without one."""
        self.setUp()
        model = Model(self.database, self.time)
        for name, *arguments in operations:
            getattr(model, name)(*arguments)
            model.forget_expired()
        lasting = set(self.database.values) - set(self.database.expires)
        model.turn(10**14)
        while self.database.sweep(3) == 3:
            pass
        self.assertEqual(lasting, set(self.database.values))
        self.assertEqual(({}, {}, []), (self.database.expires, self.database._slots, self.database._order))

    def test_expiry_time(self) -> None:
        """A key exists in the millisecond of its expiry time and is expired in the next."""
        self.add(b"key", 1000)
        self.turn(1000)
        self.assertEqual(b"value", self.database.read(b"key"))
        self.turn(1)
        self.assertIsNone(self.database.read(b"key"))
        self.assertEqual(1, self.keyspace.expired)

    def test_sweep_is_bounded(self) -> None:
        """A sweep removes at most the given number of keys."""
        for number in range(100):
            self.add(b"%d" % number, 10)
        self.turn(5000)
        self.assertEqual(30, self.keyspace.sweep(30))
        self.assertEqual(70, len(self.database))

    def test_far_jump(self) -> None:
        """After a large clock jump the cost of a sweep depends on keys and slots, not on the time skipped."""
        self.add(b"near", 1000)
        self.add(b"far", 10**15)
        self.turn(2 * 10**15)
        self.assertEqual(4, self.keyspace.sweep(1000))
        self.assertEqual(0, len(self.database))

    def test_sweep_every_database(self) -> None:
        """A sweep removes the expired keys of every database."""
        other = self.keyspace.databases[1]
        other.set(b"key", b"value")
        other.expire_at(b"key", self.keyspace.now + 1)
        self.turn(2000)
        self.keyspace.sweep(10)
        self.assertEqual(0, len(other))

    def test_order_is_bounded(self) -> None:
        """Repeated changes of one key's expiry do not grow the slot order, and the earliest slot stays first."""
        for number in range(3):
            self.add(KEYS[number], SLOT_MS * (1000 - number))
        for number in range(5 * MIN_REBUILD_ENTRIES):
            self.add(b"key", SLOT_MS * (number + 2000))
        self.assertLessEqual(len(self.database._order), 2 * len(self.database._slots) + MIN_REBUILD_ENTRIES + 1)
        check_slots(self, self.database)
        self.turn(SLOT_MS * 1000)
        self.keyspace.sweep(100)
        self.assertEqual([KEYS[0], b"key"], list(self.database.values))

    def test_soon(self) -> None:
        """Active expiry deletes a key at most 200 ms after its expiry, if it runs ten times a second as in Redis."""
        self.add(KEYS[0], 50)
        self.turn(150)
        self.keyspace.sweep(100)
        self.turn(100)
        self.keyspace.sweep(100)
        self.assertEqual([], list(self.database.values))

    def test_one_slot(self) -> None:
        """Of several keys in one slot each can be removed, and the others still expire."""
        for key in KEYS:
            self.add(key, 10)
        check_slots(self, self.database)
        self.database.persist(KEYS[0])
        self.database.delete(KEYS[1])
        check_slots(self, self.database)
        self.turn(5000)
        self.keyspace.sweep(100)
        self.assertEqual([KEYS[0]], list(self.database.values))


class DatabaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.time = Time(1_700_000_000_000)
        self.keyspace = Keyspace(2, self.time)
        self.database, self.other = self.keyspace.databases

    def fill(self, count: int) -> None:
        for number in range(count):
            self.database.set(b"%d" % number, b"value")

    def test_random_key_reaches_all(self) -> None:
        """C{random_key} reaches every key of a small database, and returns None for an empty one."""
        self.fill(5)
        self.assertEqual(set(self.database.values), {self.database.random_key() for _ in range(500)})
        self.assertIsNone(self.other.random_key())

    def test_random_key_in_large(self) -> None:
        """C{random_key} of a large database returns many different keys."""
        self.fill(3000)
        picked: set[bytes | None] = {self.database.random_key() for _ in range(3000)}
        self.assertGreater(len(picked), 1500)

    def test_shrink(self) -> None:
        """After most keys are deleted, the sweep rebuilds the dictionaries with the same keys in the same order."""
        self.fill(5000)
        self.keyspace.sweep(1)
        for number in range(4900):
            self.database.delete(b"%d" % number)
        before = self.database.values
        left = list(before.items())
        self.keyspace.sweep(1)
        self.assertIsNot(before, self.database.values)
        self.assertEqual(left, list(self.database.values.items()))
        check_slots(self, self.database)

    def test_no_shrink(self) -> None:
        """While at least half of the keys are left, the sweep does not rebuild the dictionaries."""
        self.fill(5000)
        self.keyspace.sweep(1)
        for number in range(2500):
            self.database.delete(b"%d" % number)
        before = self.database.values
        self.keyspace.sweep(1)
        self.assertIs(before, self.database.values)

    def test_swap(self) -> None:
        """SWAPDB swaps the expiry times along with the keys."""
        self.database.set(b"key", b"value")
        self.database.expire_at(b"key", self.keyspace.now + 10)
        self.keyspace.swap(0, 1)
        check_slots(self, self.database)
        check_slots(self, self.other)
        self.assertEqual((0, 1), (len(self.database), len(self.other)))
        self.time.milliseconds += 5000
        self.keyspace.tick()
        self.keyspace.sweep(10)
        self.assertEqual(0, len(self.other))

    def test_counts(self) -> None:
        """C{read} and C{look} count hits and misses; C{get} and C{peek} do not."""
        self.database.set(b"key", b"value")
        for look in (self.database.read, self.database.read_untouched, self.database.get, self.database.peek):
            look(b"key")
            look(b"none")
        self.assertEqual((2, 2), (self.keyspace.hits, self.keyspace.misses))

    def test_use(self) -> None:
        """C{read} and C{get} set a key's access time; C{look} and C{peek} do not."""
        database = self.database
        for used, look in enumerate((database.peek, database.read_untouched, database.read, database.get)):
            self.database.set(b"key", b"value")
            self.keyspace.second += 1
            look(b"key")
            self.assertEqual(used >= 2, self.database.accessed[b"key"] == self.keyspace.second)
