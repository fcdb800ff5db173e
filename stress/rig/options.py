"""Readers of arguments for the command lines of the rig, and the exit of its programs."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import NoReturn

from rig.workloads import Sizes

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
MAX_SECONDS = 3600.0
MAX_RATE = 10**7
MAX_PIPELINE = 64
MAX_VALUE_BYTES = 1 << 20


def positive(text: str) -> int:
    """Parse a whole number above 0."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def clients(text: str) -> int:
    """Parse a number of clients: "8k" is 8192."""
    number = text[:-1] if text[-1:] in ("k", "K") else text
    if not (number.isascii() and number.isdigit() and int(number)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of clients, such as 500 or 8k")
    return int(number) * (1 if number == text else 1024)


def points(text: str) -> list[int]:
    """Parse numbers of clients separated by commas."""
    return [clients(one) for one in text.split(",")]


def names(text: str) -> list[str]:
    """Parse names separated by commas; empty ones are dropped."""
    return [one.strip() for one in text.split(",") if one.strip()]


def share(text: str) -> float:
    """Parse a share from 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 1")
    return value


def rate(text: str) -> float:
    """Parse a number of requests per second: "10k" is 10,000."""
    scale = 1000 if text[-1:] in ("k", "K") else 1
    value = _number(text[:-1] if scale > 1 else text) * scale
    if not 0 < value <= MAX_RATE:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate per second, such as 500 or 20k")
    return value


def rates(text: str) -> list[float]:
    """Parse rates per second separated by commas."""
    return [rate(one) for one in text.split(",")]


def pipeline(text: str) -> int:
    """Parse a number of requests per write."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_PIPELINE):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MAX_PIPELINE}")
    return int(text)


def part(text: str) -> Callable[[int], int]:
    """Parse a number of clients, or a percentage of all; return a function from the number of all clients to that
    number."""
    if not text.endswith("%"):
        number = clients(text)
        return lambda total: min(number, total)
    value = _number(text[:-1])
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage above 0% and up to 100%")
    return lambda total: max(1, round(total * value / 100))


def value_sizes(text: str) -> Sizes:
    """Parse sizes of values: 64, or 32-1024, or either with a weight in a list, 64:9,1024:1."""
    found = [re.fullmatch(r"(\d+)(?:-(\d+))?(?::([1-9]\d*))?", one) for one in text.split(",")]
    ranges = [tuple(int(part or 0) for part in one.groups()) for one in found if one]
    low = tuple(low for low, _, _ in ranges)
    high = tuple(high or low for low, high, _ in ranges)
    weights = tuple(weight or 1 for _, _, weight in ranges)
    if not all(found) or not all(1 <= small <= large <= MAX_VALUE_BYTES for small, large in zip(low, high)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size of values, such as 64, 32-1024 or 64:9,1024:1, from 1 to {MAX_VALUE_BYTES} bytes"
        )
    return Sizes(text, low, high, tuple(accumulate(weights)))


def _number(text: str) -> float:
    """Parse a number; return NaN, which is in no range, for anything else."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def pause(text: str) -> float:
    """Parse a time in seconds, from 0 to an hour."""
    value = _number(text)
    if not 0 <= value <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to an hour")
    return value


def seconds(text: str) -> float:
    """Parse a time in seconds, above 0 and up to an hour."""
    value = _number(text)
    if not 0 < value <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to an hour")
    return value


def duration(text: str) -> float:
    """Parse a time in Go's notation, such as 1s, 500ms or 2m, in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(us|ms|s|m)", text)
    value = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not 0 < value <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 1s or 500ms")
    return value


def address(text: str) -> tuple[str, int]:
    """Parse HOST:PORT with a loopback address."""
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    if not re.fullmatch(r"127(\.\d{1,3}){3}", host):
        raise argparse.ArgumentTypeError(
            f"{host!r} is not in 127.0.0.0/8: the rig measures only servers on this machine"
        )
    return host, int(port)


EXTRAS = {
    "stress": ("hdrh", "jsonschema", "psutil", "rich"),
    "report": ("hdrh", "jinja2", "jsonschema", "markupsafe", "matplotlib", "psutil", "rich"),
}
"""The packages of the extras, by the names that are imported."""


def require(extra: str, missing: ModuleNotFoundError) -> NoReturn:
    """Print which extra to install and exit with status 2, if C{missing} is one of its packages; else raise C{missing}
    again."""
    package = (missing.name or "").partition(".")[0]
    if package not in EXTRAS[extra]:
        raise missing
    print(f"{package} is missing: pip install 'tseep[{extra}]'", file=sys.stderr)
    raise SystemExit(2) from None


class Interrupted(SystemExit):
    """A signal ends the program; C{name} is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name


def _exit(number: int, frame: object) -> NoReturn:
    raise Interrupted(number)


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command line, and exit with its status. SIGTERM and Ctrl-C raise SystemExit, so that all children are
    stopped."""
    signal.signal(signal.SIGTERM, _exit)
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        ended = Interrupted(signal.SIGINT)
    except Interrupted as by_signal:
        ended = by_signal
    print(f"{Path(sys.argv[0]).name}: stopped by {ended.name}", file=sys.stderr)
    raise ended


def leave_signals_to_parent() -> None:
    """Ignore Ctrl-C in a load process, as the parent handles it, and let SIGTERM, which the parent sends, end it at
    once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
