"""
One server: the state that its clients share, the command table, periodic tasks (C{cron}), and the observers of key
changes (C{change_dispatcher}).

Imports: access, commands, commands.data, configuration, coordination, datatypes, errors, interfaces, keyspace,
persistence, protocol, registry, scripting, session, system, telemetry.
"""
