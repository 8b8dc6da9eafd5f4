"""The one error of the stack."""

from __future__ import annotations


class StackProblem(Exception):
    """Something keeps the stack from running; the message says what to do."""
