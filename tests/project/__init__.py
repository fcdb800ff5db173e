"""Tests of the project itself: documentation, imports, layers, the wheel, and tseep.testing."""

import sys

from ..support.servers import ROOT

sys.path.insert(0, str(ROOT / "docs"))
