"""Writes the generated pages of docs/reference: `python -m tools.reference`; a test says when it is time to."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from mbs.model import plan
from mbs.settings import Settings
from tools import api_reference, cli_reference

DIRECTORY = Path(__file__).resolve().parent.parent / "docs" / "reference"


def pages() -> dict[Path, str]:
    """Give the content of every generated page."""
    schema = json.dumps(plan_schema(), indent=2, ensure_ascii=False)
    return {
        DIRECTORY / "build-plan.schema.json": f"{schema}\n",
        DIRECTORY / "api.md": api_reference.page(),
        DIRECTORY / "cli.md": cli_reference.page(),
        DIRECTORY / "settings.md": settings_page(),
    }


def field_docs(cls: type) -> dict[str, str]:
    """Give the documentation of each documented field, the text under it, on one line."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    return {
        statement.target.id: " ".join(following.value.value.split())
        for statement, following in pairwise(body)
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        if isinstance(following.value.value, str)
    }


def plan_schema() -> dict[str, Any]:
    """Give the schema (draft 2020-12) that every stored plan of this format version follows."""
    _, definitions = msgspec.json.schema_components([plan.BuildPlan], ref_template="#/$defs/{name}")
    for name, definition in definitions.items():
        for field, text in field_docs(getattr(plan, name)).items():
            definition["properties"][field]["description"] = text
    whole = definitions.pop("BuildPlan")
    whole["properties"]["format_version"]["const"] = plan.FORMAT_VERSION
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "$defs": definitions}


def settings_page() -> str:
    """Describe every setting: name, type as it is written, default, meaning."""
    hints, docs = get_type_hints(Settings), field_docs(Settings)
    rows = [
        f"| `{each.name}` | {_WRITTEN[str(hints[each.name])]} | {_default(each)} | {docs[each.name]} |"
        for each in fields(Settings)
    ]
    return _HEAD + "\n".join(rows) + "\n"


_HEAD = """# Settings

Section `[mbs]` of `airflow.cfg`. A variable `AIRFLOW__MBS__<NAME>` in the environment wins over the file. Lists are
separated by commas, mappings are JSON. This page is generated from `mbs/settings` by `python -m tools.reference`.

| Setting | Type | Default | Meaning |
|---|---|---|---|
"""

_WRITTEN = {
    "<class 'str'>": "text",
    "<class 'bool'>": "True or False",
    "<class 'int'>": "whole number",
    "<class 'float'>": "number",
    "tuple[str, ...]": "list",
    "collections.abc.Mapping[str, float]": "JSON: text to number",
    "collections.abc.Mapping[str, tuple[str, ...]]": "JSON: text to list",
    "collections.abc.Mapping[str, typing.Any]": "JSON object",
}


def _default(each: Field[Any]) -> str:
    value = each.default if each.default_factory is MISSING else each.default_factory()
    if isinstance(value, dict):
        text = json.dumps(value) if value else ""
    elif isinstance(value, tuple):
        text = ", ".join(value)
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{text}`" if text else ""


def main() -> None:
    """Write all pages."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
