"""Nothing is lost without a yes."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from halab.cli.change.consent import NotConfirmed, ask


def screen(answer: str | None, terminal: bool = True) -> Any:
    """One on which a person answers; None: nobody is to be asked."""

    def asked(question: str) -> str:
        assert answer is not None
        assert question == "Go on? [y/N]"
        return answer

    return SimpleNamespace(ask=asked, console=SimpleNamespace(file=SimpleNamespace(isatty=lambda: terminal)))


@pytest.mark.parametrize(
    ("answer", "goes_on"),
    [("y", True), (" Yes ", True), ("", False), ("n", False), ("no", False), ("ye", False), ("yes please", False)],
)
def test_only_a_yes_goes_on(monkeypatch: pytest.MonkeyPatch, answer: str, goes_on: bool) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    with contextlib.nullcontext() if goes_on else pytest.raises(NotConfirmed, match=r"Nothing was changed\."):
        ask(screen(answer), "Go on?", False, "destroy")


@pytest.mark.parametrize(("typing", "shown"), [(False, True), (True, False), (False, False)])
def test_where_nobody_can_be_asked_nothing_is_done(monkeypatch: pytest.MonkeyPatch, typing: bool, shown: bool) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: typing)
    with pytest.raises(NotConfirmed, match="halab destroy --yes"):
        ask(screen(None, shown), "Go on?", False, "destroy")
    ask(screen(None, shown), "Go on?", True, "destroy")
