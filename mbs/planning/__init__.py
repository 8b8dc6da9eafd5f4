"""Decisions, pure but for the sandbox: from a request to plans, what is reused, what is built again, what is due."""
