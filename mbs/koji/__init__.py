"""Koji: decisions about tags, builds, repositories and tasks as pure functions, and the calls that carry them out."""
