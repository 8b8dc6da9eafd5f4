"""What only this hub has: faults to order, and counts of what was called."""

from __future__ import annotations

import time

import koji

from devhub import faults
from devhub.methods.registry import Call, method
from devhub.values import Value


@method("devhub.faults")
def read_faults(call: Call) -> dict[str, Value]:
    """Give the faults that are switched on; for admins."""
    call.require("admin")
    return faults.read_all(call.connection)


@method("devhub.setFault", writes=True)
def set_fault(call: Call, name: str, value: Value = None) -> None:
    """Switch a fault on, or off with nil; for admins.

    Of the wire: `drop_percent`, `drop_reply_percent` (percent of calls), `bad_gateway` (for so many seconds from now),
    `delay` (seconds before every call). Of the builders: `build_faults`, a list of rules.
    """
    call.require("admin")
    if value is not None:
        _must_be_usable(name, value)
    if name == "bad_gateway" and value is not None:
        value = time.time() + value
    faults.put(call.connection, name, value)


@method("devhub.callCounts")
def call_counts(call: Call) -> dict[str, int]:
    """Give how often each method was called since the hub was made, those inside multicalls included.

    Not a method among them is `devhub.requests`: the HTTP requests, of which a multicall is one.
    """
    return {row["method"]: row["count"] for row in call.connection.execute("SELECT method, count FROM call_counts")}


def _must_be_usable(name: str, value: Value) -> None:
    """A fault that never strikes because its name or value is wrong would be taken for a service without errors."""
    if name in faults.OF_THE_WIRE:
        if not isinstance(value, int | float):
            raise koji.ParameterError(f"{name} needs a number")
    elif name != faults.OF_BUILDS:
        raise koji.ParameterError(f"no fault {name}; there are {', '.join((*faults.OF_THE_WIRE, faults.OF_BUILDS))}")
    elif not isinstance(value, list) or not all(isinstance(rule, dict) and "kind" in rule for rule in value):
        raise koji.ParameterError(f"{name} needs a list of rules, each a struct with a kind")
