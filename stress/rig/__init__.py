"""
The load: the setting of the runs, workloads, pacing, load processes, a second implementation of RESP and of the Go
study's frames (C{codec}), and the record of a run.

Imports: probes, servers.
"""
