"""`halab drill …`: the subcommands' words, and how their errors are told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Break the lab on purpose, watch it heal, and see where the time went.",
    epilog="For example: halab drill run crash-active. docs/drills.md shows what comes of it.",
    no_args_is_help=True,
)
Json = Annotated[bool, typer.Option("--json", help="For programs; docs/drills.md says what is in it.")]


@app.command(name="list")
def list_(as_json: Json = False) -> None:
    """List the drills: what each breaks, and what has to come of it."""
    from halab.cli.drill.catalogue import DRILLS
    from halab.cli.drill.listing import as_data, table

    if as_json:
        import json

        print(json.dumps([as_data(drill) for drill in DRILLS.values()], indent=2))
        return
    from halab.cli.look.terminal import console

    console().print(table(DRILLS.values()))


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Of drills; list shows them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that the lab is made for.")] = False,
    by_chance: Annotated[bool, typer.Option("--random", help="Drills by chance: --count of them.")] = False,
    seed: Annotated[int | None, typer.Option(help="Of --random: the same seed gives the same drills.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many of --random.")] = 3,
    repeat: Annotated[int, typer.Option(min=1, help="Each drill that often.")] = 1,
    restore: Annotated[bool, typer.Option("--restore", help="Back to the checkpoint after each drill.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab as it is when a drill fails, and stop.")] = False,
    as_json: Json = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the verdicts as JUnit's XML.")] = None,
) -> None:
    """Carry drills out on the deployed lab. It is saved before, and restored when a drill fails.

    Exit codes: 0 all passed, 3 one failed, 1 one could not be carried out, 2 wrong usage.
    """
    from halab.cli.drill.choosing import chosen
    from halab.cli.drill.session import Wishes, here, session

    with _errors():
        drills = chosen(names or [], every, by_chance, seed, count, repeat, here, _tell)
        raise typer.Exit(session(drills, Wishes(restore, keep, as_json, junit), _tell))


@app.command()
def report(
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Recorded runs; the last.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Two runs side by side, on one axis.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The HTML file; beside the run.")] = None,
    as_json: Json = False,
) -> None:
    """Tell of recorded runs again, and draw them: one HTML file without script. Nothing is asked of the lab.

    Several runs are drawn as bars, the quickest first.
    """
    from halab.cli.drill.retelling import retell

    with _errors():
        retell(runs or [], compare, output, as_json)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _errors() -> Iterator[None]:
    """Errors end the program with 1."""
    from halab.cli.lab.state import StateUnusable
    from halab.cli.look.deployed import NothingDeployed
    from halab.constructs.settings import SettingsError
    from halab.provisioners.engine.errors import HalabError

    try:
        yield
    except (HalabError, SettingsError, StateUnusable, NothingDeployed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
