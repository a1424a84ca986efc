"""Each exercise on the deployed lab: it is broken, the check fails, the solution is applied, the check passes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from halab.cli.drill.declaration import NODES
from halab.cli.exercise.catalogue import EXERCISES
from halab.cli.exercise.declaration import Exercise, filled
from halab.cli.exercise.kept import UnderWay, under_way
from tests.e2e.lab import HALAB, Lab

pytestmark = pytest.mark.long

ALL = [pytest.param(one, id=one.name) for one in EXERCISES.values()]


@pytest.fixture(scope="module")
def whole(lab: Lab) -> Lab:
    """As `halab deploy --checkpoint` leaves it."""
    assert lab.run(str(HALAB), "deploy", "--yes", "--checkpoint").returncode == 0
    names = [one["name"] for one in json.loads(lab.run(str(HALAB), "checkpoint", "list", "--json").stdout)]
    assert names == ["deployed"]
    return lab


@pytest.fixture
def ready(whole: Lab) -> Iterator[Lab]:
    """A reset is a restore, and leaves nothing of its own."""
    yield whole
    whole.reconnect()
    if whole.folder.exercise.exists():
        assert whole.run(str(HALAB), "exercise", "reset").returncode == 0
    assert not whole.folder.exercise.exists()
    whole.until("the site", whole.served_by)


def check(lab: Lab, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what it says."""
    done = lab.run(str(HALAB), "exercise", "check", "--json", *options)
    said = json.loads(done.stdout)
    assert isinstance(said, dict)
    return done.returncode, said


def solve(lab: Lab, exercise: Exercise, now: UnderWay) -> None:
    """By the solution's own commands, as whoever read them would type them."""
    for step in exercise.solution:
        for node in lab.nodes if step.role == NODES else [now.cast[step.role]]:
            lab.ask(node, "sh", "-euc", filled(step.script, now.cast), timeout_s=step.timeout_s)
    lab.until("health", lab.says_healthy)


@pytest.mark.parametrize("exercise", ALL)
def test_it_is_broken_and_its_solution_repairs_it(
    ready: Lab, exercise: Exercise, capfd: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    started = ready.run(str(HALAB), "exercise", "start", exercise.name)
    assert started.returncode == 0
    now = under_way(ready.folder.exercise)
    assert filled(exercise.symptom, now.cast) in started.stdout
    code, said = check(ready, "--quick")
    assert code == 3, "it is broken"
    assert said["points"] < 70
    solve(ready, exercise, now)
    code, said = check(ready, "--quick")
    assert (code, [one["missing"] for one in said["checks"] if one["missing"]]) == (0, [])
    with capfd.disabled():
        print(f"\n{exercise.name}: broken and repaired in {time.monotonic() - began:.0f} s", flush=True)


@pytest.mark.parametrize("exercise", ALL)
def test_what_is_repaired_survives(ready: Lab, exercise: Exercise) -> None:
    """The whole check: now a failure, too."""
    assert ready.run(str(HALAB), "exercise", "start", exercise.name).returncode == 0
    solve(ready, exercise, under_way(ready.folder.exercise))
    code, said = check(ready)
    assert (code, said["points"]) == (0, 100), said
