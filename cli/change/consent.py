"""Asks before something is lost."""

from __future__ import annotations

import sys

from halab.cli.change.screen import Screen

REFUSED = 3
"""The exit code when it was not confirmed."""


class NotConfirmed(Exception):
    """The answer was no, or nobody could be asked; the text says what to do."""


def ask(screen: Screen, question: str, yes: bool, command: str) -> None:
    """Goes on if the answer is yes, or was given beforehand. NotConfirmed."""
    if yes:
        return
    if not can_ask(screen):
        raise NotConfirmed(
            f"Not done: there is no terminal to ask on. `halab {command} --yes`, or make {command} ARGS=--yes, does it."
        )
    if screen.ask(f"{question} [y/N]").strip().lower() not in ("y", "yes"):
        raise NotConfirmed("Nothing was changed.")


def can_ask(screen: Screen) -> bool:
    return sys.stdin.isatty() and screen.console.file.isatty()
