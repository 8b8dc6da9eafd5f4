"""Which RPMs belong to a module on one arch, and which to its -devel twin (§16.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mbs.model.document import BUILD_GROUP_PROFILES, Modulemd
from mbs.publish.rpms import RpmFact

_FOUND = frozenset(BUILD_GROUP_PROFILES.values())
"""Profiles of what a build finds there, and not of what it makes."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The RPMs of a document, source RPMs included, sorted by NEVRA."""

    rpms: tuple[RpmFact, ...]

    @property
    def artifacts(self) -> tuple[str, ...]:
        """NEVRAs with epoch, sorted."""
        return tuple(rpm.nevra for rpm in self.rpms)

    @property
    def licenses(self) -> tuple[str, ...]:
        """Licenses of the binary RPMs, sorted."""
        return tuple(sorted({rpm.license for rpm in self.rpms if rpm.license and not rpm.is_source}))


def select(document: Modulemd, rpms: Iterable[RpmFact], arch: str) -> tuple[Selection, Selection]:
    """Give the RPMs of the module on `arch`, and those of its -devel twin: what the module leaves out.

    A source RPM goes with the binaries: to the module if it has at least one of them, else to the twin. MBS
    looks the source up by the name of a binary, so that two sources with a binary of the same name could swap
    theirs; here each binary knows its own.
    """
    facts = sorted(rpms, key=lambda rpm: rpm.nevra)
    considered = [rpm for rpm in facts if _may_be_on(arch, rpm)]
    included = _included(considered, facts, _rule(document, arch))
    taken = {rpm.nevra for rpm in included}
    left_out = [rpm for rpm in considered if rpm.nevra not in taken]
    sources_taken = {rpm.srpm_nevra for rpm in included}
    sources = [rpm for rpm in facts if rpm.is_source]
    return (
        _selection(included, (source for source in sources if source.nevra in sources_taken)),
        _selection(left_out, (source for source in sources if source.nevra not in sources_taken)),
    )


def unmade(document: Modulemd, rpms: Iterable[RpmFact]) -> Mapping[str, tuple[str, ...]]:
    """Give the RPMs that a document names and that no component made, by the path of the list that names them."""
    made = {rpm.name for rpm in rpms if not rpm.is_source}
    profiles = {name: listed for name, listed in document.profiles.items() if name not in _FOUND}
    lists = {
        "data.api.rpms": document.rpm_api,
        "data.filter.rpms": document.rpm_filter,
        **{f"data.profiles.{name}.rpms": listed for name, listed in profiles.items()},
    }
    absent = {path: tuple(name for name in dict.fromkeys(listed) if name not in made) for path, listed in lists.items()}
    return {path: names for path, names in absent.items() if names}


def _selection(binaries: Iterable[RpmFact], sources: Iterable[RpmFact]) -> Selection:
    return Selection(tuple(sorted((*binaries, *sources), key=lambda rpm: rpm.nevra)))


def _may_be_on(arch: str, rpm: RpmFact) -> bool:
    """Tell whether a binary RPM could be on `arch` at all, whatever the module says."""
    if rpm.arch not in {arch, "noarch"} | multilib_arches(arch):
        return False
    exclusive = exclusive_arches(arch)
    if exclusive & set(rpm.excludearch):
        return False
    return not rpm.exclusivearch or bool(exclusive & set(rpm.exclusivearch))


def _included(
    considered: Sequence[RpmFact], everything: Sequence[RpmFact], wanted: Callable[[RpmFact], bool]
) -> list[RpmFact]:
    """Choose the packages first, then the debug packages of what was chosen.

    The debuginfo of a name that no package has (only `foo-debugsource` exists) follows its source: it is
    included when something else of that source is.
    """
    packages = [rpm for rpm in considered if rpm.debugged_name is None and wanted(rpm)]
    names = {rpm.name for rpm in packages}
    all_names = {rpm.name for rpm in everything if not rpm.is_source}
    sources = {rpm.srpm_nevra for rpm in packages}

    def follows(rpm: RpmFact) -> bool:
        base = rpm.debugged_name
        return base in names or (base not in all_names and rpm.srpm_nevra in sources)

    debug = [rpm for rpm in considered if rpm.debugged_name is not None and follows(rpm) and wanted(rpm)]
    return packages + debug


def _rule(document: Modulemd, arch: str) -> Callable[[RpmFact], bool]:
    """Make the test for one RPM: its source is a component (or whitelisted), it is not filtered, multilib is on.

    A source that only the whitelist knows has no component to say `multilib`, so it has none.
    """
    multilib = {component.name: component.multilib for component in document.rpms}
    allowed = set(document.buildopts.rpm_whitelist) or set(multilib)
    filtered = set(document.rpm_filter)
    foreign = multilib_arches(arch)

    def wanted(rpm: RpmFact) -> bool:
        if rpm.srpm_name not in allowed or rpm.name in filtered:
            return False
        return rpm.arch not in foreign or arch in multilib.get(rpm.srpm_name, ())

    return wanted


_RUNS: dict[str, tuple[str, ...]] = {
    "i686": ("i586", "i486", "i386"),
    "armv7hnl": ("armv7hl", "armv6hl"),
    "armv7l": ("armv6l", "armv5tejl", "armv5tel"),
    "sparc64v": ("sparc64",),
}
"""What the best arch of a tree also runs natively; an arch that is missing runs only itself."""

_MULTILIB: dict[str, tuple[str, ...]] = {
    "x86_64": ("athlon", "i686", "i586", "i486", "i386"),
    "ppc64": ("ppc",),
    "s390x": ("s390",),
    "sparc64v": ("sparcv9v", "sparcv9", "sparcv8", "sparc"),
}

_BEST_OF_TREE: dict[str, str] = {
    "i386": "i686",
    "sparc": "sparc64v",
    "arm": "armv7l",
    "armhfp": "armv7hnl",
}
"""The arch that a compose tree's packages are written with, where it is not the tree's own name (pungi since 2018)."""

_TREE: dict[str, str] = {
    **dict.fromkeys(("i486", "i586", "i686"), "i386"),
    **dict.fromkeys(("armv5tejl", "armv5tel", "armv6l", "armv7l"), "arm"),
    **dict.fromkeys(("armv6hl", "armv7hl", "armv7hnl"), "armhfp"),
}
"""The compose tree of an arch, where it has another name."""


def document_arch(arch: str) -> str:
    """Give the `arch` of the document for the Koji arch: the best arch that the tree's machines run."""
    return _BEST_OF_TREE.get(arch, arch)


def multilib_arches(arch: str) -> frozenset[str]:
    """Give the arches that run on `arch` only through multilib: i686 and older on x86_64."""
    return frozenset(_MULTILIB.get(document_arch(arch), ()))


def exclusive_arches(arch: str) -> frozenset[str]:
    """Give what an ExclusiveArch must name, or an ExcludeArch must not, for a package to be on `arch`.

    These are all arches of the tree that `arch` belongs to: what is bound to armv7hnl is in the tree of armv7hl.

    `noarch` is among them: `ExclusiveArch: x86_64 noarch` binds where a package is built, not where it installs.
    """
    best = document_arch(_TREE.get(arch, arch))
    return frozenset({best, *_RUNS.get(best, ()), "noarch"})
