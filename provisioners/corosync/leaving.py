"""How a node stops taking part in its cluster, whatever state it is in."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from halab.provisioners.engine.command import script
from halab.provisioners.engine.host import Host

log = logging.getLogger(__name__)

# $1 seconds. A node that cannot stop (no quorum, hung storage) is killed: it must be gone, and its peers fence it.
STOP = """\
if ! timeout "$1" systemctl stop pacemaker; then
  echo killed
  systemctl kill -s KILL pacemaker || true
  systemctl stop pacemaker
fi
systemctl stop corosync
"""


@dataclass(frozen=True, slots=True)
class Stop:
    """Step: stop Pacemaker and Corosync on this node, gracefully within a limit; then what `after` says in shell."""

    limit_s: int
    what: str = "stop pacemaker and corosync"
    after: str = ""

    def run(self, host: Host) -> None:
        # Beyond the limit: systemd's own time to kill, and corosync's stop
        text = f"# {self.what}\n{STOP}{self.after}"
        result = host.ask(script(text, self.limit_s, timeout_s=self.limit_s + 180))
        if "killed" in result.stdout.split():
            log.warning("%s: pacemaker did not stop within %d s and was killed", host.name, self.limit_s)

    def __str__(self) -> str:
        return self.what
