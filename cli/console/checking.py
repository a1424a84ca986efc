"""A wish from a browser: is it one at all, and does it name what the lab has?"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from halab.cli.console.actions import ACTIONS, Action
from halab.cli.console.contract import Wish
from halab.cli.console.refusing import Refused
from halab.cli.look.report import Report
from halab.provisioners.pacemaker.values import KINDS, check_score, one_of

_VALUES = {"location": check_score, "colocation": check_score, "order": one_of(*KINDS)}


def names(report: Report) -> set[str]:
    """Of all resources, and the groups and clones around them."""
    return {name for one in report.resources for name in (one.id, *one.within)}


def devices(report: Report) -> set[str]:
    """Names of the fencing devices."""
    return {one.id for one in report.resources if one.fences}


def wish_of(data: Any) -> Wish:
    """From what the browser sent. Refused: it is no wish."""
    known = {one.name for one in fields(Wish)} - {"options"}
    if not isinstance(data, dict) or not all(isinstance(data.get(name, ""), str) for name in known):
        raise Refused("That is not an action.")
    options = data.get("options", {})
    if not isinstance(options, dict) or not all(isinstance(one, str) for one in options.values()):
        raise Refused("That is not an action.")
    return Wish(**{name: data.get(name, "") for name in known}, options=options)


def checked(wish: Wish, report: Report) -> Action:
    """The action of a wish that names only what the lab has. Refused."""
    action = ACTIONS.get(wish.action)
    if action is None:
        raise Refused("There is no such action.")
    members = {machine.name for machine in report.machines if machine.role == "member"}
    resources = names(report)
    for field in ("node", "resource", "name", "value", "other"):
        if (field in action.takes) != bool(getattr(wish, field)):
            raise Refused(f"{wish.action} takes {' and '.join(action.takes)}.")
    if (wish.options and "options" not in action.takes) or (wish.within and wish.action != "create"):
        raise Refused(f"{wish.action} takes {' and '.join(action.takes)}.")
    for field, known in (("node", members), ("resource", resources), ("other", resources)):
        if field in action.takes and getattr(wish, field) not in known:
            raise Refused(f"The lab has no {field} of that name.")
    if (check := _VALUES.get(wish.action)) and (problem := check(wish.value)):
        raise Refused(problem)
    if wish.action.startswith("fence-") and wish.resource not in devices(report):
        raise Refused(f"There is no fencing device {wish.resource}.")
    if wish.other and wish.other == wish.resource:
        raise Refused("A resource cannot be constrained to itself: name two.")
    return action
