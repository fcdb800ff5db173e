"""
One server: the state that its clients share, its dispatch table, what it does ten times a second (cron), and who is
notified of changed keys (C{change_dispatcher}).

Imports: access, commands, commands.data, configuration, coordination, errors, keyspace, persistence, protocol,
registry, scripting, session, system, telemetry.
"""
