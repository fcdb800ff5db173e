"""
The clients of C{stress/soak.py}, and what they find wrong.

Imports: nothing.
"""
