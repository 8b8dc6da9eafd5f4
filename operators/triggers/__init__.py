"""What waits for Koji in the triggerer: a build for one arch, tasks, a repository, the hub itself.

Success and skip end the task here, without a worker. Anything else wakes the operator with an event: `kind` is

- `ended`: something came to an end that a worker has to deal with;
- `gave_up`: the wait is over by time (the hub unavailable for too long, the build too slow); `reason` is for people.

Airflow stores a waiting trigger under the name that it has here, in whatever file it is.
"""

from operators.triggers.base import ENDED, GAVE_UP, HubTrigger, KojiTrigger
from operators.triggers.build import BuildTrigger
from operators.triggers.repo import REPO_ID, RepoTrigger, pushed
from operators.triggers.tasks import TasksTrigger

__all__ = [
    "ENDED",
    "GAVE_UP",
    "REPO_ID",
    "BuildTrigger",
    "HubTrigger",
    "KojiTrigger",
    "RepoTrigger",
    "TasksTrigger",
    "pushed",
]
