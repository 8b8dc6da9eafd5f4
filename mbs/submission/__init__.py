"""From a request to what is recorded: checked, read, expanded, pinned, compiled to one plan per module build."""
