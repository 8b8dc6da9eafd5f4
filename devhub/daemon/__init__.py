"""The builders and repository makers of the hub: they run its tasks, as kojid and kojira do for Koji.

    daemon = Daemon(database, settings)     # the hub's own settings, with the YAML file's section `builder`
    daemon.start()
    ...
    daemon.stop()

`build` and `newrepo` say what comes next for a task with children, `stages` does the work of tasks without, `daemon`
moves it all along, `injected` makes it go wrong when asked to.
"""

from devhub.daemon.daemon import Daemon
from devhub.daemon.settings import BuilderSettings

__all__ = ["BuilderSettings", "Daemon"]
