"""The course of an exercise: started on a healthy lab, hinted at, checked, reset to where it began."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from halab.cli.checkpoint.commands import Commands
from halab.cli.checkpoint.kept import Shelf
from halab.cli.drill.catalogue import named as drill_named
from halab.cli.drill.declaration import ACTIVE, IDLE, NODES
from halab.cli.drill.guests import Guests, roles
from halab.cli.drill.needs import Here, lacking
from halab.cli.drill.session import carried_out, runner_of
from halab.cli.drill.verdict import PASS
from halab.cli.exercise.asking import Answer, Examiner, points
from halab.cli.exercise.catalogue import named
from halab.cli.exercise.declaration import Exercise, Step, filled
from halab.cli.exercise.kept import UnderWay, keep, under_way
from halab.cli.look.deployed import Deployed, deployed
from halab.cli.look.health import refuse_unhealthy, when_healthy
from halab.cli.look.place import Place
from halab.cli.look.report import Report
from halab.cli.look.status import look
from halab.constructs.settings import Settings
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.machine.checkpoint import Checkpoints
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import ConfigError, HalabError, TimedOut
from halab.provisioners.engine.host import Host

CHECKPOINT = "exercise"
_POLL_S = 1.0
_HEALTHY_S, _BROKEN_S = 30.0, 60.0
"""On KVM."""


@dataclass
class Nodes:
    """The nodes of a cast, over the lab's connections."""

    guests: Guests
    cast: dict[str, str]

    def of(self, role: str) -> list[str]:
        return [node.name for node in self.guests.nodes] if role == NODES else [self.cast[role]]

    def host(self, name: str) -> Host:
        return self.guests.host(name)


