"""Where people find something of Koji: its web pages, and the files of its tasks."""

from __future__ import annotations


def task_url(web_url: str, task_id: int) -> str:
    """Give the page of a task."""
    return f"{web_url}/taskinfo?taskID={task_id}"


def build_url(web_url: str, build_id: int) -> str:
    """Give the page of a build."""
    return f"{web_url}/buildinfo?buildID={build_id}"


def logs_url(files_url: str, task_id: int) -> str:
    """Give the directory of a task's output; Koji keeps 10,000 tasks in a directory."""
    return f"{files_url}/work/tasks/{task_id % 10000}/{task_id}/"
