"""Whether a node has quorum, as Corosync itself tells: DLM, and with it GFS2, goes by that."""

from __future__ import annotations

from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.host import Host

# corosync-quorumtool(8): 0 = quorate, 1 = Corosync did not answer, 2 = not quorate
_NOT_ANSWERED, _NOT_QUORATE = 1, 2
QUORATE = cmd("corosync-quorumtool", "-s", ok=(0, _NOT_ANSWERED, _NOT_QUORATE))


def quorate(host: Host) -> bool | None:
    """Whether this node has quorum; None where no Corosync answers."""
    rc = host.look(QUORATE).rc
    return None if rc == _NOT_ANSWERED else rc == 0
