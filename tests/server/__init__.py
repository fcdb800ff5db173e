"""Tests of a running server through its external interfaces."""
