"""What becomes of the lab and its checkpoint, however drills end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from halab.cli.drill import session
from halab.cli.drill.session import CHECKPOINT, Wishes
from halab.cli.drill.verdict import ERROR, FAIL, PASS
from halab.provisioners.engine.errors import HalabError


class Checkpoints:
    """Notes what it is asked for."""

    folder = None

    def __init__(self, *kept: str) -> None:
        self.done: list[str] = []
        self._kept = kept

    def list(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self._kept]

    def __getattr__(self, what: str) -> Callable[[str], None]:
        return lambda name: self.done.append(f"{what} {name}")


@pytest.mark.parametrize(
    ("results", "wishes", "done"),
    [
        ([PASS, PASS], Wishes(), ["remove"]),
        ([PASS, PASS], Wishes(restore=True), ["restore", "restore", "remove"]),
        ([FAIL, PASS], Wishes(), ["restore", "remove"]),
        ([ERROR, PASS], Wishes(), ["restore", "remove"]),
        ([FAIL, PASS], Wishes(keep=True), []),
        ([PASS, KeyboardInterrupt()], Wishes(), ["restore", "remove"]),
        ([KeyboardInterrupt()], Wishes(keep=True), []),
        ([HalabError("node1 does not answer")], Wishes(), ["restore", "remove"]),
        ([OSError(28, "No space left on device")], Wishes(), ["restore", "remove"]),
        ([TypeError("a fault of ours")], Wishes(), ["restore", "remove"]),
    ],
)
def test_the_lab_is_brought_back(
    monkeypatch: pytest.MonkeyPatch, results: list[Any], wishes: Wishes, done: list[str]
) -> None:
    coming, checkpoints, told = iter(results), Checkpoints(), list[str]()

    def carried_out(*_: Any) -> Any:
        if isinstance(result := next(coming), BaseException):
            raise result
        return SimpleNamespace(result=result)

    monkeypatch.setattr(session, "carried_out", carried_out)
    runner: Any = SimpleNamespace(tell=told.append)
    error = next((one for one in results if isinstance(one, BaseException)), None)
    verdicts: list[Any] = []
    drills: Any = [object()] * len(results)
    with nullcontext() if error is None else pytest.raises(type(error)) as raised:
        session._one_after_the_other(drills, wishes, runner, checkpoints, verdicts)  # type: ignore[arg-type]
    assert error is None or (raised is not None and raised.value is error)
    assert checkpoints.done == [f"{what} {CHECKPOINT}" for what in done]
    assert [verdict.result for verdict in verdicts] == [one for one in results if isinstance(one, str)][: len(verdicts)]
    if not done:
        assert any(f"halab checkpoint restore {CHECKPOINT}" in line for line in told)


@pytest.mark.parametrize(("kept", "hint"), [((), False), (("mine",), False), ((CHECKPOINT,), True)])
def test_a_lab_that_is_not_well_is_saved_over_nothing(kept: tuple[str, ...], hint: bool) -> None:
    def refuse() -> None:
        raise HalabError("The lab is not healthy", "node2 is off")

    checkpoints, runner = Checkpoints(*kept), SimpleNamespace(refuse_unhealthy=refuse)
    with pytest.raises(HalabError, match="node2 is off") as raised:
        session._save(runner, checkpoints)  # type: ignore[arg-type]
    assert (checkpoints.done, f"halab checkpoint restore {CHECKPOINT}" in str(raised.value)) == ([], hint)


def test_one_that_is_well_is_saved() -> None:
    checkpoints, runner = Checkpoints(CHECKPOINT), SimpleNamespace(refuse_unhealthy=lambda: None)
    session._save(runner, checkpoints)  # type: ignore[arg-type]
    assert checkpoints.done == [f"save {CHECKPOINT}"]
