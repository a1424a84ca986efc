"""`make export`: writes HCL and import blocks for what runs in a cluster of a lab, whoever built it.

    make export ARGS="--cluster hand DIRECTORY"

Then, in the directory: `terraform init`, `terraform plan` (which shows nothing but imports), `terraform apply`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from halab.cli.lab.state import StateUnusable
from halab.cli.lab.this_lab import entered, lab_folder, lab_settings
from halab.constructs.settings import SettingsError
from halab.provider.export.configuration import Configuration
from halab.provider.export.found import LeftAlone
from halab.provider.export.hcl import block, value
from halab.provider.export.look import Look
from halab.provider.lab import ADDRESS, HalabProvider
from halab.provider.protocol import Ctx, Failure
from halab.provider.run.files import write_private
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import HalabError


def look(lab: str, cluster: str, directory: Path, uri: str | None) -> tuple[Configuration, list[LeftAlone]]:
    """What runs in the cluster. Raises HalabError, Failure."""
    provider = HalabProvider()
    settings = {"lab": lab, "directory": str(directory), "uri": uri, "hypervisor": None, "time_scale": None}
    provider.configure(Ctx(), settings)
    found = Look(provider, cluster, lambda what: print(what, file=sys.stderr))
    return found.run(), found.left_alone


def write(configuration: Configuration, target: Path, head: str, directory: Path) -> None:
    """The files in `target`; secrets where an import of halab_secret looks for them, for their owner only."""
    for name, text in configuration.files(head).items():
        write_private(target / name, text)  # people keep passwords in a CIB
    for name, secret in configuration.secrets.items():
        write_private(LabFolder(directory).imports / name, secret)
    if configuration.variables:
        write_private(target / "secrets.auto.tfvars.json", json.dumps(configuration.variables, indent=2) + "\n")


def head(lab: str, directory: Path, uri: str | None, left_alone: Sequence[LeftAlone]) -> str:
    """What main.tf begins with: what is not in it, the provider's source and configuration."""
    notes = "".join(f"# Left alone: {note.what}: {note.why}.\n" for note in left_alone)
    required = f"terraform {{\n  required_providers {{\n    halab = {{ source = {value(ADDRESS)} }}\n  }}\n}}\n"
    provider = {"lab": lab, "directory": str(directory), **({"uri": uri} if uri else {})}
    return f"{notes}\n{required}\n" + block("provider", ("halab",), provider)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when everything was seen and written."""
    parser = argparse.ArgumentParser(prog="make export", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("target", type=Path, metavar="DIRECTORY", help="where main.tf and imports.tf are written")
    parser.add_argument("--lab", help="the lab whose machines they are; default: the settings' name")
    parser.add_argument("--cluster", help="name of the cluster; default: the lab's")
    parser.add_argument("--directory", type=Path, help="the lab's directory with its SSH key; default: this lab's")
    parser.add_argument("--uri", help="the libvirt; default: the settings'")
    options = parser.parse_args(arguments)
    try:
        settings = lab_settings()
        lab = options.lab or settings.name
        directory = (options.directory or entered(lab_folder(settings), print).path).absolute()
        uri = options.uri or settings.uri
        configuration, left_alone = look(lab, options.cluster or lab, directory, uri)
        write(configuration, options.target, head(lab, directory, uri, left_alone), directory)
    except (HalabError, Failure, SettingsError, StateUnusable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for note in left_alone:
        print(f"left alone: {note.what}: {note.why}", file=sys.stderr)
    print(f"{len(configuration.entries)} resources in {options.target}: terraform init, then terraform plan")
    return 0


if __name__ == "__main__":
    sys.exit(main())
