"""What planning asks of a hub: the arches of tags, how long packages usually take, what a target builds with."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mbs.koji.faults import KojiValue
from mbs.koji.session import Hub, call


class KojiFacts:
    """Asks a hub for one submission (`mbs.planning.hub.Hub`), one request for each question, and for each tag once.

    Average durations are asked for anew at each submission: its builds have changed them, and all take one request.
    """

    def __init__(self, hub: Hub) -> None:
        """Take a session; these questions need no login."""
        self._hub = hub
        self._tags: dict[str, KojiValue] = {}

    def tag_arches(self, tags: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        """Give the arches of those tags that exist and have any."""
        return {
            name: tuple(str(tag["arches"]).split())
            for name, tag in self._found(tags).items()
            if isinstance(tag, dict) and tag["arches"]
        }

    def absent_tags(self, tags: Collection[str]) -> frozenset[str]:
        """Give those of the tags that the hub does not have."""
        return frozenset(name for name, tag in self._found(tags).items() if tag is None)

    def _found(self, tags: Collection[str]) -> Mapping[str, KojiValue]:
        unknown = sorted(set(tags).difference(self._tags))
        if unknown:
            found = self._hub.multicall(call("getTag", name) for name in unknown)
            self._tags |= dict(zip(unknown, found, strict=True))
        return {name: self._tags[name] for name in sorted(tags)}

    def build_seconds(self, packages: Collection[str]) -> Mapping[str, float]:
        """Give the average seconds of a build for those packages that the hub has built."""
        names = sorted(packages)
        found = self._hub.multicall(call("getAverageBuildDuration", name) for name in names)
        return {
            name: float(seconds) for name, seconds in zip(names, found, strict=True) if isinstance(seconds, int | float)
        }

    def build_tag(self, target: str) -> str | None:
        """Give the name of the build tag of a target, None where there is no such target."""
        found = self._hub.call("getBuildTarget", target)
        return str(found["build_tag_name"]) if found else None
