"""What libvirt saw of machines, held against what the cluster says of its fencings, and what the drill did. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from halab.cli.drill import lines
from halab.cli.drill.recording import Event
from halab.cli.drill.timeline import Timeline

NEAR_S = 30.0
"""Two things that belong together are told of within this time."""
_OUR_STOPS = frozenset({("begun", "cut"), ("undone", "cycle")})
_OUR_RESETS = frozenset({"reset", "reboot", "crash"})
"""What a drill does to a machine that has it begin anew, or its kernel panic."""


def fenced(timeline: Timeline) -> list[tuple[str, float]]:
    """(node, host's time) of each fencing that succeeded, by the cluster's own words; each once."""
    found: list[tuple[str, float]] = []
    for line in timeline.found(lines.FENCED, since=timeline.run.began):
        assert line.found is not None
        node, t = line.found.node, line.t
        if not any(node == other and abs(t - then) < NEAR_S / 2 for other, then in found):
            found.append((node, t))
    return found


@dataclass(frozen=True)
class Power:
    """A run's machines as libvirt saw them."""

    timeline: Timeline

    @cached_property
    def successes(self) -> list[tuple[str, float]]:
        return fenced(self.timeline)

    def false_fencings(self) -> Iterator[tuple[str, str]]:
        """(node, what is wrong) of fencings that the cluster believes in, and that did not happen."""
        run = self.timeline.run
        stops, starts, resets = self._told("stopped"), self._told("started"), self._told("reboot")
        for node, t in self.successes:
            if self._device(node, t) in run.about.get("reset_by", ()):
                if not any(one["machine"] == node and run.began < one["t"] <= t + 1 for one in [*stops, *resets]):
                    yield node, f"{node} counts as fenced, and nothing has reset it"
                continue
            was_off = [one for one in stops if one["machine"] == node and one["t"] <= t + 1]
            came = [one for one in starts if one["machine"] == node and run.began < one["t"] <= t + NEAR_S]
            if not was_off:
                yield node, f"{node} counts as fenced, and libvirt has not switched it off"
            elif not came:
                yield node, f"{node} counts as restarted by its fencing, and libvirt has not switched it on"

    def unknown_stops(self) -> Iterator[str]:
        """Machines that lost their power, and neither the cluster nor the drill knows why."""
        ours = [one for one in self.timeline.run.of("injection") if (one["state"], one["what"]) in _OUR_STOPS]
        for stop in self._told("stopped"):
            node, t = stop["machine"], stop["t"]
            by_us = any(one["machine"] == node and abs(one["t"] - t) < NEAR_S / 2 for one in ours)
            if not by_us and not self._by_fencing(node, t):
                why = "" if stop["why"] == "destroyed" else f" ({stop['why']})"
                yield f"{node} was switched off{why}, and no fencing of the cluster's tells of it"

    def unknown_resets(self) -> Iterator[str]:
        """Machines that began anew, or panicked, and neither the cluster nor the drill knows why.

        Who may be fenced may be reset by its own watchdog as well: with SBD that is one way of it.
        """
        run, may = self.timeline.run, self.timeline.run.about["may_be_fenced"]
        seen = [(one["t"], one["machine"], "was reset") for one in self._told("reboot") if one["machine"] not in may]
        seen += [(one["t"], one["machine"], "crashed") for one in self._told("crashed")]
        panics = self.timeline.found(lines.PANICKED)
        seen += [(line.t, line.machine, "panicked") for line in panics if "end Kernel panic" not in line.text]
        for t, machine, what in sorted(seen):
            if not self._by_drill(machine, t) and not self._before_fencing(machine, t):
                when = f"{abs(t - run.began):.0f} s {'after' if t > run.began else 'before'} the failure"
                yield f"{machine} {what} {when}, and neither the drill nor a fencing did it"

    def _told(self, *events: str) -> list[Event]:
        return [one for one in self.timeline.run.of("power") if one["event"] in events]

    def _by_drill(self, machine: str, t: float) -> bool:
        """Whether the drill's own reset, reboot or crash of it was under way, until soon after its proof."""
        ours = [
            one
            for one in self.timeline.run.of("injection")
            if one["machine"] == machine and one["what"] in _OUR_RESETS and one["t"] <= t + 1
        ]
        return bool(ours) and (ours[-1]["state"] == "begun" or t <= ours[-1]["t"] + NEAR_S)

    def _by_fencing(self, machine: str, t: float) -> bool:
        return any(
            node == machine and self._asked(node, done) - NEAR_S < t < done + NEAR_S for node, done in self.successes
        )

    def _before_fencing(self, machine: str, t: float) -> bool:
        """Whether a fencing of it came later: its own watchdog is quicker than the others are to miss it."""
        return any(node == machine and self.timeline.run.began < t < done + NEAR_S for node, done in self.successes)

    def _asked(self, node: str, t: float) -> float:
        """When the fencing that succeeded at `t` was first asked for: one through a slow endpoint takes minutes."""
        began = self.timeline.run.began
        before = max((then for other, then in self.successes if other == node and then < t), default=began)
        asked = self.timeline.found(lines.DECIDED, lines.REQUESTED, node=node, since=before)
        return min((line.t for line in asked if line.t < t), default=t)

    def _device(self, node: str, t: float) -> str:
        """The device by which a node was fenced until `t`; empty: nobody named it."""
        found = self.timeline.found(lines.EXECUTED, node=node)
        used = [line.found.resource for line in found if line.found and line.t <= t + 1]
        return used[-1] if used else ""
