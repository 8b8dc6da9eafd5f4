"""Which module builds can be used together: libsolv, and nothing of it outside this module.

Every module build is a package: its name is the module's, so that libsolv never takes two of one module; its version
is its rank, so that libsolv prefers the first of equals. What a requirement accepts is decided in
`mbs.expansion.streams`; libsolv sees only that a package provides what stands for the requirement. One pool and one
solver serve a whole expansion: a run then costs some ten microseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import solv

from mbs.expansion.streams import Requirement
from mbs.model.nsvc import NSVC
from mbs.model.registered import RegisteredModule

Alternatives = tuple[tuple[Requirement, ...], ...]
"""Runtime needs: one of these, whole."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A set of module builds that work together, everything that they require included."""

    modules: frozenset[NSVC]


@dataclass(frozen=True, slots=True)
class Conflict:
    """That there is no such set, and why."""

    reason: str


class ModuleSolver:
    """The candidates of one expansion, loaded once and asked often."""

    def __init__(self, modules: Mapping[NSVC, RegisteredModule], needs: Mapping[NSVC, Alternatives]) -> None:
        """Load `modules`, the preferred first, with what each of them needs."""
        self._pool = solv.Pool()
        self._pool.setdisttype(solv.Pool.DISTTYPE_RPM)
        self._repo = self._pool.add_repo("available")
        self._solvables = {nsvc: self._add(nsvc, len(modules) - rank) for rank, nsvc in enumerate(modules)}
        self._nsvcs = {solvable.id: nsvc for nsvc, solvable in self._solvables.items()}
        self._deps: dict[Requirement, solv.Dep] = {}
        self._words: dict[int, str] = {}
        for nsvc, alternatives in needs.items():
            self._require(self._solvables[nsvc], alternatives)
        self._provide(modules.values())
        self._pool.createwhatprovides()
        self._solver = self._pool.Solver()
        self._jobs: dict[tuple[NSVC, ...], solv.Job] = {}

    def solve(self, choices: Sequence[tuple[NSVC, ...]]) -> Solved | Conflict:
        """Find builds that work together with one of every choice; a choice has at least one build."""
        problems = self._solver.solve([self._job(choice) for choice in choices])
        if problems:
            return Conflict(self._explain(problems))
        return Solved(frozenset(self._nsvcs[one.id] for one in self._solver.transaction().newsolvables()))

    def _add(self, nsvc: NSVC, rank: int) -> solv.XSolvable:
        solvable = self._repo.add_solvable()
        solvable.name = f"module:{nsvc.name}"
        solvable.evr = str(rank)
        solvable.arch = "noarch"
        # libsolv keeps two packages of one name apart only where they provide that name.
        solvable.add_deparray(solv.SOLVABLE_PROVIDES, self._pool.Dep(solvable.name))
        return solvable

    def _require(self, solvable: solv.XSolvable, alternatives: Alternatives) -> None:
        if len(alternatives) > 1:
            solvable.add_deparray(solv.SOLVABLE_REQUIRES, self._one_of(alternatives))
        else:
            for need in (need for needs in alternatives for need in needs):
                solvable.add_deparray(solv.SOLVABLE_REQUIRES, self._dep(need))

    def _dep(self, need: Requirement) -> solv.Dep:
        """Give the name that stands for `need`: a number, since streams are free text and could imitate each other."""
        if need not in self._deps:
            self._deps[need] = dep = self._pool.Dep(f"need:{len(self._deps)}")
            self._words[dep.id] = str(need)
        return self._deps[need]

    def _one_of(self, alternatives: Alternatives) -> solv.Dep:
        wholes = [reduce(_and, map(self._dep, needs)) for needs in alternatives]
        dep = reduce(_or, wholes)
        self._words[dep.id] = " or else ".join(" and ".join(map(str, needs)) for needs in alternatives)
        return dep

    def _provide(self, modules: Iterable[RegisteredModule]) -> None:
        by_name: defaultdict[str, list[RegisteredModule]] = defaultdict(list)
        for module in modules:
            by_name[module.nsvc.name].append(module)
        for need, dep in self._deps.items():
            for module in filter(need.admits, by_name[need.name]):
                self._solvables[module.nsvc].add_deparray(solv.SOLVABLE_PROVIDES, dep)

    def _job(self, choice: tuple[NSVC, ...]) -> solv.Job:
        if choice not in self._jobs:
            one_of = self._pool.towhatprovides([self._solvables[nsvc].id for nsvc in choice])
            self._jobs[choice] = self._pool.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_ONE_OF, one_of)
        return self._jobs[choice]

    def _explain(self, problems: Iterable[solv.Problem]) -> str:
        rules = [info for problem in problems for rule in problem.findallproblemrules() for info in rule.allinfos()]
        clashes = {self._clash(rule, rules) for rule in rules if rule.type == solv.Solver.SOLVER_RULE_PKG_SAME_NAME}
        missing = {
            f"{self._nsvcs[rule.solvable.id]} requires {self._in_words(rule.dep)}, which nothing here provides"
            for rule in rules
            if rule.type == solv.Solver.SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP
        }
        return _few([*sorted(clashes), *sorted(missing)], "; ") or "these cannot be used together"

    def _clash(self, rule: solv.Ruleinfo, rules: Sequence[solv.Ruleinfo]) -> str:
        """Name two builds of one module that are both needed, and by whom."""
        sides = sorted((rule.solvable, rule.othersolvable), key=lambda solvable: self._nsvcs[solvable.id])
        return f"{' and '.join(self._with_users(side, rules) for side in sides)} exclude each other"

    def _with_users(self, solvable: solv.XSolvable, rules: Sequence[solv.Ruleinfo]) -> str:
        users = {
            str(self._nsvcs[rule.solvable.id])
            for rule in rules
            if rule.type == solv.Solver.SOLVER_RULE_PKG_REQUIRES and solvable in self._pool.whatprovides(rule.dep)
        }
        wanted = f" (required by {_few(sorted(users), ', ')})" if users else ""
        return f"{self._nsvcs[solvable.id]}{wanted}"

    def _in_words(self, dep: solv.Dep) -> str:
        return self._words.get(dep.id, "something")


_MOST_REASONS = 4


def _and(left: solv.Dep, right: solv.Dep) -> solv.Dep:
    return left.Rel(solv.REL_AND, right)


def _or(left: solv.Dep, right: solv.Dep) -> solv.Dep:
    return left.Rel(solv.REL_OR, right)


def _few(texts: Sequence[str], separator: str) -> str:
    """Join some; more than a handful help nobody."""
    more = [f"{len(texts) - _MOST_REASONS} more"] if len(texts) > _MOST_REASONS else []
    return separator.join([*texts[:_MOST_REASONS], *more])
