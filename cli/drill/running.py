"""Carries out one drill on a deployed lab: listens, breaks, watches until it is whole again, and records all of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from halab.cli.drill.declaration import IDLE, OTHERS, Drill, Limit
from halab.cli.drill.guests import Guests, facts, roles
from halab.cli.drill.injecting import Injector
from halab.cli.drill.invariants import fenced
from halab.cli.drill.lines import SELF_FENCING
from halab.cli.drill.listening import listening
from halab.cli.drill.lying import lying
from halab.cli.drill.recording import FORMAT, Recorder, Run, read
from halab.cli.drill.timeline import Timeline
from halab.cli.fence.devices import devices
from halab.cli.look.deployed import Deployed
from halab.cli.look.health import LOOK_S, refuse_unhealthy, when_healthy
from halab.cli.look.place import Place
from halab.cli.look.report import Report
from halab.cli.look.status import look
from halab.cli.look.taking import Ways
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.machine.handling import Hands
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import HalabError
from halab.provisioners.pacemaker.status import ClusterStatus

_HEALTHY = Limit(20)
_FIRST_ANSWER = Limit(10)
_ANSWER = Limit(5)
"""How long a look waits for a machine that runs. While a drill listens to it, one among many has much to do."""
_MARGIN = 3.0
"""How many times as long as a healthy lab's look the limits leave to each look."""
_TOOK = Limit(60)
"""A reboot in order moves the site, unmounts, and leaves the cluster before the kernel says a word."""
_RESETS = {"sbd": "", "watchdog": SELF_FENCING}
"""Methods that reset a node instead of switching it off; how the journal calls their device, empty: by its name."""

QUIET_S = 3.0
"""How long clients are heard before anything is broken."""


