"""Looking at a host during a refresh: what is asked of it is asked together, and each question once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import TimedOut, UnexpectedOutput
from halab.provisioners.engine.host import Host

_BATCH_S = 60.0


@runtime_checkable
class Batching(Protocol):
    """A transport that carries several read-only commands in one exchange."""

    def run_all(self, commands: Sequence[Command], timeout_s: float) -> list[Result]: ...


class Agenda(Protocol):
    """What a host was asked in earlier refreshes, and so will be asked again."""

    def questions(self) -> Iterable[Command]: ...
    def learn(self, command: Command) -> None: ...


class Answers:
    """What one host, or one cluster, has answered in this refresh. Whatever waits while it is asked goes out together.

    The first question takes with it all that the agenda knows: the resources of one host are read one after the other,
    as their dependencies have it, and by then their answers are there.
    """

    def __init__(self, agenda: Agenda | None = None) -> None:
        self._agenda, self._begun = agenda, False
        self._guard, self._turn = threading.Lock(), threading.Lock()
        self._known: dict[tuple[str, ...], Result] = {}
        self._waiting: dict[tuple[str, ...], Command] = {}

    def get(self, command: Command, ask: Callable[[list[Command]], Sequence[Result]]) -> Result:
        """The answer to a command without stdin. `ask` may answer fewer than it is asked, but the first at least."""
        key = command.argv
        with self._guard:
            self._waiting.setdefault(key, command)
        with self._turn:
            if key not in self._known:
                asked = self._next(command)
                self._keep(asked, ask(asked))
        if self._agenda is not None:
            self._agenda.learn(command)
        return self._known[key]

    def begin(self, ask: Callable[[list[Command]], Sequence[Result]]) -> None:
        """Ask what the agenda knows, unless that was done."""
        with self._turn:
            if asked := self._next():
                self._keep(asked, ask(asked))

    def _keep(self, asked: Iterable[Command], results: Iterable[Result]) -> None:
        for one, result in zip(asked, results, strict=False):
            self._known[one.argv] = result

    def _next(self, *first: Command) -> list[Command]:
        """`first`, and all that waits or is to be expected; who is not answered then asks again."""
        with self._guard:
            waiting, self._waiting = self._waiting, {}
        expected = () if self._begun or self._agenda is None else self._agenda.questions()
        self._begun = True
        batch = {one.argv: one for one in (*first, *waiting.values(), *expected)}
        return [one for key, one in batch.items() if key not in self._known]


class ReadingHost(Host):
    """A host that is only looked at."""

    def __init__(self, *args: Any, answers: Answers, **options: Any) -> None:
        super().__init__(*args, **options)
        self._answers = answers
        self._one_by_one = False

    def ask(self, command: Command, *, cached: bool = False) -> Result:
        return self.look(command) if cached else super().ask(command)

    def look(self, command: Command) -> Result:
        if command.stdin is not None:  # it may be secret: neither kept nor asked with others
            return super().ask(command)
        return self.accepted(self._answers.get(command, self._ask_all), command)

    def ask_ahead(self) -> None:
        """Have it answer what it was asked in the last refresh."""
        self._answers.begin(self._ask_all)

    def _ask_all(self, commands: list[Command]) -> list[Result]:
        if len(commands) > 1 and not self._one_by_one and isinstance(self._transport, Batching):
            try:
                return self._transport.run_all(commands, _BATCH_S * self._pace.time_scale)
            except (TimedOut, UnexpectedOutput):
                self._one_by_one = True  # one of them hangs: it shall not keep the others from their answers
        return [self.attempt(commands[0])]
