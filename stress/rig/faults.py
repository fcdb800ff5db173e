"""The kinds of faults of a request, and their counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

REFUSED = "refused"  # no connection within the timeout
CLOSED = "closed"  # the server closed the connection
MISSING = "missing"  # no complete answer within twice the timeout
LATE = "late"  # the right answer, after the timeout
WRONG = "wrong"  # another value, malformed bytes, or bytes without a request
ERROR = "error"  # an error reply, or an ERROR frame
EXIT = "exit"  # the server did not exit with status 0 after SIGTERM


@dataclass
class Faults:
    """A count for each kind of fault, and the first example of each kind in words."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, example: str) -> None:
        """Count a fault, and keep its example if it is the first of its kind."""
        self.counts[kind] += 1
        self.examples.setdefault(kind, example)

    def merge(self, other: Faults) -> None:
        """Add the faults of C{other}; its examples are used for kinds that have none here."""
        self.counts.update(other.counts)
        self.examples = {**other.examples, **self.examples}

    def __bool__(self) -> bool:
        return bool(self.counts)
