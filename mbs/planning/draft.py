"""What a submission hands to the registry: builds that get their ids, and their last names, while they are recorded.

A `Draft` is plain data and its naming pure text: both work where a stranger's document may not be read.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from mbs.model.naming import build_tag, dist, koji_build, koji_tag, target
from mbs.model.plan import Allocation, BuildPlan, Identity, NewBuild
from mbs.planning.macros import macro_file


class Draft(Struct, frozen=True, forbid_unknown_fields=True):
    """One context of a submission with everything decided but its id."""

    plan: BuildPlan
    """Without what is named after the id: build id, tags, target, dist and macros."""
    dist_marking: str | None
    """What marks the platform in the dist."""
    dist_prefix: str
    macros: str | None
    """The packager's own macros (`buildopts.rpms.macros`)."""
    build_context: str | None
    build_context_no_bms: str | None
    runtime_context: str | None
    commit: str
    srpms: tuple[str, ...]
    reuse_from_id: int | None

    @property
    def identity(self) -> Identity:
        """What the registry gives an id to."""
        return Identity(self.plan.nsvc, self.plan.scratch, self.plan.rebuild_strategy)

    def new_build(self, allocation: Allocation) -> NewBuild:
        """Give what the registry records."""
        return NewBuild(
            plan=self.named(allocation),
            build_context=self.build_context,
            build_context_no_bms=self.build_context_no_bms,
            runtime_context=self.runtime_context,
            commit=self.commit,
            srpms=self.srpms,
            reuse_from_id=self.reuse_from_id,
        )

    def named(self, allocation: Allocation) -> BuildPlan:
        """Give the plan with what is named after the id; a scratch build's number is in the document too."""
        draft, nsvc = self.plan, allocation.nsvc
        scratch_id = allocation.build_id if draft.scratch else None
        tag, named = koji_tag(nsvc, scratch_id=scratch_id), koji_build(nsvc)
        release = dist(
            nsvc,
            index=allocation.first_sibling_id,
            marking=self.dist_marking,
            scratch=draft.scratch,
            prefix=self.dist_prefix,
        )
        return replace(
            draft,
            nsvc=nsvc,
            build_id=allocation.build_id,
            koji_tag=tag,
            build_tag=build_tag(tag),
            target=target(nsvc, scratch_id=scratch_id),
            dist=release,
            macros=replace(draft.macros, macros=macro_file(nsvc, release, self.macros)),
            publication=replace(draft.publication, version=named.version, release=named.release),
            modulemd=_with_context(draft.modulemd, draft.nsvc.context, nsvc.context),
        )


def _with_context(text: str, old: str, new: str) -> str:
    """Put another context into a document as libmodulemd writes it, where only this line has the key at this depth."""
    return text.replace(f"\n  context: {old}\n", f"\n  context: {new}\n", 1)
