"""The ways of handling connections. A mode owns sockets, scheduling, locking and shutdown, and nothing else."""
