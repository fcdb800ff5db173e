"""Tests for L{tseep.testing}."""
