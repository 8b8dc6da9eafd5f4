"""How urgent a component is: the seconds of the longest chain of builds that it holds up, itself included."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from mbs.components.order import Place

HIGHEST = 2**31 - 1
"""Airflow's priority weights are 32 bit integers."""


def priorities(placed: Mapping[str, Place], seconds: Mapping[str, float]) -> dict[str, int]:
    """Give the priority of every component, at least 1, in time linear in components and edges."""
    edges = any(place.after for place in placed.values())
    held = (_held_by_edges if edges else _held_by_batches)(placed, seconds)
    return {name: max(1, min(HIGHEST, round(chain))) for name, chain in held.items()}


def _held_by_batches(placed: Mapping[str, Place], seconds: Mapping[str, float]) -> dict[str, float]:
    """A component holds up all of the next batch."""
    longest: dict[int, float] = defaultdict(float)
    chains = {}
    for name in _last_first(placed):
        batch = placed[name].batch
        chains[name] = seconds[name] + longest[batch + 1]
        longest[batch] = max(longest[batch], chains[name])
    return chains


def _held_by_edges(placed: Mapping[str, Place], seconds: Mapping[str, float]) -> dict[str, float]:
    """A component holds up those that are built after it; these have higher batches."""
    longest: dict[str, float] = defaultdict(float)
    chains = {}
    for name in _last_first(placed):
        chains[name] = seconds[name] + longest[name]
        for earlier in placed[name].after:
            longest[earlier] = max(longest[earlier], chains[name])
    return chains


def _last_first(placed: Mapping[str, Place]) -> list[str]:
    return sorted(placed, key=lambda name: placed[name].batch, reverse=True)
