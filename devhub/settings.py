"""What a hub is started with: where its state lies, where it listens, and what its first users, hosts and tags are.

The last comes from a YAML file (`default.yaml` beside this module is the default); `docs` of its keys are in that file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import koji
import yaml


class SettingsRefused(Exception):
    """The YAML file cannot be used; the message is one line."""


@dataclass(frozen=True)
class Settings:
    """How one hub runs. Sizes are bytes, times seconds."""

    state: Path
    host: str = "127.0.0.1"
    port: int = 8765
    builders: int = 0
    """Concurrent tasks per arch; 0 runs no builders."""
    threads: int = 8
    max_body: int = 64 * 1024 * 1024
    """The largest piece of an upload; a call may have `rpc.MAX_CALL`."""
    max_upload: int = 4 * 1024**3
    """The largest uploaded file, whole."""
    idle_timeout: int = 120
    seed: dict[str, Any] = field(default_factory=dict)
    """The YAML file, as read by `read_seed`."""
    builder_options: dict[str, Any] = field(default_factory=dict)
    """What the builders want to know beyond the seed: the latency model, the time scale."""

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.state / "hub.sqlite"

    @property
    def files(self) -> Path:
        """The tree that is served under /kojifiles/."""
        return self.state / "files"

    @cached_property
    def paths(self) -> koji.PathInfo:
        """Koji's own layout of that tree: `build(info)`, `repo(id, tag)`, `task(id)`, `work()`; all give strings."""
        return koji.PathInfo(topdir=str(self.files))


def read_seed(path: Path | None = None) -> dict[str, Any]:
    """Read and check the YAML of first users, hosts and tags; raise `SettingsRefused` naming what is wrong."""
    source = path or Path(__file__).with_name("default.yaml")
    try:
        seed = yaml.safe_load(source.read_text())
    except OSError as error:
        raise SettingsRefused(f"cannot read {source}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"{source} is not valid YAML: {' '.join(str(error).split())}") from error
    _check(source, seed)
    return dict(seed)


KEYS: dict[str, type] = {
    "users": dict,
    "hosts": dict,
    "tags": dict,
    "targets": dict,
    "content_generators": dict,
    "btypes": list,
    "policy": dict,
    "builder": dict,
}


def _check(source: Path, seed: object) -> None:
    if not isinstance(seed, dict):
        raise SettingsRefused(f"{source} must be a mapping with the keys {', '.join(KEYS)}")
    for key, value in seed.items():
        if key not in KEYS:
            raise SettingsRefused(f"{source}: unknown key {key!r}; known are {', '.join(KEYS)}")
        if not isinstance(value, KEYS[key]):
            kind = "list" if KEYS[key] is list else "mapping"
            raise SettingsRefused(f"{source}: {key} must be a {kind}")
    _check_entries(source, seed)


def _check_entries(source: Path, seed: dict[str, Any]) -> None:
    for section in ("users", "hosts", "tags", "targets"):
        for name, entry in seed.get(section, {}).items():
            if not isinstance(entry, dict | None):
                raise SettingsRefused(f"{source}: {section}.{name} must be a mapping")
    for name, target in seed.get("targets", {}).items():
        if not {"build_tag", "dest_tag"} <= (target or {}).keys():
            raise SettingsRefused(f"{source}: targets.{name} needs build_tag and dest_tag")