@dataclass(frozen=True)
class Runner:
    """For one deployed lab. `tell` hears what is being done, a line each; `stretch` multiplies limits of KVM.

    `slowness` multiplies what has to be done in time, not what is done to the lab: a host with other work may be many
    times slower than the one that the limits were measured on, and its lab tells so before anything is broken.
    """

    place: Place
    lab: Deployed
    stretch: float
    circumstances: dict[str, Any]
    tell: Callable[[str], None]
    idle: str = ""
    """Who is to be the idle node, unless it serves the site; empty: whoever has least to do."""
    ways: Ways | None = None
    """Those over which a run looks at the lab."""
    slowness: float = 1.0

    def run(self, drill: Drill, folder: Path) -> Run:
        """The recorded run; what went wrong with the drill itself stands in it as an error, and is not raised."""
        recorder, guests = Recorder(folder), Guests(self.place, self.lab)
        try:
            with Ways(self.place.private_key) as ways:
                here = replace(self, ways=ways)
                report = when_healthy(here._first_look, _HEALTHY.seconds(self.stretch))
                replace(here, slowness=slowness(time.time() - report.at, self.stretch))._run(
                    drill, recorder, guests, report
                )
        except (HalabError, OSError) as error:
            recorder.add("error", text=str(error))
        finally:
            recorder.close()
            guests.forget()
        return read(folder)

    def _run(self, drill: Drill, recorder: Recorder, guests: Guests, report: Report) -> None:
        active = report.site.served_by if report.site else ""
        status = guests.status()
        parts = roles(guests, status, active)
        if self.idle in parts[OTHERS]:
            parts[IDLE] = [self.idle]
        recorder.add("run", **self._about(drill, guests, parts, status))
        refuse_unhealthy(report, "a drill")
        if self.slowness > 1:
            self.tell(f"this lab answers slowly: the limits are {self.slowness:.1f} times as long")
        points = sorted({mount.point for mount in report.storage.mounts})
        connection = Connection(self.place.uri)
        endpoint = (self.lab.endpoint.address, self.lab.endpoint.port) if self.lab.endpoint else ("", 0)
        hands, patience_s = Hands(connection, self.place.lab), self._within_s(_TOOK)
        address = self.lab.site_url.removeprefix("http://").strip("/")
        with (
            self._liar(drill, recorder) as liar_port,
            listening(self.place, self.lab, recorder, points[0] if points else "", address) as ears,
        ):
            injector = Injector(guests, hands, recorder, parts, endpoint, patience_s, liar_port)
            files = {writer.node: writer.file for writer in ears.writers}
            try:
                recorder.add("facts", when="before", **facts(guests, {}))
                time.sleep(QUIET_S)
                self._break(drill, injector, recorder, parts)
                self._heal(drill, recorder, parts)
                ears.measure_clocks()
                time.sleep(QUIET_S)
            except HalabError:
                with contextlib.suppress(HalabError):
                    _remove(guests, files)
                raise
        guests.forget()
        recorder.add("facts", when="after", **facts(guests, files))
        _remove(guests, files)

    @contextlib.contextmanager
    def _liar(self, drill: Drill, recorder: Recorder) -> Iterator[int]:
        """The port of the endpoint that lies, where the drill has one; 0. ConfigError."""
        if drill.lie is None:
            yield 0
            return
        names = {machine.uuid: machine.name for machine in self.lab.machines}
        lasts_s = drill.lasts.seconds(self.stretch) if drill.lasts else 0.0
        folder = self.place.fencing / (self.lab.endpoint.id if self.lab.endpoint else "")

        def heard(uuid: str, action: str) -> None:
            recorder.add("lie", machine=names.get(uuid, uuid), action=action)

        with lying(folder, drill.lie, heard, lasts_s + _HEALTHY.seconds(self.stretch)) as port:
            yield port

    def _break(self, drill: Drill, injector: Injector, recorder: Recorder, parts: dict[str, list[str]]) -> None:
        lasts = drill.lasts.seconds(self.stretch) if drill.lasts else None
        names = {role: ", ".join(parts[role]) for role in {one.role for one in drill.injections}}
        self.tell(f"{drill.name}: {drill.does} ({'; '.join(names.values())})")
        began = time.monotonic()
        if drill.in_turn:
            self._take_turns(drill, injector, recorder)
            return
        try:
            injector.put_in(drill, lasts)
            if lasts is not None:
                self._look_on(recorder, began + lasts, self._must(drill, parts))
        finally:
            if drill.lasts is not None:
                injector.take_out(drill)
                recorder.add("over")

    def _take_turns(self, drill: Drill, injector: Injector, recorder: Recorder) -> None:
        """The next machine's turn comes when the lab is whole again, and not at all when it was not in time."""
        within_s = self._within_s(drill.expected.whole)
        for name in injector.in_turn(drill):
            end = time.monotonic() + within_s
            while time.monotonic() < end:
                report = self._look(recorder)
                if report.healthy and not self._is_away(recorder, name):
                    break
                time.sleep(_pause_s(report))
            else:
                return
        recorder.add("over")

    @staticmethod
    def _is_away(recorder: Recorder, name: str) -> bool:
        """Whether a machine has not booted since it was its turn, by the boots that its journal was heard of."""
        turn = [one["t"] for one in recorder.events("injection") if one["machine"] == name and one["state"] == "took"]
        heard = [one for one in recorder.events("journal") if one["machine"] == name]
        before = {one["boot"] for one in heard if one["t"] <= turn[-1]}
        return not {one["boot"] for one in heard} - before

    def _look_on(self, recorder: Recorder, until: float, must: set[str]) -> None:
        """Watches until a moment (monotonic), or until all that has to be fenced was and the lab is whole again."""
        last = until - self._within_s(_ANSWER)  # a look that begins later may last longer
        while time.monotonic() < last:
            report = self._look(recorder)
            if report.healthy and must and must <= self._fenced(recorder):
                return
            time.sleep(min(_pause_s(report), max(0.0, last - time.monotonic())))
        time.sleep(max(0.0, until - time.monotonic()))

    def _heal(self, drill: Drill, recorder: Recorder, parts: dict[str, list[str]]) -> None:
        """Watches until the lab is whole, all that has to be fenced was, and nothing more is to be expected."""
        began = recorder.events("injection")[0]["t"]
        at_least = began + max(drill.watch.seconds(self.stretch), 0.0)
        over = recorder.events("over")
        end = (over[0]["t"] if over else began) + self._within_s(drill.expected.whole)
        must, since = self._must(drill, parts), 0.0
        while True:
            report = self._look(recorder)
            now = time.time()
            since = (since or report.at) if report.healthy else 0.0
            if report.healthy and now >= at_least and must <= self._fenced(recorder):
                recorder.add("whole", since)
                self.tell(f"whole again {since - began:.0f} s after the failure")
                return
            if now > end:
                self.tell(f"not whole within {end - began:.0f} s")
                return
            time.sleep(_pause_s(report))

    def _within_s(self, limit: Limit) -> float:
        return limit.seconds(self.stretch) * self.slowness

    def _first_look(self) -> Report:
        return look(self.place, _FIRST_ANSWER.seconds(self.stretch), self.ways)

    def _look(self, recorder: Recorder) -> Report:
        report = look(self.place, self._within_s(_ANSWER), self.ways)
        faults = [f"{fault.what} {fault.text}" for fault in report.faults]
        states = {one.name: one.cluster for one in report.machines}
        if not (seen := recorder.events("look")) or seen[-1]["faults"] != faults:
            recorder.add("look", report.at, faults=faults, states=states)
            self.tell(f"  {_short(faults)}")
        return report

    @staticmethod
    def _must(drill: Drill, parts: dict[str, list[str]]) -> set[str]:
        return {name for role in drill.expected.fenced for name in parts[role]}

    @staticmethod
    def _fenced(recorder: Recorder) -> set[str]:
        return {node for node, _ in fenced(Timeline(recorder.so_far("")))}

    def _about(
        self, drill: Drill, guests: Guests, parts: dict[str, list[str]], status: ClusterStatus
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
            "slowness": self.slowness,
            "away_limit_s": self._within_s(expected.site_away),
            "whole_limit_s": lasts + turns * self._within_s(expected.whole),
            "must_be_fenced": sorted({name for role in expected.fenced for name in parts[role]}),
            "may_be_fenced": sorted({name for role in expected.may_be_fenced for name in parts[role]}),
            "moves": expected.moves,
            "finds": expected.finds,
            **self.circumstances,
        }


def slowness(look_s: float, stretch: float) -> float:
    """By how much a lab whose first look took so long is slower than one that the limits are made for; 1 at least."""
    return max(1.0, _MARGIN * look_s / _ANSWER.seconds(stretch))


def _pause_s(report: Report) -> float:
    """As long as the look took: looking may take a busy lab no more than half of its processors."""
    return max(LOOK_S, time.time() - report.at)


def _short(faults: list[str]) -> str:
    """What is wrong in one line of a terminal."""
    heads = list(dict.fromkeys(fault.split(":")[0].split(" (")[0] for fault in faults))
    more = f", and {len(heads) - 3} more" if len(heads) > 3 else ""
    return ", ".join(heads[:3]) + more if heads else "nothing is wrong"


def _remove(guests: Guests, files: dict[str, str]) -> None:
    """The writers' files, which all nodes share."""
    if files:
        guests.host(guests.nodes[0].name).ask(cmd("rm", "-f", "--", *files.values()))
