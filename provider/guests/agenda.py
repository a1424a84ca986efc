"""What the guests were asked in the last refresh, kept in a file: the next one asks each guest all of it at once.

It is a shortcut only. Whatever is wrong with the file is as good as no file; a question that nobody asks any more is
forgotten. Commands have no secrets in their arguments, and those with something on stdin are not kept.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from halab.provider.run.files import write_private
from halab.provisioners.engine.command import Command

_MOST = 60  # questions of one host: many more than a node of a lab has
_MOST_HOSTS = 64  # of machines that are gone nobody tells: those asked last are kept


class Agenda:
    """The questions of one host, or of one cluster."""

    def __init__(self, known: Iterable[tuple[str, ...]]) -> None:
        self._known = dict.fromkeys(known)
        self._asked: dict[tuple[str, ...], None] = {}

    def questions(self) -> list[Command]:
        return [Command(argv) for argv in self._known]

    def learn(self, command: Command) -> None:
        self._asked[command.argv] = None

    def kept(self) -> list[tuple[str, ...]]:
        """What to ask the next time. A refresh of only a part of the lab forgets nothing."""
        whole = 2 * len(self._asked) >= len(self._known)
        return list(self._asked if whole else {**self._known, **self._asked})[:_MOST]


class Agendas:
    """Those of all hosts of a lab, by name."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._guard = threading.Lock()
        self._stored: dict[str, list[tuple[str, ...]]] | None = None
        self._open: dict[str, Agenda] = {}

    def of(self, name: str) -> Agenda:
        with self._guard:
            if self._stored is None:
                self._stored = _parse(self._file)
            return self._open.setdefault(name, Agenda(self._stored.get(name, ())))

    def save(self) -> None:
        """Keep what was asked, if it is not what was known."""
        with self._guard:
            if self._stored is None:
                return
            now = {name: mine for name, agenda in self._open.items() if (mine := agenda.kept())}
            others = {name: known for name, known in self._stored.items() if name not in now}
            kept = dict([*others.items(), *now.items()][-_MOST_HOSTS:])
            if kept != self._stored:
                write_private(self._file, json.dumps(kept))
                self._stored = kept


def _parse(file: Path) -> dict[str, list[tuple[str, ...]]]:
    try:
        document: Any = json.loads(file.read_text())
        return {str(name): [tuple(map(str, argv)) for argv in questions] for name, questions in document.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
