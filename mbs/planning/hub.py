"""What planning would like to know from Koji; without a hub the settings answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Hub(Protocol):
    """Answers questions in as few calls as it can; what it does not know it leaves out."""

    def tag_arches(self, tags: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        """Give the arches of Koji tags (`getTag`)."""
        ...

    def absent_tags(self, tags: Collection[str]) -> frozenset[str]:
        """Give those of the tags that there are not (`getTag`)."""
        ...

    def build_seconds(self, packages: Collection[str]) -> Mapping[str, float]:
        """Give the average duration of a build of each package (`getAverageBuildDuration`)."""
        ...

    def build_tag(self, target: str) -> str | None:
        """Give the name of the build tag of a target (`getBuildTarget`)."""
        ...


@dataclass(frozen=True, slots=True)
class HubFacts:
    """A `Hub` that was asked before, or that is not there at all."""

    arches_by_tag: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seconds_by_package: Mapping[str, float] = field(default_factory=dict)
    build_tag_by_target: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    def tag_arches(self, tags: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        """Give what is known about these tags."""
        return {tag: self.arches_by_tag[tag] for tag in tags if tag in self.arches_by_tag}

    def absent_tags(self, tags: Collection[str]) -> frozenset[str]:
        """Give those that are known not to be there."""
        return self.absent & frozenset(tags)

    def build_seconds(self, packages: Collection[str]) -> Mapping[str, float]:
        """Give what is known about these packages."""
        return {name: self.seconds_by_package[name] for name in packages if name in self.seconds_by_package}

    def build_tag(self, target: str) -> str | None:
        """Give what is known about this target."""
        return self.build_tag_by_target.get(target)
