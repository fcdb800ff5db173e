"""tseep's v1 with another number of futex slots than its own.

    python stress/servers/with_slots.py SLOTS tseep --mode v1 ...

SLOTS is a power of two, 0 for the system's table, or "kernel" for what the kernel gives by itself.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

KERNEL = "kernel"


def main() -> None:
    """Change the number, and run tseep."""
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)
    from tseep.modes import threads

    slots = sys.argv[1]
    del sys.argv[1:3]
    if slots == KERNEL:
        threads.futex.set_slots = lambda count: None
    else:
        threads.FUTEX_SLOTS = int(slots)
    runpy.run_module("tseep", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
