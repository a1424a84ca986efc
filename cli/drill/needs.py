"""What a drill or an exercise needs of the lab, and how that is called where the lab does not have it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from halab.cli.drill.declaration import FENCING, GFS2, HALF, MAJORITY, NFTABLES, REDFISH, TWIN, Drill, halves
from halab.constructs.settings import Settings

NEEDS = {
    GFS2: "the site on GFS2 (site.storage)",
    REDFISH: "fencing by Redfish (fencing.method)",
    FENCING: "fencing (fencing.method)",
    MAJORITY: "three nodes or more (node_count)",
    NFTABLES: "halab's firewall in nftables (firewall; not on EL)",
}


@dataclass(frozen=True, slots=True)
class Here:
    """A lab that is deployed: how many nodes it has, and its settings."""

    nodes: int
    settings: Settings


def lacking(needs: Iterable[str], here: Here) -> list[str]:
    """What of that a lab does not have, in words that name the setting."""
    settings, fencing = here.settings, here.settings.fencing.methods
    has = {
        GFS2: settings.site.storage == "gfs2",
        REDFISH: "redfish" in fencing,
        FENCING: bool(fencing),
        MAJORITY: here.nodes > 2,  # of two that lose sight of each other the one that serves goes on
        NFTABLES: settings.firewall == "managed" and settings.image.platform.firewall == "nftables",
    }
    return [NEEDS[need] for need in sorted(needs) if not has[need]]


def unfit(drill: Drill, here: Here) -> list[str]:
    """What the lab has not of that which the drill breaks, or counts on; empty: it fits."""
    roles = {injection.role for injection in drill.injections}
    wanted = drill.needs | ({FENCING} if drill.expected.fenced else set())
    why = lacking(wanted, here)
    if HALF in roles and not halves(here.nodes):
        why.append("four nodes, or six, eight and so on (node_count)")
    if TWIN in roles and here.nodes != 2:
        why.append("two nodes (node_count)")
    return why
