"""Where the builders keep what they make, below the files tree; the names are Koji's (koji.PathInfo)."""

import os
import shutil
from pathlib import Path


def task_directory(files: Path, task_id: int) -> Path:
    """The directory with the logs and results of a task."""
    return files / "work" / task_path(task_id)


def task_path(task_id: int) -> str:
    """The same, relative to `work`, as results of tasks give it."""
    return f"tasks/{task_id % 10000}/{task_id}"


def work_file(files: Path, relative: str) -> Path:
    """A file that a request names relative to `work`; `FileNotFoundError` when it is missing or elsewhere."""
    work = (files / "work").resolve()
    path = (work / relative).resolve()
    if not path.is_relative_to(work) or not path.is_file():
        raise FileNotFoundError(f"No such file or directory: {relative!r}")
    return path


def build_directory(files: Path, name: str, version: str, release: str) -> Path:
    """The directory of a build, with a directory per arch and its logs."""
    return files / "packages" / name / version / release


def repo_directory(files: Path, tag: str, repo_id: int) -> Path:
    """The directory of a repository, with a directory per arch."""
    return files / "repos" / tag / str(repo_id)


def share(source: Path, target: Path) -> None:
    """Put a file into another place of the tree without copying it, replacing what an earlier attempt left there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)


def empty(directory: Path) -> Path:
    """A directory with nothing in it; what an orphan of an earlier attempt still writes is out of reach."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    return directory
