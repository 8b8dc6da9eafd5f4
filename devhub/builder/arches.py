"""Which arches of a tag a package is built for, by Koji's rules (`getArchList` of its builder)."""

from collections.abc import Iterable, Sequence

import koji

from devhub.builder.package import Package


def build_arches(package: Package, tag_arches: Sequence[str], override: str | None = None) -> list[str]:
    """Labels of the `buildArch` tasks of a package, in the order of the tag; `["noarch"]` for a noarch package.

    `tag_arches` are as the tag spells them (`i686`), and so are the labels. BuildArch replaces them, ExclusiveArch and
    ExcludeArch narrow them; `override` (space separated) of a scratch build replaces the result. Arches that the tag
    cannot handle are dropped; `koji.BuildError` when nothing is left.
    """
    arches = list(package.build_arches or tag_arches)
    if package.exclusive_arches:
        arches = [arch for arch in arches if arch in package.exclusive_arches]
    arches = [arch for arch in arches if arch not in package.exclude_arches]
    if _may_be_noarch(package):
        arches.append("noarch")
    possible = {"noarch", *canonical(tag_arches)}
    kept = [arch for arch in (override.split() if override else arches) if koji.canonArch(arch) in possible]
    if not kept:
        raise koji.BuildError("No matching arches were found")
    return list(dict.fromkeys(kept))


def task_arch(package: Package, label: str, tag_arches: Sequence[str]) -> str:
    """Arch of the builders that may take the task with this label.

    A noarch package that ExclusiveArch or ExcludeArch keep off an arch of the tag must be built on one that they
    leave over (`choose_taskarch` of Koji's builder, which draws lots; here it is the first). None left raises
    `koji.BuildError`.
    """
    if label != "noarch":
        return str(koji.canonArch(label))
    arches = canonical(tag_arches)
    exclusive, exclude = canonical(package.exclusive_arches), canonical(package.exclude_arches)
    kept = [arch for arch in arches if arch not in exclude and arch in (exclusive or arches)]
    if not kept:
        raise koji.BuildError(
            f"No valid arches were found. tag {arches!r}, extra None,exclusive {exclusive!r}, exclude {exclude!r}"
        )
    return "noarch" if len(kept) == len(arches) else kept[0]


def canonical(arches: Iterable[str]) -> list[str]:
    """Arches as tasks name them, each once."""
    return list(dict.fromkeys(str(koji.canonArch(arch)) for arch in arches))


def _may_be_noarch(package: Package) -> bool:
    if "noarch" in package.exclude_arches:
        return False
    return "noarch" in package.build_arches or "noarch" in package.exclusive_arches
