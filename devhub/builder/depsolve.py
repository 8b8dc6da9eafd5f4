"""Which RPMs of a repository a build needs: libsolv over the repository's own metadata.

The platform itself is not in devhub's repositories. What it is taken to offer is a list of globs over the names of
requirements ("gcc*", "/usr/bin/*", "rpmlib(*)"): such a requirement holds even when nothing in the repository provides
it, but a package of the repository that provides it is preferred.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import solv

from devhub.builder.package import Requirement
from devhub.builder.repository import primary_metadata

_SENSES = {2: solv.REL_LT, 4: solv.REL_GT, 8: solv.REL_EQ}
_PREFERRED = 99  # priority of the repository over the assumed platform


@dataclass(frozen=True, slots=True)
class Buildroot:
    """What a build gets: RPMs by location in the repository, and the names taken to be the platform's.

    `skipped` are the packages of the group that there are not: dnf leaves them out and goes on.
    """

    locations: tuple[str, ...]
    nevras: tuple[str, ...]
    assumed: tuple[str, ...]
    skipped: tuple[str, ...] = ()


class Unresolvable(Exception):
    """The requirements of a build cannot be met; `lines` say why in the words of dnf, for root.log."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


def resolve(
    repository: Path, arch: str, wanted: Sequence[Requirement], assumed: Sequence[str], group: Sequence[str] = ()
) -> Buildroot:
    """Choose the RPMs of a group, those that satisfy `wanted`, and all that they require, honouring Conflicts.

    `repository` is the directory of one arch with its `repodata`; `assumed` are globs. Raises `Unresolvable` for a
    requirement that nothing meets; a package of the group that does not exist is skipped, as dnf does.
    """
    universe = _Universe(repository, arch, assumed)
    present = [name for name in group if universe.has(name)]
    of_packages = [requirement for requirement in wanted if not requirement.name.startswith("rpmlib(")]
    wishes = [(requirement, universe.dependency(requirement)) for requirement in of_packages]
    missing = [requirement for requirement, dependency in wishes if not universe.providers(dependency)]
    if missing:
        raise Unresolvable([f"No matching package to install: '{requirement}'" for requirement in missing])
    members = [universe.dependency(Requirement(name)) for name in present]
    chosen = universe.solve([*members, *(dependency for _, dependency in wishes)])
    return replace(chosen, skipped=tuple(name for name in group if name not in present))


class _Universe:
    """A solver's pool with the repository and the assumed platform in it."""

    def __init__(self, repository: Path, arch: str, assumed: Sequence[str]) -> None:
        self.pool = solv.Pool()
        self.pool.setdisttype(solv.Pool.DISTTYPE_RPM)
        self.pool.setarch(arch)
        self.globs = tuple(assumed)
        self.packages = self.pool.add_repo("repository")
        self.packages.priority = _PREFERRED
        self.platform = self.pool.add_repo("platform")
        self.offers: dict[str, solv.XSolvable] = {}
        self._load(repository)
        self.names = {package.name for package in self.packages.solvables}
        self.pool.addfileprovides()
        self.pool.createwhatprovides()

    def has(self, name: str) -> bool:
        """Whether a package of this name exists, here or on the platform; what only provides the name is none."""
        return name in self.names or self._is_assumed(name)

    def dependency(self, requirement: Requirement) -> solv.Dep:
        """The pool's form of a requirement, satisfied by the platform too where a glob says so."""
        if requirement.name.startswith("("):
            plain = self.pool.parserpmrichdep(requirement.name)
        else:
            plain = self.pool.Dep(requirement.name)
            if requirement.version:
                sense = sum(flag for bit, flag in _SENSES.items() if requirement.flags & bit)
                plain = plain.Rel(sense, self.pool.str2id(requirement.version)) if sense else plain
        return self._or_assumed(requirement.name, plain)

    def providers(self, dependency: solv.Dep) -> list[solv.XSolvable]:
        """Everything in the pool that satisfies a dependency."""
        self.pool.createwhatprovides()
        return list(self.pool.whatprovides(dependency.id))

    def solve(self, wishes: Iterable[solv.Dep]) -> Buildroot:
        """Run the solver; a build never gets packages that are only recommended."""
        self.pool.createwhatprovides()
        solver = self.pool.Solver()
        solver.set_flag(solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, 1)
        install = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_PROVIDES
        problems = solver.solve([self.pool.Job(install, wish.id) for wish in wishes])
        if problems:
            raise Unresolvable(list(_explanations(problems)))
        return self._buildroot(solver.transaction().newsolvables())

    def _buildroot(self, chosen: Iterable[solv.XSolvable]) -> Buildroot:
        packages = sorted(chosen, key=str)
        ours = [one for one in packages if one.repo == self.packages]
        return Buildroot(
            locations=tuple(one.lookup_location()[0] for one in ours),
            nevras=tuple(str(one) for one in ours),
            assumed=tuple(one.name for one in packages if one.repo == self.platform),
        )

    def _load(self, repository: Path) -> None:
        metadata = solv.xfopen(str(primary_metadata(repository)))
        self.packages.add_rpmmd(metadata, None)
        metadata.close()
        for package in self.packages.solvables:
            self._assume_requires(package)

    def _assume_requires(self, package: solv.XSolvable) -> None:
        requires = package.lookup_deparray(solv.SOLVABLE_REQUIRES)
        replaced = [self._or_assumed(str(dependency).split(" ", 1)[0], dependency) for dependency in requires]
        package.unset(solv.SOLVABLE_REQUIRES)
        for dependency in replaced:
            package.add_requires(dependency.id)

    def _or_assumed(self, name: str, dependency: solv.Dep) -> solv.Dep:
        """Let the platform satisfy a dependency under a name of its own, which no Conflicts can hit."""
        if not self._is_assumed(name):
            return dependency
        offer = self.pool.Dep(f"assumed({name})")
        if name not in self.offers:
            self.offers[name] = self._offer(name, offer)
        return dependency.Rel(solv.REL_OR, offer.id)

    def _is_assumed(self, name: str) -> bool:
        return any(fnmatchcase(name, glob) for glob in self.globs)

    def _offer(self, name: str, offer: solv.Dep) -> solv.XSolvable:
        solvable = self.platform.add_solvable()
        solvable.name = name
        solvable.evr = "0-0"
        solvable.arch = "noarch"
        solvable.add_provides(offer.id)
        return solvable


def _explanations(problems: Iterable[solv.Problem]) -> Iterator[str]:
    """The solver's reasons, one per line, as dnf prints them."""
    yield "Error:"
    for number, problem in enumerate(problems, 1):
        yield f" Problem {number}:"
        for rule in problem.findallproblemrules():
            if rule.type != solv.Solver.SOLVER_RULE_JOB:
                yield f"  - {rule.info().problemstr()}"
