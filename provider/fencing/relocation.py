"""A fencing endpoint whose files stand elsewhere now: its daemon is ended there and started here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container
from pathlib import Path

from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provider.fencing.power_service import PowerService
from halab.provisioners.engine.errors import HalabError


def end_at(former: Path, config: PowerConfig) -> bool:
    """End the daemon of the endpoint that stands, or stood, in the directory `former`; whether there was one.

    Raises TimedOut or CommandFailed when it does not end.
    """
    service = PowerService(former.name, PowerFiles(former))
    if not service.runs(config):
        return False
    service.end_daemon(config)
    return True


def bring_over(
    former: Path,
    now: Path,
    tell: Callable[[str, str], None],
    time_scale: float = 1.0,
    wanted: Container[str] = (),
) -> None:
    """For all endpoints in the directory `now`, which was moved from `former`: those that ran there run here after.

    `wanted`: names of endpoints that are to run, whether or not they did. One that does not start is told (summary,
    detail): the next plan shows it. Raises TimedOut or CommandFailed when a daemon does not end.
    """
    for place in sorted(now.iterdir()) if now.is_dir() else ():
        service = PowerService(place.name, PowerFiles(place), time_scale)
        try:
            config = service.files.read_config() if service.files.complete() else None
        except HalabError as error:
            tell(error.summary, error.detail)
            continue
        if config is None:
            continue
        ran = end_at(former / place.name, config)
        if ran or (place.name in wanted and not service.supervised(config)):
            _start(service, config, tell)


def _start(service: PowerService, config: PowerConfig, tell: Callable[[str, str], None]) -> None:
    try:
        started = service.start(config)
        service.wait_until_ready(started, "", None, threading.Event())
    except HalabError as error:
        tell(f"The fencing endpoint {service.name} does not run: {error.summary}", error.detail)
