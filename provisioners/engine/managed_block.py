"""Public files, written together in one call: whole ones, and our block of lines in files that others own too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from halab.provisioners.engine.command import script
from halab.provisioners.engine.durable import FOLDER, KEEP
from halab.provisioners.engine.host import Host

BEGIN = "# BEGIN halab: lines up to END are replaced"
END = "# END halab"

# $1 path, $2 mode, $3 kind, $4 text, $5 sed program for the lines that are not ours; repeated. The
# files get their names together, at the end. No secret passes here: arguments are visible on the guest.
_WRITE = f"""# write files
{KEEP}left=$#
while [ $left -gt 0 ]; do
  {FOLDER}
  new=$1.halab-new
  if [ "$3" = whole ]; then
    printf %s "$4" > "$new"
  else
    : > "$new"
    if [ -e "$1" ]; then sed -E -e '/^# BEGIN halab/,/^# END halab/d' -e "$5" -- "$1" | sed -e '$a\\' > "$new"; fi
    printf %s "$4" >> "$new"
  fi
  chmod "$2" "$new"
  set -- "$@" "$1"
  shift 5; left=$((left - 5))
done
keep "$@"
"""


@dataclass(frozen=True, slots=True)
class Whole:
    """A file that is ours alone."""

    path: str
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Block:
    """Our lines at the end of a file; no lines removes the block. `tidy` is a sed -E program for the other lines."""

    path: str
    lines: tuple[str, ...]
    mode: int = 0o644
    tidy: str = ""

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in (BEGIN, *self.lines, END)) if self.lines else ""


@dataclass(frozen=True, slots=True)
class WriteFiles:
    """Step: write public files (owner root) in one call."""

    entries: tuple[Whole | Block, ...]
    timeout_s: float = field(default=60.0)

    def run(self, host: Host) -> None:
        words: list[str] = []
        for entry in self.entries:
            kind, tidy = ("whole", "") if isinstance(entry, Whole) else ("block", entry.tidy)
            words += [entry.path, f"{entry.mode:04o}", kind, entry.text, tidy]
        if words:
            host.ask(script(_WRITE, *words, timeout_s=self.timeout_s))

    def __str__(self) -> str:
        return "write " + ", ".join(entry.path for entry in self.entries)


def block_lines(text: str | None) -> tuple[str, ...] | None:
    """The lines of our block in a file's text; None when there is no block (or no file)."""
    found = re.search(r"^# BEGIN halab[^\n]*\n(.*?)^# END halab", text or "", re.MULTILINE | re.DOTALL)
    return None if found is None else tuple(found[1].splitlines())


def other_lines(text: str | None) -> tuple[str, ...]:
    """The lines of a file that are not ours."""
    rest = re.sub(r"^# BEGIN halab[^\n]*\n.*?^# END halab[^\n]*\n?", "", text or "", flags=re.MULTILINE | re.DOTALL)
    return tuple(rest.splitlines())


def write(entries: Iterable[Whole | Block]) -> WriteFiles:
    return WriteFiles(tuple(entries))
