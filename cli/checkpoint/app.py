"""`halab checkpoint …`: the subcommands' words, and how their errors are told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from halab.cli.checkpoint.commands import Commands

DEFAULT = "deployed"

app = typer.Typer(
    help="Save the whole lab as it is, memory and disks, and be back there in seconds.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="The checkpoint's name.")]


@app.command()
def save(name: Name = DEFAULT) -> None:
    """Save the lab as it is now. The machines stand still for some seconds, all of them together."""
    with _commands(alone=True) as commands:
        commands.save(name)


@app.command()
def restore(name: Name = DEFAULT) -> None:
    """Bring the lab back to a checkpoint. What has happened in it since is lost."""
    with _commands(alone=True) as commands:
        commands.restore(name)


@app.command(name="list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="A list of objects.")] = False) -> None:
    """List the checkpoints, the oldest first."""
    with _commands() as commands:
        kept = commands.list()
        if as_json:
            import json
            from dataclasses import asdict

            print(json.dumps([asdict(one) for one in kept], indent=2))
            return
        for one in kept:
            print(f"{one.name:<31}  {one.saved_at}  {', '.join(machine.hostname for machine in one.machines)}")
        if not kept:
            print("There are no checkpoints. `halab checkpoint save` makes one.")


@app.command()
def remove(name: Name = DEFAULT) -> None:
    """Remove a checkpoint."""
    with _commands(alone=True) as commands:
        commands.remove(name)


@contextmanager
def _commands(alone: bool = False) -> Iterator[Commands]:
    """The commands for this checkout's lab, `alone`: with no other one at work on it. Errors end the program with 1."""
    from halab.cli.checkpoint.commands import Commands
    from halab.cli.ending import Ending
    from halab.cli.lab import alone as lab_alone
    from halab.cli.lab.state import StateUnusable
    from halab.cli.look.deployed import NothingDeployed, deployed
    from halab.cli.look.place import place
    from halab.constructs.settings import SettingsError
    from halab.provider.hypervisor.connection import Connection
    from halab.provider.hypervisor.machine.checkpoint import Checkpoints
    from halab.provider.run.folder import LabFolder
    from halab.provisioners.engine.errors import HalabError

    try:
        where = place()
        site = deployed(where.state).site_url
        machines, folder = Checkpoints(Connection(where.uri), where.lab, print), LabFolder(where.state.parent)
        with Ending(), lab_alone.alone(folder, print) if alone else nullcontext():
            yield Commands(folder, machines, print, site)
    except (HalabError, SettingsError, StateUnusable, NothingDeployed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
