"""
The HTTP server of C{--metrics ENDPOINT}: metrics for Prometheus, health, live page. Requires the extra C{metrics}.

Imports: __init__, net, registry, session, system, telemetry.
"""
