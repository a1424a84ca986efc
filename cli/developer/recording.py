"""What stood on a terminal, from a recording (record.py) of it.

Understands what rich writes: text with colours, lines that are cleared and written anew. Anything else is an error, so
that no picture shows what nobody has seen.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PIECES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+")
_UP, _CLEARED, _CURSOR = re.compile(r"\x1b\[([0-9]*)A"), "\x1b[2K", ("\x1b[?25l", "\x1b[?25h")
GAP = "⋮"
HOME_FOLDER = "halab"


@dataclass(frozen=True)
class Recording:
    """A command, the folder in which it ran, and its output by the time (s) at which it came."""

    command: str
    folder: str
    pieces: tuple[tuple[float, str], ...]

    @classmethod
    def read(cls, path: Path) -> Recording:
        """ValueError: the file is no asciicast of version 2."""
        head, *rest = (json.loads(line) for line in path.read_text().splitlines())
        if not isinstance(head, dict) or head.get("version") != 2:
            raise ValueError(f"{path} is no asciicast of version 2")
        return cls(head["command"], head["folder"], tuple((at, text) for at, kind, text in rest if kind == "o"))

    def lines(self, until_s: float = float("inf")) -> list[str]:
        """All that has scrolled by, and what stood on the screen at that time; colours as escape sequences.

        Empty lines at the end are left out.
        """
        said = "".join(text for at, text in self.pieces if at <= until_s)
        lines = [line.rstrip() for line in _written(said)]
        while lines and not lines[-1]:
            lines.pop()
        return lines


def _written(said: str) -> list[str]:
    lines, row, at_start = [""], 0, True
    for piece in _PIECES.findall(said):
        if piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece == "\r":
            at_start = True
            continue
        elif piece == _CLEARED:
            lines[row] = ""
        elif moved := _UP.fullmatch(piece):
            row = max(0, row - int(moved[1] or 1))
            continue
        elif piece not in _CURSOR:
            lines[row] = _added(lines[row], piece, at_start)
        at_start = piece == "\n" or (at_start and not lines[row])
    return lines


def _added(line: str, piece: str, at_start: bool) -> str:
    if piece.startswith("\x1b") and not piece.endswith("m"):
        raise ValueError(f"not understood: {piece!r}")
    if at_start and line and not piece.startswith("\x1b"):
        raise ValueError(f"{piece!r} is written over {line!r}")
    return line + piece


def excerpt(recording: Recording, at_s: float, before: int, end: int) -> str:
    """The last lines of the screen at `at_s`, and those at the end; a gap stands for what is between them.

    The folder is named as if it lay in a home: where it was is nobody's affair.
    """
    shown = [f"$ {recording.command}", GAP, *recording.lines(at_s)[-before:], GAP, *recording.lines()[-end:]]
    return "\n".join(shown).replace(recording.folder, f"~/{HOME_FOLDER}") + "\n"


def main(arguments: Sequence[str]) -> None:
    """Prints an excerpt, for docs/pictures/."""
    parser = argparse.ArgumentParser(prog="python -m halab.cli.developer.recording", description=__doc__)
    parser.add_argument("cast", type=Path, help="what record.py wrote")
    parser.add_argument("at_s", type=float, metavar="SECONDS", help="of the first part")
    parser.add_argument("before", type=int, metavar="LINES", help="of the first part")
    parser.add_argument("end", type=int, metavar="LINES-AT-THE-END")
    given = parser.parse_args(arguments)
    sys.stdout.write(excerpt(Recording.read(given.cast), given.at_s, given.before, given.end))


if __name__ == "__main__":
    main(sys.argv[1:])
