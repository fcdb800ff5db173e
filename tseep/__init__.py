"""tseep: a Redis-compatible key-value server on Twisted, with the way of handling connections as a switch."""

__version__ = "0.1.0"
