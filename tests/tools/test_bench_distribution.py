"""What the measurement of many modules at once makes of what it saw."""

from __future__ import annotations

from tools.bench.distribution import Build, Load, Seen, figures
from tools.bench.figures import Figure

LOAD = Load(modules=2, components=1, arches=4, pool=8, scale=1.0, seconds=600)
BUILT = [Build("module-a", "x", 60.0), Build("module-b", "x", 100.0)]


def found(seen: Seen, built: list[Build], path: float = 70.0) -> dict[str, Figure]:
    return {figure.name.rpartition(": ")[2]: figure for figure in figures(LOAD, seen, built, path)}


def test_the_time_is_compared_to_what_pool_or_batches_need_at_least() -> None:
    assert found(Seen(wall=160.0), BUILT)["wall time"].ratio == 160 / 80
    assert found(Seen(wall=160.0), BUILT, path=100.0)["wall time"].ratio == 160 / 100


def test_a_component_built_twice_is_told() -> None:
    assert found(Seen(), BUILT)["built twice"].held
    again = found(Seen(), [*BUILT, BUILT[0]])["built twice"]
    assert (again.value, again.held) == (1, False)


def test_all_must_be_ready_within_bounds_of_loop_and_memory() -> None:
    good = Seen(ready=2, largest={"scheduler": 300_000_000}, loops=[0.1, 2.0])
    assert all(figure.held for figure in found(good, BUILT).values() if figure.target)
    bad = Seen(ready=1, failed=1, largest={"scheduler": 1_200_000_000}, loops=[0.1, 7.0])
    assert [name for name, figure in found(bad, BUILT).items() if figure.held is False] == [
        "ready",
        "longest loop of the scheduler",
        "scheduler",
    ]
