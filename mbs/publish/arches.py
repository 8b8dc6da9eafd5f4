"""Which RPM arches belong to a Koji arch, as compose tools see it (§16.5).

The chains are those of RPM's `arch_compat`, from the arch itself down; data, not opinion.
"""

from __future__ import annotations

_COMPATIBLE: dict[str, tuple[str, ...]] = {
    "athlon": ("i686", "i586", "i486", "i386"),
    "i686": ("i586", "i486", "i386"),
    "i586": ("i486", "i386"),
    "i486": ("i386",),
    "ppc64p7": ("ppc64",),
    "ppc64": (),
    "armv7hnl": ("armv7hl", "armv6hl"),
    "armv7hl": ("armv6hl",),
    "armv7l": ("armv6l", "armv5tejl", "armv5tel"),
    "sparc64v": ("sparc64",),
}
"""Arches by what they also run natively; an arch that is missing runs only itself."""

_MULTILIB: dict[str, tuple[str, ...]] = {
    "x86_64": ("athlon", "i686", "i586", "i486", "i386"),
    "ppc64": ("ppc",),
    "ppc64p7": ("ppc",),
    "s390x": ("s390",),
    "sparc64v": ("sparcv9v", "sparcv9", "sparcv8", "sparc"),
}

_DOCUMENT_ARCH: dict[str, str] = {
    "i386": "athlon",
    "ppc64": "ppc64p7",
    "sparc": "sparc64v",
    "arm": "armv7l",
    "armhfp": "armv7hnl",
}
"""Names of compose trees by the arch that their packages are written with."""


def document_arch(arch: str) -> str:
    """Give the `arch` of the document for the Koji arch: the best arch that the tree's machines run."""
    return _DOCUMENT_ARCH.get(arch, arch)


def multilib_arches(arch: str) -> frozenset[str]:
    """Give the arches that run on `arch` only through multilib: i686 and older on x86_64."""
    return frozenset(_MULTILIB.get(document_arch(arch), ()))


def exclusive_arches(arch: str) -> frozenset[str]:
    """Give what an ExclusiveArch must name, or an ExcludeArch must not, for a package to be on `arch`.

    `noarch` is among them: `ExclusiveArch: x86_64 noarch` binds where a package is built, not where it installs.
    """
    best = document_arch(arch)
    return frozenset({best, *_COMPATIBLE.get(best, ()), "noarch"})
