"""Make git repositories of the examples, so that they can be built from URLs.

    publish(Path("examples"), Path("var/examples"))
    # {"rpms/greet": "file:///.../var/examples/rpms/greet?#<commit>", ..., "modules/greeter": "file://..."}

Every directory below `rpms` and `modules` becomes a bare repository with a branch `main`. Publishing again commits
what has changed since. Authors and times are fixed, so equal files have equal commits on every machine.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

_KINDS = ("rpms", "modules")
_FIRST_COMMIT = 1_767_225_600  # 2026-01-01 00:00:00 UTC; each later commit is a minute after the one before
_GIT = ("git", "-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false")


def publish(examples: Path, into: Path) -> dict[str, str]:
    """Commit every example into a repository of its own and answer their URLs, pinned to the commits.

    Raises `NotADirectoryError` when `examples` holds none of them, `subprocess.CalledProcessError` when git fails.
    """
    sources = [source for kind in _KINDS for source in _directories(examples / kind)]
    if not sources:
        raise NotADirectoryError(f"{examples} has no directories rpms/* or modules/*")
    return {f"{source.parent.name}/{source.name}": _publish_one(source, into.absolute()) for source in sources}


def commit_again(repository: Path, branch: str) -> str:
    """Add a commit of now, with the files of main, to a branch, and give it: of a module's stream a new version."""
    base = _git(repository, "rev-parse", "--verify", "main")
    known = _git(repository, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
    parents = [word for parent in dict.fromkeys((known, base)) if parent for word in ("-p", parent)]
    now = int(time.time())
    commit = _git(repository, "commit-tree", f"{base}^{{tree}}", *parents, "-m", "Build again", when=now)
    _git(repository, "update-ref", f"refs/heads/{branch}", commit)
    _git(repository, "update-server-info")
    return commit


def _directories(parent: Path) -> Iterable[Path]:
    return sorted(path for path in parent.glob("*") if path.is_dir())


def _publish_one(source: Path, into: Path) -> str:
    repository = into / source.parent.name / source.name
    if not (repository / "HEAD").exists():
        _git(repository, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(repository))
    with tempfile.TemporaryDirectory() as scratch:
        _commit(repository, source.absolute(), Path(scratch) / "index")
    _git(repository, "update-server-info")  # for those who fetch it over plain HTTP
    return f"file://{repository}?#{_git(repository, 'rev-parse', 'main')}"


def _commit(repository: Path, source: Path, index: Path) -> None:
    """Commit the files of a directory, unless the branch has just these."""
    _git(repository, "--work-tree", str(source), "add", "--all", "--force", ".", index=index, cwd=source)
    tree = _git(repository, "write-tree", index=index)
    head = _git(repository, "for-each-ref", "--format=%(objectname)", "refs/heads/main")
    if head and _git(repository, "rev-parse", f"{head}^{{tree}}") == tree:
        return
    parents = ["-p", head] if head else []
    age = int(_git(repository, "rev-list", "--count", head)) if head else 0
    message = f"{'Change' if head else 'Add'} {source.name}"
    commit = _git(repository, "commit-tree", tree, *parents, "-m", message, when=_FIRST_COMMIT + 60 * age)
    _git(repository, "update-ref", "refs/heads/main", commit)


def _git(
    repository: Path, *arguments: str, index: Path | None = None, cwd: Path | None = None, when: int = _FIRST_COMMIT
) -> str:
    """Run git in a repository, deaf to the user's configuration, and answer what it prints."""
    repository.mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_DIR": str(repository),
        **({"GIT_INDEX_FILE": str(index)} if index else {}),
        **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _person(when).items()},
    }
    done = subprocess.run(
        [*_GIT, *arguments], cwd=cwd or repository, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _person(when: int) -> dict[str, str]:
    return {"NAME": "Examples", "EMAIL": "examples@localhost", "DATE": f"{when} +0000"}
