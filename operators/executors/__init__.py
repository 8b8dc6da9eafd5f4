"""The executors of the service: a process for each task, and one process for all tasks that drive Koji."""
