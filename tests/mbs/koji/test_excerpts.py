"""What matters in the logs of builds: in the formats of mock, rpmbuild, dnf, compilers, test suites and git."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.koji.excerpts import KNOWN, LINES, last_lines, telling

MOCK_ENDS = """\
Child return code was: 1
EXCEPTION: [Error('Command failed: \\n # bash --login -c /usr/bin/rpmbuild -bb --target x86_64 --nodeps x.spec\\n', 1)]
Traceback (most recent call last):
  File "/usr/lib/python3.12/site-packages/mockbuild/trace_decorator.py", line 93, in trace
    result = func(*args, **kw)
             ^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.12/site-packages/mockbuild/util.py", line 612, in do_with_status
    raise exception.Error("Command failed: \\n # %s\\n%s" % (command, output), child.returncode)
mockbuild.exception.Error: Command failed:
 # bash --login -c /usr/bin/rpmbuild -bb --target x86_64 --nodeps /builddir/build/SPECS/x.spec
"""

COMPILER = (
    """\
Mock Version: 5.6
ENTER ['do_with_status'](['bash', '--login', '-c', '/usr/bin/rpmbuild -bb --nodeps x.spec'], ...)
Executing(%build): /bin/sh -e /var/tmp/rpm-tmp.k3VbBL
+ umask 022
+ CFLAGS='-O2 -Werror=format-security'
checking for error.h... no
gcc -O2 -c greet.c -o greet.o
greet.c: In function 'main':
greet.c:12:5: warning: implicit declaration of function 'g'; an error one day [-Wimplicit]
greet.c:3:10: fatal error: libgreet/error.h: No such file or directory
    3 | #include <libgreet/error.h>
      |          ^~~~~~~~~~~~~~~~~~
compilation terminated.
make: *** [Makefile:5: greet.o] Error 1
error: Bad exit status from /var/tmp/rpm-tmp.k3VbBL (%build)

RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.k3VbBL (%build)
"""
    + MOCK_ENDS
)
LINKER = (
    """\
BUILDSTDERR: /usr/bin/ld: cannot find -lgreet: No such file or directory
BUILDSTDERR: collect2: error: ld returned 1 exit status
BUILDSTDERR: make[1]: *** [Makefile:9: all] Error 1
BUILDSTDERR: error: Bad exit status from /var/tmp/rpm-tmp.Yb2 (%build)
BUILDSTDERR:     Bad exit status from /var/tmp/rpm-tmp.Yb2 (%build)
RPM build errors:
Child return code was: 1
"""
    + MOCK_ENDS
)
PYTEST = (
    """\
Executing(%check): /bin/sh -e /var/tmp/rpm-tmp.aB3xyz
tests/test_words.py::test_plural FAILED                                  [ 50%]
=================================== FAILURES ===================================
E       AssertionError: assert 'word' == 'words'
=========================== short test summary info ============================
FAILED tests/test_words.py::test_plural - AssertionError: assert 'word' == 'words'
========================= 1 failed, 11 passed in 0.34s =========================
error: Bad exit status from /var/tmp/rpm-tmp.aB3xyz (%check)

RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.aB3xyz (%check)
"""
    + MOCK_ENDS
)
AUTOTOOLS_CHECK = (
    """\
PASS: one
FAIL: two
# FAIL:  1
make[2]: *** [Makefile:700: test-suite.log] Error 1
error: Bad exit status from /var/tmp/rpm-tmp.aB3xyz (%check)
RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.aB3xyz (%check)
"""
    + MOCK_ENDS
)
CTEST = (
    """\
67% tests passed, 1 tests failed out of 3

The following tests FAILED:
          2 - words (Failed)
Errors while running CTest
error: Bad exit status from /var/tmp/rpm-tmp.aB3xyz (%check)
RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.aB3xyz (%check)
"""
    + MOCK_ENDS
)
UNPACKAGED = (
    """\
Checking for unpackaged file(s): /usr/lib/rpm/check-files /builddir/build/BUILDROOT/greet-1-1.x86_64
error: Installed (but unpackaged) file(s) found:
   /usr/bin/greet-old
   /usr/share/man/man1/greet.1

RPM build errors:
    Installed (but unpackaged) file(s) found:
   /usr/bin/greet-old
   /usr/share/man/man1/greet.1
"""
    + MOCK_ENDS
)
NOT_FOUND = (
    """\
error: File not found: /builddir/build/BUILDROOT/greet-1-1.x86_64/usr/bin/greet
    File not found: /builddir/build/BUILDROOT/greet-1-1.x86_64/usr/bin/greet

RPM build errors:
    File not found: /builddir/build/BUILDROOT/greet-1-1.x86_64/usr/bin/greet
"""
    + MOCK_ENDS
)
SPEC_FILE = (
    """\
