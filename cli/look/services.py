"""The fencing endpoint and the site, each asked in its own protocol."""

from __future__ import annotations

import re
import time
from pathlib import Path

from halab.cli.look.deployed import KnownEndpoint
from halab.cli.look.snapshot import Endpoint, Site
from halab.provisioners.engine.errors import HalabError

_CONNECT_S = 2.0


def ask_endpoint(known: KnownEndpoint, files: Path) -> Endpoint:
    """Asks for the list of systems with the lab's own password, as a fence agent does. `files`: its folder."""
    from halab.provider.fencing.doors.probe import Answer
    from halab.provider.fencing.power_files import PowerFiles
    from halab.provider.fencing.power_service import PowerService

    url = known.url
    service = PowerService(known.id, PowerFiles(files))
    try:
        config = service.files.read_config()
    except HalabError as error:
        return Endpoint(url, f"{error.summary}: {error.detail}")
    if config is None:
        return Endpoint(url, f"its configuration is gone: there is no {service.files.config}")
    seen = service.probe(config, known.username, known.password)
    return Endpoint(url, "" if seen.answer is Answer.READY else f"{seen.answer.value} ({plain(seen.detail)})")


def ask_site(url: str, limit_s: float) -> Site:
    """One request, as a visitor sends it: only a page with status 200 counts."""
    import requests

    from halab.cli.watch.site import SERVED_BY

    began = time.monotonic()
    with requests.Session() as session:
        session.trust_env = False  # a proxy does not know the lab's network
        try:
            answer = session.get(url, timeout=(min(_CONNECT_S, limit_s), limit_s))
        except requests.RequestException as error:
            return Site(url, fault=f"does not answer ({plain(str(error))})", took_s=_since(began))
    fault = "" if answer.status_code == 200 else f"answers with HTTP status {answer.status_code}"
    if not fault and not answer.content.strip():
        fault = "gives an empty page"
    return Site(url, answer.headers.get(SERVED_BY, ""), fault, _since(began))


def plain(detail: str) -> str:
    """What went wrong below requests' and urllib3's wrappings."""
    if found := re.search(r"\[Errno [0-9]+\] ([A-Za-z ]+)", detail):
        return found.group(1)
    if "timed out" in detail.lower():
        return "no answer in time"
    return detail.splitlines()[0][:200] if detail else "no reason given"


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
