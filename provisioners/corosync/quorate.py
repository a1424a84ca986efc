"""Whether a node has quorum, as Corosync itself tells: DLM, and with it GFS2, goes by that."""

from __future__ import annotations

from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import HalabError
from halab.provisioners.engine.host import Host

# corosync-quorumtool(8): 0 = quorate, 1 = Corosync did not answer, 2 = not quorate
_NOT_ANSWERED, _NOT_QUORATE = 1, 2
QUORATE = cmd("corosync-quorumtool", "-s", ok=(0, _NOT_ANSWERED, _NOT_QUORATE))


class NoQuorum(HalabError):
    """No member of a cluster that answers has quorum: what its lock manager guards is neither read nor written.

    Whoever did would wait without end.
    """

    def __init__(self, cluster: str) -> None:
        super().__init__(
            f"cluster {cluster} has no quorum",
            "GFS2 and its locks stand still until quorum is back: whoever reads or writes there waits without end. "
            "Switch on the nodes that are off, or have those that are gone for good made anew; a deploy does both. See "
            'docs/runbook.md, "After quorum was lost".',
        )


def quorate(host: Host) -> bool | None:
    """Whether this node has quorum; None where no Corosync answers."""
    rc = host.look(QUORATE).rc
    return None if rc == _NOT_ANSWERED else rc == 0
