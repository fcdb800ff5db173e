"""C{tseep} and C{python -m tseep}: the same as C{twistd -n tseep}, for those who don't know twistd."""

from __future__ import annotations

import signal
import sys

from twisted.scripts.twistd import run


def main() -> None:
    """Run C{twistd -n tseep} with the arguments of this process, and without a PID file."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as Redis does; it may come before the service is made
    sys.argv[1:1] = ["--nodaemon", "--pidfile=", "tseep"]
    run()


if __name__ == "__main__":
    main()
