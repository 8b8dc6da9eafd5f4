"""Write RPM repositories with createrepo_c: one directory per arch, packages linked and not copied.

The metadata of an RPM never changes, so its three XML chunks are made once and kept: a repository of N known
packages costs N concatenations. Packages are reached through a link `toplink` to the top of the files tree, as in
Koji's repositories.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

import createrepo_c as cr

TOPLINK: Final = "toplink"

_KNOWN_RPMS = 20_000  # at about 4 kB of XML each
_Chunks = tuple[str, str, str]


def write_repository(directory: Path, top: Path, rpms: Iterable[Path]) -> int:
    """Write the repository of one arch into `directory` and answer how many packages it holds.

    All RPMs lie below `top`. An unfinished earlier attempt is replaced; `repodata` appears complete or not at all.
    """
    directory.mkdir(parents=True, exist_ok=True)
    unfinished = directory / ".repodata"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    _link_top(directory, top)
    packages = sorted(set(rpms))
    chunks = [_chunks(rpm, f"{TOPLINK}/{rpm.relative_to(top)}") for rpm in packages]
    _write_metadata(unfinished, chunks)
    (directory / "pkglist").write_text("".join(f"{TOPLINK}/{rpm.relative_to(top)}\n" for rpm in packages))
    shutil.rmtree(directory / "repodata", ignore_errors=True)
    unfinished.rename(directory / "repodata")
    return len(packages)


def primary_metadata(directory: Path) -> Path:
    """The file with the packages of a repository, as its repomd.xml names it."""
    repomd = cr.Repomd(str(directory / "repodata" / "repomd.xml"))
    (location,) = [record.location_href for record in repomd.records if record.type == "primary"]
    return directory / str(location)


def set_latest(repositories: Path, repo_id: int) -> None:
    """Point the link `latest` of a tag's repositories at one of them, atomically."""
    temporary = repositories / f".latest-{repo_id}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(str(repo_id))
    temporary.replace(repositories / "latest")


def _link_top(directory: Path, top: Path) -> None:
    link = directory / TOPLINK
    if not link.is_symlink():
        link.symlink_to(os.path.relpath(top, directory), target_is_directory=True)


def _chunks(rpm: Path, location: str) -> _Chunks:
    state = rpm.stat()
    return _parsed(str(rpm), location, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=_KNOWN_RPMS)
def _parsed(rpm: str, location: str, _modified: int, _size: int) -> _Chunks:
    """The XML of one RPM; the unused arguments are part of the key, so that a replaced file is read again."""
    primary, filelists, other = cr.xml_from_rpm(rpm, location_href=location)
    return primary, filelists, other


def _write_metadata(repodata: Path, chunks: list[_Chunks]) -> None:
    repomd = cr.Repomd()
    writers: tuple[tuple[str, Callable[..., cr.XmlFile]], ...] = (
        ("primary", cr.PrimaryXmlFile),
        ("filelists", cr.FilelistsXmlFile),
        ("other", cr.OtherXmlFile),
    )
    for position, (kind, writer) in enumerate(writers):
        path = repodata / f"{kind}.xml.gz"
        _write_xml(writer, path, [chunk[position] for chunk in chunks])
        record = cr.RepomdRecord(kind, str(path))
        record.fill(cr.SHA256)
        repomd.set_record(record)
    (repodata / "repomd.xml").write_text(repomd.xml_dump())


def _write_xml(writer: Callable[..., cr.XmlFile], path: Path, chunks: list[str]) -> None:
    statistics = cr.ContentStat(cr.SHA256)
    xml = writer(str(path), cr.GZ, statistics)
    xml.set_num_of_pkgs(len(chunks))
    for chunk in chunks:
        xml.add_chunk(chunk)
    xml.close()
