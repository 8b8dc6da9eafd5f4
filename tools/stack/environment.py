"""What of a shell's environment reaches the stack and the tests: what is listed here, and nothing else.

A shell that exports the settings of a service in production (docs/how-to/deploy.md) must not lead a demo or a test to
that service's database.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path

OF_THE_MACHINE = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)
"""What every process of the stack is given as it is."""

OF_THE_STACK = (
    *("MBS_STACK", "MBS_UI_PORT", "MBS_DEVHUB_PORT"),
    *("MBS_DEVHUB_OPTIONS", "MBS_SOURCES_URL"),
)
"""Which stack is meant, by its home, and what it is."""

HUB_PREFIX = "MBS_KOJI_"
OF_TESTS = ("MBS_TEST_CORPUS",)

_SERVICE_PREFIXES = ("AIRFLOW", "_AIRFLOW", "MBS_", "PG")
"""Of Airflow, of this service and of PostgreSQL's clients."""


def of_the_machine(environ: Mapping[str, str]) -> dict[str, str]:
    """Give what the processes of a stack take from the shell that starts it."""
    return {name: environ[name] for name in OF_THE_MACHINE if name in environ}


def forget_services(environ: MutableMapping[str, str], home: Path) -> None:
    """Take out of this process's environment what speaks of any other service; `home` is AIRFLOW_HOME from now on."""
    for name in [name for name in environ if name.startswith(_SERVICE_PREFIXES) and not _known(name)]:
        del environ[name]
    environ["AIRFLOW_HOME"] = str(home)


def _known(name: str) -> bool:
    return name in OF_THE_STACK or name in OF_TESTS or name.startswith(HUB_PREFIX)
