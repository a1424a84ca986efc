"""Corosync's start after a boot: not before the other nodes have noticed that this one was gone."""

from __future__ import annotations

# A fenced node that boots faster than the others notice its loss (token, consensus) hears of its own fencing after it
# has joined again, and Pacemaker stops there for good. So Corosync starts no sooner after a boot than they have.
_WAIT = r"""#!/bin/sh
token=$(sed -n 's/^ *token: *//p' /etc/corosync/corosync.conf)
nodes=$(grep -c '^ *nodeid:' /etc/corosync/corosync.conf)
[ "$nodes" -gt 2 ] || nodes=2
noticed_s=$(( (${token:-3000} + 650 * (nodes - 2)) * 22 / 10000 + 3 ))
up_s=$(cut -d. -f1 /proc/uptime)
[ "$up_s" -ge "$noticed_s" ] || exec sleep $((noticed_s - up_s))
"""
START_LATE = f"""mkdir -p /etc/halab /etc/systemd/system/corosync.service.d
cat > /etc/halab/corosync-wait <<'END'
{_WAIT}END
chmod 755 /etc/halab/corosync-wait
printf '[Service]\\nExecStartPre=/etc/halab/corosync-wait\\n' > /etc/systemd/system/corosync.service.d/halab.conf
"""
