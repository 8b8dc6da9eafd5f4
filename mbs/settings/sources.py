"""Where settings come from outside Airflow: airflow.cfg and the environment, without importing Airflow."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path
from string import Template

from mbs.model.errors import Problem
from mbs.settings import InvalidSettings, Settings
from mbs.settings.secrets import NAMES

SECTION = "mbs"
PREFIX = "AIRFLOW__MBS__"
OURS = {"MBS_DATABASE_URL": "database_url", "MBS_API_URL": "api_url"}
"""Short names of the settings that differ from user to user."""
CHECKOUT = Path(__file__).resolve().parents[2]
"""Where this code is; its airflow.cfg counts for a command that runs anywhere."""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings as Airflow would: the environment wins over airflow.cfg, the variables of OURS over both."""
    environ = os.environ if environ is None else environ
    values = {**of_file(config_file(environ), environ), **of_environment(environ)}
    values |= {name: environ[variable] for variable, name in OURS.items() if environ.get(variable)}
    return Settings.from_mapping(values)


def config_file(environ: Mapping[str, str]) -> Path | None:
    """Find airflow.cfg: `AIRFLOW_CONFIG`, else in `AIRFLOW_HOME`, else here, else in our checkout; None without one."""
    if named := environ.get("AIRFLOW_CONFIG"):
        places = [Path(named)]
    else:
        homes = [Path(environ["AIRFLOW_HOME"])] if environ.get("AIRFLOW_HOME") else [Path(), CHECKOUT]
        places = [home / "airflow.cfg" for home in homes]
    return next((place for place in places if place.is_file()), None)


def of_file(path: Path | None, environ: Mapping[str, str], section: str = SECTION) -> dict[str, str]:
    """Read a section of airflow.cfg, its variables expanded; raise InvalidSettings where the file cannot be read."""
    if path is None:
        return {}
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (configparser.Error, UnicodeDecodeError) as error:
        raise InvalidSettings((Problem(f"cannot be read: {error}", str(path)),)) from error
    values = parser[section] if parser.has_section(section) else {}
    # Airflow expands variables in its file too; it knows where its home is even if the environment does not say so.
    known = {"AIRFLOW_HOME": str(path.parent.resolve()), **environ}
    return {name: expanded(name, value, Template(value).safe_substitute(known)) for name, value in values.items()}


def expanded(name: str, value: str, anew: str) -> str:
    """Give a value with its variables expanded, but for a secret, which may have a dollar in it."""
    return value if name in NAMES else anew


def of_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Give what AIRFLOW__MBS__ variables say."""
    return {name.removeprefix(PREFIX).lower(): value for name, value in environ.items() if name.startswith(PREFIX)}
