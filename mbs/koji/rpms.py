"""Which modules an RPM is of: what anybody may ask a hub."""

from __future__ import annotations

from collections.abc import Sequence

from mbs.koji.session import Hub
from mbs.model.errors import HubRefused
from mbs.model.naming import BUILD_SUFFIX


def tags_of_modules(hub: Hub, rpm: str, prefixes: Sequence[str]) -> tuple[str, ...]:
    """Give the tags of modules that the build of an RPM is in, by the RPM's file name; none for one that Koji lacks.

    Raises HubUnavailable.
    """
    try:
        found = hub.call("getRPM", rpm)
        tags = hub.call("listTags", found["build_id"]) if found else ()
    except HubRefused:  # no name of an RPM, or the build is gone
        return ()
    names = (str(tag["name"]) for tag in tags)
    return tuple(name for name in names if name.startswith(tuple(prefixes)) and not name.endswith(BUILD_SUFFIX))
