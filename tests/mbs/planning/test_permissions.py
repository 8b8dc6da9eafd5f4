"""Who may do what, by group; the words are MBS's."""

from __future__ import annotations

import pytest

from mbs.model.errors import NotAuthorized
from mbs.model.users import User
from mbs.planning.permissions import check_importer, check_owner, check_submitter
from mbs.settings import Settings

SETTINGS = Settings(admin_groups=("admins",), allowed_users=("robot",), allowed_groups_to_import_module=("importers",))


def user(name: str = "pat", *groups: str) -> User:
    return User(name=name, groups=frozenset(groups))


def test_a_member_submits_and_a_stranger_is_told_which_groups_may() -> None:
    check_submitter(user("pat", "packager"), SETTINGS)
    check_submitter(user("robot"), SETTINGS)
    with pytest.raises(NotAuthorized) as refused:
        check_submitter(user("pat", "b", "a"), SETTINGS)
    assert str(refused.value) == "pat is not in any of {'packager'}, only {'a', 'b'}"
    with pytest.raises(NotAuthorized, match=r"only set\(\)$"):
        check_submitter(user(), SETTINGS)


def test_an_importer_is_in_a_group_of_its_own() -> None:
    check_importer(user("pat", "importers"), SETTINGS)
    check_importer(user("robot"), SETTINGS)
    with pytest.raises(NotAuthorized, match=r"pat is not in any of \{'importers'\}, only \{'packager'\}"):
        check_importer(user("pat", "packager"), SETTINGS)
    with pytest.raises(NotAuthorized, match=r"Import module API is disabled\."):
        check_importer(user("robot"), Settings(allowed_users=("robot",)))


def test_the_owner_and_an_admin_change_a_build() -> None:
    check_owner(user(), "pat", SETTINGS)
    check_owner(user("sam", "admins"), "pat", SETTINGS)
    for settings in (SETTINGS, Settings()):
        with pytest.raises(NotAuthorized, match="You are not owner"):
            check_owner(user("sam", "packager"), "pat", settings)
