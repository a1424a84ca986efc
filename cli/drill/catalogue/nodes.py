"""Whole machines that fail: crashes, power cuts, hangs, pauses."""

from __future__ import annotations

from halab.cli.drill.declaration import (
    ACTIVE,
    DC,
    IDLE,
    NODES,
    TARGET,
    Drill,
    Expected,
    Guest,
    Limit,
    Power,
)

_CRASH = "sync; echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger"
# The kernel prints it whatever the console's log level is.
_SHOWN = "Kernel panic - not syncing"
FAILOVER = Limit(34)
"""Two processors that emulate four machines take 46 to 81 s, two threads of one core the most."""
BACK = Limit(140)
"""Until a node that was fenced, or rebooted, is back with all that it runs. The slowest emulation took 316 s."""


def crash(role: str) -> Guest:
    """The kernel panics; nothing of the node's is written any more."""
    return Guest(role, _CRASH, kills=True, shown=_SHOWN, word="crash")


def _crash(role: str, who: str) -> Drill:
    return Drill(
        name=f"crash-{role}",
        does=f"the kernel of {who} crashes",
        happened="{who} crashed",
        injections=(crash(role),),
        expected=Expected(FAILOVER, BACK, fenced=(role,), moves=True if role == ACTIVE else None),
    )


DRILLS = (
    _crash(ACTIVE, "the node that serves the site"),
    _crash(DC, "the cluster's DC"),
    _crash(IDLE, "a node that has nothing special to do"),
    Drill(
        "power-cut",
        "the power of the active node is cut",
        "{who} lost its power",
        (Power(ACTIVE, "cut"),),
        Expected(FAILOVER, BACK, fenced=(ACTIVE,), moves=True),
    ),
    Drill(
        "power-cut-two",
        "the power of the active node and of one more is cut for a while: no quorum is left",
        "{who} lost their power",
        (Power(ACTIVE, "cut"), Power(IDLE, "cut")),
        Expected(Limit(80), Limit(160), may_be_fenced=(NODES,)),
        lasts=Limit(8),
    ),
    Drill(
        "power-cut-all",
        "the power of all machines is cut for a while, the target's too",
        "{who} lost their power",
        (Power(NODES, "cut"), Power(TARGET, "cut")),
        Expected(Limit(160), Limit(200), may_be_fenced=(NODES,)),
        lasts=Limit(3),
    ),
    Drill(
        "reset",
        "the active node is reset: it is back before the others miss it",
        "{who} was reset",
        (Power(ACTIVE, "reset"),),
        Expected(Limit(60), BACK, may_be_fenced=(ACTIVE,)),
        watch=Limit(20),
    ),
    Drill(
        "hang",
        "the active node stands still",
        "{who} stood still",
        (Power(ACTIVE, "suspend"),),
        Expected(FAILOVER, BACK, fenced=(ACTIVE,), moves=True),
    ),
    Drill(
        "pause",
        "the active node stands still for less than Corosync's token",
        "{who} stood still for a moment",
        (Power(ACTIVE, "suspend"),),
        Expected(Limit(3), Limit(60), moves=False),
        lasts=Limit(1.2),
        watch=Limit(6),
    ),
)
