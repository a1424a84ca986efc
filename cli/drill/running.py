"""Carries out one drill on a deployed lab: listens, breaks, watches until it is whole again, and records all of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halab.cli.drill.declaration import IDLE, OTHERS, Drill, Limit
from halab.cli.drill.guests import Guests, facts, roles
from halab.cli.drill.injecting import Injector
from halab.cli.drill.lines import SELF_FENCING
from halab.cli.drill.listening import Ears, listening
from halab.cli.drill.lying import lying
from halab.cli.drill.recording import FORMAT, Recorder, Run, read
from halab.cli.drill.watching import Pace, Watch, slowness
from halab.cli.fence.devices import devices
from halab.cli.lab.state import StateUnusable
from halab.cli.look.deployed import Deployed
from halab.cli.look.health import refuse_unhealthy, when_healthy
from halab.cli.look.place import Place
from halab.cli.look.report import Report
from halab.cli.look.status import look
from halab.cli.look.taking import Ways
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.machine.handling import Hands
from halab.provisioners.engine.errors import HalabError
from halab.provisioners.pacemaker.status import ClusterStatus

_HEALTHY = Limit(20)
_FIRST_ANSWER = Limit(10)
_TOOK = Limit(60)
"""A reboot in order moves the site, unmounts, and leaves the cluster before the kernel says a word."""
_RESETS = {"sbd": "", "watchdog": SELF_FENCING}
"""Methods that reset a node instead of switching it off; how the journal calls their device, empty: by its name."""

QUIET_S = 3.0
"""How long clients are heard before anything is broken."""


@dataclass(frozen=True)
class Runner:
    """For one deployed lab. `tell` hears what is being done, a line each; `stretch` multiplies times of KVM."""

    place: Place
    lab: Deployed
    stretch: float
    circumstances: dict[str, Any]
    tell: Callable[[str], None]
    idle: str = ""
    """Who is to be the idle node, unless it serves the site; empty: whoever has least to do."""

    def refuse_unhealthy(self) -> None:
        """HalabError: drills would begin on a lab that is not well."""
        with Ways(self.place.private_key) as ways:
            refuse_unhealthy(self._well(ways), "a drill")

    def run(self, drill: Drill, folder: Path) -> Run:
        """The recorded run. What goes wrong with the drill itself stands in it as an error, and is not raised.

        HalabError, OSError: it did not come to a beginning, or cannot be recorded.
        """
        guests = Guests(self.place, self.lab)
        try:
            with Ways(self.place.private_key) as ways:
                self._run(drill, folder, guests, ways)
        finally:
            guests.forget()
        return read(folder)

    def _run(self, drill: Drill, folder: Path, guests: Guests, ways: Ways) -> None:
        report = self._well(ways)
        pace = Pace(self.stretch, slowness(time.time() - report.at, self.stretch))
        status = guests.status()
        parts = roles(guests, status, report.site.served_by if report.site else "")
        if self.idle in parts[OTHERS]:
            parts[IDLE] = [self.idle]
        about = self._about(drill, guests, parts, status, pace)
        recorder = Recorder(folder)
        must = frozenset(about["must_be_fenced"])
        course = _Course(self, drill, guests, parts, Watch(self.place, ways, recorder, pace, must, self.tell))
        try:
            recorder.add("run", **about)
            refuse_unhealthy(report, "a drill")
            course.run(report)
        except (HalabError, OSError, StateUnusable) as error:
            recorder.add("error", text=". ".join([str(error), *getattr(error, "__notes__", [])]))
        finally:
            recorder.close()

    def _well(self, ways: Ways) -> Report:
        """The lab as it is, once it is well or its time is over."""
        answer_s = _FIRST_ANSWER.seconds(self.stretch)
        return when_healthy(lambda: look(self.place, answer_s, ways), _HEALTHY.seconds(self.stretch))

    def _about(
        self, drill: Drill, guests: Guests, parts: dict[str, list[str]], status: ClusterStatus, pace: Pace
    ) -> dict[str, Any]:
        expected = drill.expected
        lasts = drill.lasts.seconds(self.stretch) if drill.lasts else 0.0
        turns = sum(len(parts[one.role]) for one in drill.injections) if drill.in_turn else 1
        return {
            "format": FORMAT,
            "drill": drill.name,
            "happened": drill.happened,
            "lab": self.place.lab,
            "site": self.lab.site_url,
            "machines": [{"name": one.name, "member": bool(one.cluster)} for one in self.lab.machines],
            "roles": parts,
            "pacemaker": status.version,
            "reset_by": [_RESETS[one.method] or one.name for one in devices(status) if one.method in _RESETS],
            "token_ms": guests.corosync("runtime.config.totem.token"),
            "consensus_ms": guests.corosync("runtime.config.totem.consensus"),
            "stretch": self.stretch,
            "slowness": pace.slowness,
            "away_limit_s": pace.within_s(expected.site_away),
            "whole_limit_s": lasts + turns * pace.within_s(expected.whole),
            "must_be_fenced": sorted({name for role in expected.fenced for name in parts[role]}),
            "may_be_fenced": sorted({name for role in expected.may_be_fenced for name in parts[role]}),
            "moves": expected.moves,
            "finds": expected.finds,
            **self.circumstances,
        }


@dataclass(frozen=True)
class _Course:
    """Of one drill whose recording has begun. `parts`: role -> who has it."""

    runner: Runner
    drill: Drill
    guests: Guests
    parts: dict[str, list[str]]
    watch: Watch

    def run(self, report: Report) -> None:
        """Breaks the lab and watches it. HalabError, OSError."""
        pace, tell, recorder = self.watch.pace, self.runner.tell, self.watch.recorder
        if pace.slowness > 1:
            tell(f"this lab answers slowly: the limits are {pace.slowness:.1f} times as long")
        points = sorted({mount.point for mount in report.storage.mounts})
        place, lab = self.runner.place, self.runner.lab
        address = lab.site_url.removeprefix("http://").strip("/")
        with (
            self._liar() as liar_port,
            listening(place, lab, recorder, points[0] if points else "", address) as ears,
        ):
            files = {writer.node: writer.file for writer in ears.writers}
            try:
                self._listened_to(self._injector(liar_port), ears)
            except BaseException:
                if files:
                    with contextlib.suppress(HalabError):
                        self.guests.remove(files.values())
                raise
        self._compare(files)

    def _injector(self, liar_port: int) -> Injector:
        place, lab = self.runner.place, self.runner.lab
        endpoint = (lab.endpoint.address, lab.endpoint.port) if lab.endpoint else ("", 0)
        hands, patience_s = Hands(Connection(place.uri), place.lab), self.watch.pace.within_s(_TOOK)
        return Injector(self.guests, hands, self.watch.recorder, self.parts, endpoint, patience_s, liar_port)

    def _listened_to(self, injector: Injector, ears: Ears) -> None:
        self.watch.recorder.add("facts", when="before", **facts(self.guests, {}))
        time.sleep(QUIET_S)
        self._break(injector)
        self.watch.heal(self.drill, injector)
        ears.measure_clocks()
        time.sleep(QUIET_S)

    def _break(self, injector: Injector) -> None:
        drill, recorder = self.drill, self.watch.recorder
        lasts = drill.lasts.seconds(self.runner.stretch) if drill.lasts else None
        names = {role: ", ".join(self.parts[role]) for role in {one.role for one in drill.injections}}
        self.runner.tell(f"{drill.name}: {drill.does} ({'; '.join(names.values())})")
        began = time.monotonic()
        if drill.in_turn:
            self.watch.take_turns(drill, injector)
            return
        try:
            injector.put_in(drill, lasts)
            if lasts is not None:
                self.watch.look_on(began + lasts)
        finally:
            if drill.lasts is not None:
                injector.take_out(drill)
                recorder.add("over")

    @contextlib.contextmanager
    def _liar(self) -> Iterator[int]:
        """The port of the endpoint that lies, where the drill has one; 0. ConfigError."""
        if self.drill.lie is None:
            yield 0
            return
        runner, recorder = self.runner, self.watch.recorder
        names = {machine.uuid: machine.name for machine in runner.lab.machines}
        lasts_s = self.drill.lasts.seconds(runner.stretch) if self.drill.lasts else 0.0
        folder = runner.place.fencing / (runner.lab.endpoint.id if runner.lab.endpoint else "")

        def heard(uuid: str, action: str) -> None:
            recorder.add("lie", machine=names.get(uuid, uuid), action=action)

        with lying(folder, self.drill.lie, heard, lasts_s + _HEALTHY.seconds(runner.stretch)) as port:
            yield port

    def _compare(self, files: dict[str, str]) -> None:
        """What is there afterwards. A lab that cannot be asked has not passed, which is no error of the drill."""
        self.guests.forget()
        try:
            self.watch.recorder.add("facts", when="after", **facts(self.guests, files))
        except HalabError as error:
            self.watch.recorder.add("unanswered", text=str(error))
            self.runner.tell(f"the lab could not be looked at: {error}")
            return
        if files:
            self.guests.remove(files.values())
