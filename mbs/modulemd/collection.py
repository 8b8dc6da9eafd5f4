"""Files of finished modules, such as a distribution's modules.yaml: every document is judged by itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TypeAlias

import yaml

from mbs.model.document import Modulemd, PackagerV3, mapping_of, text_of
from mbs.model.errors import Problem, Refused
from mbs.model.nsvc import NSVC
from mbs.model.registered import FinishedModules, RegisteredModule
from mbs.modulemd.guard import MANY_DOCUMENTS, ONE_DOCUMENT, Part, refusal, scan
from mbs.modulemd.nodes import plain
from mbs.modulemd.reader import read_part
from mbs.modulemd.registered import ImportRules, filled_in, imported

OTHER_KINDS = ("modulemd-defaults", "modulemd-defaults-overrides", "modulemd-obsoletes", "modulemd-translations")
"""What else a modules.yaml holds: nothing that can be built against."""

_DOCUMENT = re.compile(rb"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
"""What begins a document; YAML allows no such line inside of one."""
_EACH = replace(ONE_DOCUMENT, documents=MANY_DOCUMENTS.documents)
_NO_CONTENT = re.compile(rb"^(?:[ \t]*#.*|%.*|---|\.\.\.)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Found:
    """A module, and the place that it was found at."""

    module: RegisteredModule
    file: str
    line: int
    filled: tuple[str, ...]


_Outcome: TypeAlias = _Found | tuple[Problem, ...]
"""What became of one document."""


def collect(files: Iterable[tuple[str, bytes]], rules: ImportRules) -> FinishedModules:
    """Read the modules of files, given by name and content; the name may be empty where there is one file only.

    A problem is told with the name of its file, and in a file of many documents with the line and name of its document.
    """
    outcomes: list[_Outcome] = []
    remarks: list[str] = []
    for name, content in files:
        passed_over: Counter[str] = Counter()
        outcomes += [_in_file(name, outcome) for outcome in _outcomes(content, rules, passed_over)]
        remarks += [_placed(name, _passed_over(passed_over))] if passed_over else []
    taken: dict[NSVC, _Found] = {}
    refused: list[tuple[Problem, ...]] = []
    for outcome in outcomes:
        if not isinstance(outcome, _Found):
            refused.append(outcome)
        elif (known := taken.setdefault(outcome.module.nsvc, outcome)) is not outcome:
            _again(outcome, known, refused, remarks)
    filled = {str(nsvc): one.filled for nsvc, one in taken.items() if one.filled}
    return FinishedModules(tuple(one.module for one in taken.values()), filled, tuple(refused), tuple(remarks))


def _outcomes(content: bytes, rules: ImportRules, passed_over: Counter[str]) -> Iterator[_Outcome]:
    """Judge the documents of one file in their order, and count what it holds besides."""
    nothing = True
    try:
        pieces = _pieces(content)
    except Refused as refused:
        yield refused.problems
        return
    for part in (part for lines, piece in pieces for part in _guarded(piece, lines)):
        if isinstance(part, Part) and part.kind in OTHER_KINDS:
            passed_over[part.kind] += 1
            continue
        nothing = False
        yield from _judged(part, rules, alone=len(pieces) == 1) if isinstance(part, Part) else (part,)
    if nothing:
        yield (Problem("There is no document of a finished module in it."),)


def _pieces(content: bytes) -> list[tuple[int, bytes]]:
    """Split a file into its documents, each with the number of lines before it."""
    if len(content) > MANY_DOCUMENTS.size or not content.strip():
        scan(content, MANY_DOCUMENTS)
    blank = len(content) - len(content.lstrip())
    starts = (_with_directives(content, match.start()) for match in _DOCUMENT.finditer(content))
    bounds = [0, *(start for start in starts if start > blank), len(content)]
    if len(bounds) > MANY_DOCUMENTS.documents:
        raise refusal(f"there are more YAML documents than expected ({MANY_DOCUMENTS.documents})")
    pieces = [content[begin:end] for begin, end in pairwise(bounds)]
    lines = accumulate((piece.count(b"\n") for piece in pieces), initial=0)
    return [
        (before, piece) for before, piece in zip(lines, pieces, strict=False) if _NO_CONTENT.sub(b"", piece).strip()
    ]


def _with_directives(content: bytes, start: int) -> int:
    """Move the begin of a document up to its directives, the lines right before it that begin with %."""
    while start and content[begin := content.rfind(b"\n", 0, start - 1) + 1] == ord("%"):
        start = begin
    return start


def _guarded(piece: bytes, lines: int) -> Iterator[Part | tuple[Problem, ...]]:
    """Guard a document that has some lines before it."""
    try:
        parts = scan(piece, _EACH)
    except Refused as refused:
        yield tuple(replace(each, line=(each.line or 1) + lines) for each in refused.problems)
    else:
        yield from (replace(part, line=part.line + lines) for part in parts)


def _judged(part: Part, rules: ImportRules, *, alone: bool) -> Iterator[_Outcome]:
    """Read one document, in most cases one module; who knows that it is `alone` need not be told which."""
    try:
        document = read_part(part)
    except Refused as refused:
        yield refused.problems if alone else _named(_sketched(part), part, refused)
        return
    for one in document.streams if isinstance(document, PackagerV3) else (document,):
        try:
            module = imported(one, rules.base_module_names, rules.stream_suffixes, rules.koji_tag_template)
        except Refused as refused:
            yield refused.problems if alone else _named(_label(one), part, refused)
        else:
            yield _Found(module, "", part.line, filled_in(one, module))


def _again(one: _Found, known: _Found, refused: list[tuple[Problem, ...]], remarks: list[str]) -> None:
    """Pass over a module's second document; where it has another content, it could be the right one."""
    place = f"line {known.line}{'' if known.file == one.file else f' of {known.file}'}"
    said = f"line {one.line}: {one.module.nsvc}: "
    if _compared(known.module) == _compared(one.module):
        remarks.append(_placed(one.file, f"{said}the same document stands in {place}; it is taken once."))
    else:
        text = f"{said}another document of this module stands in {place}; keep one of them."
        refused.append((Problem(_placed(one.file, text)),))


