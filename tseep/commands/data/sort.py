"""SORT and SORT_RO (https://redis.io/docs/latest/commands/sort/)."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Callable, Union

from tseep.algorithms.numeric import double, require_integer
from tseep.datatypes.hash import Hash
from tseep.datatypes.list import RedisList
from tseep.datatypes.set import Set
from tseep.datatypes.sorted_set import SortedSet
from tseep.errors import SYNTAX, WRONG_TYPE, CommandError
from tseep.registry.key_finders import SORT_OPTIONS, SORT_STORE_OPTIONS
from tseep.registry.options import read_options
from tseep.registry.table import command
from tseep.replies import Reply

if TYPE_CHECKING:
    from tseep.keyspace.keyspace import Database
    from tseep.session.session import Session

Sortable = Union[RedisList, Set, SortedSet]

_SPACES = b" \t\n\v\f\r"


class Options:
    """
    What a SORT asks for.

    @param known: by option, how many arguments follow it.
    @ivar by: the pattern of the weights; None if the elements are their own.
    @ivar unsorted: whether a BY without an asterisk asked for the elements as they are.
    @ivar offset: how many are left out at the beginning, C{count}: how many are wanted; all, if it is negative.
    @ivar get: the patterns of what is wanted of each element; empty for the element itself.
    @ivar store: the key for the result.
    """

    def __init__(self, argv: list[bytes], known: dict[bytes, int]) -> None:
        self.by: bytes | None = None
        self.unsorted = self.alpha = self.descending = False
        self.offset, self.count = 0, -1
        self.get: list[bytes] = []
        self.store: bytes | None = None
        for option, _, parameters in read_options(argv, 2, known):
            self._take(option, parameters)

    def _take(self, option: bytes, parameters: list[bytes]) -> None:
        if option in (b"asc", b"desc"):
            self.descending = option == b"desc"
        elif option == b"alpha":
            self.alpha = True
        elif option == b"limit":
            self.offset, self.count = map(require_integer, parameters)
        elif option == b"by":
            self.by = parameters[0]
            self.unsorted = self.unsorted or b"*" not in self.by
        elif option == b"get":
            self.get += parameters
        elif option == b"store":
            self.store = parameters[0]
        else:
            raise CommandError(SYNTAX)

    def bounds(self, size: int) -> tuple[int, int]:
        """The places, of so many, from which and before which an element is wanted."""
        start = min(max(self.offset, 0), size)
        return start, size if self.count < 0 else min(start + self.count, size)


def _lookup(db: Database, pattern: bytes) -> Callable[[bytes], bytes | None]:
    """What finds the text at the key, or in the field, that a pattern names with an element for its asterisk."""
    if pattern == b"#":
        return lambda element: element
    prefix, asterisk, suffix = pattern.partition(b"*")
    if not asterisk:
        return lambda element: None
    before, _, field = suffix.partition(b"->")
    if field:
        return lambda element: _field(db.read(prefix + element + before), field)
    return lambda element: _text(db.read(prefix + element + suffix))


def _field(value: Any, field: bytes) -> bytes | None:
    return value.get(field) if type(value) is Hash else None


def _text(value: Any) -> bytes | None:
    return bytes(value) if isinstance(value, (bytes, bytearray)) else None


def _score(text: bytes | None) -> float:
    """
    A weight as C's C{strtod} reads it: spaces may come before it, it ends with a zero byte, and nothing is 0.

    @raise CommandError: if it is no number, or none that a double can hold with its whole precision.
    """
    number = text.partition(b"\0")[0] if text else b""
    if not number:
        return 0.0
    score = double(number.lstrip(_SPACES))
    if score is None or 0 < abs(score) < sys.float_info.min:
        raise CommandError("ERR One or more scores can't be converted into double")
    return score


def _rank(weight: bytes | None, whole: bool) -> tuple[bool, bytes]:
    """A weight as ALPHA compares it: none at all comes first; unless it is C{whole} a zero byte ends it, as in C."""
    if weight is None:
        return False, b""
    return True, weight if whole else weight.partition(b"\0")[0]


def _sorted(db: Database, elements: list[bytes], options: Options) -> list[bytes]:
    """Elements in order, those of the same weight by their bytes or, with ALPHA, as they were."""
    weights: list[bytes | None] = list(elements if options.by is None else map(_lookup(db, options.by), elements))
    ranks: list[Any]
    if options.alpha:
        ranks = [_rank(weight, options.store is not None) for weight in weights]
    else:
        ranks = list(zip(map(_score, weights), elements))
    order = sorted(range(len(elements)), key=ranks.__getitem__, reverse=options.descending)
    return [elements[place] for place in order]


def _select(session: Session, value: Sortable, options: Options) -> list[bytes]:
    """The elements that are wanted, in order."""
    start, stop = options.bounds(len(value))
    if not options.unsorted:
        return _sorted(session.db, list(value), options)[start:stop]
    ordered: Iterable[bytes] = value
    if options.descending and not isinstance(value, Set):
        ordered = reversed(value)
    return list(islice(ordered, start, stop))


def _settle_order(session: Session, value: Sortable, options: Options) -> None:
    """Let a set, which has no order of its own, be sorted for what has to come out the same everywhere."""
    if options.unsorted and isinstance(value, Set) and (options.store is not None or session.server.scripting.running):
        options.unsorted, options.alpha, options.by = False, True, None


def _sort(session: Session, argv: list[bytes], options: Options) -> list[bytes | None]:
    """What SORT replies or stores."""
    value = session.db.read(argv[1])
    if value is None:
        return []
    if not isinstance(value, (RedisList, Set, SortedSet)):
        raise CommandError(WRONG_TYPE)
    _settle_order(session, value, options)
    elements = _select(session, value, options)
    lookups = [_lookup(session.db, pattern) for pattern in options.get or [b"#"]]
    return [lookup(element) for element in elements for lookup in lookups]


@command("SORT")
def sort(session: Session, argv: list[bytes]) -> Reply:
    options = Options(argv, SORT_STORE_OPTIONS)
    found = _sort(session, argv, options)
    if options.store is None:
        return found
    if found:
        session.db.set(options.store, RedisList([text or b"" for text in found]), b"sortstore")
    else:
        session.db.delete(options.store)
    return len(found)


@command("SORT_RO")
def sort_ro(session: Session, argv: list[bytes]) -> Reply:
    return _sort(session, argv, Options(argv, SORT_OPTIONS))
