"""Releases stand in the changelog, the newest first, and the newest is the version that is installed."""

from __future__ import annotations

import re
import tomllib
from datetime import date

from packaging.version import Version

from tests.docs.pages import ROOT, Page

TEXT = Page(ROOT / "CHANGELOG.md").text
HEADINGS = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_what_is_new_stands_above_the_releases_and_the_newest_of_these_is_the_projects_version() -> None:
    first, *releases = HEADINGS
    assert first == "Unreleased"
    versions = [Version(release.partition(" - ")[0]) for release in releases]
    assert versions == sorted(versions, reverse=True)
    assert str(versions[0]) == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_every_release_has_its_day_and_the_days_are_in_order() -> None:
    days = [date.fromisoformat(release.partition(" - ")[2]) for release in HEADINGS[1:]]
    assert days == sorted(days, reverse=True)


def test_changes_are_of_the_kinds_that_the_manner_has() -> None:
    assert set(re.findall(r"^### (.+)$", TEXT, re.MULTILINE)) <= KINDS


def test_the_page_on_security_names_the_newest_release_as_the_one_that_is_supported() -> None:
    newest = Version(HEADINGS[1].partition(" - ")[0])
    assert f"| {newest.major}.{newest.minor} | yes |" in Page(ROOT / "SECURITY.md").text
