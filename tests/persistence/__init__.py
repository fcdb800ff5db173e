"""Persistence tests: the append-only file, snapshots, and killed servers."""
