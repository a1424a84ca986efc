"""Asks a lab whether it is repaired: what holds, what is missing, how many points that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from xml.etree import ElementTree

from halab.cli.drill.catalogue import named
from halab.cli.exercise.declaration import Check, Configured, Exercise, Healthy, OnNodes, Step, Survives, filled
from halab.cli.look.health import said
from halab.cli.look.report import Report
from halab.provisioners.engine.command import Command, cmd
from halab.provisioners.engine.errors import HalabError
from halab.provisioners.engine.host import Host

HINT_POINTS = 5
"""What a hint costs, of 100."""


class Machines(Protocol):
    """The lab's nodes, by role or by name."""

    def of(self, role: str) -> list[str]: ...
    def host(self, name: str) -> Host: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What one check came to. `missing` is empty when it holds."""

    points: int
    what: str
    missing: str = ""


@dataclass(frozen=True)
class Examiner:
    """For one lab in one exercise. `drill` carries one out and gives why it did not pass."""

    machines: Machines
    cast: Mapping[str, str]
    look: Callable[[], Report]
    drill: Callable[[str], str]

    def answers(self, exercise: Exercise, drills: bool = True) -> Iterator[Answer]:
        """Each check in its turn. A drill is carried out only when nothing is missing before it."""
        missing = False
        for check in exercise.checks:
            if isinstance(check, Survives):
                if not drills:
                    continue
                if missing:
                    yield Answer(check.points, _what(check), "not tried yet")
                    continue
            answer = Answer(check.points, _what(check), self._missing(check))
            missing = missing or bool(answer.missing)
            yield answer

    def _missing(self, check: Check) -> str:
        match check:
            case Healthy():
                report = self.look()
                return "" if report.healthy else said(report)
            case Survives():
                return self.drill(check.drill)
            case Configured():
                return "" if check.holds(self._cib(), self.cast) else filled(check.missing, self.cast)
            case OnNodes():
                return "" if self.holds(Step(check.role, check.script)) else filled(check.missing, self.cast)

    def _cib(self) -> ElementTree.Element:
        """As the first node that has one tells it. The last error when none does."""
        question = cmd("cibadmin", "--query")
        *first, last = self.machines.of("nodes")
        for name in first:
            try:
                return ElementTree.fromstring(self.machines.host(name).ask(question).stdout)
            except HalabError:
                continue
        return ElementTree.fromstring(self.machines.host(last).ask(question).stdout)

    def holds(self, step: Step) -> bool:
        """Whether a script ends with 0 on each machine of a role. ConnectError: one of them does not answer."""
        command = _command(step, self.cast)
        return all(self.machines.host(name).attempt(command).rc == 0 for name in self.machines.of(step.role))

    def do(self, steps: Sequence[Step]) -> None:
        """Carries steps out, in order. CommandFailed, ConnectError."""
        for step in steps:
            command = _command(step, self.cast)
            for name in self.machines.of(step.role):
                self.machines.host(name).ask(command)


def _command(step: Step, cast: Mapping[str, str]) -> Command:
    return cmd("sh", "-euc", filled(step.script, cast), timeout_s=step.timeout_s)


def _what(check: Check) -> str:
    match check:
        case Healthy():
            return "the lab is healthy"
        case Survives():
            return f"and survives: {named(check.drill).does}"
        case _:
            return "the cause is gone"


def points(answers: Sequence[Answer], hints: int, solved: bool) -> int:
    """Of 100. Hints cost some; whoever has seen the solution gets none."""
    if solved:
        return 0
    got = sum(answer.points for answer in answers if not answer.missing)
    return max(0, got - HINT_POINTS * hints)
