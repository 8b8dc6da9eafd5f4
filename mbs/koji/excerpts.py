"""The lines of a build's logs that tell why it failed, as rpmbuild, compilers, test suites, dnf, mock and git write.

A log of a failed build ends with mock's own traceback, and that of a build root with its removal: neither says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

LINES = 10
"""Lines that are reported of a log."""

LINE_LENGTH = 500
"""Characters of a line that are looked at."""

LAST_LINES = 3
"""Lines that are reported of a log in which nothing is known to matter."""

_DECORATION = re.compile(r"^(?:BUILDSTDERR: )?(?:(?:DEBUG|INFO|WARNING|ERROR|TRACE|CRITICAL) \w+\.py:\d+:\s?)?")
"""What mock puts before a line of build.log, and of root.log."""

_END = re.compile(r"^(?:Child return code was: [1-9]|EXCEPTION: \[|ERROR: Exception\(|Finish: |ERROR: Command failed)")
"""From here on mock speaks of itself."""

_SECTION_ENDED = re.compile(r"^(?:error: )?Bad exit status from \S+ \(%\w+\)")
_VERDICT = "RPM build errors:"

_BUILD = re.compile(
    r"""
      ^\S+?:\d+(?::\d+)?:\ (?:fatal\ )?error\b          # compilers
    | ^\S+\.go:\d+:\d+:\                                # Go
    | undefined\ reference\ to | \bcannot\ find\ -l\S | multiple\ definition\ of
    | ^error(?:\[E\d+\])?:\ | ^error\t                  # rpmbuild, Rust
    | ^(?:configure:\ error|CMake\ Error|\[ERROR\]|!\ LaTeX\ Error|npm\ ERR!)[ :]
    | ^\S*meson\.build:\d+:\d+:\ ERROR
    | ^(?:[A-Za-z_][\w.]*)?(?:Error|Exception):\        # Python
    | ^(?:/\S*|\w+):\ (?:line\ \d+:\ )?.*(?:command\ not\ found|No\ such\ file\ or\ directory|Permission\ denied)$
    | ^(?:cp|install|mv|ln|rm|mkdir|chmod|sed|patch|tar|gzip|cat):\ .*(?:cannot|can't|missing|failed|rror|malformed)
    | ^\d+\ out\ of\ \d+\ hunks?\ (?:FAILED|failed)
    | ^(?:FAIL|FAILED|ERROR)(?::|\s+\S*(?:test|::)) | ^not\ ok\ \d | ^\s*---\ FAIL:\ | ^test\ .+\ \.\.\.\ FAILED$
    | ^=+\ .*\b\d+\ failed\b.*=+$ | ^FAILED\ \( | ^Failed\ \d+/\d+\ (?:test|subtests)
    | ^\d+%\ tests\ passed,\ [1-9]\d*\ tests?\ failed | ^\s*\d+\ -\ .+\ \((?:Failed|Timeout|SEGFAULT|Not\ Run)\)$
    | ^\d+/\d+\ .+\s(?:FAIL|TIMEOUT|ERROR)\s            # meson test
    | No\ space\ left\ on\ device | internal\ compiler\ error | virtual\ memory\ exhausted | ^Killed$
    | ^ERROR:\ (?:Timeout|Bad\ return\ code|Exception)
    """,
    re.VERBOSE,
)
_LESS = re.compile(r"^(?:g?make|ninja)(?:\[\d+\])?: (?:\*\*\* |build stopped)|^collect2: error|^FAILED: ")
"""What only says that something before it failed."""

_ROOT = re.compile(
    r"""
      ^No\ matching\ package\ to\ install:
    | ^No\ match\ for\ argument: | ^No\ [Pp]ackage\ (?:found\ for\ )?\S+(?:\ available)?$
    | nothing\ provides\ \S | but\ none\ of\ the\ providers\ can\ be\ installed | \bis\ needed\ by\ \S
    | ^(?:-\ )?(?:cannot\ install\ (?:both|the\ best)|package\ \S+\ .*conflicts\ with)
    | ^(?:-\ )?package\ \S+\ (?:is\ filtered\ out|does\ not\ have\ a\ compatible\ architecture)
    | ^file\ \S+\ .*conflicts\ | conflicts\ between\ attempted\ installs
    | ^(?:Error|error|ERROR|Errors?\ during\ downloading\ metadata|Failed\ to\ download|Cannot\ download)\b.*:\s*\S
    | (?:Curl\ error|Status\ code:\ [45]\d\d) | All\ mirrors\ were\ tried | No\ space\ left\ on\ device
    | ^Module\ or\ Group\ '.+'\ is\ not\ available | GPG\ check\ FAILED
    """,
    re.VERBOSE,
)
_OBVIOUS = re.compile(r"^Error: (?:Some packages could not be found|Transaction (?:test|check) error:?\s*$|\s*$)")

_CHECKOUT = re.compile(r"^(?:fatal|error|ERROR|remote|curl|make|sha\w+sum|Could not \w+)\b|(?i:not found|checksum)")

KNOWN: Mapping[str, re.Pattern[str]] = {
    "build.log": _BUILD,
    "root.log": _ROOT,
    "checkout.log": _CHECKOUT,
    "mock_output.log": re.compile(r"^(?:ERROR|error): "),
}
"""What matters in which log."""


def telling(name: str, lines: Iterable[str]) -> tuple[str, ...]:
    """Give the lines of a log (or of its end) that tell why the build failed; none where nothing of it is known."""
    known = KNOWN.get(name)
    body = [_DECORATION.sub("", line[:LINE_LENGTH]).rstrip() for line in lines]
    if known is None:
        return ()
    if name != "build.log":
        said = map(str.strip, body)
        return _few(line for line in said if known.search(line) and not _OBVIOUS.match(line))
    verdict = _verdict(body)
    before = body[: _end(body)]
    causes = [line.strip() for line in before if known.search(line)]
    causes = [line for line in causes if line.removeprefix("error: ") not in verdict and not _SECTION_ENDED.match(line)]
    causes = causes or [line for line in before if _LESS.search(line)]
    listed = [line for line in _spec_errors(before) if line not in verdict]
    return _few([*causes, *listed], LINES - min(len(verdict), LINES // 2)) + _few(verdict, LINES // 2)


def without_mock(lines: Sequence[str]) -> tuple[str, ...]:
    """Give a log up to where mock begins to speak of itself, without what mock puts before its lines."""
    body = [_DECORATION.sub("", line[:LINE_LENGTH]).rstrip() for line in lines]
    return tuple(body[: _end(body)])


def last_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """Give the last lines that are not mock's own, for a log in which nothing is known to matter."""
    return tuple(line.strip() for line in without_mock(lines) if line)[-LAST_LINES:]


def _verdict(body: Sequence[str]) -> tuple[str, ...]:
    """Give what rpmbuild sums up at its end; without that, the section of the spec file that failed."""
    begin = len(body) - body[::-1].index(_VERDICT) if _VERDICT in body else len(body)
    listed = (line for line in body[begin : begin + _end(body[begin:])] if line.startswith((" ", "\t")))
    return _few(line.strip() for line in listed) or _few(line for line in body if _SECTION_ENDED.match(line))


def _spec_errors(body: Sequence[str]) -> Iterator[str]:
    """Give what is listed below `error: Failed build dependencies:` and its like."""
    listing = False
    for line in body:
        if listing and line.startswith(("\t", "    ")):
            yield line.strip()
        else:
            listing = line.startswith("error: ") and line.endswith(":")


def _end(body: Sequence[str]) -> int:
    """Find where mock begins to speak of itself after the last words of rpmbuild or dnf."""
    for place in range(len(body) - 1, -1, -1):
        if body[place] == _VERDICT or _SECTION_ENDED.match(body[place]):
            return next((after for after in range(place, len(body)) if _END.match(body[after])), len(body))
    return next((place for place, line in enumerate(body) if _END.match(line) and place), len(body))


def _few(lines: Iterable[str], count: int = LINES) -> tuple[str, ...]:
    """Give different lines, of many the first and the last: the first error is the cause, the last the sum."""
    found = tuple(dict.fromkeys(line for line in lines if line))
    half = count // 2
    return found if len(found) <= count else found[: count - half] + found[len(found) - half :]