Building target platforms: x86_64
error: line 12: Unknown tag: Licence: MIT
Building for target x86_64
"""
    + MOCK_ENDS
)
NO_SOURCE = "error: Bad source: /builddir/build/SOURCES/greet-1.tar.gz: No such file or directory\n" + MOCK_ENDS
DEPENDENCIES = (
    """\
error: Failed build dependencies:
    libgreet-devel >= 2 is needed by greet-1-1.module_f40+7+c0ffee42.x86_64
    perl(Greet) is needed by greet-1-1.module_f40+7+c0ffee42.x86_64
"""
    + MOCK_ENDS
)
PATCH = (
    """\
Executing(%prep): /bin/sh -e /var/tmp/rpm-tmp.Q1
+ /usr/bin/patch -p1 -s --fuzz=0 --no-backup-if-mismatch -f
1 out of 1 hunk FAILED -- saving rejects to file greet.c.rej
error: Bad exit status from /var/tmp/rpm-tmp.Q1 (%prep)
RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.Q1 (%prep)
"""
    + MOCK_ENDS
)
COMMAND = (
    """\
+ meson setup build
/var/tmp/rpm-tmp.Q1: line 41: meson: command not found
error: Bad exit status from /var/tmp/rpm-tmp.Q1 (%build)
RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.Q1 (%build)
"""
    + MOCK_ENDS
)
RUST = (
    """\
error[E0432]: unresolved import `greet::words`
 --> src/main.rs:1:5
error: could not compile `hello` (bin "hello") due to 1 previous error
error: Bad exit status from /var/tmp/rpm-tmp.Q1 (%build)
RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.Q1 (%build)
"""
    + MOCK_ENDS
)
ONLY_MAKE = (
    """\
