"""What may be asked for, field by field: the one table that forms, options of the command line and readers are made of.

The names are MBS's (§3.11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from enum import Enum

from mbs.model.plan import Strategy


class Kind(Enum):
    """What a field holds."""

    TEXT = "text"
    DOCUMENT = "a text of many lines"
    FLAG = "yes or no"
    LIST = "a list of texts"
    STREAMS = "streams by module"
    REFS = "a ref by component"
    BUILD = "the number or the NSVC of a module build"


_Check = Callable[[object], bool]


def is_list_of_texts(value: object) -> bool:
    """Say whether a value is a list, all of texts."""
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _is_mapping_of(accepts: _Check) -> _Check:
    def check(value: object) -> bool:
        return isinstance(value, Mapping) and all(isinstance(key, str) and accepts(one) for key, one in value.items())

    return check


_TYPES: Mapping[Kind, tuple[_Check, str]] = {
    Kind.TEXT: (lambda value: isinstance(value, str), "a string"),
    Kind.DOCUMENT: (lambda value: isinstance(value, str | bytes), "a string"),
    Kind.STREAMS: (
        _is_mapping_of(is_list_of_texts),
        "an object with the keys as module names and the values as arrays of streams",
    ),
    Kind.REFS: (
        _is_mapping_of(lambda value: isinstance(value, str)),
        "an object with the keys as component names and the values as strings of refs",
    ),
}
"""What the values of a kind must be, in the words of MBS; the others are judged where they are read."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field, as people see it."""

    name: str
    title: str
    """The label in a form."""
    text: str
    """A sentence without its full stop, with code quoted as in Markdown."""
    _: KW_ONLY
    kind: Kind = Kind.TEXT
    example: str = ""
    """A value as a form takes it."""
    section: str = ""
    """Where a form shows it."""
    choices: tuple[str, ...] = ()
    option: str = ""
    """As the command line has it, `--ref NAME=REF`; empty where it has no such option."""
    remark: str = ""
    """What is to be said of that option besides."""
    in_form: bool = True
    may_be_blank: bool = False
    """Whether an empty text is as good as none; it is refused like a wrong one otherwise."""

    def is_missing(self, value: object) -> bool:
        """Say whether a value is none (MBS §3.11): null is, and what is false where only something true says more."""
        if self.kind in {Kind.FLAG, Kind.LIST, Kind.STREAMS}:
            return not value
        return value is None or (self.may_be_blank and value == "")

    def expected(self, value: object) -> str:
        """Say what a value of another type should have been; empty where it is as it should be."""
        accepts, expected = _TYPES.get(self.kind, (lambda _: True, ""))
        return "" if accepts(value) else expected


_STREAMS = '{"platform": ["f40"]}'

SUBMISSION = (
    Field(
        "scmurl",
        "SCM URL",
        "Repository and commit",
        example="https://src.example.org/modules/greeter?#1a2b3c",
        may_be_blank=True,
    ),
    Field(
        "branch",
        "Branch",
        "Branch that has the commit; it names the stream, also that of a document",
        option="--branch TEXT",
        remark="Default: the setting default_branch",
        may_be_blank=True,
    ),
    Field("modulemd", "Document", "modulemd or modulemd-packager, as YAML, in place of an SCM URL", kind=Kind.DOCUMENT),
    Field("module_name", "Module name", "For a document that names no module", may_be_blank=True),
    Field("module_stream", "Stream", "For a document: in place of the stream it names", may_be_blank=True),
    Field(
        "scratch",
        "Scratch build",
        "Build, but neither import nor tag the module for a compose",
        kind=Kind.FLAG,
        section="Options",
        option="--scratch",
    ),
    Field(
        "rebuild_strategy",
        "Rebuild strategy",
        "Which components are built anew; the others are taken from an earlier build",
        section="Options",
        choices=tuple(each.value for each in Strategy),
        option="--rebuild-strategy",
    ),
    Field(
        "reuse_components_from",
        "Reuse components from",
        "The module build to reuse components from: its number, or `name:stream:version:context`",
        kind=Kind.BUILD,
        section="Options",
        option="--reuse-from NSVC|ID",
    ),
    Field(
        "owner",
        "Owner",
        "In whose name it is built: whoever is logged in; another only for the users that a setting names",
        section="Options",
        option="--owner TEXT",
    ),
    Field(
        "buildrequire_overrides",
        "Streams to build against",
        "Streams to build against, by the name of the module",
        kind=Kind.STREAMS,
        example=_STREAMS,
        section="Overrides",
        option="--buildrequire NAME=STREAM",
    ),
    Field(
        "require_overrides",
        "Streams required at run time",
        "Streams required at run time, by the name of the module",
        kind=Kind.STREAMS,
        example=_STREAMS,
        section="Overrides",
    ),
    Field(
        "rpm_component_ref_overrides",
        "Refs of components",
        "Branch, tag or commit by component",
        kind=Kind.REFS,
        example='{"libgreet": "main"}',
        section="Overrides",
        option="--ref NAME=REF",
    ),
    Field(
        "side_tag",
        "Side tag",
        "Koji side tag of the base module to build in",
        section="Overrides",
        option="--side-tag TEXT",
        may_be_blank=True,
    ),
    Field("srpms", "SRPMs", "SRPMs that were uploaded to Koji, of a scratch build", kind=Kind.LIST, in_form=False),
)
"""A submission: what is built, and how. The API has every field."""

IMPORT = (
    Field("scmurl", "SCM URL", "Repository and commit", example="https://src.example.org/modules/platform?#1a2b3c"),
    Field("modulemd", "Documents", "modulemd, as YAML", kind=Kind.DOCUMENT),
    Field(
        "koji_tag_template",
        "Template of the Koji tag",
        "Fill in what published documents lack: the Koji tag, `module-{name}-{stream}-{version}-{context}`, and from "
        "their dependencies what they were built against",
        option="--koji-tag-template TEMPLATE",
    ),
    Field(
        "skip_invalid",
        "Skip bad documents",
        "Leave out documents that cannot be taken, and tell them",
        kind=Kind.FLAG,
        option="--skip-invalid",
    ),
)
"""An import of base modules, or of modules that were finished elsewhere."""
