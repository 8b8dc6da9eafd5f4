"""Which RPM arches belong to a Koji arch, as compose tools see it (§16.5).

The names and chains are those of pungi, which puts the packages into trees; data, not opinion.
"""

from __future__ import annotations

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
