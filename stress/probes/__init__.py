"""
What a process and the machine report: /proc, system calls, limits, and the lag of tseep's event loop.

Imports: nothing.
"""
