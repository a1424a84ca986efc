"""Everything halab raises on purpose. Each error can be shown to a user as it is.

`summary` is the headline, `detail` says what was seen and what to do next, `attribute` names the setting at fault.
"""

from __future__ import annotations


class HalabError(Exception):
    """Base of all our errors."""

    def __init__(self, summary: str, detail: str = "", attribute: str | None = None) -> None:
        super().__init__(f"{summary}: {detail}" if detail else summary)
        self.summary, self.detail, self.attribute = summary, detail, attribute


class ConfigError(HalabError):
    """A setting is wrong; `attribute` names it."""


class ConnectError(HalabError):
    """A machine that runs does not answer. It is not known what is on it."""


class ConnectionLost(ConnectError):
    """It broke while a command ran there: whether that took effect is not known."""


class AuthError(ConnectError):
    """The machine refused our key."""


class HostKeyError(ConnectError):
    """The machine shows another host key than the one that was pinned."""


class Paused(ConnectError):
    """The machine's hypervisor, or a person, has it stand still: it answers when it was resumed."""


class Unmarked(ConnectError):
    """The machine has lost the lab's mark: where it answers is not known. It is there, and so is what is in it."""


class CommandFailed(HalabError):
    """A command ran and gave an exit status that its caller does not accept."""

    def __init__(self, summary: str, detail: str = "", attribute: str | None = None, *, rc: int = -1) -> None:
        super().__init__(summary, detail, attribute)
        self.rc = rc


class ClusterNotRunning(HalabError):
    """Machines answer, but on none of them does the cluster run."""


class CibRejected(CommandFailed):
    """The CIB manager refused a change for another reason than a concurrent one."""


class UnexpectedOutput(HalabError):
    """A tool answered in a form we cannot read."""


class TimedOut(HalabError):
    """A state that should come did not come in time."""


class Conflict(HalabError):
    """Something that halab did not make, or made differently, is in the way."""


class NotSupported(HalabError):
    """What was asked for is not possible on this platform."""


class Interrupted(HalabError):
    """Terraform asked us to stop."""

    def __init__(self, what: str = "") -> None:
        super().__init__("Interrupted", f"Stopped while waiting for {what}." if what else "Stopped on request.")
