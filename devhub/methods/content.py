"""Content generators: builds that were made elsewhere and are imported with their metadata."""

from __future__ import annotations

from typing import Any

import koji

from devhub import builds, content, lookup
from devhub.lookup import NameOrId
from devhub.methods.registry import Call, method
from devhub.values import Value


@method("CGImport", writes=True)
def cg_import(
    call: Call, metadata: dict[str, Value] | str | None, directory: str, token: str | None = None
) -> dict[str, Any]:
    """Import a build from the metadata (or the uploaded file that holds it) and the files uploaded to a directory."""
    user_id = call.session.user_id if call.session else None
    return content.Importer(call.connection, call.settings, user_id).run(metadata, directory, token)


@method("CGInitBuild", writes=True)
def cg_init_build(call: Call, cg: str, data: dict[str, Value]) -> dict[str, Any]:
    """Reserve a build for an import and give its id and the token that the import must show."""
    user_id = call.session.user_id if call.session else None
    cg_id = content.must_have_access(call.connection, cg, user_id)
    koji.check_NVR(data, strict=True)
    names = (str(data["name"]), str(data["version"]), str(data["release"]))
    new = builds.NewBuild(*names, owner=user_id or 0, epoch=data.get("epoch"), cg_id=cg_id, btypes=())
    return content.reserve(call.connection, new)


@method("listCGs")
def list_cgs(call: Call) -> dict[str, dict[str, Any]]:
    """Give the content generators with the users who may import; one without such users is not shown."""
    rows = call.connection.execute(
        "SELECT content_generators.id, content_generators.name, users.name AS user FROM content_generators"
        " JOIN cg_users ON cg_id = content_generators.id JOIN users ON users.id = user_id ORDER BY 1, 3"
    )
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row["name"], {"id": row["id"], "users": []})["users"].append(row["user"])
    return found


@method("grantCGAccess", writes=True)
def grant_cg_access(call: Call, user: NameOrId, cg: str, create: bool = False) -> None:
    """Let a user import for a content generator; for admins."""
    call.require("admin")
    content.grant(call.connection, lookup.user(call.connection, user)["id"], cg, create=create)
