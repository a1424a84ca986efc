"""Which devices fenced a node: the journals of the nodes that had them do it tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import ceil

from halab.cli.drill import lines
from halab.cli.drill.guests import Guests
from halab.provisioners.engine.command import Command, cmd
from halab.provisioners.engine.errors import HalabError

_MORE_S = 5
"""What was asked for a moment ago is a little longer ago for a guest whose clock was set meanwhile."""


def who_fenced(guests: Guests, asked: list[str], node: str, took_s: float) -> tuple[str, ...]:
    """The devices that succeeded within the last seconds, each once; empty when no journal of these nodes tells.

    Pacemaker's status names the node that did it, not the device. The fencing is proven without: who cannot be asked
    changes nothing.
    """
    question = journal(took_s + _MORE_S)

    def told(name: str) -> list[str]:
        try:
            return list(devices(guests.host(name).ask(question).stdout, node))
        except (HalabError, ValueError):
            return []

    with ThreadPoolExecutor(max(1, len(asked))) as pool:
        return tuple(dict.fromkeys(device for found in pool.map(told, asked) for device in found))


def journal(last_s: float) -> Command:
    """Asks for what Pacemaker wrote in the last seconds, an entry a line."""
    fields = "--output-fields=MESSAGE,SYSLOG_IDENTIFIER"
    return cmd(
        *("journalctl", "--quiet", "--no-pager", "--unit=pacemaker", "--output=json", fields),
        f"--since=-{ceil(last_s)}s",
        timeout_s=30,
    )


def devices(text: str, node: str) -> Iterator[str]:
    """The devices that fenced a node, in the order of such a journal. ValueError."""
    for entry in map(json.loads, text.splitlines()):
        if not isinstance(message := entry.get("MESSAGE"), str):
            continue  # no UTF-8
        found = lines.meaning(entry.get("SYSLOG_IDENTIFIER", ""), message)
        if found and (found.event, found.node) == (lines.EXECUTED, node):
            yield found.resource
