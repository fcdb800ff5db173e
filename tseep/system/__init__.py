"""
What is asked of the operating system: the process and its machine, the limit on open files, the file system.

Imports: nothing.
"""
