"""Numbers for a reader: three digits and a suitable unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

NONE = "\u2013"
SPACE = "\u00a0"  # keeps a number and its unit in one line
KIB = 1024.0


def number(value: float) -> str:
    """Return a number in three digits, without an exponent: 61,200, 14.2, 0.0031."""
    if value == 0:
        return "0"
    size = abs(value)
    for limit, digits in ((0.00995, 4), (0.0995, 3), (9.995, 2), (99.95, 1)):
        if size < limit:
            return f"{value:.{digits}f}"
    figures = f"{value:.3g}"
    return f"{float(figures):,.0f}"


def plain(value: float) -> str:
    """Return a number of the command line as it was given: 10, 0.5."""
    return f"{value:g}"


def count(value: float) -> str:
    """Return a whole number with all digits: 8,192."""
    return f"{value:,.0f}"


def time(microseconds: float) -> str:
    """Return a time in microseconds with its unit: 14.2 µs, 3.05 ms, 12.0 s."""
    for limit, unit in ((1e3, "µs"), (1e6, "ms")):
        if abs(microseconds) < limit * 0.9995:
            return f"{number(microseconds * 1e3 / limit)}{SPACE}{unit}"
    return f"{number(microseconds / 1e6)}{SPACE}s"


def kib(size: float) -> str:
    """Return a size in bytes as KiB: 1.31 KiB."""
    return f"{number(size / KIB)}{SPACE}KiB"


def between(text: Callable[[float], str], low: float, high: float) -> str:
    """Return a range, with the unit once if both ends have the same: 1.02 to 1.08 KiB."""
    (one, *unit), other = text(low).split(SPACE), text(high)
    return f"{one if unit == other.split(SPACE)[1:] else text(low)} to {other}"


def share(value: float) -> str:
    """Return a share from 0 to 1 in per cent: 93 %."""
    return f"{100 * value:.0f}{SPACE}%"


def times(ratio: float) -> str:
    """Return a ratio with its sign: 1.31x."""
    return f"{number(ratio)}x"


def several(words: Sequence[str]) -> str:
    """Join words as in a sentence: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def plural(value: int, word: str) -> str:
    """Return a count and its noun: 1 run, 5 runs."""
    return f"{count(value)} {word}{'' if value == 1 else 's'}"


def capital(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]
