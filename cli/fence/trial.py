"""Every device tried: its monitor, its list, and then each method fired once at a node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from halab.cli.fence import asking
from halab.cli.fence.devices import Device, devices
from halab.cli.fence.evidence import REBOOT
from halab.cli.fence.firing import Fired, Firing
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import HalabError


@dataclass
class Row:
    """A device and what came of it. Seconds, None where it was not asked; `fault` is empty while all is well.

    `targets`: what the agent lists, its numbers and its names, each once.
    """

    device: Device
    monitor_s: float | None = None
    list_s: float | None = None
    targets: list[str] = field(default_factory=list)
    fired: Fired | None = None
    back_s: float | None = None
    fault: str = ""


@dataclass(frozen=True)
class Trial:
    """Of one lab's devices."""

    firing: Firing
    tell: Callable[[str], None]

    def look(self) -> list[Row]:
        """Each device's monitor, and its list where its agent has one. HalabError."""
        rows = [Row(device) for device in devices(self.firing.guests.status())]
        lists: dict[str, bool] = {}
        for row in rows:
            try:
                self._look(row, lists)
            except HalabError as error:  # the node on which it runs is mute: the other devices are asked all the same
                row.fault = str(error)
        return rows

    def _look(self, row: Row, lists: dict[str, bool]) -> None:
        """`lists`: whether an agent has one, for those that were asked."""
        agent, node = row.device.agent, row.device.runs_on
        if not node:
            row.fault = "it is not started: halab status says why"
            return
        if agent not in lists:
            lists[agent] = asking.knows(self.firing.guests.host(node).ask(asking.metadata(agent)), "list")
        row.monitor_s, row.fault = self._timed(node, asking.monitor(row.device.name), "monitor")
        if lists[agent] and not row.fault:
            said: list[Result] = []
            row.list_s, row.fault = self._timed(node, asking.targets(row.device.name), "list", said.append)
            row.targets = [] if row.fault else asking.listed(said[0])

    def due(self, rows: Sequence[Row], node: str) -> list[Row]:
        """What is to be fired: for each method the first row that can fence the node and has no fault. HalabError.

        A method that has no device for the node gets that as its fault.
        """
        able = {device.name for device in self.firing.able(node)}
        methods = {row.device.method for row in rows if row.device.name in able}
        found: dict[str, Row] = {}
        for row in rows:
            if row.device.method not in methods:
                row.fault = row.fault or f"cannot fence {node}"
            elif row.device.name in able and not row.fault:
                found.setdefault(row.device.method, row)
        return list(found.values())

    def fire(self, due: Sequence[Row], node: str) -> None:
        """Each of these once, alone; after each, fenced or not, the node has to be a member again.

        One after which the node does not come back is the last: the others say that they were not tried.
        """
        for at, row in enumerate(due):
            method = row.device.method
            self.tell(f"{method}: {row.device.name} fences {node}")
            try:
                self._fire(row, node)
            except HalabError as error:
                row.fault = "; ".join(filter(None, (row.fault, str(error))))
                self.tell(f"{method}: {error}")
                self._end(due[at + 1 :], method)
                return

    def _fire(self, row: Row, node: str) -> None:
        method, boot = row.device.method, self.firing.boot_id(node)
        row.fired = self.firing.fire(node, REBOOT, row.device)
        row.fault = row.fired.fault
        if row.fault:
            self.tell(f"{method}: failed after {row.fired.took_s:.1f} s: {row.fault}")
            boot = ""  # it may have been stopped, reset or left alone: any boot in which it is a member will do
        else:
            self.tell(f"{method}: fenced after {row.fired.took_s:.1f} s ({row.fired.proof})")
        row.back_s = self.firing.back_s(node, boot)
        self.tell(f"{method}: {node} is a member again after {row.back_s:.0f} s more")

    def _end(self, left: Iterable[Row], method: str) -> None:
        for row in left:
            row.fault = f"not tried: the trial ended with {method}"
            self.tell(f"{row.device.method}: {row.fault}")

    def _timed(
        self, node: str, question: Command, what: str, keep: Callable[[Result], object] = lambda _: None
    ) -> tuple[float, str]:
        began = time.monotonic()
        answer = self.firing.guests.host(node).attempt(question)
        took_s = time.monotonic() - began
        keep(answer)
        fault = asking.refusal(answer)
        return took_s, f"{what}: {fault}" if fault else ""
