"""Whether libvirt switches a machine on when the host starts."""

from __future__ import annotations

from typing import Any

from halab.provider.protocol import State


def put_autostart(domain: Any, state: State) -> None:
    """As declared; a machine that is to be off does not come up by itself."""
    domain.setAutostart(bool(state["autostart"] and state["running"]))


def autostart_of(domain: Any, declared: bool | None) -> bool:
    """As it is; of one that is off and stays off nobody sees what was declared."""
    if declared is not None and not domain.isActive() and not domain.autostart():
        return declared
    return bool(domain.autostart())
