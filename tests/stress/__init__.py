"""Tests of the stress rig. They import its modules as its commands do, by the names of the folders in C{stress/}."""

from ..support.servers import ROOT

STRESS = ROOT / "stress"
