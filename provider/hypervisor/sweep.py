"""`python -m halab.provider.hypervisor.sweep`: lists or removes what is left of a lab. Request and answer are JSON.

Request: uri, lab, directory (.halab), what the state names (uuids, volumes, endpoints), the checkpoints' snapshots,
and `remove`, the [kind, name] pairs that may go. Answer: the leftovers, each with kind, name, detail, kept and whether
it was removed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provider.fencing.power_process import running_configs
from halab.provider.fencing.power_service import PowerService
from halab.provider.fencing.power_unit import Unit, supervision_here
from halab.provider.hypervisor.connection import Connection, doing
from halab.provider.hypervisor.leftovers import Known, Leftover, leftovers
from halab.provisioners.engine.errors import Conflict, HalabError


def endpoints(directory: Path, lab: str, known: frozenset[str]) -> Iterator[Leftover]:
    """The lab's fencing endpoints that are in no state. Raises Conflict when the lab runs from another directory."""
    own = directory / "fencing"
    running = running_configs()
    _refuse_deployed_elsewhere(own, lab, running)
    places = {path for path in own.iterdir() if path.is_dir()} if own.is_dir() else set()
    places |= {config.parent for config in running if config.parent.parent == own}
    places |= {config.parent for config in running if config.parent.name == lab and not config.exists()}
    if _has_unit(lab, own / lab):
        places.add(own / lab)
    for place in sorted(places):
        if place.parent != own or place.name not in known:
            detail = "running" if place / "config.json" in running else "not running"
            yield Leftover("fencing endpoint", str(place), detail, partial(_end, lab, place))


def _refuse_deployed_elsewhere(own: Path, lab: str, running: set[Path]) -> None:
    for config in running:
        try:
            read = None if config.parent.parent == own else PowerFiles(config.parent).read_config()
        except HalabError:
            continue  # of another version: not this lab's, as far as can be told
        if read is not None and read.lab == lab:
            raise Conflict(
                f"the lab {lab!r} is deployed from another checkout",
                f"Its fencing endpoint runs on {config}. What bears its mark is in that checkout's state: "
                "run make sweep there, or give one of the two labs another name.",
            )


def _has_unit(name: str, place: Path) -> bool:
    unit = _unit(name)
    return unit.path.exists() and not unit.foreign(place / "config.json")


def _unit(name: str) -> Unit:
    return Unit(f"halab-fencing-{name}", user=supervision_here() == "user unit")


def _end(lab: str, place: Path) -> None:
    files = PowerFiles(place)
    try:
        config = files.read_config()
    except HalabError:
        config = None
    PowerService(place.name, files).stop(config or PowerConfig(lab, "", 0, "", (), supervision_here()))
    files.remove()


def sweep(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answer to a request. Raises HalabError."""
    lab, directory = request["lab"], Path(request["directory"])
    chosen = {(kind, name) for kind, name in request["remove"]}
    known = Known(frozenset(request["uuids"]), frozenset(request["volumes"]), frozenset(request["snapshots"]))
    # Endpoints first: one that runs may be asked to switch a machine on that is about to go.
    found = [*endpoints(directory, lab, frozenset(request["endpoints"])), *_in_libvirt(request["uri"], lab, known)]
    answer = []
    for item in found:
        removed = not item.kept and (item.kind, item.name) in chosen
        if removed:
            with doing(f"remove the {item.kind} {item.name!r}"):
                item.remove()
        told = {"kind": item.kind, "name": item.name, "detail": item.detail, "kept": item.kept, "removed": removed}
        answer.append(told)
    return answer


def _in_libvirt(uri: str, lab: str, known: Known) -> list[Leftover]:
    return leftovers(Connection(uri), lab, known)


def main() -> int:
    """0, or 1 with the error on stderr."""
    try:
        print(json.dumps(sweep(json.load(sys.stdin))))
    except HalabError as error:
        print(f"{error.summary}. {error.detail}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
