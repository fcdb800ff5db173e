"""Numbers as a reader wants them: three digits and the unit that suits."""

from __future__ import annotations

from collections.abc import Sequence

NONE = "–"
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


def count(value: float) -> str:
    """Return a whole number with all its digits: 8,192."""
    return f"{value:,.0f}"


def time(microseconds: float) -> str:
    """Return a time given in microseconds: 14.2 µs, 3.05 ms, 12.0 s."""
    return _in_units(microseconds, 1000.0, ("µs", "ms", "s"))


def memory(size: float) -> str:
    """Return a size given in bytes: 512 B, 1.31 KiB, 42.0 MiB."""
    return _in_units(size, KIB, ("B", "KiB", "MiB", "GiB"))


def _in_units(value: float, step: float, units: Sequence[str]) -> str:
    for unit in units[:-1]:
        if abs(value) < step * 0.9995:
            return f"{number(value)} {unit}"
        value /= step
    return f"{number(value)} {units[-1]}"


def share(value: float) -> str:
    """Return a share from 0 to 1 in hundredths: 93 %."""
    return f"{100 * value:.0f} %"


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
