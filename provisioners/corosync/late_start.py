"""Corosync's start after a boot: not before the other nodes have noticed that this one was gone."""

from __future__ import annotations

from halab.provisioners.engine.durable import KEEP, KEPT
from halab.provisioners.engine.survey import Says

_SCRIPT = "/etc/halab/corosync-wait"
_DROP_IN = "/etc/systemd/system/corosync.service.d/halab.conf"

# A fenced node that boots faster than the others notice its loss (token, consensus) hears of its own fencing after it
# has joined again, and Pacemaker stops there for good. So Corosync starts no sooner after a boot than they have.
# The times are corosync's own: token grows by token_coefficient with each node beyond two, consensus is 1.2 times that.
WAIT = r"""#!/bin/sh
# Waits until the other nodes have noticed this node's loss. Arguments, for tests: corosync.conf, the uptime.
conf=${1:-/etc/corosync/corosync.conf}
number() {
  sed -n "s/^[[:space:]]*$1[[:space:]]*:[[:space:]]*\([0-9][0-9]*\)[[:space:]]*$/\1/p" "$conf" | tail -n 1
}
token=$(number token)
coefficient=$(number token_coefficient)
consensus=$(number consensus)
nodes=$(grep -c '^[[:space:]]*node[[:space:]]*{' "$conf")
[ "$nodes" -gt 2 ] || nodes=2
token=$(( ${token:-3000} + ${coefficient:-650} * (nodes - 2) ))
noticed_s=$(( (token + ${consensus:-$((token * 12 / 10))} + 999) / 1000 + 3 ))
up_s=$(cut -d. -f1 "${2:-/proc/uptime}")
[ "$up_s" -ge "$noticed_s" ] || exec sleep $((noticed_s - up_s))
"""

# -: systemd is not reloaded when the script goes, and its absence must keep no corosync from starting. A long token is
# more than systemd gives a start.
UNIT = f"[Service]\nExecStartPre=-{_SCRIPT}\nTimeoutStartSec=20min\n"

# Lines of shell. No reload: systemd reads the drop-in at the boot that it is for.
START_LATE = f"""{KEEP}mkdir -p {_SCRIPT.rpartition("/")[0]} {_DROP_IN.rpartition("/")[0]}
cat > {_SCRIPT}.halab-new <<'END'
{WAIT}END
chmod 755 {_SCRIPT}.halab-new
cat > {_DROP_IN}.halab-new <<'END'
{UNIT}END
keep {_SCRIPT} {_DROP_IN}
"""
START_AT_ONCE = f"rm -f {_SCRIPT} {_DROP_IN}\n{KEPT}\n"

LATE_START = Says(f"[ ! -x {_SCRIPT} ] || cat {_SCRIPT} {_DROP_IN} 2>/dev/null || :")
"""A question (see survey.py); `is_late` reads the answer."""


def is_late(answer: str | None) -> bool:
    """Whether both files are there as they should be."""
    return answer == WAIT + UNIT
