"""The type of what XML-RPC carries: numbers, strings, booleans, nil, arrays and structs of them."""

from __future__ import annotations

from typing import Any, TypeAlias

Value: TypeAlias = Any
"""Any value of the wire or of JSON; its shape is checked where it is used, not here."""
