"""A lab as cdktf synthesizes it."""

from __future__ import annotations

import atexit
import json
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from halab.constructs.base_images import ImagePlaces
from halab.constructs.cdk import App, TerraformStack, Testing
from halab.constructs.lab import Lab
from halab.constructs.settings import load

_REFERENCE = re.compile(r"\bhalab_\w+\.\w+")


@cache
def _outdir() -> str:
    """Gone with the process; the CDK would leave one of its own in /tmp for each app."""
    folder = tempfile.mkdtemp(prefix="halab-synthesized.")
    atexit.register(shutil.rmtree, folder)
    return folder


def app_of_tests() -> App:
    return Testing.app(outdir=_outdir())


class Synthesized:
    """The JSON of one lab, by address (`halab_machine.node1`)."""

    def __init__(self, variables: dict[str, str]) -> None:
        stack = TerraformStack(app_of_tests(), "summit")
        settings = load({}, variables)
        assembled = None if settings.image.by_installer else Path("/image")
        Lab(stack, "lab", settings, images=ImagePlaces(Path("/cache"), assembled), pool=Path("/pool"))
        self.json: dict[str, Any] = json.loads(Testing.synth(stack))
        self.by_address: dict[str, dict[str, Any]] = {
            f"{type_name}.{name}": resource
            for type_name, of_type in self.json["resource"].items()
            for name, resource in of_type.items()
        }

    def names(self, type_name: str) -> set[str]:
        return set(self.json["resource"].get(type_name, {}))

    def before(self, address: str) -> set[str]:
        """Everything that Terraform makes before this: named in depends_on or referred to, and what those wait for."""
        found: set[str] = set()
        todo = [address]
        while todo:
            new = set(_REFERENCE.findall(json.dumps(self.by_address[todo.pop()]))) - found
            found |= new
            todo += new
        return found


@cache
def synthesized(**variables: str) -> Synthesized:
    return Synthesized(variables)
