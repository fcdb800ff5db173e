"""Tests of a running server, by what a client or an operator sees of it."""