def _compared(module: RegisteredModule) -> Modulemd:
    """Leave out what tells the documents of one build for several arches apart."""
    return replace(module.document, arch=None, rpm_artifacts=(), content_licenses=())


def _named(label: str, part: Part, refused: Refused) -> tuple[Problem, ...]:
    """Name the document that problems are of, beside its line."""
    said = f"{label}: " if label else ""
    return tuple(
        replace(problem, message=f"{said}{problem.message}", line=problem.line or part.line)
        for problem in refused.problems
    )


def _in_file(name: str, outcome: _Outcome) -> _Outcome:
    """Say which file a document is in."""
    if isinstance(outcome, _Found):
        return replace(outcome, file=name)
    return tuple(Problem(_placed(name, str(problem)), problem.where) for problem in outcome) if name else outcome


def _placed(name: str, text: str) -> str:
    return f"{name}: {text}" if name else text


def _label(document: Modulemd) -> str:
    """Give as much of the NSVC as a document has."""
    version = str(document.version) if document.version else None
    parts = (document.name or "?", document.stream or "?", version, document.context)
    return ":".join(part for part in parts if part)


def _sketched(part: Part) -> str:
    """Give as much of the NSVC as can be made out in a document that cannot be read."""
    try:
        root = yaml.compose(part.text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return ""
    data = mapping_of(mapping_of(plain(root)).get("data")) if root else {}
    parts = [text_of(data.get(key)) for key in ("name", "stream", "version", "context")]
    return ":".join(part for part in parts if part)


def _passed_over(kinds: Counter[str]) -> str:
    listed = ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items()))
    return f"Passed over, since nothing is built against them: {listed}."
