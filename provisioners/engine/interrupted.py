"""What a run that broke has left running in a guest: it is waited for before anything else is begun there.

A command outlives the connection through which it was started. Each carries the name of its run in its environment.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable

from halab.provisioners.engine.command import Result, script
from halab.provisioners.engine.steps import Await

VARIABLE = "HALAB_RUN"
RUN = secrets.token_hex(6)
"""This process's name for its own commands."""
UNFINISHED = threading.Event()
"""Set when a command of this process may still be running in its guest: it took too long, or the connection broke."""
_DEADLINE_S = 300.0  # the longest single command: a file system is made, packages are installed

_LOOK = f"""# look for what an interrupted run began
for run; do
  for file in $(grep --files-with-matches --null-data --line-regexp -s "{VARIABLE}=$run" /proc/[0-9]*/environ)
  do cat "${{file%environ}}comm" 2>/dev/null || :; done
done"""


def end_of(runs: Iterable[str]) -> Await:
    """The step that waits until nothing of these runs is running any more."""
    return Await(
        "end of what an interrupted run began",
        script(_LOOK, *sorted(runs)),
        ready=_nothing_left,
        deadline_s=_DEADLINE_S,
        seen=lambda result: f"still running: {' '.join(result.stdout.split())}. End it, or restart the machine.",
    )


def _nothing_left(result: Result) -> bool:
    return result.rc == 0 and not result.stdout.strip()
