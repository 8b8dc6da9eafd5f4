"""Everything about a submitted document that can be judged without asking anybody: one list of rules for all doors.

`mbs validate`, `mbs plan`, the form and the API come here. What is left for later needs the registry (dependencies),
git (refs, included modules) or Koji (arches).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import yaml

from mbs.components.rules import component_problems
from mbs.model.document import Modulemd, PackagerV3
from mbs.model.errors import Finding, Refused
from mbs.modulemd.guard import Limits
from mbs.modulemd.nodes import lines_by_path, located
from mbs.modulemd.submitted import scm_problems, yaml_problems
from mbs.modulemd.validation import validate, validate_included
from mbs.scm.protocol import ModuleSource
from mbs.settings import Settings

Document = Modulemd | PackagerV3


def pasted(
    text: str | bytes,
    settings: Settings,
    *,
    module_name: str | None = None,
    module_stream: str | None = None,
    branch: str | None = None,
) -> Document:
    """Read a document that comes without a repository; raise Refused with every problem and its line.

    Name and stream are the request's; `branch` gives the stream where neither says it.
    """

    def contradictions(document: Document) -> Iterator[Finding]:
        return yaml_problems(
            document, module_name=module_name, module_stream=module_stream, branch=branch, rules=settings.rules
        )

    return _checked(text, settings, module_name, contradictions)


def from_repository(found: ModuleSource, branch: str, settings: Settings) -> Document:
    """Read the document of a commit in `branch`; raise Refused with every problem and its line."""

    def contradictions(document: Document) -> Iterator[Finding]:
        return scm_problems(document, repository=found.name, branch=branch, rules=settings.rules)

    return _checked(found.text, settings, found.name, contradictions)


def included(found: ModuleSource, settings: Settings) -> Modulemd:
    """Read the document of an included module, of which only the components count; raise Refused with its lines."""
    return validate_included(
        found.text, _limits(settings), lambda document: component_problems(document, settings.components)
    )


def with_lines(refused: Refused, text: str) -> Refused:
    """Give the problems of a document that was checked the lines of their places in its text."""
    root = yaml.compose(text.removeprefix("\ufeff"), Loader=yaml.CSafeLoader)
    lines = lines_by_path(root or yaml.ScalarNode("", ""))
    return refused.each(lambda problem: located(problem, lines))


def _checked(
    text: str | bytes, settings: Settings, name: str | None, also: Callable[[Document], Iterable[Finding]]
) -> Document:
    def judged(document: Document) -> Iterator[Finding]:
        yield from component_problems(
            document.body if isinstance(document, PackagerV3) else document, settings.components
        )
        yield from also(document)

    return validate(text, settings.rules, name=name, limits=_limits(settings), also=judged)


def _limits(settings: Settings) -> Limits:
    return Limits(size=settings.max_modulemd_size)
