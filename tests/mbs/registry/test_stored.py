from __future__ import annotations

from sqlalchemy import Engine

from mbs.modulemd.changes import Changes, edit
from mbs.modulemd.reader import read_stream
from mbs.modulemd.registered import StoredModules, imported
from mbs.registry import BaseModuleFilter, BuildFilter, ModuleState, Registry
from mbs.registry.rows import DocumentRow
from mbs.registry.stored import RegistryStore

BASE_NAMES = ["platform"]
BASE = """
document: modulemd
version: 2
data:
  name: platform
  stream: {stream}
  version: {version}
  context: "00000000"
  summary: A platform
  description: A platform
  license: {{module: [MIT]}}
  xmd: {{mbs: {{koji_tag: module-{stream}-build, virtual_streams: [el8], koji_tag_arches: [x86_64]}}}}
"""
MODULE = """
document: modulemd
version: 2
data:
  name: {name}
  stream: "{stream}"
  version: {version}
  context: {context}
  summary: A module
  description: A module
  license: {{module: [MIT]}}
  dependencies: [{{buildrequires: {{platform: [{platform}]}}, requires: {{platform: [{platform}]}}}}]
  xmd:
    mbs:
      commit: 0123abc
      koji_tag: module-{name}
      buildrequires: {{platform: {{stream: {platform}, version: "5", context: "00000000", ref: "", koji_tag: x}}}}
"""


def register(registry: Registry, text: str) -> int:
    (done,), _ = registry.import_modules([imported(read_stream(text), BASE_NAMES)], base_module_names=BASE_NAMES)
    return done.build.id


def base(registry: Registry, stream: str, version: int = 5) -> int:
    return register(registry, BASE.format(stream=stream, version=version))


def module(registry: Registry, version: int, context: str = "aaaa", *, platform: str = "f29", stream: str = "1") -> int:
    facts = {"name": "perl", "stream": stream, "version": version, "context": context, "platform": platform}
    return register(registry, MODULE.format(**facts))


def test_only_streams_with_a_ready_build_are_given(registry: Registry, registry_engine: Engine) -> None:
    module(registry, 1, stream="5.26")
    module(registry, 1, stream="5.24")
    retired = module(registry, 1, stream="5.22")
    registry.builds.retire(retired, by="robin")
    assert StoredModules(RegistryStore(registry_engine, BASE_NAMES)).streams("perl") == ("5.24", "5.26")
    assert StoredModules(RegistryStore(registry_engine, BASE_NAMES)).streams("ruby") == ()


def test_versions_are_compared_as_numbers_and_only_ready_contexts_count(
    registry: Registry, registry_engine: Engine
) -> None:
    module(registry, 9)
    module(registry, 2**64 - 1, "bbbb")
    module(registry, 2**64 - 1, "aaaa")
    gone = module(registry, 2**64 - 1, "cccc")
    registry.builds.retire(gone, by="robin")
    found = StoredModules(RegistryStore(registry_engine, BASE_NAMES)).builds("perl", "1")
    assert [str(one.nsvc) for one in found] == [f"perl:1:{2**64 - 1}:aaaa", f"perl:1:{2**64 - 1}:bbbb"]


def test_the_newest_build_for_each_base_module_is_given_whole(registry: Registry, registry_engine: Engine) -> None:
    module(registry, 3, platform="f28")
    module(registry, 2, platform="f28")
    module(registry, 7)
    found = StoredModules(RegistryStore(registry_engine, BASE_NAMES)).builds("perl", "1")
    assert [(one.nsvc.version, one.buildrequires["platform"].stream) for one in found] == [(7, "f29"), (3, "f28")]
    assert found[0].commit == "0123abc"
    assert found[0].koji_tag == "module-perl"
    assert found[0].document.dependencies[0].requires == {"platform": ("f29",)}


def test_base_modules_come_newest_of_each_stream_highest_first(registry: Registry, registry_engine: Engine) -> None:
    for stream, version in (("el8.0.0", 1), ("el8.0.0", 2), ("el8.1.0", 1)):
        base(registry, stream, version)
    gone = base(registry, "el7.9.0", 4)
    registry.builds.retire(gone, by="robin")
    found = StoredModules(RegistryStore(registry_engine, BASE_NAMES)).base_modules("platform")
    assert [(one.nsvc.stream, one.nsvc.version, one.stream_version, one.retired) for one in found] == [
        ("el8.1.0", 1, 80100.0, False),
        ("el8.0.0", 2, 80000.0, False),
        ("el7.9.0", 4, 70900.0, True),
    ]
    assert found[0].virtual_streams == ("el8",)
    assert found[0].arches == ("x86_64",)


def test_an_import_replaces_what_is_there_and_says_so(registry: Registry, registry_engine: Engine) -> None:
    provider = StoredModules(RegistryStore(registry_engine, BASE_NAMES))
    base(registry, "f29")
    assert provider.base_modules("platform")[0].koji_tag == "module-f29-build"
    other = imported(read_stream(BASE.format(stream="f29", version=5).replace("f29-build", "other")), ["platform"])
    (again,), _ = registry.import_modules([other], base_module_names=BASE_NAMES)
    nsvc = "platform:f29:5:00000000"
    assert again.messages == (f"Updating existing module build {nsvc}.", f"Module {nsvc} imported")
    assert registry.builds.find().total == 1
    assert provider.base_modules("platform")[0].koji_tag == "module-other", "nothing old is remembered"


def test_what_a_module_filters_is_what_its_final_document_says(registry: Registry, registry_engine: Engine) -> None:
    build_id, provider = module(registry, 1), StoredModules(RegistryStore(registry_engine, BASE_NAMES))
    text = registry.documents.modulemd(build_id)
    final = edit(text, Changes(rpm_filter=("perl-tests",)))
    rows = [("perl", "noarch", final), ("perl", "x86_64", text), ("perl-devel", "noarch", text)]
    registry.documents.store_final(build_id, [DocumentRow(*row) for row in rows])
    assert provider.builds("perl", "1")[0].document.rpm_filter == ("perl-tests",)
    module(registry, 1)
    assert provider.builds("perl", "1")[0].document.rpm_filter == (), "an import replaces that, too"


def test_an_imported_module_is_linked_to_its_base_module(registry: Registry) -> None:
    base(registry, "f29")
    build_id = module(registry, 1)
    found = registry.builds.find(BuildFilter(base_module=BaseModuleFilter("platform", "f29", 5, "00000000")))
    assert [build.id for build in found.items] == [build_id]
    assert registry.builds.get(build_id).state is ModuleState.READY
    assert len(registry.builds.trace(build_id)) == 1
