"""What can go wrong with a request, counted by kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

REFUSED = "refused"  # the connection was not made within the timeout
CLOSED = "closed"  # the server ended the connection
MISSING = "missing"  # no full answer within twice the timeout
LATE = "late"  # the right answer, but after the timeout
WRONG = "wrong"  # another value, bytes that are no answer, or bytes nobody asked for
ERROR = "error"  # the server answered with an ERROR frame
EXIT = "exit"  # the server did not end with status 0 soon after SIGTERM


@dataclass
class Faults:
    """A count for each kind of fault, and the first example of each kind in words."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, example: str) -> None:
        """Count one fault."""
        self.counts[kind] += 1
        self.examples.setdefault(kind, example)

    def merge(self, other: Faults) -> None:
        """Count the faults of `other` too."""
        self.counts.update(other.counts)
        self.examples = {**other.examples, **self.examples}

    def __bool__(self) -> bool:
        return bool(self.counts)
