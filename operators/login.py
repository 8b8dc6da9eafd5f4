"""Who asks, as Airflow knows it: its bearer tokens, and the cookie of its pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.from_thread
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from jwt import ExpiredSignatureError, InvalidTokenError
from sqlalchemy.exc import OperationalError

from mbs.model.errors import Infrastructure, NotAuthorized, Unauthenticated
from mbs.model.naming import SUBMIT_DAG
from mbs.model.users import User, is_name
from mbs.settings import Settings
from mbs.web.auth import bearer_of, no_token
from mbs.web.services import services_of

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from fastapi import Request


class AirflowLogin:
    """Takes who has logged in to Airflow, with the roles that its auth manager tells as groups.

    A token that is not Airflow's is left to the next authenticator. The cookie counts only without a token.
    """

    name, method, is_ambient = "airflow", "oidc", True

    def user_of(self, request: Request) -> User | None:
        """Give the user; raise Unauthenticated for a token of Airflow that has expired."""
        token = bearer_of(request)
        cookie = None if token else request.cookies.get(COOKIE_NAME_JWT_TOKEN)
        given = token or cookie
        if not given:
            return None
        try:
            user = _user_of(given)
        except ExpiredSignatureError:
            if cookie:
                return None
            raise Unauthenticated("The token has expired: get another one from Airflow.") from None
        except InvalidTokenError:
            return None
        known = _as_user(user)
        _check_form(user, known, services_of(request).settings)
        return known

    def missing(self, request: Request) -> str:
        """Say what Airflow would take."""
        if COOKIE_NAME_JWT_TOKEN in request.cookies and not bearer_of(request):
            return "Your session in Airflow has ended: log in again."
        return no_token(request) or "The token is none of Airflow's, or is no longer valid."


def _as_user(user: BaseUser | None) -> User:
    """Give who it is; an auth manager may know nobody, or somebody who was shut out, behind a token that is valid."""
    name = user.get_name() if user and getattr(user, "is_active", True) else None
    if user is None or not is_name(name):
        raise Unauthenticated("Airflow does not know the user of this token any more.")
    return User(name=name, groups=groups_of(user), way=AirflowLogin.name)


def _check_form(user: BaseUser | None, known: User, settings: Settings) -> None:
    """Refuse who may not submit by the form, where no group says who may: Airflow's permissions do, here as there."""
    if settings.allowed_groups or known.name in settings.allowed_users:
        return
    may = partial(
        get_auth_manager().is_authorized_dag,
        method="POST",
        access_entity=DagAccessEntity.RUN,
        details=DagDetails(id=SUBMIT_DAG),
        user=user,
    )
    if not anyio.from_thread.run_sync(may):
        raise NotAuthorized(f"{known} may not submit modules: Airflow does not let them start {SUBMIT_DAG}.")


def groups_of(user: BaseUser) -> frozenset[str]:
    """Give the roles and groups that an auth manager tells of a user.

    Airflow has no common word for them: the simple auth manager says `role`, in letters of any size, FAB `roles`
    (objects with a name; what it calls groups it does not load), that of Amazon `groups`.
    """
    told = next((getattr(user, word) for word in ("role", "roles", "groups") if hasattr(user, word)), None)
    return frozenset(_names(told.lower() if isinstance(told, str) else told))


def _names(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever an auth manager has there
    if isinstance(value, str):
        yield from filter(None, [value])
    elif isinstance(value, Iterable):
        for each in value:
            yield from _names(each if isinstance(each, str) else getattr(each, "name", None))


def _user_of(token: str) -> BaseUser | None:
    """Ask the auth manager in the server's own event loop, where Airflow asks it too."""
    try:
        return anyio.from_thread.run(get_auth_manager().get_user_from_token, token)
    except OperationalError:
        raise Infrastructure("Airflow's database does not answer, so nobody knows who asks.") from None
