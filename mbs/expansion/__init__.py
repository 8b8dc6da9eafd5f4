"""Stream expansion: one document with lists of streams becomes one document per build."""
