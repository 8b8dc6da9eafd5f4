"""Which arches of a tag a package is built for, by Koji's rules (`getArchList` of its builder)."""

from collections.abc import Sequence

import koji

from devhub.builder.package import Package


def build_arches(package: Package, tag_arches: Sequence[str], override: str | None = None) -> list[str]:
    """Labels of the `buildArch` tasks of a package, in the order of the tag; `["noarch"]` for a noarch package.

    BuildArch replaces the arches of the tag, ExclusiveArch and ExcludeArch narrow them; `override` (space separated)
    replaces the result, except for a noarch package. Arches that the tag does not have are dropped; `koji.BuildError`
    when nothing is left. Koji honours an override for scratch builds only; devhub does for any build.
    """
    arches = list(package.build_arches or tag_arches)
    if package.exclusive_arches:
        arches = [arch for arch in arches if arch in package.exclusive_arches]
    arches = [arch for arch in arches if arch not in package.exclude_arches]
    if _may_be_noarch(package):
        arches.append("noarch")
    if override and set(arches) != {"noarch"}:
        arches = override.split()
    kept = [arch for arch in arches if arch == "noarch" or koji.canonArch(arch) in tag_arches]
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
    exclusive = [arch for arch in package.exclusive_arches if arch != "noarch"]
    kept = [arch for arch in tag_arches if arch not in package.exclude_arches and arch in (exclusive or tag_arches)]
    if not kept:
        raise koji.BuildError(
            f"No valid arches were found. tag {list(tag_arches)!r}, extra None,"
            f"exclusive {list(package.exclusive_arches)!r}, exclude {list(package.exclude_arches)!r}"
        )
    return "noarch" if len(kept) == len(tag_arches) else kept[0]


def _may_be_noarch(package: Package) -> bool:
    if "noarch" in package.exclude_arches:
        return False
    return "noarch" in package.build_arches or "noarch" in package.exclusive_arches
