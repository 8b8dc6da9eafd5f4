"""Everything that can be wrong with a submitted document, told at once (MBS §6.1, §6.5).

MBS stops at the first problem; here the guard alone does. What follows are the structure, libmodulemd's own
judgement and the rules of this service, in one exception; the rules are told of a document that libmodulemd refuses as
far as it can be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import cast

import yaml

from mbs.model.document import DEVEL_SUFFIX, Modulemd, PackagerV3
from mbs.model.errors import Finding, Findings, InvalidModulemd, Problem, bad_request, forbidden, refuse, unprocessable
from mbs.model.quoting import quoted
from mbs.modulemd.guard import ONE_DOCUMENT, Limits, Part, scan
from mbs.modulemd.nodes import lines_by_path, lines_of, located
from mbs.modulemd.reader import read_part
from mbs.modulemd.rules import Rules, context_problems, identity_problems, marking_problems
from mbs.modulemd.sketch import sketch
from mbs.modulemd.static_contexts import dependency_pairs
from mbs.modulemd.structure import MOST_FOUND, is_known, structural_problems

_WHOLE = ""
"""The place of what libmodulemd says about a document as a whole."""
_QUOTED = re.compile(r"'([^' ]+)'")
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
    and `Unprocessable` before `NotAuthorized` before `InvalidRequest` (`errors.refuse`).
    """
    return _judged(text, limits, lambda document: [*rule_problems(document, rules, name), *also(document)])


def validate_included(
    text: str | bytes, limits: Limits, also: Callable[[Modulemd], Iterable[Finding]] = lambda _: ()
) -> Modulemd:
    """Read the document of an included module and refuse it as `validate` does; only its components matter.

    It is a modulemd of a single stream: modulemd-packager v3 has no meaning there.
    """

    def judge(document: Modulemd | PackagerV3) -> Iterable[Finding]:
        return also(document.body if isinstance(document, PackagerV3) else document)

    document = _judged(text, limits, judge)
    if isinstance(document, PackagerV3):
        raise InvalidModulemd(
            "A modulemd-packager document of version 3 is not accepted here: give a modulemd document"
        )
    return document


def _judged(
    text: str | bytes, limits: Limits, judge: Callable[[Modulemd | PackagerV3], Iterable[Finding]]
) -> Modulemd | PackagerV3:
    """Read a document whose structure is sound; refuse it with what is wrong with that, or else libmodulemd says.

    What `judge` finds is told with it, of a sketch where the document itself cannot be read.
    """
    (part,) = scan(text, replace(limits, documents=1))
    root = yaml.compose(part.text, Loader=yaml.CSafeLoader) or yaml.ScalarNode("", "")
    broken = Findings(Finding(problem, InvalidModulemd) for problem in islice(structural_problems(root), MOST_FOUND))
    document = None if broken else broken.of(lambda: _read(part, root))
    judged = document or (sketch(root) if is_known(root) else None)
    found = list(islice(judge(judged), MOST_FOUND)) if judged else []
    told = list(_beside(broken, found, root))
    refuse(_numbered([*_unheard(broken, told), *told], part))
    return cast("Modulemd | PackagerV3", document)


def rule_problems(document: Modulemd | PackagerV3, rules: Rules, name: str | None = None) -> Iterator[Finding]:
    """Find what this service does not allow in a well-formed document (MBS §6.5), and a missing base module."""
    body = document.body if isinstance(document, PackagerV3) else document
    yield from identity_problems(body.name, body.stream)
    yield from context_problems(body.context, "data.context")
    yield from _name_problems(body.name or name, rules)
    yield from _xmd_problems(body, body.name or name, rules)
    yield from _repository_problems(body, rules)
    yield from _dependency_problems(document, rules)


def _unheard(broken: Iterable[Finding], told: Iterable[Finding]) -> Iterator[Finding]:
    """Leave out what libmodulemd says about a document as a whole where the rules say the same, and where."""
    lines: set[int | None] = {finding.problem.line for finding in told}
    if any(finding.refused is InvalidModulemd for finding in told):
        lines.add(None)
    return (finding for finding in broken if finding.problem.where != _WHOLE or finding.problem.line not in lines)


