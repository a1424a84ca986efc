"""`halab fence`: one node by hand, or a trial of all devices."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict

from halab.cli.change.consent import REFUSED
from halab.cli.drill.guests import Guests
from halab.cli.fence.devices import Device, chosen
from halab.cli.fence.evidence import OFF, REBOOT
from halab.cli.fence.firing import Firing, idlest
from halab.cli.fence.table import as_data, table
from halab.cli.fence.trial import Trial
from halab.cli.lab.state import StateUnusable, locked
from halab.cli.lab.this_lab import lab_settings
from halab.cli.look.deployed import NothingDeployed, deployed
from halab.cli.look.place import place
from halab.cli.look.terminal import console
from halab.constructs.settings import SettingsError
from halab.provisioners.engine.errors import ConfigError, HalabError

_EMULATED = 3.0
"""How much longer an emulated lab may take for what KVM does in a given time."""
_BACK = "`halab diff` shows what `halab deploy` would bring back."


def by_hand(node: str, method: str, off: bool, as_json: bool) -> int:
    """Fences a node, and says what libvirt saw of it. 0: it was fenced; 1: it was not, or nothing was seen of it."""
    return _with_this_lab(lambda firing: _by_hand(firing, node, method, off, as_json))


def trial(node: str, yes: bool, as_json: bool) -> int:
    """Tries all devices, and after a yes fires each method at a node.

    0: each method has fenced it; 1: one does not work, or none can fence that node; 3: a no.
    """
    return _with_this_lab(lambda firing: _trial(firing, node, yes, as_json))


def _by_hand(firing: Firing, node: str, method: str, off: bool, as_json: bool) -> int:
    firing.check(node)
    device = chosen(firing.able(node), method, node) if method else None
    if off:
        _refuse_off([device] if device else firing.first(node))
    # With one device alone the levels are changed for a while: nobody else may do so meanwhile.
    with locked(firing.guests.place.state) if device else nullcontext():
        fired = firing.fire(node, OFF if off else REBOOT, device)
    if as_json:
        print(json.dumps({"device": device.name if device else None, **asdict(fired)}, indent=2))
    elif not fired.fault:
        by = f" by {' and '.join(fired.by)}" if fired.by else ""
        print(f"{node} was fenced{by} in {fired.took_s:.1f} s, as {fired.asked} had asked. Seen: {fired.proof}.")
    if fired.fault:
        _tell(f"error: {node} was not fenced: {fired.fault}")
    return 1 if fired.fault else 0


def _refuse_off(used: list[Device]) -> None:
    """ConfigError if none of these devices leaves a node off."""
    storage = "cuts off a node's storage, not its power"
    why = {"scsi": storage, "mpath": storage, "watchdog": "resets a node, and cannot leave it off"}
    methods = {one.method for one in used}
    if len(methods) == 1 and (problem := why.get(method := methods.pop())):
        raise ConfigError(
            f"--off: {method} {problem}",
            "Leave --off out: it comes back. Or name another way with --method, if the lab has one.",
        )


def _trial(firing: Firing, node: str, yes: bool, as_json: bool) -> int:
    if node:
        firing.check(node)
    tried = Trial(firing, _tell)
    if not (rows := tried.look()):
        raise HalabError("the cluster has no fencing device", f"With fencing.method none it has none. Else {_BACK}")
    victim = node or idlest(firing.guests.status(), [one.name for one in firing.guests.nodes])
    due = tried.due(rows, victim)
    if not as_json:
        console().print(table(rows))
    fires = bool(due) and (yes or _agreed(f"Each method fences {victim} once; it restarts each time. Go on?"))
    if fires:
        with locked(firing.guests.place.state):
            tried.fire(due, victim)
    if as_json:
        print(json.dumps([as_data(row) for row in rows], indent=2))
    elif fires:
        console().print(table(rows))
    if not due:
        raise HalabError(f"no device that works can fence {victim}", f"Each device says why; {_BACK}")
    if any(row.fault for row in rows):
        return 1
    return 0 if fires else REFUSED


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        _tell("Nothing was fired: there is no terminal to ask on. `halab fence --test --yes` does it.")
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _with_this_lab(job: Callable[[Firing], int]) -> int:
    """What `job` gives; 1 for an error, which is told."""
    guests: Guests | None = None
    try:
        where = place()
        lab = deployed(where.state)
        guests = Guests(where, lab)
        return job(Firing(guests, lab_settings().time_scale * (_EMULATED if lab.emulated else 1.0)))
    except (HalabError, SettingsError, StateUnusable, NothingDeployed, TimeoutError) as error:
        _tell(f"error: {error}")
        return 1
    finally:
        if guests is not None:
            guests.forget()
