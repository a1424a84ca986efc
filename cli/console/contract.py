"""What the page is told, as types; page/contract.ts is written from them, so that both sides agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from halab.cli.console.contract_history import History
from halab.cli.look.report import Report

Role = Literal["watch", "operate", "drill"]
"""What somebody may: look; change the lab, too; break it on purpose, too."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a machine's journal. `at`: Unix time, s; `priority` as syslog has it: 3 an error, 5 a notice."""

    at: float
    machine: str
    by: str
    priority: int
    text: str


@dataclass(frozen=True, slots=True)
class Ages:
    """When each was heard last (Unix time, s); None: not yet."""

    power: float | None
    endpoint: float | None
    site: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The lab at `at` (Unix time, s). `report` is None while there is nothing to tell: `trouble` says why.

    `declared`: names of the resources that Terraform declares.
    """

    at: float
    report: Report | None
    ages: Ages
    lines: tuple[Line, ...]
    trouble: str
    declared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """Who looks at what."""

    lab: str
    role: Role


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that a person wants to be done. What an action does not take is empty."""

    action: str
    resource: str = ""
    node: str = ""
    name: str = ""
    value: str = ""
    other: str = ""
    within: str = ""
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a wish comes to: the command that a person would type on the machine `on`, and what the cluster would do.

    `version`: of the configuration that this was worked out from; `would` is empty when nothing else moves.
    """

    wish: Wish
    title: str
    on: str
    command: str
    would: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done. `fault` is empty when it succeeded."""

    said: str
    fault: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option as metadata tells of it. `kind`: boolean, integer, time, select and so on; empty: it is not told.

    `secret`: it holds one, which is never shown.
    """

    name: str
    kind: str
    default: str
    choices: tuple[str, ...]
    required: bool
    brief: str
    help: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Property:
    """A property of the cluster. `value` None: it is not set; `declared`: by Terraform."""

    about: Parameter
    value: str | None
    declared: bool


@dataclass(frozen=True, slots=True)
class Properties:
    """All of them, as the member `by` has them."""

    by: str
    properties: tuple[Property, ...]


@dataclass(frozen=True, slots=True)
class Advised:
    """How an agent wants an operation to be run; times as it writes them, empty when it says nothing."""

    name: str
    timeout: str
    interval: str


@dataclass(frozen=True, slots=True)
class Agents:
    """The names of all agents of the member `by`, for example ocf:heartbeat:IPaddr2."""

    by: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agent:
    """What an agent tells of itself."""

    name: str
    brief: str
    help: str
    parameters: tuple[Parameter, ...]
    operations: tuple[Advised, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """A fencing device. `values`: what is set, without secrets; `hidden`: names of secrets that are set.

    `about`: its agent, with Pacemaker's own options of devices; `declared`: by Terraform.
    """

    name: str
    about: Agent
    values: dict[str, str]
    hidden: tuple[str, ...]
    declared: bool


@dataclass(frozen=True, slots=True)
class FenceAgents:
    """The names of all fence agents of the member `by`; `scripts`: the lab's own that print a password."""

    by: str
    names: tuple[str, ...]
    scripts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """How a device answers on a member. `fault` is empty when it does; `targets`: what it says that it can fence."""

    node: str
    fault: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trials:
    """Of one device, by the `commands` that a person would type."""

    commands: tuple[str, ...]
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """Devices that have to succeed together for `node`; the next level is tried when one of them fails."""

    node: str
    level: int
    devices: tuple[str, ...]
    declared: bool


@dataclass(frozen=True, slots=True)
class Levels:
    """All of them, as the member `by` has them."""

    by: str
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint: `kind` location, colocation, order and so on, from `first` to `second`, and in a sentence.

    Both are empty where it is about more than two.
    """

    id: str
    kind: str
    first: str
    second: str
    value: str
    told: str


@dataclass(frozen=True, slots=True)
class Rules:
    """All constraints, as the member `by` has them."""

    by: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A command of halab that was started from the page. `code`: how it ended, None while it is under way.

    `command` is empty when none was started. `text`: what it has said so far.
    """

    command: str
    text: str
    code: int | None


@dataclass(frozen=True, slots=True)
class DrillKind:
    """A drill that there is, with what must come of it. `wants`: what the lab has not of that which it needs."""

    name: str
    does: str
    expected: str
    wants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrillRun:
    """One that was recorded at `at` (Unix time, s). `result`: PASS, FAIL or ERROR; empty: it cannot be read."""

    name: str
    at: float
    result: str
    told: str


@dataclass(frozen=True, slots=True)
class Drills:
    """The kinds, and the last runs, the newest first."""

    kinds: tuple[DrillKind, ...]
    runs: tuple[DrillRun, ...]


CONTRACT = (
    *(Overview, Session, Preview, Outcome, Properties, Agents, Agent),
    *(Device, FenceAgents, Trials, Levels, Rules, Job, Drills, History),
)
