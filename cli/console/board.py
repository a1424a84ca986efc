"""What was heard last of each part of a lab, each with its own age: nobody waits for a machine that is silent."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from halab.cli.console.contract import Ages, Line, Overview
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.judgement import judge
from halab.cli.look.snapshot import Answer, Endpoint, Glance, Machine, Power, Site, Snapshot
from halab.cli.look.views import online, status_of
from halab.provider.hypervisor.machine.presence import Presence

_LINES = 200
_NOT_YET = "it was not asked yet"


class Board:
    """Written by those who ask, read by those who show. `changed` is called after each news."""

    def __init__(
        self,
        lab: str,
        known: Deployed,
        earlier: Snapshot | None,
        changed: Callable[[], None],
        declared: Iterable[str] = (),
    ) -> None:
        self._lab, self._known, self._changed, self._declared = lab, known, changed, tuple(sorted(declared))
        self._lock = threading.Lock()
        self._power: dict[str, Power] = {}
        self._answers = {m.uuid: m.answer for m in earlier.machines if m.answer} if earlier else {}
        self._glances: dict[str, Glance] = {}
        self._online: dict[str, tuple[float, frozenset[str]]] = {}
        self._silence = dict.fromkeys((machine.uuid for machine in known.machines), _NOT_YET)
        self._endpoint: Endpoint | None = None
        self._site: Site | None = None
        self._at: dict[str, float] = {}
        self._lines: deque[Line] = deque(maxlen=_LINES)

    def runs(self, uuid: str) -> bool:
        """Whether it is worth asking the machine."""
        with self._lock:
            return self._power.get(uuid, Power(Presence.UNKNOWN)).state.may_answer

    def powers(self, told: Mapping[str, Power]) -> frozenset[str]:
        """What libvirt says. The machines (UUID) whose power is another than before; none the first time."""
        with self._lock:
            other = frozenset(uuid for uuid, power in told.items() if self._power.get(uuid, power) != power)
            self._power.update(told)
            self._at["power"] = time.time()
        self._changed()
        return other

    def heard(self, uuid: str, said: Answer | str) -> None:
        """A machine's answer, or why there is none."""
        with self._lock:
            if isinstance(said, Answer):
                self._answers[uuid], self._silence[uuid] = said, ""
                self._sees(uuid, said.at, said.cluster)
            else:
                self._silence[uuid] = said
        self._changed()

    def glanced(self, uuid: str, said: Glance) -> None:
        """What a member said of the cluster alone."""
        with self._lock:
            self._glances[uuid] = said
            self._sees(uuid, said.at, said.cluster)
        self._changed()

    def _sees(self, uuid: str, at: float, cluster: str) -> None:
        """Keeps since when a member sees the members online that it sees."""
        since, before = self._online.get(uuid, (0.0, None))
        if at > since and (status := status_of(cluster)) and (now := online(status)) != before:
            self._online[uuid] = at, now

    def mute(self, uuid: str) -> bool:
        """Whether the machine was asked last in vain."""
        with self._lock:
            return self._silence[uuid] not in ("", _NOT_YET)

    def endpoint(self, said: Endpoint) -> None:
        with self._lock:
            self._endpoint, self._at["endpoint"] = said, time.time()
        self._changed()

    def site(self, said: Site) -> None:
        with self._lock:
            self._site, self._at["site"] = said, time.time()
        self._changed()

    def line(self, line: Line) -> None:
        with self._lock:
            self._lines.append(line)
        self._changed()

    def snapshot(self) -> Snapshot:
        """All of it, as it came."""
        with self._lock:
            machines = tuple(self._machine(one) for one in self._known.machines)
            return Snapshot(self._lab, time.time(), machines, self._endpoint, self._site)

    def overview(self) -> Overview:
        """All of it, judged as `halab status` judges it."""
        snapshot = self.snapshot()
        with self._lock:
            ages = Ages(*(self._at.get(key) for key in ("power", "endpoint", "site")))
            lines = tuple(sorted(self._lines, key=lambda line: line.at))
        return Overview(snapshot.at, judge(snapshot), ages, lines, "", self._declared)

    def _machine(self, known: KnownMachine) -> Machine:
        power = self._power.get(known.uuid, Power(Presence.UNKNOWN, "libvirt was not asked yet"))
        silence = self._silence[known.uuid] if power.state.may_answer else f"it is {power.state.value}"
        answer, glance = self._answers.get(known.uuid), self._glances.get(known.uuid)
        since, _ = self._online.get(known.uuid, (0.0, None))
        cluster = bool(known.cluster)
        return Machine(known.name, known.uuid, known.address, cluster, power, answer, silence, glance, since)
