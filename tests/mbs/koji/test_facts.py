"""What planning asks, of a real hub."""

from __future__ import annotations

from mbs.koji.facts import KojiFacts
from mbs.koji.session import HubSession


def test_what_a_target_builds_with_is_asked_of_the_hub(session: HubSession) -> None:
    for tag in ("rawhide", "f41-build"):
        session.call("createTag", tag, arches="x86_64 aarch64")
    session.call("createBuildTarget", "rawhide", "f41-build", "rawhide")
    facts = KojiFacts(session)
    assert (facts.build_tag("rawhide"), facts.build_tag("eln")) == ("f41-build", None)
    assert facts.tag_arches(["f41-build", "nowhere"]) == {"f41-build": ("x86_64", "aarch64")}
    assert facts.absent_tags(["f41-build", "nowhere"]) == {"nowhere"}
    assert facts.build_seconds(["never-built"]) == {}
