"""SORT and SORT_RO: elements by their own or by external values (https://redis.io/docs/latest/commands/sort/)."""

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
    from tseep.keyspace.database import Database
    from tseep.session.session import Session

Sortable = Union[RedisList, Set, SortedSet]

_SPACES = b" \t\n\v\f\r"


class Options:
    """
    Options of SORT.

    @param known: by option, the number of its parameters.
    @ivar by: the pattern of the weights; None: the elements themselves.
    @ivar unsorted: True if BY has no asterisk, which disables sorting.
    @ivar offset: number of elements to skip.
    @ivar count: maximum number of elements; negative: all.
    @ivar get: the patterns of the values to return for each element; empty: the element itself.
    @ivar store: the destination key, or None.
    """

    def __init__(self, argv: list[bytes], known: dict[bytes, int]) -> None:
        self.by: bytes | None = None
        self.unsorted = self.alpha = self.descending = False
        self.offset, self.count = 0, -1
        self.get: list[bytes] = []
        self.store: bytes | None = None
        for option, _, parameters in read_options(argv, 2, known):
            self._apply(option, parameters)

    def _apply(self, option: bytes, parameters: list[bytes]) -> None:
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
        """Return start and end of LIMIT in a list of C{size} elements, as for a slice."""
        start = min(max(self.offset, 0), size)
        return start, size if self.count < 0 else min(start + self.count, size)


def _lookup(db: Database, pattern: bytes) -> Callable[[bytes], bytes | None]:
    """
    Return a function from an element to the string that a pattern refers to, or None.

    The element replaces the first asterisk, which gives the name of a key. C{key->field} refers to a field of a hash,
    C{#} to the element itself.
    """
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
    return value.get(field) if isinstance(value, Hash) else None


def _text(value: Any) -> bytes | None:
    return bytes(value) if isinstance(value, (bytes, bytearray)) else None


def _score(text: bytes | None) -> float:
    """
    Parse a weight like C's C{strtod}: leading spaces are skipped, a zero byte ends it, an empty text is 0.

    @raise CommandError: if it is not a number, or too small for a normal double.
    """
    number = text.partition(b"\0")[0] if text else b""
    if not number:
        return 0.0
    score = double(number.lstrip(_SPACES))
    if score is None or 0 < abs(score) < sys.float_info.min:
        raise CommandError("ERR One or more scores can't be converted into double")
    return score


def _rank(weight: bytes | None, whole: bool) -> tuple[bool, bytes]:
    """Return the sort key of a weight with ALPHA: None comes first; a zero byte ends it, as in C, unless C{whole}."""
    if weight is None:
        return False, b""
    return True, weight if whole else weight.partition(b"\0")[0]


def _sorted(db: Database, elements: list[bytes], options: Options) -> list[bytes]:
    """Return sorted elements. Those of equal weight are sorted by their bytes, with ALPHA not at all."""
    weights: list[bytes | None] = list(elements if options.by is None else map(_lookup(db, options.by), elements))
    ranks: list[Any]
    if options.alpha:
        ranks = [_rank(weight, options.store is not None) for weight in weights]
    else:
        ranks = list(zip(map(_score, weights), elements))
    order = sorted(range(len(elements)), key=ranks.__getitem__, reverse=options.descending)
    return [elements[place] for place in order]


def _select(session: Session, value: Sortable, options: Options) -> list[bytes]:
    """Return the elements in order, within LIMIT."""
    start, stop = options.bounds(len(value))
    if not options.unsorted:
        return _sorted(session.db, list(value), options)[start:stop]
    ordered: Iterable[bytes] = value
    if options.descending and not isinstance(value, Set):
        ordered = reversed(value)
    return list(islice(ordered, start, stop))


def _settle_order(session: Session, value: Sortable, options: Options) -> None:
    """Sort a set, which has no order, even with a BY that disables sorting, if the result must be deterministic."""
    if options.unsorted and isinstance(value, Set) and (options.store is not None or session.server.scripting.running):
        options.unsorted, options.alpha, options.by = False, True, None


def _sort(session: Session, argv: list[bytes], options: Options) -> list[bytes | None]:
    """Return the values that SORT returns or stores; None for a missing value."""
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
        session.db.set(options.store, RedisList([text or b"" for text in found]), b"sortstore", len(found))
    else:
        session.db.delete(options.store)
    return len(found)


@command("SORT_RO")
def sort_ro(session: Session, argv: list[bytes]) -> Reply:
    return _sort(session, argv, Options(argv, SORT_OPTIONS))
