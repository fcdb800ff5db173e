"""
The clients of C{stress/soak.py}, which check every reply.

Imports: rig.
"""
