"""Who may do what on one machine: Airflow's simple auth manager, with a narrower role `user`.

There, whoever may start a form may also clear, mark and cancel the tasks of others and write XComs, which decide what a
task does next. Several machines take another auth manager; docs/how-to/deploy.md has the same role for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

from mbs.model.naming import SUBMIT_DAG

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

USER = "user"


class ServiceAuthManager(SimpleAuthManager):
    """Lets the role `user` read everything, submit modules, and answer where a person was asked for."""

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: SimpleAuthManagerUser,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Refuse the role `user` all but that; who may answer a question is asked by `is_authorized_hitl_task`."""
        allowed = super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
        if not allowed or method == "GET" or (user.role or "").lower() != USER:
            return allowed
        submits = method == "POST" and access_entity is DagAccessEntity.RUN
        return access_entity is DagAccessEntity.HITL_DETAIL or (
            submits and details is not None and details.id == SUBMIT_DAG
        )
