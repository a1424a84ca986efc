"""What can be done from the console: each action with what it takes, the `pcs` words for it, and how it is done."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from halab.cli.console import edits, properties, rules
from halab.cli.console.contract import Wish
from halab.provisioners.engine.command import Command, cmd
from halab.provisioners.pacemaker import constraints
from halab.provisioners.pacemaker.cib import Cib
from halab.provisioners.pacemaker.constraints import Link

_CLUSTER_S = 600.0
THEN = " && "
"""Between two commands of an action's words."""


@dataclass(frozen=True)
class Action:
    """`takes`: which of a wish's fields it needs. `words`: the commands that a person would type.

    It either changes the configuration (`edit`), or runs `words` itself: on the member that is asked, or on the very
    node whose daemons it `stops` or `starts`.
    """

    title: str
    takes: tuple[str, ...]
    words: str
    edit: Callable[[Cib, Wish], None] | None = None
    stops: bool = False
    starts: bool = False

    @property
    def of_daemons(self) -> bool:
        return self.stops or self.starts

    def heading(self, wish: Wish) -> str:
        return _filled(self.title, wish)

    def command(self, wish: Wish) -> str:
        """For a person's eyes, quoted for a shell."""
        return self.words.format(**{name: shlex.quote(given) for name, given in _fields(wish).items()})

    def run(self, wish: Wish) -> list[Command]:
        """The same as argument lists: no shell reads a name that came from a browser."""
        return [cmd(*(_filled(word, wish) for word in one.split()), timeout_s=_CLUSTER_S) for one in self._commands]

    @property
    def _commands(self) -> list[str]:
        return self.words.split(THEN)


def _filled(word: str, wish: Wish) -> str:
    return word.format(**_fields(wish))


def _fields(wish: Wish) -> dict[str, str]:
    return {name: getattr(wish, name) for name in ("node", "resource", "name", "value", "other")}


def _node(name: str, value: str | None) -> Callable[[Cib, Wish], None]:
    return lambda cib, wish: edits.set_node_attribute(cib, wish.node, name, value)


def _role(value: str | None) -> Callable[[Cib, Wish], None]:
    return lambda cib, wish: edits.set_target_role(cib, wish.resource, value)


def _link(make: Callable[[Wish], Link]) -> Callable[[Cib, Wish], None]:
    return lambda cib, wish: constraints.put(cib, make(wish))


_NODE, _RESOURCE, _BOTH = ("node",), ("resource",), ("resource", "node")

ACTIONS = {
    "standby": Action("Put {node} in standby", _NODE, "pcs node standby {node}", _node("standby", "on")),
    "unstandby": Action("Take {node} out of standby", _NODE, "pcs node unstandby {node}", _node("standby", None)),
    "maintenance": Action(
        "Put {node} in maintenance", _NODE, "pcs node maintenance {node}", _node("maintenance", "true")
    ),
    "unmaintenance": Action(
        "Take {node} out of maintenance", _NODE, "pcs node unmaintenance {node}", _node("maintenance", None)
    ),
    "disable": Action("Disable {resource}", _RESOURCE, "pcs resource disable {resource}", _role("Stopped")),
    "enable": Action("Enable {resource}", _RESOURCE, "pcs resource enable {resource}", _role(None)),
    "move": Action(
        "Move {resource} to {node}",
        _BOTH,
        "pcs resource move-with-constraint {resource} {node}",
        lambda cib, wish: edits.move(cib, wish.resource, wish.node),
    ),
    "ban": Action(
        "Ban {resource} from {node}",
        _BOTH,
        "pcs resource ban {resource} {node}",
        lambda cib, wish: edits.ban(cib, wish.resource, wish.node),
    ),
    "clear": Action(
        "Clear moves and bans of {resource}",
        _RESOURCE,
        "pcs resource clear {resource}",
        lambda cib, wish: edits.clear(cib, wish.resource),
    ),
    "cleanup": Action("Clean up failures of {resource}", _RESOURCE, "pcs resource cleanup {resource}"),
    "delete": Action("Delete {resource} and its constraints", _RESOURCE, "pcs resource delete {resource}"),
    "create": Action("Create {name}", ("name", "value", "options"), ""),  # creating.py says how
    "location": Action(
        "Have {resource} prefer {node} by {value}",
        ("resource", "node", "value"),
        "pcs constraint location {resource} prefers {node}={value}",
        _link(lambda wish: constraints.location(wish.resource, wish.node, wish.value)),
    ),
    "colocation": Action(
        "Have {resource} run where {other} runs, by {value}",
        ("resource", "other", "value"),
        "pcs constraint colocation add {resource} with {other} score={value}",
        _link(lambda wish: constraints.colocation(wish.resource, wish.other, wish.value)),
    ),
    "order": Action(
        "Have {other} start after {resource} ({value})",
        ("resource", "other", "value"),
        "pcs constraint order {resource} then {other} kind={value}",
        _link(lambda wish: constraints.order(wish.resource, wish.other, wish.value)),
    ),
    # fencing.py and levels.py say how these are done.
    "fence": Action("Add the fencing device {name}", ("name", "value", "options"), ""),
    "fence-change": Action("Change the fencing device {resource}", ("resource", "options"), ""),
    "fence-delete": Action("Remove the fencing device {resource}", _RESOURCE, "pcs stonith delete {resource}"),
    "fence-disable": Action(
        "Disable the fencing device {resource}", _RESOURCE, "pcs stonith disable {resource}", _role("Stopped")
    ),
    "fence-enable": Action(
        "Enable the fencing device {resource}", _RESOURCE, "pcs stonith enable {resource}", _role(None)
    ),
    "fence-cleanup": Action("Clean up failures of {resource}", _RESOURCE, "pcs stonith cleanup {resource}"),
    "level": Action("Have level {value} of {node} fence by {name}", ("node", "value", "name"), ""),
    "level-delete": Action(
        "Remove level {value} of {node}", ("node", "value"), "pcs stonith level remove {value} target {node}"
    ),
    "constraint-delete": Action(
        "Remove the constraint {name}", ("name",), "pcs constraint delete {name}", rules.remove
    ),
    "property": Action(
        "Set {name} to {value}",
        ("name", "value"),
        "pcs property set {name}={value}",
        lambda cib, wish: properties.change(cib, wish.name, wish.value),
    ),
    "property-unset": Action(
        "Have {name} at its default",
        ("name",),
        "pcs property unset {name}",
        lambda cib, wish: properties.change(cib, wish.name, None),
    ),
    "stop": Action("Stop the cluster on {node}", _NODE, "pcs cluster stop", stops=True),
    "start": Action("Start the cluster on {node}", _NODE, "pcs cluster start", starts=True),
    "restart": Action(
        "Restart the cluster on {node}", _NODE, f"pcs cluster stop{THEN}pcs cluster start", stops=True, starts=True
    ),
}
