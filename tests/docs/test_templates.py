"""The forms of issues are as the code host wants them, or it shows none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
FIELDS = {"textarea", "input", "dropdown", "checkboxes"}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_a_form_has_a_name_a_description_and_fields_with_labels_and_ids_of_their_own(path: Path) -> None:
    form: dict[str, Any] = yaml.safe_load(path.read_text())
    assert set(form) == {"name", "description", "labels", "body"}
    assert {element["type"] for element in form["body"]} <= FIELDS | {"markdown"}
    fields = [element for element in form["body"] if element["type"] in FIELDS]
    assert all(field["attributes"]["label"] for field in fields)
    ids = [field["id"] for field in fields]
    assert ids
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["options"] for field in fields if field["type"] == "dropdown")


def test_there_is_a_form_for_bugs_and_one_for_features() -> None:
    assert [path.stem for path in FORMS] == ["bug", "feature"]
