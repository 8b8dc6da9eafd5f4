"""The end of a module build: its documents per arch, and its import into Koji as a module."""
