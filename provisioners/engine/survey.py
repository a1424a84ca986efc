"""Several read-only questions to a guest for the price of one call: a call costs more than what it asks."""

from __future__ import annotations

from dataclasses import dataclass

from halab.provisioners.engine.command import Command, script
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.host import Host


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text; the answer is None when there is no such file."""

    path: str


@dataclass(frozen=True, slots=True)
class Says:
    """What some lines of shell print. User values are `args` ($1, $2, ...); the lines must exit with 0."""

    lines: str
    args: tuple[str, ...] = ()


Part = Text | Says


def question(*parts: Part) -> Command:
    """One command that answers all parts, each ended by a NUL byte."""
    lines, args = [], list[str]()
    for part in parts:
        if isinstance(part, Text):
            args.append(part.path)
            n = len(args)
            lines.append(f'if [ -e "${{{n}}}" ]; then printf +; cat -- "${{{n}}}"; fi')
        else:
            given = " ".join(f'"${{{len(args) + n}}}"' for n in range(1, len(part.args) + 1))
            args.extend(part.args)
            lines.append(f"printf +; (set -- {given}\n{part.lines}\n)")
        lines.append("printf '\\0'")
    return script("\n".join(["# look at its state", *lines]), *args)


def answers(parts: tuple[Part, ...], stdout: str) -> list[str | None]:
    """The answers, in the order of the parts; None for a file that is not there."""
    found = stdout.split("\0")
    if len(found) != len(parts) + 1:
        # What was read may be secret: only the count is told.
        came = f"{len(parts)} sections were asked for, {len(found) - 1} came."
        raise UnexpectedOutput("A guest's answer is incomplete", came)
    return [text[1:] if text.startswith("+") else None for text in found[:-1]]


def survey(host: Host, *parts: Part) -> list[str | None]:
    """Ask all parts in one call."""
    return answers(parts, host.look(question(*parts)).stdout)
