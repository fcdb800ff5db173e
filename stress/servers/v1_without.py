"""tseep's v1 without one of the settings for its threads, to measure the setting's effect.

python stress/servers/v1_without.py futex-slots tseep --mode v1 ...
python stress/servers/v1_without.py switch-interval tseep --mode v1 ...
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any


def keep_kernels_slots(threads: Any) -> None:
    """Keep the kernel's number of futex slots."""
    threads.futex.set_slots = lambda count: None


def keep_interval(threads: Any) -> None:
    """Keep CPython's switch interval, 5 ms by default."""
    threads.SWITCH_INTERVAL_S = sys.getswitchinterval()


WITHOUT = {"futex-slots": keep_kernels_slots, "switch-interval": keep_interval}


def main() -> None:
    """Remove the setting, and run tseep."""
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)
    from tseep.modes import threads

    WITHOUT[sys.argv[1]](threads)
    del sys.argv[1:3]
    runpy.run_module("tseep", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
