"""`halab doctor`: all checks, the findings on a screen or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from halab.cli.doctor import host, network, tools
from halab.cli.doctor.facts import Facts
from halab.cli.doctor.finding import Finding, Level
from halab.cli.lab.this_lab import CHECKOUT
from halab.constructs.settings import SettingsError

WELL, CANNOT_LOOK, ILL = 0, 1, 3
FORMAT = 1
CHECKS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    *(tools.terraform, tools.provider, tools.node),
    *(host.libvirt, host.kvm, host.memory, host.disk, host.user),
    *(network.routes, network.ports, network.firewall),
    *(host.lab, host.files, host.console),
)
_ORDER = (Level.BAD, Level.WARNING, Level.UNKNOWN, Level.GOOD)


def main(as_json: bool = False, checkout: Path = CHECKOUT) -> int:
    """0: nothing is bad; 3: something is; 1: it cannot be looked at, since a setting is wrong."""
    from halab.cli.doctor.gathering import gather

    try:
        found = examine(gather(checkout))
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return CANNOT_LOOK
    ill = any(finding.level is Level.BAD for finding in found)
    if as_json:
        rows = [{**asdict(finding), "level": finding.level.value} for finding in found]
        print(json.dumps({"format": FORMAT, "well": not ill, "findings": rows}, indent=1))
    else:
        from halab.cli.doctor.sheet import draw
        from halab.cli.look.terminal import console

        console().print(draw(found))
    return ILL if ill else WELL


def examine(facts: Facts) -> list[Finding]:
    """What all checks find, the worst first."""
    found = [finding for check in CHECKS for finding in check(facts)]
    return sorted(found, key=lambda finding: _ORDER.index(finding.level))
