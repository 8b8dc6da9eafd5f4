"""How long a stage of a build is made to take, for demonstrations and measurements.

    --latency "srpm=fixed:20 build=lognormal:240:0.8 repo=uniform:60:180" --seed 7 --time-scale 0.01

Times are seconds of the modelled hub; `time_scale` turns them into seconds of this machine. The same seed and the
same key (package and arch) always take the same time, in whatever order the builds come.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import log

#: The stages that can be given a time.
STAGES = ("srpm", "build", "repo")


@dataclass(frozen=True, slots=True)
class Distribution:
    """A named distribution with its parameters, e.g. `lognormal` with median 240 s and shape 0.8."""

    name: str
    parameters: tuple[float, ...]

    def draw(self, key: str) -> float:
        """A time in seconds that depends on nothing but the key."""
        return max(0.0, _DISTRIBUTIONS[self.name][1](random.Random(key), *self.parameters))  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class Latency:
    """The times of all stages; a stage without a distribution takes no time of its own."""

    stages: Mapping[str, Distribution] = field(default_factory=dict)
    seed: int = 0
    time_scale: float = 1.0

    def seconds(self, stage: str, key: str) -> float:
        """Seconds of this machine that a stage of the thing named by `key` is to take."""
        distribution = self.stages.get(stage)
        return distribution.draw(f"{self.seed}/{stage}/{key}") * self.time_scale if distribution else 0.0


def parse_latency(text: str, seed: int = 0, time_scale: float = 1.0) -> Latency:
    """Read `stage=name:parameter:... ...`; raises `ValueError` with a sentence for people."""
    stages = dict(_parse_stage(word) for word in text.split())
    return Latency(stages, seed, time_scale)


def _parse_stage(word: str) -> tuple[str, Distribution]:
    stage, _, description = word.partition("=")
    name, *parameters = description.split(":")
    if stage not in STAGES:
        raise ValueError(f"latency: unknown stage {stage!r}; stages are {', '.join(STAGES)}")
    if name not in _DISTRIBUTIONS:
        raise ValueError(f"latency: unknown distribution {name!r}; there are {', '.join(_DISTRIBUTIONS)}")
    expected = _DISTRIBUTIONS[name][0]
    try:
        numbers = tuple(float(parameter) for parameter in parameters)
    except ValueError:
        numbers = ()
    if len(numbers) != len(expected) or any(number < 0 for number in numbers):
        raise ValueError(f"latency: {word!r} should be {stage}={':'.join((name, *expected))}, in seconds")
    return stage, Distribution(name, numbers)


def _fixed(_source: random.Random, seconds: float) -> float:
    return seconds


def _uniform(source: random.Random, low: float, high: float) -> float:
    return source.uniform(low, high)


def _lognormal(source: random.Random, median: float, shape: float) -> float:
    return source.lognormvariate(log(median), shape) if median else 0.0


_DISTRIBUTIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., float]]] = {
    "fixed": (("SECONDS",), _fixed),
    "uniform": (("LOW", "HIGH"), _uniform),
    "lognormal": (("MEDIAN", "SHAPE"), _lognormal),
}
