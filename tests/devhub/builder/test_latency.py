"""Modelled times: readable, repeatable, and refused with a sentence."""

from __future__ import annotations

from statistics import median

import pytest

from devhub.builder.latency import parse_latency


def test_stages_have_the_times_they_are_given() -> None:
    latency = parse_latency("srpm=fixed:20 build=uniform:60:120", time_scale=0.5)
    assert latency.seconds("srpm", "foo/srpm") == 10
    assert 30 <= latency.seconds("build", "foo/x86_64") <= 60
    assert latency.seconds("repo", "f40") == 0


def test_a_seed_and_a_key_decide_whatever_the_order() -> None:
    one, two = parse_latency("build=lognormal:240:0.8", seed=7), parse_latency("build=lognormal:240:0.8", seed=7)
    keys = [f"package{number}/x86_64" for number in range(50)]
    assert [one.seconds("build", key) for key in keys] == [two.seconds("build", key) for key in reversed(keys)][::-1]
    other = parse_latency("build=lognormal:240:0.8", seed=8)
    assert one.seconds("build", "package0/x86_64") != other.seconds("build", "package0/x86_64")


def test_the_median_of_a_lognormal_is_its_median() -> None:
    latency = parse_latency("build=lognormal:240:0.8")
    assert 200 < median(latency.seconds("build", str(number)) for number in range(2000)) < 290


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("link=fixed:1", "unknown stage 'link'; stages are srpm, build, repo"),
        ("build=zipf:1", "unknown distribution 'zipf'; there are fixed, uniform, lognormal"),
        ("build=fixed", "'build=fixed' should be build=fixed:SECONDS"),
        ("build=fixed:soon", "should be build=fixed:SECONDS"),
        ("build=fixed:-1", "should be build=fixed:SECONDS"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_latency(text)
