"""Several read-only questions in one exchange with a host. Pure: the text that asks, and the answers in what came."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import UnexpectedOutput

# What is said ends with a mark that is new each time, on standard output with the exit code behind it.
_ASK = """\
ask() {
  "$@" </dev/null && rc=0 || rc=$?
  printf '\\n%s %s\\n' "$mark" "$rc"
  printf '\\n%s\\n' "$mark" >&2
}
"""


def compose(commands: Sequence[Command], mark: str) -> str:
    """Shell that asks all of them in turn: for the standard input of `sh -s`, which takes a text of any length."""
    return "\n".join([f"mark={mark}", _ASK, *(f"ask {shlex.join(command.argv)}" for command in commands), ""])


def split(commands: Sequence[Command], result: Result, mark: str) -> list[Result]:
    """Each one's result out of that of `compose`'s text."""
    said, told = result.stdout.split(f"\n{mark} "), result.stderr.split(f"\n{mark}\n")
    if len(said) != len(commands) + 1 or len(told) != len(commands) + 1:
        # What was read may be secret: only the count is told.
        raise UnexpectedOutput(
            "A host answered other questions than it was asked",
            f"{len(commands)} were asked, {len(said) - 1} came back.",
        )
    found, rest = list[Result](), said[0]
    for command, text, errors in zip(commands, said[1:], told, strict=False):
        rc, _, following = text.partition("\n")
        found.append(Result(command, int(rc), rest, errors))
        rest = following
    return found
