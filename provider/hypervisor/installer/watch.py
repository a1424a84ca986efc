"""Follows an installation by its console: stages, failures, hangs, the end. What it sees is passed in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from halab.images.installation import Installation
from halab.provider.hypervisor.machine.console import CONTROL, last_lines
from halab.provisioners.engine.errors import HalabError

_REBOOT = re.compile(r"reboot: Restarting system|Rebooting\.\r?$", re.MULTILINE)
_PANIC = re.compile(r"Kernel panic - not syncing[^\r\n]*|halab initramfs: [^\r\n]*")
_JOURNAL = re.compile(r"^(?:\[ *[0-9.]+\] )?[\w.-]+\[[0-9]+\]: (?:Warning: )?")  # "[   61.123456] anaconda[1234]: "
_LINES_SHOWN = 20


class InstallFailed(HalabError):
    """The installer gave up, hangs, or went away before it had finished."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the installer's machine. `stuck`: why the hypervisor holds it; it was taken before `console`."""

    running: bool
    console: str
    stuck: str = ""


class InstallerWatch:
    """`look` is called again and again with what is seen; it knows what all looks together mean.

    `silence_s`: after how long without a new character on the console the installer counts as hanging.
    `hide`: removes secrets from what a console printed.
    """

    def __init__(
        self,
        installation: Installation,
        name: str,
        *,
        silence_s: float,
        clock: Callable[[], float],
        report: Callable[[str], None],
        hide: Callable[[str], str],
    ) -> None:
        self._installation, self._name, self._silence_s = installation, name, silence_s
        self._clock, self._report, self._hide = clock, report, hide
        self._began = self._changed = clock()
        self._console = ""
        self._reached = -1  # index of the stage

    @property
    def stage(self) -> str:
        """The stage that was reached."""
        return self._installation.stages[self._reached].name if self._reached >= 0 else "the installer's kernel boots"

    def look(self, seen: Seen) -> bool | None:
        """True: its machine is off. None: it is under way. Raises InstallFailed."""
        if seen.console != self._console:
            self._console, self._changed = seen.console, self._clock()
            self._note_stage()
        if reason := self._given_up(seen.console):
            raise self.failure("failed", reason)
        if seen.stuck:
            raise self.failure("failed", seen.stuck)
        if not seen.running:
            return True
        silent_s = self._clock() - self._changed
        if silent_s >= self._silence_s:
            raise self.failure("hangs", f"Nothing was printed on its console for {silent_s / 60:.0f} min.")
        return None

    def unfinished(self, missing: str) -> InstallFailed:
        """The error when it is off, but had not come to its end. `missing`: how that is known."""
        if _REBOOT.search(self._console):
            return self.failure("ended with a reboot", f"{missing} {_ONLY_POWEROFF}")
        return self.failure("ended too early", f"Its machine is off. {missing}")

    def failure(self, how: str, reason: str) -> InstallFailed:
        """The error for a user: at which stage, why, and the console's last lines."""
        minutes = (self._clock() - self._began) / 60
        return InstallFailed(
            f"the installation of {self._name} {how} at the stage: {self.stage}",
            f"{self._hide(reason)}\nIt ran for {minutes:.1f} min. {self.shown()}",
        )

    def shown(self) -> str:
        """The end of the console, for people."""
        lines = self._hide(last_lines(self._console, _LINES_SHOWN))
        return f"The last lines on its console:\n{lines or '(nothing)'}"

    def whole_console(self) -> str:
        """All that was printed, without secrets."""
        return self._hide(self._console)

    def _note_stage(self) -> None:
        """A console that began a new file shows no earlier stages: it never goes back."""
        for index, stage in enumerate(self._installation.stages):
            if index > self._reached and stage.pattern.search(self._console):
                self._reached = index
                self._report(stage.name)

    def _given_up(self, console: str) -> str | None:
        panic = _PANIC.search(console)
        reason = self._installation.failure(console) or (panic.group(0) if panic else None)
        return reason and _plain(reason)


def _plain(text: str) -> str:
    """Words for people: without control sequences, blank lines, and what the journal puts before each line."""
    lines = (_JOURNAL.sub("", CONTROL.sub("", line)).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


_ONLY_POWEROFF = (
    "An answer file for an image must switch the machine off when all is done: `poweroff` in a kickstart, "
    "`d-i debian-installer/exit/poweroff boolean true` in a preseed file."
)
