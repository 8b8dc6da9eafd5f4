"""However the work in a sandbox ends, its parent goes on, and says what happened in one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mbs.model.errors import HubUnavailable, InvalidModulemd, Problem, ScmUnavailable, TimedOut, Unprocessable
from mbs.sandbox.limits import Defect, Limits, Stopped
from mbs.sandbox.process import Questions, run
from tests.conftest import ROOT

MIB = 2**20


def work(name: str, order: object = None, questions: Questions | None = None, **limits: float) -> object:
    return run(f"tests.mbs.sandbox.works:{name}", order, questions or {}, Limits(**limits))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_what_comes_out_is_json() -> None:
    assert work("echo", {"text": "ä", "tuple": (1, None, 2.5)}) == {"text": "ä", "tuple": [1, None, 2.5]}


def test_half_a_character_comes_out_as_a_question_mark() -> None:
    assert work("echo", "a\udc80b") == "a?b"


def test_a_question_is_answered_by_the_parent() -> None:
    answers: Questions = {"streams": lambda name, more: {name: tuple(more)}}
    assert work("ask", ("streams", ["perl", ["5.24"]]), answers) == {"perl": ["5.24"]}


@pytest.mark.parametrize("question", [("drop", []), ("streams", [1]), ("streams", [{"name": "perl"}])])
def test_a_question_that_is_none_is_not_answered(question: object) -> None:
    with pytest.raises(Defect, match="no message"):
        work("ask", question, {"streams": lambda _: pytest.fail("was asked")})


def test_what_answering_raises_ends_the_work() -> None:
    def away(_: str) -> object:
        raise HubUnavailable("no hub")

    with pytest.raises(HubUnavailable, match="no hub"):
        work("ask", ("tag_arches", ["f40"]), {"tag_arches": away})


def test_a_refusal_keeps_its_class_and_all_problems_with_their_lines() -> None:
    with pytest.raises(InvalidModulemd) as refused:
        work("refuse")
    assert refused.value.problems == (Problem("bad", "data.name", 3), Problem("worse"))


def test_what_is_away_inside_is_away_outside() -> None:
    with pytest.raises(ScmUnavailable, match="nobody answers"):
        work("silence")


def test_a_warning_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    work("warn", "No build of the default module perl:5.30")
    assert "No build of the default module perl:5.30" in caplog.text


def test_an_exception_is_a_defect_with_its_traceback() -> None:
    with pytest.raises(Defect, match="KeyError: 'a key'"):
        work("fail")


@pytest.mark.parametrize("name", ["eat_memory", "eat_memory_in_a_library"])
def test_what_needs_too_much_memory_is_refused(name: str) -> None:
    with pytest.raises(Unprocessable, match=r"needs more than the 128 MB of memory .* \(setting submission_memory\)"):
        work(name, memory=128 * MIB)


def test_what_it_starts_is_bounded_too() -> None:
    assert work("eat_memory_beside", memory=128 * MIB) != 0


def test_twenty_threads_that_wait_for_git_take_no_memory() -> None:
    assert work("have_twenty_threads", 0.2, memory=128 * MIB) == 20


def test_what_needs_too_much_processor_time_is_refused() -> None:
    with pytest.raises(Unprocessable, match="needs more than the 1 seconds of processor time"):
        work("spin", cpu=1)


def test_a_crash_is_not_taken_for_want_of_memory_because_the_service_itself_is_large() -> None:
    """A new process counts the memory of the one that started it until it runs its own program."""
    large = bytearray(b"x") * (300 * MIB)
    with pytest.raises(Unprocessable, match="A parser crashed"):
        work("crash", memory=256 * MIB)
    assert large[-1:] == b"x"


def test_a_result_that_there_is_no_memory_for_is_no_crash() -> None:
    large = bytearray(b"x") * (300 * MIB)
    with pytest.raises(Unprocessable, match="needs more than the 128 MB of memory"):
        work("much", memory=128 * MIB)
    assert large[-1:] == b"x"


def test_a_parser_that_crashes_takes_nobody_with_it() -> None:
    with pytest.raises(Unprocessable, match=r"A parser crashed on the document \(SIGSEGV\)\. Nothing was recorded"):
        work("crash")


def test_a_file_is_bounded() -> None:
    with pytest.raises(Defect, match="File too large"):
        work("write", 2 * MIB, file=MIB)
    assert work("write", MIB, file=MIB) is None


def test_at_the_deadline_everything_is_ended_and_the_sentence_says_what_was_slow(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(TimedOut) as late:
        work("hang", str(tmp_path / "mark"), seconds=3)
    assert "longer than 3 seconds (setting submission_deadline)" in str(late.value)
    assert "while waiting for git at src.example.org" in str(late.value)
    assert late.value.status == 504
    assert time.monotonic() - began < 6
    assert _soon(lambda: not any(map(_runs, _pids(tmp_path / "mark"))))


@pytest.mark.parametrize("name", [signal.SIGKILL, signal.SIGTERM])
def test_a_sandbox_that_somebody_kills_may_be_tried_again(name: signal.Signals, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    threading.Thread(target=lambda: os.kill(_pids(mark)[0], name)).start()
    with pytest.raises(Stopped, match=f"was killed \\({name.name}\\)"):
        work("hang", str(mark))
    os.kill(_pids(mark)[1], signal.SIGKILL)


def test_a_sandbox_does_not_outlive_its_parent(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = "from mbs.sandbox.process import run; from mbs.sandbox.limits import Limits; run({!r}, {!r}, {{}}, Limits())"
    parent = subprocess.Popen([sys.executable, "-c", code.format("tests.mbs.sandbox.works:hang", str(mark))], cwd=ROOT)
    sandbox, started = _pids(mark)
    parent.kill()
    parent.wait()
    assert _soon(lambda: not _runs(sandbox))
    os.kill(started, signal.SIGKILL)


def test_an_exception_in_the_parent_ends_the_sandbox(tmp_path: Path) -> None:
    """As Airflow's execution_timeout and a stopped worker do: by a signal whose handler raises."""
    mark = tmp_path / "mark"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    threading.Thread(target=lambda: os.kill(os.getpid() if _pids(mark) else 0, signal.SIGALRM)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            work("hang", str(mark))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert _soon(lambda: not any(map(_runs, _pids(mark))))


def test_too_much_of_an_answer_is_refused() -> None:
    with pytest.raises(Unprocessable, match="together are too large"):
        work("long")


@pytest.mark.parametrize(
    "content", [b"\xff\xff\xff\xff", b"\0\0\0\2{]", b"\0\0\0\2[]", b'\0\0\0\x0e{"kind": "god"}', b"\0\0\0\x01\xff"]
)
def test_what_is_no_message_ends_the_sandbox(content: bytes) -> None:
    with pytest.raises(Defect):
        work("talk_nonsense", content)


def test_no_password_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KOJI_DEFAULT", "https://mbs:secret@koji.example.org/kojihub")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://airflow:secret@db/airflow")
    monkeypatch.setenv("MBS_DATABASE_URL", "postgresql://mbs:secret@db/mbs")
    found = work("environment")
    assert isinstance(found, dict)
    assert not [name for name, value in found.items() if "secret" in value or name.startswith(("AIRFLOW", "MBS"))]


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    work("write", MIB)
    with pytest.raises(Unprocessable):
        work("crash")
    assert not [*tmp_path.iterdir()]


def _pids(mark: Path) -> list[int]:
    assert _soon(mark.exists)
    return [int(pid) for pid in mark.read_text().split()]


def _runs(pid: int) -> bool:
    """A zombie is only waiting to be counted."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _soon(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()
