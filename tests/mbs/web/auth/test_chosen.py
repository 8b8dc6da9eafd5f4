"""Who asks, and which ways to know it count."""

from __future__ import annotations

import pytest

from mbs.settings import InvalidSettings, Settings
from mbs.web.auth import chosen
from tests.mbs.web.conftest import Introduced


def test_the_setting_names_those_that_count_in_their_order() -> None:
    first, second = Introduced(), Introduced()
    assert chosen(Settings(auth=("two", "one")), {"one": first, "two": second}) == (second, first)


def test_one_that_there_is_not_is_named() -> None:
    with pytest.raises(InvalidSettings, match="two is none of one"):
        chosen(Settings(auth=("two",)), {"one": Introduced()})
