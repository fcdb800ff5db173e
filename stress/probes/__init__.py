"""
Figures of processes and of the machine: CPU, memory, system calls, limits, and the lag of tseep's event loop.

Imports: nothing.
"""
