"""A node without a disk for SBD: its watchdog resets it when it has lost the cluster. The files for that. Pure."""

from __future__ import annotations

import re
import shlex

from halab.provisioners.engine.durable import KEEP

RESET_WAIT = "/etc/halab/reset-wait"
RESET_WAIT_UNIT = "halab-reset-wait.service"
RESET_WAIT_UNIT_FILE = f"/etc/systemd/system/{RESET_WAIT_UNIT}"
NOTE = "/var/lib/halab/not-ended"

# The others count a node as fenced by the time alone. A machine boots faster than that, and would hear of its own
# fencing after it has joined again. Nobody tells it that it was reset: so each boot notes itself, and the note goes
# when the machine ends as it should.
WAIT = f"""\
#!/bin/sh
# After a reset: waits as long as the others do. Arguments: seconds; for tests: the note, this boot's id.
set -eu
{KEEP}wait_s=$1 note=${{2:-{NOTE}}}
boot=$(cat "${{3:-/proc/sys/kernel/random/boot_id}}")
if [ -e "$note" ] && [ "$(cat "$note")" != "$boot" ]; then sleep "$wait_s"; fi
mkdir -p "${{note%/*}}"
printf '%s\\n' "$boot" > "$note.halab-new"
keep "$note"
"""
# Its end is the machine's: it ends after Corosync and sbd have.
_WAIT_UNIT = """\
[Unit]
Description=After a reset, waits until the other nodes count this one as fenced
Before=corosync.service sbd.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart={wait} {wait_s}
ExecStop=/bin/rm -f {note}
"""
# Wants, not Requires: who stops the waiting stops neither sbd nor the cluster. Not before Corosync, as an sbd with a
# disk: this one has started when it has seen Corosync, for which it waits as long as that waits at a boot.
# The watchdog's time stands here, and not in sbd's configuration, which Pacemaker reads, too, and once only, when it
# starts: a shorter time later would be "too short" for it, and it would end on all nodes at once.
_DROP_IN = """\
[Unit]
Wants={unit}
After={unit}

[Service]
Environment=SBD_WATCHDOG_TIMEOUT={watchdog_s}
TimeoutStartSec=infinity
"""
# Pacemaker need not wait for sbd, nor sbd for Pacemaker: sbd may come and go while the cluster runs.
_CONFIG = """\
SBD_PACEMAKER=yes
SBD_STARTMODE=always
SBD_DELAY_START=no
SBD_WATCHDOG_DEV={watchdog}
SBD_TIMEOUT_ACTION=flush,reboot
SBD_SYNC_RESOURCE_STARTUP=no
"""


def config(watchdog: str) -> str:
    """sbd's configuration, but for a disk. `watchdog`: a path below /dev."""
    return _CONFIG.format(watchdog=shlex.quote(watchdog))


def drop_in(watchdog_s: int) -> str:
    """What sbd's unit is given besides."""
    return _DROP_IN.format(unit=RESET_WAIT_UNIT, watchdog_s=watchdog_s)


def wait_unit(wait_s: int) -> str:
    """The unit that waits after a reset."""
    return _WAIT_UNIT.format(wait=RESET_WAIT, wait_s=wait_s, note=NOTE)


def times(drop_in_: str | None, wait_unit_: str | None) -> tuple[int | None, int | None]:
    """The watchdog's time and the wait after a reset, in seconds, as the two files say; None where they do not."""
    watchdog = re.search(r"^Environment=SBD_WATCHDOG_TIMEOUT=([0-9]+)$", drop_in_ or "", re.MULTILINE)
    wait = re.search(rf"^ExecStart={re.escape(RESET_WAIT)} ([0-9]+)$", wait_unit_ or "", re.MULTILINE)
    return (int(watchdog[1]) if watchdog else None), (int(wait[1]) if wait else None)
