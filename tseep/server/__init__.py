"""
One server: the state that its clients share, its dispatch table, and what it does ten times a second (cron).

Imports: access, commands, commands.client, commands.data, configuration, coordination, errors, keyspace, persistence,
protocol, registry, scripting, session, system, telemetry.
"""
