"""
The load: the plan of a run, workloads, the second implementation of the protocols, pacing, client processes, and what
is measured of one run.

Imports: probes, servers.
"""
