"""The configuration file by which the stock command line finds this hub.

    koji -c <state>/koji.conf -p devhub --user mbs --password mbs list-tags

Koji takes no user and no password from a file, so they stay on the command line; `--noauth` needs neither.
"""

from __future__ import annotations

import os
from pathlib import Path

PROFILE = "devhub"

_TEXT = """\
# Written by `devhub serve` at every start.
[{profile}]
server = {top}/kojihub
topurl = {top}/kojifiles
weburl = {top}/koji
topdir = {files}
authtype = password
poll_interval = 1
max_retries = 5
retry_interval = 2
"""


def write_configuration(state: Path, url: str) -> Path:
    """Write `koji.conf` for the hub at a URL (that of its /kojihub) into its state directory, and give its path."""
    path = state / "koji.conf"
    fresh = path.with_suffix(f".{os.getpid()}")  # a client may be reading the old one
    top = url.removesuffix("/kojihub")
    fresh.write_text(_TEXT.format(profile=PROFILE, top=top, files=state.absolute() / "files"))
    return fresh.replace(path)
