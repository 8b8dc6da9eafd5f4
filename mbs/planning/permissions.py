"""Who may do what: submit, import, change a module build, and approve that one becomes ready."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from mbs.model.errors import NotAuthorized
from mbs.model.users import NO_AUTH, By, User
from mbs.settings import Settings


def check_submitter(user: User, settings: Settings) -> None:
    """Refuse who may not submit (MBS §3.13): `allowed_users` may, and who is in one of `allowed_groups`.

    Airflow tells a task who triggered it but not the user's groups. So where `allowed_groups` restricts submission,
    the form is for `allowed_users` alone.
    """
    if not settings.allowed_groups or user.name in settings.allowed_users:
        return
    if user.groups is None:
        raise NotAuthorized(
            f"{user} is not among the users who may submit here. Ask for a place in the setting allowed_users: it "
            "counts alone, since a form is not told who is in allowed_groups."
        )
    _check_member(user, user.groups, settings.allowed_groups)


def may_choose_owner(user: By, settings: Settings) -> bool:
    """Tell whether a user may submit in the name of others; nobody is told apart where nobody logs in (MBS)."""
    return str(user) in settings.allowed_users_to_choose_owner or (isinstance(user, User) and user.way == NO_AUTH)


def check_importer(user: User, settings: Settings) -> None:
    """Refuse who may not import: what is imported can name any Koji tag for others to be built with (MBS §3.13)."""
    if user.groups is None:
        if user.name not in settings.allowed_users_to_import_module:
            raise NotAuthorized(
                f"{user} is not among the users who may import modules here. Ask for a place in the setting "
                "allowed_users_to_import_module, or have an administrator run `mbs import`."
            )
        return
    check_imports(settings)
    if user.name not in settings.allowed_users:
        _check_member(user, user.groups, settings.allowed_groups_to_import_module)


def check_imports(settings: Settings) -> None:
    """Refuse where nobody imports through the REST API; told before anybody is asked who they are, as MBS does."""
    if not settings.allowed_groups_to_import_module:
        raise NotAuthorized("Import module API is disabled.")


def check_owner(user: User, owner: str, settings: Settings) -> None:
    """Refuse who neither owns a module build nor is in one of `admin_groups` (MBS §3.12)."""
    if user.name != owner and not (user.groups or frozenset()) & set(settings.admin_groups):
        raise NotAuthorized("You are not owner of this build and therefore cannot modify it.")


def check_resumer(user: By, settings: Settings, owner: str) -> None:
    """Refuse who may not take up a failed module build again; who has no groups is no user of the API, or of a form.

    MBS lets everybody who may submit.
    """
    if isinstance(user, User) and user.groups is not None and not may_choose_owner(user, settings):
        check_owner(user, owner, settings)


def _check_member(user: User, groups: frozenset[str], allowed: Sequence[str]) -> None:
    """Refuse who is in none of the groups, in the words of MBS: sets as Python writes them, sorted."""
    if not groups & set(allowed):
        raise NotAuthorized(f"{user} is not in any of {_as_set(allowed)}, only {_as_set(groups)}")


def _as_set(names: Iterable[str]) -> str:
    return f"{{{', '.join(map(repr, sorted(names)))}}}" if names else "set()"


@dataclass(frozen=True, slots=True)
class Approver:
    """A user of Airflow; `id` is what its auth manager calls the user, in most of them the name."""

    name: str
    id: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `name`, or `name=id`."""
        name, _, number = (part.strip() for part in text.partition("="))
        return cls(name, number or name)

    def is_called(self, user: Mapping[str, Any]) -> bool:
        """Tell whether Airflow means this user."""
        return str(user.get("id")) == self.id


@dataclass(frozen=True, slots=True)
class Approvers:
    """The users who may approve a module build."""

    named: tuple[Approver, ...]
    """Empty where everybody may whom Airflow lets answer."""
    barred: frozenset[str] = frozenset()
    """Names or ids of those who may not: whoever submitted it."""
    nobody: str = ""
    """Why nobody may, where that is so."""

    @classmethod
    def of(cls, settings: Iterable[str], barred: Iterable[str] = ()) -> Self:
        """Read the setting `approvers`, without those who are barred."""
        never = frozenset(filter(None, barred))
        every = tuple(Approver.read(text) for text in settings)
        named = tuple(one for one in every if not {one.name, one.id} & never)
        nobody = (
            f"Nobody may approve it: {' and '.join(sorted(one.name for one in every))} submitted it, and the setting "
            "approval_by_submitter is off. Name another user in the setting approvers, then clear this task."
        )
        return cls(named, never, nobody if every and not named else "")

    def may_answer(self, user: Mapping[str, Any]) -> bool:
        """Tell whether a user of Airflow, with `id` and `name`, may approve or refuse."""
        if {str(user.get("id")), str(user.get("name"))} & self.barred or self.nobody:
            return False
        return not self.named or any(one.is_called(user) for one in self.named)

    def __str__(self) -> str:
        """Name them, as a part of a sentence."""
        if self.named:
            return " or ".join(one.name for one in self.named)
        return f"somebody other than {' and '.join(sorted(self.barred))}" if self.barred else "somebody"
