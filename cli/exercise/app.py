"""`halab exercise …`: the subcommands' words, and how their errors are told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from halab.cli.exercise.course import Course

NOT_YET = 3

app = typer.Typer(
    help="Broken clusters to repair: only the symptom is told.",
    epilog="For example: halab exercise start forgotten-standby. docs/exercises.md tells how it goes on.",
    no_args_is_help=True,
)
Json = Annotated[bool, typer.Option("--json", help="For programs; docs/exercises.md says what is in it.")]


@app.command(name="list")
def list_(as_json: Json = False) -> None:
    """List the exercises, the easier ones first. What is broken is not told."""
    from halab.cli.exercise.catalogue import EXERCISES

    if as_json:
        import json

        found = [
            {"name": one.name, "level": one.level, "needs": sorted(one.needs), "hints": len(one.hints)}
            for one in EXERCISES.values()
        ]
        print(json.dumps(found, indent=2))
        return
    for one in EXERCISES.values():
        print(f"{'*' * one.level:<4} {one.name}")


@app.command()
def start(name: Annotated[str, typer.Argument(help="Of an exercise; list shows them.")]) -> None:
    """Save the lab, break it, and tell the symptom."""
    with _course(alone=True) as course:
        course.start(name)


@app.command()
def hint() -> None:
    """Show the next hint; each costs 5 points."""
    with _course() as course:
        course.hint()


@app.command()
def check(
    quick: Annotated[
        bool, typer.Option("--quick", help="State and service only: nothing is broken once more.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at the lab from outside: is it healthy, is the cause gone, does it survive a failure? Then points.

    Exit codes: 0 all is done, 3 something is missing.
    """
    with _course(_tell, alone=True) as course:
        answers, points = course.check(drills=not quick)
        if as_json:
            import json
            from dataclasses import asdict

            print(json.dumps({"points": points, "checks": [asdict(answer) for answer in answers]}, indent=2))
        missing = any(answer.missing for answer in answers)
        _tell(f"{points} of 100 points" + ("" if missing or quick else ". halab exercise reset, and on to the next."))
        raise typer.Exit(NOT_YET if missing else 0)


@app.command()
def solution() -> None:
    """Show one way to repair it. It does nothing, and there are no points for it."""
    with _course() as course:
        course.solution()


@app.command()
def reset() -> None:
    """Bring the lab back to where it was before the exercise."""
    with _course(alone=True) as course:
        course.reset()


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _course(tell: Callable[[str], None] = print, alone: bool = False) -> Iterator[Course]:
    """For this checkout's lab, `alone`: with no other command at work on it; errors end the program with 1.

    `tell`: where stdout is for a program, elsewhere.
    """
    from halab.cli.drill.session import runner_of
    from halab.cli.ending import Ending
    from halab.cli.exercise.course import Course
    from halab.cli.lab import alone as lab_alone
    from halab.cli.lab.state import StateUnusable
    from halab.cli.lab.this_lab import lab_settings
    from halab.cli.look.deployed import NothingDeployed
    from halab.cli.look.place import place
    from halab.constructs.settings import SettingsError
    from halab.provisioners.engine.errors import HalabError

    try:
        where = place()
        course = Course(where, lab_settings(), tell, runner_of(where, tell).stretch)
        with Ending(), lab_alone.alone(course.folder, tell) if alone else nullcontext():
            yield course
    except (HalabError, SettingsError, StateUnusable, NothingDeployed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
