"""Who may do what: submit and import through a form, and approve that a module build becomes ready."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from mbs.model.errors import NotAuthorized
from mbs.settings import Settings


def check_submitter(user: str, settings: Settings) -> None:
    """Refuse who may not submit.

    Airflow tells a task who triggered it but not the user's groups. So where `allowed_groups` restricts submission,
    the form is for `allowed_users` alone.
    """
    if settings.allowed_groups and user not in settings.allowed_users:
        raise NotAuthorized(
            f"{user} is not among the users who may submit here. Ask for a place in the setting allowed_users: it "
            "counts alone, since a form is not told who is in allowed_groups."
        )


def check_importer(user: str, settings: Settings) -> None:
    """Refuse who may not import: what is imported can name any Koji tag for others to be built with (MBS §3.13)."""
    if user not in settings.allowed_users_to_import_module:
        raise NotAuthorized(
            f"{user} is not among the users who may import modules here. Ask for a place in the setting "
            "allowed_users_to_import_module, or have an administrator run `mbs import`."
        )


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
