"""
The pages of C{--metrics ENDPOINT}: Prometheus, health, the live page. They need the extra C{metrics}.

Imports: __init__, net, registry, session, system, telemetry.
"""
