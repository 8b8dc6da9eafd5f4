"""The JSON schema of the BuildPlan, made from its dataclasses and the texts under their fields."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from typing import Any, Union, get_args, get_origin, get_type_hints

from mbs.model.plan import FORMAT_VERSION, BuildPlan


def field_docs(cls: type) -> dict[str, str]:
    """Give the documentation of each documented field, on one line."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    found = {}
    for statement, following in pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = _text(following)
            if text:
                found[statement.target.id] = " ".join(text.split())
    return found


def _text(statement: ast.stmt) -> str | None:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


Schema = dict[str, Any]

_SCALARS: Mapping[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    types.NoneType: "null",
}


def plan_schema() -> Schema:
    """Give the schema (draft 2020-12) that every stored plan of this format version follows."""
    definitions: dict[str, Schema] = {}
    _reference(BuildPlan, definitions)
    plan = definitions.pop("BuildPlan")
    plan["properties"]["format_version"]["const"] = FORMAT_VERSION
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "BuildPlan"}
    return {**head, **plan, "$defs": dict(sorted(definitions.items()))}


def _reference(cls: type, definitions: dict[str, Schema]) -> Schema:
    """Point to the definition of a dataclass, making it the first time."""
    if cls.__name__ not in definitions:
        definitions[cls.__name__] = {}
        definitions[cls.__name__] = _dataclass(cls, definitions)
    return {"$ref": f"#/$defs/{cls.__name__}"}


def _dataclass(cls: Any, definitions: dict[str, Schema]) -> Schema:  # noqa: ANN401 - a dataclass, of any type
    hints, docs = get_type_hints(cls), field_docs(cls)
    properties = {each.name: _type(hints[each.name], definitions) for each in fields(cls)}
    for name, text in docs.items():
        properties[name] = {**properties[name], "description": text}
    return {
        "type": "object",
        "description": inspect.cleandoc(cls.__doc__ or "").partition("\n")[0],
        "properties": properties,
        "required": [each.name for each in fields(cls) if not _has_default(each)],
        "additionalProperties": False,
    }


def _type(hint: Any, definitions: dict[str, Schema]) -> Schema:  # noqa: ANN401 - annotations are of any type
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union([_type(argument, definitions) for argument in arguments])
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0], definitions)}
    if origin is not None:
        return {"type": "object", "additionalProperties": _type(arguments[1], definitions)}
    return {"type": _SCALARS[hint]} if hint in _SCALARS else _reference(hint, definitions)


def _union(choices: list[Schema]) -> Schema:
    if all(choice.keys() == {"type"} for choice in choices):
        return {"type": [choice["type"] for choice in choices]}
    return {"anyOf": choices}


def _has_default(each: Field[Any]) -> bool:
    return each.default is not MISSING or each.default_factory is not MISSING
