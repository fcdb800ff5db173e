"""
The load: the plan of a run, workloads, pacing, client processes, a second implementation of RESP and of the Go
study's frames (C{codec}), and what is measured of one run.

Imports: probes, servers.
"""
