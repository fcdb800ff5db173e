"""What the comparison servers' command lines share."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

HOST = "127.0.0.1"
BACKLOG = 4096


def port(doc: str | None) -> int:
    """Read --port from the command line of a server that `doc` tells of, raise the limit of open
    files, and let SIGTERM end the process with status 0: it has nothing to save."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True, metavar="N", help=f"to listen on, of {HOST}")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    chosen: int = parser.parse_args().port
    return chosen


@contextmanager
def libraries() -> Iterator[None]:
    """Import in here what has to be installed: where it is missing, say so and end with status 2."""
    try:
        yield
    except ModuleNotFoundError as missing:
        print(f"{missing.name} is missing: pip install 'tseep[peers]'", file=sys.stderr)
        raise SystemExit(2) from None
