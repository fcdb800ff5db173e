"""Numbers as a reader wants them: three digits and the unit that suits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

NONE = "\u2013"
SPACE = "\u00a0"  # no line ends between a number and its unit
KIB = 1024.0


def number(value: float) -> str:
    """Return a number in three digits, never in powers of ten: 61,200, 14.2, 0.0031."""
    if value == 0:
        return "0"
    size = abs(value)
    for limit, digits in ((0.00995, 4), (0.0995, 3), (9.995, 2), (99.95, 1)):
        if size < limit:
            return f"{value:.{digits}f}"
    figures = f"{value:.3g}"
    return f"{float(figures):,.0f}"


def plain(value: float) -> str:
    """Return a number that was given, as it was given: 10, 0.5."""
    return f"{value:g}"


def count(value: float) -> str:
    """Return a whole number with all its digits: 8,192."""
    return f"{value:,.0f}"


def time(microseconds: float) -> str:
    """Return a time given in microseconds: 14.2 µs, 3.05 ms, 12.0 s."""
    for limit, unit in ((1e3, "µs"), (1e6, "ms")):
        if abs(microseconds) < limit * 0.9995:
            return f"{number(microseconds * 1e3 / limit)}{SPACE}{unit}"
    return f"{number(microseconds / 1e6)}{SPACE}s"


def kib(size: float) -> str:
    """Return a size given in bytes: 1.31 KiB."""
    return f"{number(size / KIB)}{SPACE}KiB"


def between(text: Callable[[float], str], low: float, high: float) -> str:
    """Return two values, with the unit once where both have the same: 1.02 to 1.08 KiB."""
    (one, *unit), other = text(low).split(SPACE), text(high)
    return f"{one if unit == other.split(SPACE)[1:] else text(low)} to {other}"


def share(value: float) -> str:
    """Return a share from 0 to 1 in hundredths: 93 %."""
    return f"{100 * value:.0f}{SPACE}%"


def times(ratio: float) -> str:
    """Return a ratio: 1.31 times."""
    return f"{number(ratio)} times"


def several(words: Sequence[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def plural(value: int, word: str) -> str:
    """Return a count and its word: 1 run, 5 runs."""
    return f"{count(value)} {word}{'' if value == 1 else 's'}"


def capital(text: str) -> str:
    """Begin with a capital; the rest stays as it is."""
    return text[:1].upper() + text[1:]
