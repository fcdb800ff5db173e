"""tseep and redis-server get the same generated commands, and must give the same replies."""
