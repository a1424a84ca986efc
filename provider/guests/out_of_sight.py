"""What a refresh does not look at, since whoever reads there would wait: what a plan says of it, once."""

from __future__ import annotations

from collections.abc import Iterable

from halab.provisioners.corosync.standing import StandsStill

_KEPT = "It is taken to be as it was, and is not touched."


def of_lun(servers_away: Iterable[str], mute: Iterable[str]) -> tuple[str, str]:
    """While the target is away, or a machine (in words) is about to be fenced; as summary and detail."""
    away = " and ".join(f"{name} does not run" for name in sorted(servers_away))
    return (
        f"{away or ' and '.join(sorted(mute))}: what is on the LUN is not looked at",
        f"{_KEPT} The next plan, when the LUN is back, tells.",
    )


def standing_still(error: StandsStill) -> tuple[str, str]:
    """While the cluster's lock manager does: without quorum, or for a fencing."""
    return f"{error.summary}: the shared file system is not looked at", f"{_KEPT} {error.detail}"
