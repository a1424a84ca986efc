"""Who is asked when. At a line of a journal: one member for the cluster, at once; then whom the change concerns."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from halab.cli.console.alarm import Alarm
from halab.cli.console.board import Board
from halab.cli.console.contract import Line
from halab.cli.console.glancing import Glances, concerned
from halab.cli.console.reaching import Reach, limit_s
from halab.cli.look import services
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Answer
from halab.cli.look.views import status_of
from halab.provisioners.pacemaker.status import ClusterStatus

POWER_S, SITE_S, ENDPOINT_S = 2.0, 5.0, 30.0
QUIET_S = 60.0
"""Between two looks at a machine to which nothing happens: an emulated one needs 0.4 to 0.65 s for its answer."""
SETTLED_S = 1.0
"""From a change to the looks at the machines that it concerns: the cluster is still at work, and asked first."""

_NO_CLUSTER = ClusterStatus("", None, False, False, False, True, *((),) * 6)
"""What is known of it while it runs nowhere."""


class Round:
    """The threads that ask one lab, each for one part of it."""

    def __init__(self, place: Place, lab: Deployed, board: Board, reach: Reach) -> None:
        self._place, self._lab, self._board, self._reach = place, lab, board, reach
        self._members = {machine.name: machine for machine in lab.machines if machine.cluster}
        self._looks = {machine.uuid: Alarm(QUIET_S) for machine in lab.machines}
        self._power_due, self._site_due, self._endpoint_due = Alarm(POWER_S), Alarm(SITE_S), Alarm(ENDPOINT_S)
        self._glances = Glances(tuple(self._members), self._glance)
        self._status: ClusterStatus | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Round:
        jobs: list[Callable[[], None]] = [partial(self._look, machine) for machine in self._lab.machines]
        jobs += [partial(_again, self._power_due, self._power), self._glance_on]
        if self._lab.site_url:
            jobs.append(partial(_again, self._site_due, self._site))
        if self._lab.endpoint:
            jobs.append(partial(_again, self._endpoint_due, self._endpoint))
        for job in jobs:
            threading.Thread(target=job, name="console", daemon=True).start()
        for machine in self._members.values():
            self._stack.enter_context(self._reach.journal(machine, partial(self._hear, machine)))
        return self

    def __exit__(self, *_: object) -> None:
        self._glances.stop()
        for alarm in (*self._looks.values(), self._power_due, self._site_due, self._endpoint_due):
            alarm.stop()
        self._stack.close()

    def wake(self) -> None:
        """Something was done from here: all are asked."""
        self._glances.want()
        for alarm in (*self._looks.values(), self._site_due):
            alarm.ring()

    def _look(self, machine: KnownMachine) -> None:
        """One machine, again and again."""
        due = self._looks[machine.uuid]
        while due.wait():
            if self._board.runs(machine.uuid):
                said = self._reach.look(machine)
                self._told(machine, said)
                self._board.heard(machine.uuid, said)
                due.rest(SETTLED_S)
        self._reach.close(machine)

    def _told(self, machine: KnownMachine, said: Answer | str) -> None:
        """What a look shows of the cluster counts until a member was glanced at: what starts after it is a change."""
        if isinstance(said, str) or machine.name not in self._members:
            return
        self._glances.answers(machine.name)
        if self._status is None:
            self._status = status_of(said.cluster) or _NO_CLUSTER

    def _glance_on(self) -> None:
        self._glances.run()
        self._reach.close_glances()

    def _glance(self, member: str) -> bool:
        """Asks a member for the cluster; whether one runs there."""
        machine = self._members[member]
        if not self._board.runs(machine.uuid):
            return False
        said = self._reach.glance(machine)
        if isinstance(said, str):
            self._looks[machine.uuid].ring()  # it says, or does not, why
            return False
        self._board.glanced(machine.uuid, said)
        if (status := status_of(said.cluster)) is None:
            self._looks[machine.uuid].ring(SETTLED_S)
            return False
        self._follow(status)
        return True

    def _follow(self, status: ClusterStatus) -> None:
        """Has looked at what may have changed with the cluster since it was seen last. The first looks go on."""
        before, self._status = self._status, status
        if before is None or before == status:
            return
        self._site_due.ring()
        for name in concerned(before, status):
            if machine := self._members.get(name):
                self._looks[machine.uuid].ring(SETTLED_S)

    def _power(self) -> None:
        for uuid in self._board.powers(self._reach.powers()):
            self._looks[uuid].ring()

    def _site(self) -> None:
        self._board.site(services.ask_site(self._lab.site_url, limit_s(self._lab)))

    def _endpoint(self) -> None:
        if known := self._lab.endpoint:
            self._board.endpoint(services.ask_endpoint(known, self._place.fencing / known.id))

    def _hear(self, machine: KnownMachine, text: str) -> None:
        """A line of a journal. What is no text (binary, or too long) only says that something happened."""
        self._glances.spoke(machine.name)
        if self._board.mute(machine.uuid):
            self._looks[machine.uuid].ring()
        try:
            entry = json.loads(text)
        except ValueError:
            return  # the line that a dying machine could not end
        if isinstance(said := entry.get("MESSAGE"), str):
            at, by = int(entry["__REALTIME_TIMESTAMP"]) / 1e6, entry.get("SYSLOG_IDENTIFIER", "")
            self._board.line(Line(at, machine.name, by, int(entry.get("PRIORITY", 6)), said.strip()))


def _again(due: Alarm, job: Callable[[], None]) -> None:
    while due.wait():
        job()
