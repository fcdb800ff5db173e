"""
One question about servers each: C{python stress/study.py NAME}.

Imports: probes, report, rig, servers.
"""
