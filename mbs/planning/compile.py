"""One expanded, pinned module build becomes the draft of its BuildPlan: all of it but what is named after its id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mbs.components.record import pinned
from mbs.expansion.result import ExpandedStream
from mbs.model.document import BUILD_GROUP_PROFILES, Modulemd, is_true, texts_of
from mbs.model.errors import Unprocessable
from mbs.model.naming import dist_marking
from mbs.model.nsvc import NSVC
from mbs.model.plan import (
    Allocation,
    BuildPlan,
    PlannedComponent,
    PlannedDependency,
    PlannedGroup,
    PlannedMacros,
    Publication,
)
from mbs.model.registered import RegisteredModule
from mbs.modulemd.changes import Changes, apply
from mbs.planning.draft import Draft
from mbs.planning.request import Request
from mbs.settings import Settings

_TAG_OPTIONS = ("repo_include_all", "dynamic_buildrequires")
"""Extra options of the tags that a packager may set in `xmd.mbs_options`."""


@dataclass(frozen=True)
class PreparedBuild:
    """One module build with everything decided but its id."""

    nsvc: NSVC
    """With the platform's number in the version; a scratch build's context gets its own number when recorded."""
    expanded: ExpandedStream
    document: Modulemd
    """The input stream it comes from, with name, stream and base version."""
    components: tuple[PlannedComponent, ...]
    arches: tuple[str, ...]
    request: Request
    settings: Settings
    source_modulemd: str
    commit: str = ""
    """The dist-git commit of the document; empty for a pasted one."""
    reuse_from: tuple[int, NSVC] | None = None

    def draft(self) -> Draft:
        """Give it as plain data."""
        contexts, settings = self.expanded.contexts, self.settings
        modules = self.expanded.buildrequires
        return Draft(
            plan=self._plan(),
            dist_marking=dist_marking(modules, settings.allowed_privileged_module_names, settings.base_module_names),
            dist_prefix=settings.default_dist_tag_prefix,
            macros=self.document.buildopts.rpm_macros,
            build_context=contexts.build_context,
            build_context_no_bms=contexts.build_context_no_bms,
            runtime_context=contexts.runtime_context,
            commit=self.commit,
            srpms=self.request.srpms,
            reuse_from_id=self.reuse_from[0] if self.reuse_from else None,
        )

    def make_plan(self, allocation: Allocation) -> BuildPlan:
        """Compile the plan."""
        return self.draft().named(allocation)

    @cached_property
    def dependencies(self) -> tuple[PlannedDependency, ...]:
        """The modules it is built against, in the order of their tags' inheritance."""
        return dependencies(self.expanded.buildrequires, self.settings.base_module_names, self.request.side_tag)

    @property
    def imported(self) -> bool:
        """Whether the finished module is imported into Koji."""
        return self.settings.koji_enable_content_generator and not self.request.scratch

    @property
    def candidate_tags(self) -> tuple[str, ...]:
        """The tags to try for the imported module, best first (MBS §16.3); none where it is not to be tagged."""
        if not (self.imported and self.settings.koji_cg_tag_build):
            return ()
        base = base_module(self.expanded.buildrequires, self.settings.base_module_names)
        return candidate_tags(base.nsvc.stream if base else None, self.settings)

    def _plan(self) -> BuildPlan:
        """Compile all of the plan that needs no id."""
        settings, request = self.settings, self.request
        return BuildPlan(
            nsvc=self.nsvc,
            build_id=0,
            owner=request.owner,
            scmurl=request.scmurl,
            branch=request.branch,
            scratch=request.scratch,
            rebuild_strategy=request.rebuild_strategy,
            koji_tag="",
            build_tag="",
            target="",
            dist="",
            arches=self.arches,
            tag_permission=settings.koji_tag_permission or None,
            tag_extra=tag_extra(settings.koji_tag_extra_opts, self.document.mbs_options),
            packages=packages(self.document, self.components),
            blocked_packages=texts_of(self.document.mbs_options.get("blocked_packages")),
            dependencies=self.dependencies,
            groups=groups(self.expanded.buildrequires.values()),
            macros=PlannedMacros("", settings.koji_build_macros_target or None),
            components=self.components,
            publication=self._publication(),
            modulemd=self.written(self.nsvc).text,
            source_modulemd=self.source_modulemd,
            side_tag=request.side_tag,
            reuse_from=self.reuse_from[1] if self.reuse_from else None,
            koji_priority=settings.koji_build_priority,
        )

    def written(self, nsvc: NSVC) -> Modulemd:
        """Give the document of this build: its version, its context, its one pair of dependencies, its `xmd.mbs`."""
        changes = Changes(
            version=nsvc.version,
            context=nsvc.context,
            static_context=self.expanded.static or None,
            dependencies=(self.expanded.dependencies,),
            xmd={**self.document.xmd, "mbs": self._xmd_mbs()},
        )
        return apply(self.document, changes)

    def _xmd_mbs(self) -> dict[str, object]:
        """Give `xmd.mbs` with the keys of MBS §11.8; what is unset is left out."""
        request = self.request
        optional: dict[str, object] = {
            "static_context": self.expanded.static,
            "branch": request.branch,
            "side_tag": request.side_tag,
            "rpm_component_ref_overrides": request.rpm_component_ref_overrides,
        }
        return {
            **self.document.xmd_mbs,
            "buildrequires": {one.name: one.entry for one in self.dependencies},
            "commit": self.commit,
            "mse": True,
            "rpms": pinned(self.components),
            "scmurl": request.scmurl or "",
            **{key: value for key, value in optional.items() if value},
        }

    def _publication(self) -> Publication:
        settings, imported = self.settings, self.imported
        return Publication(
            version="",
            release="",
            candidate_tags=self.candidate_tags,
            devel=imported and settings.koji_cg_devel_module,
            imported=imported,
            needs_approval=settings.ready_needs_approval and not self.request.scratch,
        )


