"""Where default modules come from: the base module says whether, a branch of a git repository says which (§11.2)."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from mbs.expansion.default_modules import with_default_modules
from mbs.expansion.result import ExpandedStream
from mbs.model.document import is_true
from mbs.model.errors import Problem, Refused, Unprocessable
from mbs.model.registered import ModuleProvider, RegisteredModule
from mbs.modulemd.defaults import OVERRIDES, default_streams
from mbs.planning.hub import Hub
from mbs.scm.protocol import Ref, Scm
from mbs.scm.url import repository_url
from mbs.settings import Settings

log = logging.getLogger(__name__)

_RAWHIDE = "rawhide"
"""Koji's target for the release that has no branch yet."""


class DefaultModules:
    """The default modules of one submission; the streams of a base module are asked for once."""

    def __init__(self, provider: ModuleProvider, scm: Scm, hub: Hub, settings: Settings) -> None:
        """Take what is asked: for builds, for streams, and for the release that rawhide is."""
        self._provider, self._scm, self._hub, self._settings = provider, scm, hub, settings
        self._known: dict[Ref, Mapping[str, str]] = {}

    def added_to(self, result: ExpandedStream) -> ExpandedStream:
        """Add the default modules of each base module that has any; raise Unprocessable where they cannot be read."""
        bases = [
            result.buildrequires[name] for name in self._settings.base_module_names if name in result.buildrequires
        ]
        for base in bases:
            url = self._repository(base)
            if url is not None:
                streams = self._streams(base, url)
                result = with_default_modules(result, base, streams, self._provider, self._settings.expansion)
                _warn_of_missing(result, base, streams)
        return result

    def _repository(self, base: RegisteredModule) -> str | None:
        """Give the repository of a base module's default streams, None where it has no default modules."""
        named = base.document.xmd_mbs.get("default_modules_scm_url")
        if named:
            return str(named)
        used = is_true(base.document.xmd_mbs.get("use_default_modules"))
        return self._settings.default_modules_scm_url if used else None

    def _streams(self, base: RegisteredModule, url: str) -> Mapping[str, str]:
        wanted = Ref(url, base.nsvc.stream)
        if wanted not in self._known:
            try:
                self._known[wanted] = default_streams(self._files(Ref(repository_url(url), wanted.name)))
            except Refused as refused:
                said = (
                    Problem(f"Failed to retrieve the default modules of {base.nsvc.name_stream}: {problem}")
                    for problem in refused.problems
                )
                raise Unprocessable(*said) from refused
        return self._known[wanted]

    def _files(self, ref: Ref) -> Mapping[str, bytes]:
        """Read the branch of the stream, or that of rawhide where the stream is what rawhide becomes."""
        try:
            return self._scm.files(ref, ("", OVERRIDES), ".yaml")
        except Refused:
            if not (self._settings.uses_rawhide and self._is_rawhide(ref.name)):
                raise
        return self._scm.files(Ref(ref.repository, self._settings.rawhide_branch), ("", OVERRIDES), ".yaml")

    def _is_rawhide(self, stream: str) -> bool:
        tag = self._hub.build_tag(_RAWHIDE)
        return tag is not None and tag.removesuffix("-build") == stream


def _warn_of_missing(result: ExpandedStream, base: RegisteredModule, streams: Mapping[str, str]) -> None:
    for name in streams.keys() - result.buildrequires.keys():
        log.warning("No build of the default module %s:%s runs on %s", name, streams[name], base.nsvc.name_stream)
