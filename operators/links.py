"""Links of a build's task into Koji: its task, its build, its logs.

Airflow's API server asks for them when a person opens a task, in a thread for blocking work, and the registry knows
them as soon as whoever builds does: a task leaves nothing behind for them.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import ClassVar

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.types import TaskInstanceKey

from mbs.koji.pages import build_url, logs_url, task_url
from mbs.koji.session import HubAccount
from mbs.model.errors import MbsError
from mbs.model.naming import MACROS, NOARCH
from mbs.registry.rows import ComponentFilter, ComponentRow
from mbs.steps.component import ArchBuild
from operators.executors.plans import Plans
from operators.hooks import KojiHook, registry
from operators.tasks.component import BuildComponentOperator, BuildMacrosOperator

log = logging.getLogger(__name__)

NOWHERE = ""
"""What Airflow shows no link for."""


class KojiLink(BaseOperatorLink):
    """A link of the tasks that build packages; the plugin adds it to those that Airflow has stored."""

    operators: ClassVar[list[type[BaseOperator]]] = [BuildComponentOperator, BuildMacrosOperator]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's form
        """Give what is known by now: a link that cannot be found must not keep the others from being shown."""
        try:
            build = build_of(ti_key.dag_id, ti_key.task_id)
            [component] = registry().components.find(ComponentFilter(build.build_id, build.component)).items
            return self.url(KojiHook().account, component, build.arch) or NOWHERE
        except MbsError as error:
            log.warning("%s of %s %s: %s", self.name, ti_key.dag_id, ti_key.task_id, error)
            return NOWHERE

    def url(self, account: HubAccount, component: ComponentRow, arch: str) -> str | None:
        """Give the page, if there is one yet."""
        raise NotImplementedError


class KojiTaskLink(KojiLink):
    """The build task in Koji's web pages."""

    name = "Koji task"

    def url(self, account: HubAccount, component: ComponentRow, arch: str) -> str | None:
        """Give the page of the task that the task of this arch followed last."""
        followed = component.followed.get(arch)
        task_id = followed.task_id if followed else component.task_id
        return task_url(account.web_url, task_id) if task_id else None


class KojiBuildLink(KojiLink):
    """The build in Koji's web pages."""

    name = "Koji build"

    def url(self, account: HubAccount, component: ComponentRow, arch: str) -> str | None:  # noqa: ARG002 - of all
        """Give the page of the build, which Koji makes for all arches together."""
        return build_url(account.web_url, component.koji_build_id) if component.koji_build_id else None


class KojiLogsLink(KojiLink):
    """The directory of the arch's logs."""

    name = "Koji logs"

    def url(self, account: HubAccount, component: ComponentRow, arch: str) -> str | None:
        """Give the directory, where an arch has a task of its own."""
        followed = component.followed.get(arch)
        return logs_url(account.files_url, followed.arch_task_id) if followed and followed.arch_task_id else None


@lru_cache(maxsize=1024)
def build_of(dag: str, task_id: str) -> ArchBuild:
    """Give what a task builds; raise MbsError. It never changes."""
    plan, node = Plans(registry()).task(dag, task_id)
    return ArchBuild(plan.build_id, node.component or MACROS, node.arch or NOARCH)