def base_module(modules: Mapping[str, RegisteredModule], names: Iterable[str]) -> RegisteredModule | None:
    """Give the most important base module among the dependencies."""
    return next((modules[name] for name in names if name in modules), None)


def candidate_tags(base_stream: str | None, settings: Settings) -> tuple[str, ...]:
    """Give the tags to try for a module imported for a stream of a base module, best first (MBS §16.3)."""
    default = (settings.koji_cg_default_build_tag,) if settings.koji_cg_default_build_tag else ()
    return (settings.koji_cg_build_tag_template.format(base_stream), *default) if base_stream else default


def koji_tags(
    modules: Mapping[str, RegisteredModule], base_module_names: Iterable[str], side_tag: str | None
) -> dict[str, str | None]:
    """Give the Koji tag of each dependency; a side tag replaces those of base modules that know it (MBS §10.2).

    Raises Unprocessable where none does.
    """
    tags = {name: module.koji_tag for name, module in modules.items()}
    if side_tag is None:
        return tags
    formats = {
        name: modules[name].document.xmd_mbs.get("koji_side_tag_format")
        for name in base_module_names
        if name in modules
    }
    sided = {name: form.replace("{side_tag}", side_tag) for name, form in formats.items() if isinstance(form, str)}
    if not sided:
        msg = "None of the buildrequired base modules are configured for side tags."
        raise Unprocessable(msg)
    return {**tags, **sided}


def dependencies(
    modules: Mapping[str, RegisteredModule], base_module_names: Sequence[str], side_tag: str | None
) -> tuple[PlannedDependency, ...]:
    """Order the dependencies for Koji's inheritance: modules by name, then base modules.

    A tag of lower priority number wins, so what a module brings is found before what the platform has. MBS's order is
    that of a mapping, effectively none (§12.3). Raises what `koji_tags` raises.
    """
    tags = koji_tags(modules, base_module_names, side_tag)
    ordered = sorted(modules.values(), key=lambda module: (module.nsvc.name in base_module_names, module.nsvc))
    in_order = dict.fromkeys(tag for module in ordered if (tag := tags[module.nsvc.name]))
    priorities = {tag: 10 * place for place, tag in enumerate(in_order, start=1)}
    return tuple(
        PlannedDependency(
            name=(nsvc := module.nsvc).name,
            stream=nsvc.stream,
            version=nsvc.version,
            context=nsvc.context,
            koji_tag=(tag := tags[nsvc.name] or None),
            ref=module.commit,
            base=nsvc.name in base_module_names,
            priority=priorities.get(tag or "", 0),
            rpm_filter=module.document.rpm_filter,
        )
        for module in ordered
    )


def groups(modules: Iterable[RegisteredModule]) -> tuple[PlannedGroup, ...]:
    """Unite the profiles of all dependencies that fill Koji's build groups (MBS §10.1)."""
    documents = [module.document for module in modules]
    return tuple(
        PlannedGroup(
            group, tuple(sorted({rpm for document in documents for rpm in document.profiles.get(profile, ())}))
        )
        for group, profile in BUILD_GROUP_PROFILES.items()
    )


def packages(document: Modulemd, components: Iterable[PlannedComponent]) -> tuple[str, ...]:
    """Give the package list of the tags: the whitelist of the document where it has one, else its components."""
    return tuple(sorted(document.buildopts.rpm_whitelist or {component.name for component in components}))


def tag_extra(defaults: Mapping[str, str | int | bool], options: Mapping[str, object]) -> dict[str, str | int | bool]:
    """Give the extra options of the tags, those of the packager (`xmd.mbs_options`) over the service's."""
    chosen = {name: is_true(options[name]) for name in _TAG_OPTIONS if name in options}
    return {**defaults, **chosen}
