"""The web pages of the hub, at the addresses of Koji's own: tasks, builds, packages, tags, targets, repositories.

Read-only, rendered here, without a script: `site` finds the page of an address, `lists`, `task`, `build` and `tag` read
what is on it, `templates` say how it looks.
"""
