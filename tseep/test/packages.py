"""
Packages of the extra C{test} that a plain installation lacks.

Tests that need one are skipped, with its name in the reason. C{make test} sets L{COMPLETE} in the environment: there a
missing package fails.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

COMPLETE = "TSEEP_TEST_COMPLETE"


def skip_without(package: str) -> str | None:
    """
    Return the value of C{skip} for tests that need a package: the reason, or None if the tests must run. With
    L{COMPLETE} they must, so that the import of a missing package fails.
    """
    if os.environ.get(COMPLETE) or find_spec(package) is not None:
        return None
    return f"needs the package {package}: pip install 'tseep[test]'"
