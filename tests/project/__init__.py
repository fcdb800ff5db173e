"""Tests of the project itself: documentation, imports, layers, the wheel, and tseep.testing."""
