"""fence_virsh's other end without a shell: a prompt, and the four commands of virsh that the agent uses.

The agent takes everything for "off" that has neither "running" nor "error:" in it: so whatever is refused or fails says
"error:". It says that of an unknown name in words of its own: with --missing-as-off the agent takes virsh's own words
for "off", and a name that was mistyped would count as fenced.
"""

from __future__ import annotations

import logging
import re
from typing import Final

from halab.provider.fencing.doors.power import Power, PowerFailed
from halab.provider.fencing.doors.terminal import Dialogue

log = logging.getLogger("halab.power")

PROMPT: Final = "[EXPECT]# "
_LINE = re.compile(r"virsh +(?:(list) --all|(domstate|start|destroy) +([A-Za-z0-9._-]+))")


class Virsh(Dialogue):
    """One session of `peer`."""

    def __init__(self, power: Power, peer: str) -> None:
        super().__init__()
        self._power, self._peer = power, peer

    def begin(self) -> str:
        """The prompt."""
        return PROMPT

    def answer(self, line: str) -> str:
        """For one command."""
        if line in ("quit", "exit"):
            self.ended = True
            return ""
        if not line:
            return PROMPT
        try:
            said = self._command(line)
        except PowerFailed as failed:
            log.error("virsh: %s", failed)
            said = f"error: {failed}"
        return f"{said}\n\n{PROMPT}"

    def _command(self, line: str) -> str:
        match = _LINE.fullmatch(line)
        if match is None:
            log.warning("virsh: %s: refused %r", self._peer, line)
            return "error: not part of fencing"
        if match[1]:
            return self._list()
        verb, name = match[2], match[3]
        uuid = self._power.find(name)
        if uuid is None:
            log.warning("virsh: %s: %s of %r, which is no machine of this lab", self._peer, verb, name)
            return f"error: {name!r} is no machine of this lab"
        if verb == "domstate":
            return "running" if self._power.is_on(uuid) else "shut off"
        log.info("virsh: %s: %s %s", self._peer, verb, name)
        self._power.switch(uuid, "on" if verb == "start" else "off")
        if verb == "start" and not self._power.is_on(uuid):
            return f"error: the machine {name!r} was removed"
        return f"Domain '{name}' {'started' if verb == 'start' else 'destroyed'}"

    def _list(self) -> str:
        rows = [f" {'Id':<4} {'Name':<36} State", "-" * 54]
        for number, state in enumerate(self._power.states().values(), 1):
            id_, word = state.word(str(number), "-", str(number)), state.word("running", "shut off", "no state")
            rows.append(f" {id_:<4} {state.name:<36} {word}")
        return "\n".join(rows)
