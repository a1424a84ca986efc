"""The console of a WTI network power switch, as fence_wti reads it: plugs are the lab's machines.

Screens are those of an IPS-800 and an NPS. `/S` shows the plugs, `/SG` the groups (there are none), `/ON N,y`,
`/OFF N,y` and `/BOOT N,y` switch, `/X` leaves. A plug whose state libvirt does not tell is ERR: the
agent takes it for neither.
"""

from __future__ import annotations

import hmac
import logging
import re
from typing import Final

from halab.provider.fencing.doors.power import Action, Power, PowerFailed
from halab.provider.fencing.doors.terminal import Dialogue

log = logging.getLogger("halab.power")

PROMPT: Final = "\nIPS> "
_RULE = "-----+------------------+-------------+--------+-----------------+---------+"
_HEAD = "Plug | Name             | Password    | Status | Boot/Seq. Delay | Default |"
_GROUPS = "GROUP NAME       | PLUG | PLUG NAME        | STATUS | DEFAULT |"
_VERBS: dict[str, Action] = {"/ON": "on", "/OFF": "off", "/BOOT": "cycle"}
_PLUG = re.compile(r"0*([1-9][0-9]?)\s*(,\s*y)?", re.IGNORECASE)


class Wti(Dialogue):
    """One session of `peer`. `password`: asked for first; None where the transport has done that."""

    def __init__(self, power: Power, peer: str, password: str | None) -> None:
        super().__init__()
        self._power, self._peer, self._password = power, peer, password
        self._sure: tuple[Action, int] | None = None  # waits for a yes
        self.echo = password is None

    def begin(self) -> str:
        """The question for the password, or the plugs."""
        return "\nPassword: " if self._password is not None else self._welcome()

    def answer(self, line: str) -> str:
        """For the password, for a yes, or for a command."""
        if self._password is not None:
            return self._log_in(line)
        if self._sure is not None:
            (action, plug), self._sure = self._sure, None
            return (self._switch(action, plug) if line.upper() == "Y" else "") + PROMPT
        word, _, rest = line.partition(" ")
        match word.upper():
            case "/X":
                self.ended = True
                return ""
            case "":
                return PROMPT
            case "/S":
                return self._screen() + PROMPT
            case "/SG":
                return f"{_GROUPS}\n{'-' * len(_GROUPS)}\n{PROMPT}"
            case verb if verb in _VERBS:
                return self._command(_VERBS[verb], rest)
        return "Invalid command\n" + PROMPT

    def _log_in(self, line: str) -> str:
        if not hmac.compare_digest(line, self._password or ""):
            log.warning("wti: %s: wrong password", self._peer)
            # Hang up: at a second question fence_wti would wait until Pacemaker ends it.
            self.ended = self.refused = True
            return "\nInvalid password\n"
        self._password, self.echo = None, True
        return self._welcome()

    def _welcome(self) -> str:
        return "\n" + self._screen() + PROMPT

    def _command(self, action: Action, rest: str) -> str:
        match = _PLUG.fullmatch(rest.strip())
        if match is None or self._power.machines.at_plug(int(match[1])) is None:
            return "Invalid plug\n" + PROMPT
        if match[2] is None:
            self._sure = action, int(match[1])
            return "Are you sure? (Y/N): "
        return self._switch(action, int(match[1])) + PROMPT

    def _switch(self, action: Action, plug: int) -> str:
        uuid = self._power.machines.at_plug(plug)
        if uuid is None:
            return "Invalid plug\n"
        log.info("wti: %s: plug %d %s", self._peer, plug, action)
        try:
            self._power.switch(uuid, action)
        except PowerFailed as failed:
            log.error("wti: %s", failed)
            return f"Plug {plug} was not switched\n"
        return self._screen()

    def _screen(self) -> str:
        try:
            states = self._power.states()
        except PowerFailed as failed:
            log.error("wti: %s", failed)
            return "No plug's status is known now\n"
        rows = []
        for plug, uuid in sorted(self._power.machines.plugs().items()):
            if state := states.get(uuid):
                word = state.word("ON", "OFF", "ERR")
                rows.append(
                    f" {plug:<3} | {state.name[:16]:<16} | (undefined) | {word:^6} |     0.5 Secs    |   ON    |"
                )
        return "\n".join(["Internet Power Switch v1.41d    Site ID: halab", "", _HEAD, _RULE, *rows, _RULE, ""])
