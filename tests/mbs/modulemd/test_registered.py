from __future__ import annotations

import pytest

from mbs.model.document import Dependencies, Modulemd
from mbs.model.errors import Unprocessable
from mbs.model.nsvc import NSVC
from mbs.model.registered import BuildRequire
from mbs.modulemd.changes import Changes, apply
from mbs.modulemd.reader import read, read_stream
from mbs.modulemd.registered import imported
from tools.corpus import read_all

BASE = ("platform",)


def changed(minimal: str, **changes: object) -> Modulemd:
    return apply(read_stream(minimal), Changes(**changes))  # type: ignore[arg-type]  # the fields of Changes


def platform(minimal: str, stream: str, **mbs: object) -> Modulemd:
    return changed(minimal, name="platform", stream=stream, version=5, context="00000000", xmd={"mbs": mbs})


def test_a_base_module_has_tag_arches_and_stream_version(minimal: str) -> None:
    document = platform(
        minimal, "el8.1.0", koji_tag="module-el8-build", koji_tag_arches=["x86_64"], virtual_streams=["el8"]
    )
    found = imported(document, BASE)
    assert found.nsvc == NSVC("platform", "el8.1.0", 5, "00000000")
    assert found.document is document
    assert (found.koji_tag, found.arches, found.stream_version) == ("module-el8-build", ("x86_64",), 80100.0)
    assert found.virtual_streams == ("el8",)
    assert imported(document, BASE, {"el8": 0.5}).stream_version == 80100.5


def test_what_is_missing_gets_its_default(minimal: str) -> None:
    found = imported(read_stream(minimal), BASE)
    assert found.nsvc == NSVC("foo", "f1", 0, "00000000")
    assert found.document.xmd == {"mbs": {"mse": True}}
    assert read(found.document.text) == found.document
    assert (found.koji_tag, found.stream_version, found.commit) == (None, None, "")


def test_resolved_buildrequires_are_read(minimal: str) -> None:
    resolved = {"platform": {"ref": "", "stream": "f28", "version": "3", "context": "00000000", "koji_tag": "t"}}
    document = changed(
        minimal,
        dependencies=(Dependencies({"platform": ("f28",)}, {}),),
        xmd={"mbs": {"buildrequires": resolved, "commit": "abc"}},
    )
    assert imported(document, BASE).buildrequires == {"platform": BuildRequire("platform", "f28", 3, "00000000", "t")}
    assert imported(document, BASE).commit == "abc"


def test_all_problems_of_a_module_are_told(minimal: str) -> None:
    text = minimal.replace("  stream: f1\n", "") + (
        "  dependencies:\n  - buildrequires: {platform: [f28]}\n  - buildrequires: {gtk: [1], qt: [1]}\n"
        "  xmd: {mbs: {buildrequires: {qt: {stream: a, version: b}}}}\n"
    )
    with pytest.raises(Unprocessable) as caught:
        imported(read_stream(text), BASE)
    assert str(caught.value).splitlines() == [
        "Both the name and stream must be set for the modulemd being imported.",
        "The imported module's dependencies list should contain just one element",
        (
            'The imported module buildrequires other modules, but the metadata in the xmd["mbs"]["buildrequires"] '
            "dictionary is missing entries: gtk, platform"
        ),
        'The entry of qt in xmd["mbs"]["buildrequires"] needs a stream and a version (a number)',
    ]


@pytest.mark.parametrize(
    ("stream", "mbs", "message"),
    [
        ("el-8", {}, "The stream cannot contain a dash unless disttag_marking is set"),
        ("el8", {"disttag_marking": "el-8"}, "The disttag_marking cannot contain a dash"),
        ("el8", {"virtual_streams": "el8"}, "The virtual streams must be a list of strings"),
        ("el8", {"virtual_streams": [{"a": "b"}]}, "The virtual streams must be a list of strings"),
    ],
)
def test_a_base_module_is_checked(minimal: str, stream: str, mbs: dict[str, object], message: str) -> None:
    with pytest.raises(Unprocessable, match=message):
        imported(platform(minimal, stream, **mbs), BASE)


def test_a_dash_in_a_marked_base_module_is_fine(minimal: str) -> None:
    assert imported(platform(minimal, "el-8", disttag_marking="el8"), BASE).nsvc.stream == "el-8"


def test_every_module_of_fedora_29_that_says_what_it_was_built_with_can_be_imported(fedora_29: str) -> None:
    found = [imported(each, BASE) for each in read_all(fedora_29) if "buildrequires" in each.xmd_mbs]
    assert found
    assert all("platform" in module.buildrequires for module in found)