def _beside(broken: Iterable[Finding], findings: Iterable[Finding], root: yaml.Node) -> Iterator[Finding]:
    """Give findings with their lines, but none about what has a structural problem at, around or inside its place."""
    lines = lines_by_path(root)
    places = [f"{finding.problem.where}." for finding in broken if finding.problem.where]
    for finding in findings:
        place = f"{finding.problem.where}."
        if not any(place.startswith(each) or each.startswith(place) for each in places):
            yield replace(finding, problem=located(finding.problem, lines))


def _read(part: Part, root: yaml.Node) -> Modulemd | PackagerV3:
    """Read what has a sound structure; what libmodulemd has against it is told with the line of what it quotes."""
    try:
        return read_part(replace(part, line=1), sound=True)
    except InvalidModulemd as refused:
        raise refused.each(lambda problem: _quoted(problem, root)) from None


def _quoted(problem: Problem, root: yaml.Node) -> Problem:
    """Give what libmodulemd says about a whole document the line of the text that it quotes."""
    if problem.line:
        return problem
    quoted = _QUOTED.findall(problem.message)
    return replace(problem, where=_WHOLE, line=next((line for text in quoted for line in lines_of(root, text)), None))


def _numbered(findings: list[Finding], part: Part) -> list[Finding]:
    """Turn the lines of a part into those of the whole text, and sort by them."""
    moved = [replace(each, problem=each.problem.moved(part.line - 1)) for each in findings]
    return sorted(moved, key=lambda finding: finding.problem.line or 0)


def _name_problems(name: str | None, rules: Rules) -> Iterator[Finding]:
    """Find an attempt to build a base module, or what would stand in the place of another module's twin."""
    if name in rules.base_module_names:
        yield bad_request(f'You cannot build a module named "{name}" since it is a base module', "data.name")
    if name and name.endswith(DEVEL_SUFFIX) and rules.koji_cg_devel_module:
        module = quoted(name.removesuffix(DEVEL_SUFFIX))
        yield bad_request(
            f'You cannot build a module named "{quoted(name)}": that is the name of what is published beside the '
            f'module "{module}". Give it a name that does not end in {DEVEL_SUFFIX}',
            "data.name",
        )


def _xmd_problems(body: Modulemd, name: str | None, rules: Rules) -> Iterator[Finding]:
    """Find use of what is ours in xmd; privileged modules may mark their dist and arches."""
    if "mbs" in body.xmd:
        allowed = _PRIVILEGED_KEYS if name in rules.allowed_privileged_module_names else set[str]()
        mbs = body.xmd["mbs"]
        if not allowed or not isinstance(mbs, dict) or set(mbs) - allowed:
            yield bad_request('The "mbs" xmd field is reserved for MBS', "data.xmd.mbs")
        else:
            yield from marking_problems(mbs.get("disttag_marking"))


def _repository_problems(body: Modulemd, rules: Rules) -> Iterator[Finding]:
    """Find included modules from a repository of their own."""
    for module in body.modules:
        if module.repository and not rules.modules_allow_repository:
            yield forbidden(
                f"Custom module repositories aren't allowed.  '{quoted(module.name)}' bears repository "
                f"'{quoted(module.repository)}'",
                f"data.components.modules.{module.name}.repository",
            )


def _dependency_problems(document: Modulemd | PackagerV3, rules: Rules) -> Iterator[Finding]:
    """Find static contexts that are wrong, and streams that are built against no base module at all."""
    found = Findings()
    pairs = found.of(lambda: dependency_pairs(document))
    if pairs is None:
        yield from found
        return
    named = {name for pair in pairs for name in pair.buildrequires}
    if not named.intersection(rules.base_module_names):
        names = ", ".join(rules.base_module_names)
        yield unprocessable(
            f"None of the base module ({names}) streams in the buildrequires section could be found.",
            "data.dependencies",
        )
