"""`halab status`: looks at the lab, and tells what is and what is wrong, on one screen or as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from halab.cli.lab.state import StateUnusable
from halab.cli.look.deployed import NothingDeployed, deployed
from halab.cli.look.place import Place, place
from halab.cli.look.taking import Ways, take
from halab.constructs.settings import SettingsError

if TYPE_CHECKING:
    from halab.cli.look.report import Report

HEALTHY, CANNOT_LOOK, UNHEALTHY, NOTHING = 0, 1, 3, 4
FORMAT = 1
LIMIT_S, EMULATED_LIMIT_S = 5.0, 20.0
"""How long a machine may be silent. One that is emulated and busy answers later than others; a mute one costs less,
since those that answer set the pace."""
PAUSE_S = 2.0
"""Between two looks of --watch: looking costs the guests some of their processors."""


def main(as_json: bool = False, watch: bool = False, limit_s: float | None = None) -> int:
    """0: healthy; 3: something is wrong, or set by hand; 4: no lab is deployed; 1: it cannot be looked at."""
    try:
        where = place()
        if watch:
            return _watch(where, as_json, limit_s)
        report = look(where, limit_s)
    except NothingDeployed as error:
        print(f"error: {error}", file=sys.stderr)
        return NOTHING
    except (SettingsError, StateUnusable) as error:
        print(f"error: {error}", file=sys.stderr)
        return CANNOT_LOOK
    _show(report, as_json)
    return HEALTHY if report.healthy else UNHEALTHY


def look(where: Place, limit_s: float | None = None, ways: Ways | None = None) -> Report:
    """What the lab is now, over connections of its own or those given. NothingDeployed, StateUnusable."""
    lab = deployed(where.state)
    seen = take(where, lab, limit_s or (EMULATED_LIMIT_S if lab.emulated else LIMIT_S), _load, ways)
    from halab.cli.look.judgement import judge

    return judge(seen)


def _load() -> None:
    """Load what comes after the look. It is done while the lab answers."""
    import halab.cli.look.judgement
    import halab.cli.look.screen
    import halab.cli.look.terminal  # noqa: F401


def as_data(report: Report) -> dict[str, Any]:
    """The report as docs/status.md describes it."""
    return {"format": FORMAT, "healthy": report.healthy, **asdict(report)}


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        print(json.dumps(as_data(report), indent=1))
        return
    from halab.cli.look.screen import draw
    from halab.cli.look.terminal import console

    console().print(draw(report))


def _watch(where: Place, as_json: bool, limit_s: float | None) -> int:
    """Looks until Ctrl-C; the exit code is that of the last look. One JSON object a line."""
    code = HEALTHY

    def again(show: Callable[[Report], None]) -> None:
        nonlocal code
        with Ways(where.private_key) as ways:
            while True:
                report = look(where, limit_s, ways)
                code = HEALTHY if report.healthy else UNHEALTHY
                show(report)
                time.sleep(PAUSE_S)

    try:
        if as_json:
            again(lambda report: print(json.dumps(as_data(report)), flush=True))
        else:
            _redraw(again)
    except KeyboardInterrupt:
        pass
    return code


def _redraw(again: Callable[[Callable[[Report], None]], None]) -> None:
    from rich.live import Live

    from halab.cli.look.screen import draw
    from halab.cli.look.terminal import console

    out = console()
    if not out.is_terminal:
        again(lambda report: out.print(draw(report), "", sep="\n"))
    with Live(console=out, screen=True, auto_refresh=False) as live:
        again(lambda report: live.update(draw(report), refresh=True))
