"""The service's settings as Airflow has them: section `[mbs]` of airflow.cfg and AIRFLOW__MBS__ in the environment."""

from __future__ import annotations

import os
from functools import cache

from airflow.configuration import conf

from mbs.settings import Settings
from mbs.settings_sources import SECTION, of_environment


@cache
def settings() -> Settings:
    """Give the settings; raise InvalidSettings with every problem in them."""
    values = conf.getsection(SECTION) or of_environment(os.environ)  # Airflow knows no section that only has variables
    return Settings.from_mapping({name: os.path.expandvars(str(value)) for name, value in values.items()})
