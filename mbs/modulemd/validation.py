"""Everything that can be wrong with a submitted document, told at once (MBS §6.1, §6.5).

MBS stops at the first problem; here the guard alone does. What follows are the structure, libmodulemd's own
judgement and the rules of this service, in one exception; the rules are told of a document that libmodulemd refuses as
far as it can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import yaml

from mbs.errors import InvalidModulemd, Problem, Refused
from mbs.modulemd.document import Modulemd, PackagerV3
from mbs.modulemd.guard import ONE_DOCUMENT, Limits, Part, scan
from mbs.modulemd.lines import lines_by_path, located
from mbs.modulemd.reader import read_part
from mbs.modulemd.rules import (
    Finding,
    Rules,
    bad_request,
    forbidden,
    identity_problems,
    refusal_of,
    refuse,
    unprocessable,
)
from mbs.modulemd.sketch import sketch
from mbs.modulemd.static_contexts import dependency_pairs
from mbs.modulemd.structure import is_known, structural_problems

_MOST = 100
"""Structural problems that are told at once; who has more has another kind of problem."""
_PRIVILEGED_KEYS = {"disttag_marking", "koji_tag_arches", "static_context"}


def validate(
    text: str | bytes,
    rules: Rules,
    *,
    name: str | None = None,
    limits: Limits = ONE_DOCUMENT,
    also: Callable[[Modulemd | PackagerV3], Iterable[Finding]] = lambda _: (),
) -> Modulemd | PackagerV3:
    """Read a submitted document and refuse it with every problem that it has, each with its line.

    `name` is the module's where the document does not say it; `also` judges the document by what only the caller
    knows (`submitted.scm_problems`). The class of the exception is that of the gravest problem: `InvalidModulemd`
    and `Unprocessable` before `NotAuthorized` before `InvalidRequest` (`rules.refusal_of`).
    """
    (part,) = scan(text, replace(limits, documents=1))
    root = yaml.compose(part.text, Loader=yaml.CSafeLoader) or yaml.ScalarNode("", "")
    structure = [Finding(problem, InvalidModulemd) for problem in islice(structural_problems(root), _MOST)]

    def judged(document: Modulemd | PackagerV3) -> Iterator[Finding]:
        yield from _beside(structure, [*rule_problems(document, rules, name), *also(document)], root)

    try:
        document = read_part(replace(part, line=1))
    except InvalidModulemd as refused:
        told = [*structure, *_unheard(refused.problems, structure)]
        raise refusal_of(_numbered([*told, *(judged(sketch(root)) if is_known(root) else ())], part)) from None
    refuse(_numbered([*structure, *judged(document)], part))
    return document


def rule_problems(document: Modulemd | PackagerV3, rules: Rules, name: str | None = None) -> Iterator[Finding]:
    """Find what this service does not allow in a well-formed document (MBS §6.5), and a missing base module."""
    body = document.body if isinstance(document, PackagerV3) else document
    yield from identity_problems(body.name, body.stream, body.context)
    yield from _name_problems(body.name or name, rules)
    yield from _xmd_problems(body, body.name or name, rules)
    yield from _repository_problems(body, rules)
    yield from _dependency_problems(document, rules)


def _unheard(refusals: Sequence[Problem], structure: list[Finding]) -> Iterator[Finding]:
    """Give what libmodulemd says unless the structure already told it, with a better place."""
    told = {finding.problem.line for finding in structure}
    for problem in refusals:
        if not told or (problem.line is not None and problem.line not in told):
            yield Finding(problem, InvalidModulemd)


def _beside(structure: Iterable[Finding], findings: Iterable[Finding], root: yaml.Node) -> Iterator[Finding]:
    """Give findings with their lines, but none about what has a structural problem at, around or inside its place."""
    lines = lines_by_path(root)
    broken = [f"{finding.problem.where}." for finding in structure]
    for finding in findings:
        place = f"{finding.problem.where}."
        if not any(place.startswith(each) or each.startswith(place) for each in broken):
            yield replace(finding, problem=located(finding.problem, lines))


def _numbered(findings: list[Finding], part: Part) -> list[Finding]:
    """Turn the lines of a part into those of the whole text, and sort by them."""
    moved = [
        replace(each, problem=replace(each.problem, line=each.problem.line + part.line - 1))
        if each.problem.line
        else each
        for each in findings
    ]
    return sorted(moved, key=lambda finding: finding.problem.line or 0)


def _name_problems(name: str | None, rules: Rules) -> Iterator[Finding]:
    """Find an attempt to build a base module."""
    if name in rules.base_module_names:
        yield bad_request(f'You cannot build a module named "{name}" since it is a base module', "data.name")


def _xmd_problems(body: Modulemd, name: str | None, rules: Rules) -> Iterator[Finding]:
    """Find use of what is ours in xmd; privileged modules may mark their dist and arches."""
    if "mbs" in body.xmd:
        allowed = _PRIVILEGED_KEYS if name in rules.allowed_privileged_module_names else set[str]()
        mbs = body.xmd["mbs"]
        if not allowed or not isinstance(mbs, dict) or set(mbs) - allowed:
            yield bad_request('The "mbs" xmd field is reserved for MBS', "data.xmd.mbs")


def _repository_problems(body: Modulemd, rules: Rules) -> Iterator[Finding]:
    """Find included modules from a repository of their own."""
    for module in body.modules:
        if module.repository and not rules.modules_allow_repository:
            yield forbidden(
                f"Custom module repositories aren't allowed.  {module.name!r} bears repository {module.repository!r}",
                f"data.components.modules.{module.name}.repository",
            )


def _dependency_problems(document: Modulemd | PackagerV3, rules: Rules) -> Iterator[Finding]:
    """Find static contexts that are wrong, and streams that are built against no base module at all."""
    try:
        pairs = dependency_pairs(document)
    except Refused as refused:
        yield from (Finding(problem, type(refused)) for problem in refused.problems)
        return
    named = {name for pair in pairs for name in pair.buildrequires}
    if not named.intersection(rules.base_module_names):
        names = ", ".join(rules.base_module_names)
        yield unprocessable(
            f"None of the base module ({names}) streams in the buildrequires section could be found.",
            "data.dependencies",
        )
