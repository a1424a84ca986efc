"""Whether a node's DLM answers: it stands still without quorum, and while it waits for a lost node to be fenced."""

from __future__ import annotations

from halab.provisioners.corosync.quorate import quorate
from halab.provisioners.engine.command import script
from halab.provisioners.engine.errors import HalabError
from halab.provisioners.engine.host import Host

_LOCKSPACES = "/sys/kernel/dlm"
PATIENCE_S = 5
"""A lockspace stands still for about a second, too, whenever a node joins or leaves it."""
# The kernel tells how far a lockspace has come: 0 from the moment in which it is stopped until dlm_controld starts it
# again. Reading this waits for nobody. Prints those that stand still all the time. $1: seconds, $2: where it tells.
LOOK = """# see which lockspaces stand still
tries=$(($1 * 5))
while :; do
  still=
  for told in "$2"/*/recover_status; do
    [ -e "$told" ] && IFS= read -r status < "$told" && [ "$status" = 0 ] || continue
    space=${told%/recover_status}; still="$still ${space##*/}"
  done
  [ -n "$still" ] && [ "$tries" -gt 0 ] || break
  tries=$((tries - 1)); sleep 0.2
done
printf '%s\\n' $still
"""


class StandsStill(HalabError):
    """What a cluster's lock manager guards answers nobody now: it is neither read nor written. It may end by itself."""


class NoQuorum(StandsStill):
    """No member of the cluster that answers has quorum."""

    def __init__(self, cluster: str) -> None:
        super().__init__(
            f"cluster {cluster} has no quorum",
            "GFS2 and its locks stand still until quorum is back: whoever reads or writes there waits without end. "
            "Switch on the nodes that are off, or have those that are gone for good made anew; a deploy does both. See "
            'docs/runbook.md, "After quorum was lost".',
        )


class LocksWait(StandsStill):
    """There is quorum, and DLM has stopped these lockspaces: a node was lost, and nobody has fenced it yet."""

    def __init__(self, cluster: str, node: str, lockspaces: list[str]) -> None:
        super().__init__(
            f"DLM of cluster {cluster} stands still ({', '.join(lockspaces)})",
            "GFS2 answers nobody until the nodes that were lost are fenced. `halab status` names them, `halab fence "
            f"NODE` fences one by hand, `halab fence --test` tries the devices, and `dlm_tool ls` on {node} tells for "
            'what DLM waits. See docs/runbook.md, "Fence test".',
        )


def lockspaces_that_stand_still(host: Host, lockspaces: str = _LOCKSPACES) -> list[str]:
    """Names of DLM's lockspaces on this node that were stopped and not started again within PATIENCE_S."""
    return host.look(script(LOOK, PATIENCE_S, lockspaces)).stdout.split()


def refuse_standing(host: Host, cluster: str) -> bool:
    """Whether Corosync answers there; then DLM goes on on this node. Raises NoQuorum, LocksWait."""
    if (votes := quorate(host)) is False:
        raise NoQuorum(cluster)
    if votes and (still := lockspaces_that_stand_still(host)):
        raise LocksWait(cluster, host.name, still)
    return votes is True
