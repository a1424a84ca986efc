"""GFS2 that has withdrawn: it is mounted and answers nothing, and no monitor need notice."""

from __future__ import annotations

from collections.abc import Iterator

from halab.provisioners.engine.command import script
from halab.provisioners.engine.host import Host

# The folder is named after the lock table, cluster:name. $1, for tests: where the kernel tells of GFS2.
LOOK = """# see which file systems have withdrawn
for told in "$1"/*/withdraw; do
  [ -e "$told" ] && IFS= read -r withdrawn < "$told" && [ "$withdrawn" = 1 ] || continue
  fs=${told%/withdraw}; printf '%s\\n' "${fs##*/}"
done
"""
_SYSFS = "/sys/fs/gfs2"


def withdrawn(host: Host) -> Iterator[tuple[str, str]]:
    """Each file system that has withdrawn on this host, with the remedy."""
    for fs in host.look(script(LOOK, _SYSFS)).stdout.splitlines():
        yield (
            f"GFS2 {fs} has withdrawn on {host.name}",
            "Nothing can be read or written there until that node starts again. The cluster fences it when the device "
            "cannot be read. It does not know of other reasons (`journalctl -k` tells them), so fence it yourself: "
            f"`stonith_admin --reboot {host.name}` on another node.",
        )
