"""What the page of a deployment exports is read by somebody."""

from __future__ import annotations

import re
from dataclasses import fields

from airflow.configuration import conf

from mbs.settings import Settings
from tests.docs.pages import ROOT, Page

EXPORTED = re.findall(r"^export AIRFLOW__([A-Z_]+?)__(\w+)=", Page(ROOT / "docs/how-to/deploy.md").text, re.MULTILINE)
OURS = {field.name for field in fields(Settings)}


def test_every_exported_setting_is_one_of_airflow_or_of_the_service() -> None:
    known = {section: set(described["options"]) for section, described in conf.configuration_description.items()}
    known["mbs"] = OURS
    exported = [(section.lower(), name.lower().removesuffix("_cmd")) for section, name in EXPORTED]
    exported = [(section, name) for section, name in exported if section != "celery"]  # its provider is not installed
    assert len(exported) > 15
    assert [(section, name) for section, name in exported if name not in known[section]] == []
