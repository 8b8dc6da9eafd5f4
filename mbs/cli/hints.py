"""What to do next on one's own machine: what the refusal of a plan cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mbs.errors import Problem, Refused
from mbs.expansion.combinations import NO_BUILDS
from mbs.scm.url import location_of
from mbs.settings import Settings

_REPOSITORIES = ("rpms_default_repository", "modules_default_repository")


def with_hints(refused: Refused, settings: Settings, *, from_files: bool) -> Refused:
    """Add hints to a refusal; with `from_files` the modules to build against were given as files."""
    hints = [*_missing_repositories(refused, settings), *(_missing_modules(refused) if from_files else ())]
    return type(refused)(*refused.problems, *hints)


def _missing_repositories(refused: Refused, settings: Settings) -> Iterator[Problem]:
    """Tell of the settings whose repositories were looked for and are not on this machine."""
    for name in _REPOSITORIES:
        url = getattr(settings, name)
        location = location_of(url)
        if location is None or location.scheme != "file" or Path(location.path).is_dir():
            continue
        if any(url in problem.message for problem in refused.problems):
            yield Problem(
                f"There is no directory {location.path}, where the setting {name} looks. "
                "The repositories of the examples are made by: devhub examples"
            )


def _missing_modules(refused: Refused) -> Iterator[Problem]:
    if any(NO_BUILDS in problem.message for problem in refused.problems):
        yield Problem(
            "Give the documents of the modules to build against with --module. They are printed by: "
            "mbs plan FILE --modulemd (of what is not built yet), mbs show NSVC --modulemd (of what is registered)"
        )
