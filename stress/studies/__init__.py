"""
Measurements for one question each: C{python stress/study.py NAME}.

Imports: probes, report, rig, servers.
"""
