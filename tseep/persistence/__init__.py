"""What of the data is on the disk: the append-only file, and snapshots."""
