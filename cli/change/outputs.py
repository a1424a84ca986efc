"""`halab output`: what a deploy gave, and what can be done with it."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from halab.cli.change.run import guarded
from halab.cli.lab.state import outputs
from halab.cli.lab.this_lab import CHECKOUT, entered, lab_folder, lab_settings
from halab.provider.run.folder import ALL_LABS


def main(as_json: bool) -> int:
    """0, or 1 when no lab is deployed."""
    return guarded(lambda: _main(as_json))


def _main(as_json: bool) -> int:
    settings = lab_settings()
    folder = lab_folder(settings)
    if (CHECKOUT / ALL_LABS).exists():
        entered(folder, lambda said: print(said, file=sys.stderr))
    found = outputs(folder.state)
    if as_json:
        print(json.dumps(found, indent=2))
    elif found:
        print(*as_lines(found), sep="\n")
    if not found:
        print(f"error: no deploy of the lab {settings.name!r} has come to its end here", file=sys.stderr)
        return 1
    return 0


def as_lines(found: Mapping[str, Any]) -> Iterator[str]:
    for name, value in sorted(found.items()):
        text = ", ".join(f"{key} {entry}" for key, entry in value.items()) if isinstance(value, dict) else value
        yield f"{name}: {text}"


def next_steps(found: Mapping[str, Any]) -> list[str]:
    """What to try, from the stack's outputs."""
    nodes = list(found["nodes"]) if isinstance(found.get("nodes"), dict) and found["nodes"] else ["node1", "node2"]
    halab = "halab" if _in_path() else shlex.quote(os.path.relpath(CHECKOUT / ".venv/bin/halab"))
    steps = [
        (f"{halab} status", "what runs where, and what is wrong"),
        (f"{halab} console", "the same live in a browser, and buttons"),
        (f"{halab} ssh {nodes[0]}", "a shell on a node"),
        (f"{halab} ssh {nodes[0]} pcs status", "the cluster as pcs tells it"),
        (f"{halab} ssh {nodes[0]} stonith_admin --reboot {nodes[-1]}", "fence a node"),
        (f"{halab} diff", "does reality still match?"),
        (f"{halab} destroy", "remove everything"),
    ]
    if url := found.get("site_url"):
        steps.insert(0, (f"curl {url}", "the site; it names the node that served it"))
    width = max(len(command) for command, _ in steps)
    return [f"  {command:<{width}}  # {meaning}" for command, meaning in steps]


def _in_path() -> bool:
    own = CHECKOUT / ".venv/bin"
    return any(Path(place) == own for place in os.environ.get("PATH", "").split(os.pathsep))
