"""
The outputs of a run: intervals, the table on the terminal, the page and its charts, files for other tools, comparisons.

Imports: probes, rig, servers.
"""
