"""Tests of what is on the disk: the append-only file, snapshots, and servers that are killed."""
