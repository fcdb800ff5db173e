"""
Operating system interfaces: this process and its machine, the limit on open files, the file system.

Imports: nothing.
"""
