"""The periodic care of Koji and the registry: what is old, stuck or lost (MBS §17.1)."""
