"""Nobody waits for who does not answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from halab.cli.look.together import together


def test_who_hangs_is_left_out() -> None:
    never = threading.Event()
    began = time.monotonic()
    found = together({"quick": lambda: "said", "mute": lambda: str(never.wait(30))}, 0.3)
    assert found == {"quick": "said"}
    assert time.monotonic() - began < 5
    never.set()


def test_all_are_asked_at_the_same_time() -> None:
    meeting = threading.Barrier(3)
    assert set(together({name: meeting.wait for name in "abc"}, 10)) == set("abc")


def test_a_fault_of_ours_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        together({"a": lambda: 1 // 0}, 5)


def test_nobody_waits_for_who_is_needless() -> None:
    """Which job that is comes to light while all are under way."""
    never = threading.Event()
    jobs = {"off": lambda: str(never.wait(30)), "libvirt": lambda: "off", "quick": lambda: "said"}
    began = time.monotonic()
    found = together(jobs, 20, needless=lambda found: {found["libvirt"]} if "libvirt" in found else ())
    assert found == {"quick": "said", "libvirt": "off"}
    assert time.monotonic() - began < 10
    never.set()


def test_something_is_done_meanwhile() -> None:
    done = threading.Event()
    assert together({"a": lambda: done.wait(30)}, 30, meanwhile=done.set) == {"a": True}


def after(seconds: float, word: str) -> Callable[[], str]:
    def job() -> str:
        time.sleep(seconds)  # a slow answer is what is looked at
        return word

    return job


def test_where_all_are_slow_the_slowest_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halab.cli.look.together.SLOWER", 10.0)
    jobs = {"slow": after(0.3, "answer"), "slower": after(1.5, "answer")}
    assert together(jobs, 1.0, sets_pace=lambda said: said == "answer").keys() == {"slow", "slower"}


def test_a_late_word_that_sets_no_pace_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halab.cli.look.together.SLOWER", 50.0)
    never = threading.Event()
    jobs = {"slow": after(0.3, "fault"), "mute": lambda: str(never.wait(30))}
    began = time.monotonic()
    assert together(jobs, 1.0, sets_pace=lambda said: said == "answer") == {"slow": "fault"}
    assert time.monotonic() - began < 8, "not 50 times 0.3 s"
    never.set()