make: *** No rule to make target 'greet.x', needed by 'all'.  Stop.
error: Bad exit status from /var/tmp/rpm-tmp.Q1 (%build)
RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.Q1 (%build)
"""
    + MOCK_ENDS
)
TIMEOUT = "gcc -c a.c\nERROR: Timeout(86400) expired for command:\n # rpmbuild\n" + MOCK_ENDS

BUILD_LOGS = {
    "compiler": (COMPILER, ["greet.c:3:10: fatal error: libgreet/error.h: No such file or directory", "(%build)"]),
    "linker": (LINKER, ["/usr/bin/ld: cannot find -lgreet: No such file or directory", "(%build)"]),
    "pytest": (
        PYTEST,
        ["FAILED tests/test_words.py::test_plural -", "= 1 failed, 11 passed in 0.34s =", "(%check)"],
    ),
    "autotools": (AUTOTOOLS_CHECK, ["FAIL: two", "(%check)"]),
    "ctest": (CTEST, ["67% tests passed, 1 tests failed", "2 - words (Failed)", "(%check)"]),
    "unpackaged": (UNPACKAGED, ["Installed (but unpackaged) file(s) found:", "/usr/bin/greet-old", "/man1/greet.1"]),
    "not found": (NOT_FOUND, ["File not found: /builddir/build/BUILDROOT/greet-1-1.x86_64/usr/bin/greet"]),
    "spec file": (SPEC_FILE, ["error: line 12: Unknown tag: Licence: MIT"]),
    "no source": (NO_SOURCE, ["error: Bad source: /builddir/build/SOURCES/greet-1.tar.gz: No such file or directory"]),
    "dependencies": (
        DEPENDENCIES,
        ["Failed build", "libgreet-devel >= 2 is needed", "perl(Greet) is needed"],
    ),
    "patch": (PATCH, ["1 out of 1 hunk FAILED -- saving rejects to file greet.c.rej", "(%prep)"]),
    "command": (COMMAND, ["line 41: meson: command not found", "(%build)"]),
    "rust": (RUST, ["error[E0432]: unresolved import `greet::words`", "could not compile `hello`", "(%build)"]),
    "only make": (ONLY_MAKE, ["No rule to make target 'greet.x'", "(%build)"]),
    "timeout": (TIMEOUT, ["ERROR: Timeout(86400) expired"]),
}


@pytest.mark.parametrize(("log", "matter"), BUILD_LOGS.values(), ids=BUILD_LOGS)
def test_what_matters_in_a_build_log_is_told_and_nothing_of_mock(log: str, matter: list[str]) -> None:
    lines = telling("build.log", log.splitlines())
    for words in matter:
        assert any(words in line for line in lines), lines
    assert len(lines) <= len(matter) + 2, lines
    assert not any("mockbuild" in line or "rpmbuild -b" in line or "EXCEPTION" in line for line in lines)
    assert not any("warning" in line or "checking" in line for line in lines)


def root(*lines: str) -> list[str]:
    """Write lines as mock does in root.log, with its own before and after them."""
    spoken = ["Executing command: ['/usr/bin/dnf-3', 'builddep', 'x.src.rpm'] with env {}", *lines]
    after = ["Child return code was: 1", "kill orphans in chroot /var/lib/mock/x/root"]
    return [
        *(f"DEBUG util.py:{598 + number}:  {line}" for number, line in enumerate([*spoken, *after])),
        "ERROR util.py:12:  ",
    ]


ROOT_LOGS = {
    "dnf": (
        [
            "Last metadata expiration check: 0:00:05 ago on Fri Nov 27 2026.",
            'No match for group package "module-build-macros"',
            "Package bash-5.2-1.x86_64 is already installed.",
            "No matching package to install: 'libgreet-devel >= 2'",
            "No matching package to install: 'perl(Greet)'",
            "Not all dependencies satisfied",
            "Error: Some packages could not be found.",
        ],
        ["No matching package to install: 'libgreet-devel >= 2'", "No matching package to install: 'perl(Greet)'"],
    ),
    "dnf5": (
        [
            "Failed to resolve the transaction:",
            "No match for argument: libgreet-devel",
            "You can try to add to command line:",
            "  --skip-unavailable to skip unavailable packages",
        ],
        ["No match for argument: libgreet-devel"],
    ),
    "solver": (
        [
            "Error: ",
            " Problem: package greet-devel-1-1.x86_64 requires libgreet, but none of the providers can be installed",
            "  - nothing provides libwords.so.2()(64bit) needed by libgreet-1-1.x86_64",
            "(try to add '--skip-broken' to skip uninstallable packages)",
        ],
        [
            "Problem: package greet-devel-1-1.x86_64 requires libgreet, but none of the providers can be installed",
            "- nothing provides libwords.so.2()(64bit) needed by libgreet-1-1.x86_64",
        ],
    ),
    "yum": (["Error: No Package found for libgreet-devel"], ["Error: No Package found for libgreet-devel"]),
    "conflict": (
        ["Error: Transaction test error:", "  file /usr/bin/x conflicts between attempted installs of a-1 and b-1"],
        ["file /usr/bin/x conflicts between attempted installs of a-1 and b-1"],
    ),
    "group": (
        ["Module or Group 'build' is not available.", "Error: Nothing to do."],
        ["Module or Group 'build' is not available.", "Error: Nothing to do."],
    ),
    "mirror": (
        [
            "Errors during downloading metadata for repository 'build':",
            "  - Status code: 404 for http://koji.example.org/repos/x/7/x86_64/repodata/repomd.xml (IP: 10.0.0.1)",
            "Error: Failed to download metadata for repo 'build': Cannot download repomd.xml: All mirrors were tried",
        ],
        ["Status code: 404", "Failed to download metadata for repo 'build'"],
    ),
}


@pytest.mark.parametrize(("log", "matter"), ROOT_LOGS.values(), ids=ROOT_LOGS)
def test_what_matters_in_a_root_log_is_what_dnf_misses(log: list[str], matter: list[str]) -> None:
    lines = telling("root.log", root(*log))
    assert len(lines) == len(matter), lines
    assert all(words in line for words, line in zip(matter, lines, strict=True)), lines


@pytest.mark.parametrize(
    "words",
    [
        "fatal: reference is not a tree: 0123456789012345678901234567890123456789",
        "fatal: repository 'https://src.example.org/rpms/greet/' not found",
        "fatal: unable to access 'https://src.example.org/': Could not resolve host: src.example.org",
        "curl: (22) The requested URL returned error: 404",
        "Could not execute sources: Server returned status code 404",
    ],
)
def test_what_matters_in_a_checkout_log_are_the_words_of_git_and_of_the_lookaside_cache(words: str) -> None:
    before = ["$ git clone -n https://src.example.org/rpms/greet /var/tmp/x", "Cloning into '/var/tmp/x'..."]
    assert telling("checkout.log", [*before, words]) == (words,)


def test_of_a_thousand_errors_the_first_and_the_last_are_told() -> None:
    lines = telling("build.log", [f"a.c:{number}:1: error: again" for number in range(1000)] + ["RPM build errors:"])
    assert len(lines) == LINES
    assert lines[0] == "a.c:0:1: error: again"
    assert lines[-1] == "a.c:999:1: error: again"


def test_a_log_in_which_nothing_is_known_gives_its_last_lines_before_mock_s_own() -> None:
    log = ["one", "two", "three", "four", "", *MOCK_ENDS.splitlines()]
    assert telling("build.log", log) == ()
    assert last_lines(log) == ("two", "three", "four")


LOG_LINES = [line for text, _ in BUILD_LOGS.values() for line in text.splitlines()]


@given(st.sampled_from([*KNOWN, "state.log"]), st.lists(st.one_of(st.text(), st.sampled_from(LOG_LINES)), max_size=30))
def test_any_log_gives_few_lines(name: str, log: list[str]) -> None:
    assert len(telling(name, log)) <= LINES
    assert len(last_lines(log)) <= LINES