@dataclass
class Course:
    """For one deployed lab. `tell` takes a line for a person; `stretch` multiplies times of KVM."""

    place: Place
    settings: Settings
    tell: Callable[[str], None]
    stretch: float
    lab: Deployed = field(init=False)
    folder: LabFolder = field(init=False)

    def __post_init__(self) -> None:
        self.lab, self.folder = deployed(self.place.state), LabFolder(self.place.state.parent)

    def start(self, name: str) -> None:
        """Saves the lab and breaks it. ConfigError, HalabError; then the lab is as it was."""
        exercise = named(name)
        if self.folder.exercise.exists():
            now = under_way(self.folder.exercise)
            raise ConfigError(f"{now.exercise} is under way", "halab exercise reset ends it.")
        self._refuse_needs(exercise)
        report = when_healthy(self._look, _HEALTHY_S * self.stretch)
        refuse_unhealthy(report, "an exercise")
        cast = self._cast(report.site.served_by if report.site else "")
        self._checkpoints().save(CHECKPOINT)
        begun = UnderWay(exercise.name, cast, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        keep(self.folder.exercise, begun)
        try:
            self._break(exercise, cast)
        except BaseException:
            self.reset()
            raise
        self.tell("")
        self.tell(filled(exercise.symptom, cast))
        self.tell("")
        self.tell("Find out why, and repair it. halab exercise check says how far you are; hint helps; reset ends it.")

    def hint(self) -> None:
        """The next hint. ConfigError when there is none left."""
        now = under_way(self.folder.exercise)
        hints = named(now.exercise).hints
        if now.hints >= len(hints):
            raise ConfigError("There are no more hints", "halab exercise solution shows one way to repair it.")
        self.tell(filled(hints[now.hints], now.cast))
        keep(self.folder.exercise, replace(now, hints=now.hints + 1))

    def solution(self) -> None:
        """One way to repair it. Nothing is done; there are no points any more."""
        now = under_way(self.folder.exercise)
        for step in named(now.exercise).solution:
            self.tell(f"# on {'each node' if step.role == NODES else now.cast[step.role]}")
            self.tell(filled(step.script, now.cast))
        keep(self.folder.exercise, replace(now, solved=True))

    def check(self, drills: bool) -> tuple[list[Answer], int]:
        """What each check came to, and the points. ConfigError, HalabError."""
        now = under_way(self.folder.exercise)
        answers = []
        with self._examiner(now.cast) as examiner:
            for answer in examiner.answers(named(now.exercise), drills):
                mark = "missing" if answer.missing else "done"
                self.tell(f"{mark:<8} {answer.what}" + (f": {answer.missing}" if answer.missing else ""))
                answers.append(answer)
        return answers, points(answers, now.hints, now.solved)

    def reset(self) -> None:
        """Back to the lab as it was before the exercise, which is forgotten then. HalabError, StateUnusable.

        ConfigError: its checkpoint is gone. Then the exercise is forgotten all the same, else none could be started.
        """
        now = under_way(self.folder.exercise)
        if Shelf(self.folder).get(CHECKPOINT) is None:
            self.folder.exercise.unlink()
            raise ConfigError(
                f"{now.exercise} has ended, but its checkpoint {CHECKPOINT!r} is gone: the lab stays as it is",
                "halab diff shows in what it differs from what was declared; halab deploy brings it back to that.",
            )
        checkpoints = self._checkpoints()
        checkpoints.restore(CHECKPOINT)
        checkpoints.remove(CHECKPOINT)
        self.folder.exercise.unlink()

    def _checkpoints(self) -> Commands:
        machines = Checkpoints(Connection(self.place.uri), self.place.lab)
        return Commands(self.folder, machines, self.tell, self.lab.site_url)

    def _look(self) -> Report:
        return look(self.place)

    def _refuse_needs(self, exercise: Exercise) -> None:
        nodes = len(self.lab.nodes)
        if missing := lacking(exercise.needs, Here(nodes, self.settings)):
            raise ConfigError(f"{exercise.name} is for a lab with {' and '.join(missing)}")
        if nodes < 2:
            raise ConfigError("An exercise needs a lab with two nodes or more", "See node_count.")

    def _cast(self, active: str) -> dict[str, str]:
        guests = Guests(self.place, self.lab)
        try:
            parts = roles(guests, guests.status(), active)
        finally:
            guests.forget()
        if not parts[ACTIVE] or not parts[IDLE]:
            raise HalabError("Nobody serves the site now", "See halab status.")
        active_node, idle_node = guests.machine(parts[ACTIVE][0]), guests.machine(parts[IDLE][0])
        return {
            "lab": self.place.lab,
            "active": active_node.name,
            "idle": idle_node.name,
            "fs": self.settings.gfs2.name,
            "active_uuid": active_node.uuid,
            "idle_uuid": idle_node.uuid,
            "idle_address": idle_node.address,
            "gateway": self.settings.gateway,
        }

    def _break(self, exercise: Exercise, cast: dict[str, str]) -> None:
        with self._examiner(cast) as examiner:
            examiner.do(exercise.breaks)
            self._until_broken(examiner, exercise.broken)

    def _until_broken(self, examiner: Examiner, broken: Step) -> None:
        end = time.monotonic() + _BROKEN_S * self.stretch
        while not examiner.holds(broken):
            if time.monotonic() > end:
                raise TimedOut("The lab did not break as it should", f"`{broken.script}` does not hold")
            time.sleep(_POLL_S)

    @contextmanager
    def _examiner(self, cast: dict[str, str]) -> Iterator[Examiner]:
        """With connections that end with it."""
        guests = Guests(self.place, self.lab)
        try:
            yield Examiner(Nodes(guests, cast), cast, self._look, lambda drill: self._survive(drill, cast[IDLE]))
        finally:
            guests.forget()

    def _survive(self, drill: str, idle: str) -> str:
        """Why the drill did not pass; empty: it did."""
        verdict = carried_out(replace(runner_of(self.place, self.tell), idle=idle), drill_named(drill), self.folder)
        return "" if verdict.result == PASS else f"{verdict.result}: {'; '.join(verdict.reasons)}"
