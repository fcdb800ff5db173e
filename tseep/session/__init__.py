"""
One client's session, from request bytes to reply bytes: the loop that executes every command, and admission.

Imports: access, coordination, datatypes, errors, protocol, replies.
"""
