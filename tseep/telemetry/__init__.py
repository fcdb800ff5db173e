"""
Measurements that do no I/O: histograms, rates, the slow log, the latency monitor.

Imports: nothing.
"""
