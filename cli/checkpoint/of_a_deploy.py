"""The checkpoint that a deploy makes when it is asked to: of a lab that is healthy, and of no other."""

from __future__ import annotations

from collections.abc import Callable

from halab.cli.checkpoint.commands import Commands
from halab.cli.checkpoint.kept import Kept
from halab.cli.look.health import LOOK_S, said, when_healthy
from halab.cli.look.report import Report
from halab.provisioners.engine.errors import HalabError

DEPLOYED = "deployed"


class NotHealthy(HalabError):
    """The lab was deployed, and is not what a checkpoint should bring back."""


def save_deployed(commands: Commands, look: Callable[[], Report], deadline_s: float, pause_s: float = LOOK_S) -> Kept:
    """Saves the lab as `deployed` once it is healthy. NotHealthy with what is wrong; an earlier one stays then."""
    report = when_healthy(look, deadline_s, pause_s)
    if not report.healthy:
        raise NotHealthy(
            f"The lab is deployed; no checkpoint was made, since it is not healthy within {deadline_s:.0f} s",
            f"{said(report)}. When that is mended: halab checkpoint save.",
        )
    return commands.save(DEPLOYED)
