"""What the scheduler decided, and why: the inputs that it keeps on each node, calculated again by Pacemaker's own tool.

The files tell all of it, and when. A journal would tell less, in words that other versions change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from halab.cli.console.foretelling import foretold
from halab.provisioners.engine.command import Command, cmd, script
from halab.provisioners.engine.errors import HalabError, UnexpectedOutput
from halab.provisioners.engine.host import Host

_FOLDER = "/var/lib/pacemaker/pengine"
_NAME = re.compile(r"pe-(input|warn|error)-[0-9]+\.bz2")
_LINE = re.compile(r"([0-9]+\.[0-9]+) (\S+)")
_REPLAY_S = 60.0

# All of them are listed before the first is given: a failure to list is one, and not an empty list.
_NEWEST = f"""# list the scheduler's inputs
found=$(find {_FOLDER} -maxdepth 1 -type f -name 'pe-*.bz2' -printf '%T@ %f\\n')
printf '%s\\n' "$found" | sort -rn | head -n "$1"
"""


@dataclass(frozen=True, slots=True)
class Input:
    """What the scheduler was given at `at` (Unix time, s) on `node`, which was the DC then."""

    node: str
    at: float
    name: str

    @property
    def path(self) -> str:
        return f"{_FOLDER}/{self.name}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, each with its reason where Pacemaker gives one. `fault`: why it cannot be told."""

    actions: tuple[str, ...]
    fault: str = ""


def newest(host: Host, node: str, count: int) -> list[Input]:
    """The last inputs that a node keeps, the newest first; none where it never was the DC. HalabError."""
    lines = host.ask(script(_NEWEST, count)).stdout.split("\n")
    return [_input(node, line) for line in lines if line and _NAME.fullmatch(line.rpartition(" ")[2])]


def _input(node: str, line: str) -> Input:
    if (match := _LINE.fullmatch(line)) is None:
        raise UnexpectedOutput("find(1) did not tell time and name of a file", line[:200])
    return Input(node, float(match[1]), match[2])


def by_hand(one: Input) -> Command:
    """How a person has the scheduler decide again, with the scores of all nodes and the cluster as it would be then."""
    return cmd("crm_simulate", "--simulate", "--show-scores", "--xml-file", one.path)


def decided(host: Host, one: Input) -> Decision:
    """What comes of an input. ConnectError and the like are the host's; what the tool says is a fault of the input."""
    # After all that the node has to do for the cluster.
    command = cmd("nice", "crm_simulate", "--run", "--output-as=xml", "--xml-file", one.path, timeout_s=_REPLAY_S)
    said = host.attempt(command)
    if said.rc != 0:
        return Decision((), f"crm_simulate cannot read it: {(said.stderr or said.stdout).strip()[-200:]}")
    try:
        return Decision(tuple(foretold(said.stdout)))
    except HalabError as error:
        return Decision((), f"{error.summary}. {error.detail}")
