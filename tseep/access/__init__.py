"""
Users: what each user may run and touch, their passwords, and the log of what was denied (ACL).

Imports: algorithms, errors, registry, system.
"""
