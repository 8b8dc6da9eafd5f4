"""Builds of the examples from git, as the hub runs them."""

from devhub import tasks


def test_a_noarch_package_has_one_child_labelled_noarch(hub):
    hub.start()
    hub.repo()
    task = hub.wait(hub.build("greeter-macros"))
    assert (task.state, task.result) == (tasks.CLOSED, None)
    children = hub.children(task.id)
    assert set(children) == {"srpm", "noarch"}
    assert hub.rpms(hub.build_of(task.id)["id"]) == {"greeter-macros.src", "greeter-macros.noarch"}
