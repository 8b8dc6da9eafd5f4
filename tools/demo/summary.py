"""What came out of the demo."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from mbs.koji.faults import KojiValue
from mbs.model.naming import PREFIX, koji_build
from mbs.model.nsvc import NSVC
from tools.demo.outcome import Outcome, outcome_of
from tools.stack import secrets
from tools.stack.client import FollowedBuild, RunningStack
from tools.stack.layout import Layout


@dataclass(frozen=True, slots=True)
class Shown:
    """A module build that has ended, and how long it took."""

    build: FollowedBuild
    page: str
    """URL of its run in the UI."""
    seconds: float


def print_summary(console: Console, stack: RunningStack, shown: Sequence[Shown], seconds: float) -> None:
    """Print what every build has left in Koji and in the registry, and where to look; `seconds` is the wall time."""
    for each in shown:
        row = stack.registry.builds.get(each.build.build_id)
        console.print(f"\n[bold]{row.nsvc}[/bold]  {row.state.label} after {duration(each.seconds)}", highlight=False)
        _print(console, _facts(stack, each))
    console.print()
    _print(console, _ending(stack.layout, seconds))


def duration(seconds: float) -> str:
    """Write seconds as people say them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _print(console: Console, facts: Iterator[tuple[str, str]]) -> None:
    for name, value in facts:
        console.print(f"  {name:13}{value}", highlight=False, markup=False, soft_wrap=True)


def _facts(stack: RunningStack, shown: Shown) -> Iterator[tuple[str, str]]:
    registry, hub = stack.registry, stack.hub
    row, plan = registry.builds.get(shown.build.build_id), shown.build.plan
    if row.state_reason:
        yield "Reason", row.state_reason
    yield from _reuse(outcome_of(registry, row.id))
    yield "Built with", ", ".join(f"{it.name}:{it.stream}:{it.version}:{it.context}" for it in plan.dependencies)
    yield "Koji tag", plan.koji_tag
    yield "RPMs", rpm_counts(hub, plan.koji_tag)
    if repository := repository_path(hub, stack.layout, plan.build_tag):
        yield "Repository", repository
    if on_tag := composed(hub, plan.nsvc):
        yield "For composes", "; ".join(f"{tag}: {', '.join(nvrs)}" for tag, nvrs in on_tag.items())
    yield "Look at it", shown.page


def _reuse(outcome: Outcome) -> Iterator[tuple[str, str]]:
    if outcome.reused:
        yield "Reused", ", ".join(outcome.reused)
    yield "Built", ", ".join(outcome.built) or "nothing"
    for sentence in outcome.why:
        yield "Why", sentence


def _ending(layout: Layout, seconds: float) -> Iterator[tuple[str, str]]:
    yield "Wall time", duration(seconds)
    yield "Airflow", layout.ui_url
    yield "REST API", f"{layout.ui_url}{PREFIX}/docs (as MBS has it: {PREFIX}/1/)"
    yield "Log in as", f"admin, password {secrets.password(layout, 'admin')}"
    yield "", "Everything keeps running; `make stop` ends it."


def rpm_counts(hub: KojiValue, tag: str) -> str:
    """Count the RPMs of a tag by arch."""
    counts = Counter(rpm["arch"] for rpm in hub.listTaggedRPMS(tag)[0])
    return ", ".join(f"{count} {arch}" for arch, count in sorted(counts.items())) or "none"


def composed(hub: KojiValue, nsvc: NSVC) -> dict[str, list[str]]:
    """Give the tags that the imported module and its -devel twin are in, with the builds that are in each."""
    found: dict[str, list[str]] = defaultdict(list)
    for nvr in (str(koji_build(nsvc)), str(koji_build(nsvc, devel=True))):
        for tag in hub.listTags(nvr) if hub.getBuild(nvr) else []:
            found[tag["name"]].append(nvr)
    return found


def repository_path(hub: KojiValue, layout: Layout, build_tag: str) -> str | None:
    """Give the directory of the newest repository of a build tag, or its URL where the hub is elsewhere."""
    repository = hub.getRepo(build_tag)
    files = str(layout.devhub / "files") if layout.hub.own else layout.hub.files
    return f"{files}/repos/{build_tag}/{repository['id']}" if repository else None
