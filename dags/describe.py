"""What the UI says about a module build: pure text made of the plan."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from urllib.parse import quote

from mbs.plan import BuildPlan, PlannedComponent
from mbs.quoting import cell, plain, quoted
from operators.identifiers import component_prefix

TAG_LENGTH = 100
"""Characters of a DAG's tag that Airflow keeps."""

TOOLTIP_LENGTH = 300
"""Characters of a source in the tooltip of a component."""


def summary(plan: BuildPlan) -> str:
    """Say in one line what is built."""
    batches = len({component.batch for component in plan.components})
    count = len(plan.components)
    what = f"{count} component{'' if count == 1 else 's'} in {batches} batch{'' if batches == 1 else 'es'}"
    kind = "Scratch build of" if plan.scratch else "Build of"
    return plain(f"{kind} {plan.nsvc}: {what} for {', '.join(plan.arches)}")


def tags(plan: BuildPlan) -> list[str]:
    """Give the tags by which one finds the DAG."""
    found = [plan.nsvc.name, f"stream:{plan.nsvc.stream}", f"owner:{plan.owner}"]
    if plan.scratch:
        found.append("scratch")
    return [quoted(tag, TAG_LENGTH) for tag in found]


def owner_link(owner: str, base_url: str) -> str:
    """Give the page that lists the owner's module builds; a mail address where the UI's own is not known."""
    if base_url.startswith("http"):
        return f"{base_url.rstrip('/')}/dags?tags={quote(f'owner:{owner}', safe='')}"
    return f"mailto:{quote(owner)}"


def page(plan: BuildPlan) -> str:
    """Give the page about the module build, in Markdown."""
    rows = [
        ("Module", plan.nsvc),
        ("Owner", plan.owner),
        ("Source", _source(plan)),
        ("Koji tag", plan.koji_tag),
        ("Build tag", plan.build_tag),
        ("Target", plan.target),
        ("Release suffix", f".{plan.dist}"),
        ("Arches", ", ".join(plan.arches)),
        ("Built against", ", ".join(f"{it.name}:{it.stream}" for it in plan.dependencies) or "nothing"),
        ("Rebuild strategy", plan.rebuild_strategy),
    ]
    table = "\n".join(f"| {name} | {cell(str(value))} |" for name, value in rows)
    return f"| | |\n|---|---|\n{table}\n"


@dataclass(frozen=True, slots=True)
class GroupText:
    """What the graph says about a task group."""

    label: str
    tooltip: str


def groups(plan: BuildPlan) -> dict[str, GroupText]:
    """Describe every task group, by the prefix of its task ids."""
    sizes = Counter(component.batch for component in plan.components)
    batches = {f"batch_{batch}": GroupText(f"batch {batch}", _batch_tooltip(sizes[batch])) for batch in sizes}
    components = {
        component_prefix(it.batch, it.name): GroupText(plain(it.name), _component_tooltip(it)) for it in plan.components
    }
    return _FIXED | batches | components


_FIXED = {
    "prepare": GroupText("prepare", "Tags, package lists, build groups, target and inheritance in Koji"),
    "macros": GroupText("macros", "module-build-macros: every RPM gets the module's release and label from it"),
    "publish": GroupText("publish", "The module build in Koji, ready for a compose"),
}


def _batch_tooltip(count: int) -> str:
    return f"{count} component{'' if count == 1 else 's'}; what comes after waits for a repository with them"


def _component_tooltip(component: PlannedComponent) -> str:
    parts = [quoted(component.source, TOOLTIP_LENGTH)]
    if component.after:
        parts.append(plain(f"after {', '.join(component.after)}"))
    if component.weight:
        parts.append(f"usually {component.weight:.0f} s")
    return ", ".join(parts)


def _source(plan: BuildPlan) -> str:
    if plan.scmurl is None:
        return "pasted modulemd"
    return f"{plan.scmurl} ({plan.branch})" if plan.branch else plan.scmurl
