"""Looks at the lab while somebody watches; `round` says who is asked when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from halab.cli.console.board import Board
from halab.cli.console.contract import Ages, Overview
from halab.cli.console.declared import declared
from halab.cli.console.reaching import OverSsh
from halab.cli.console.round import Round
from halab.cli.lab.state import StateUnusable
from halab.cli.look.deployed import Deployed, NothingDeployed, deployed
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Snapshot, recall

_AGAIN_S = 2.0


class Watch:
    """One look at a lab for all who watch. Nothing is asked while nobody does."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._listeners: set[Callable[[], None]] = set()
        self._board: Board | None = None
        self._trouble = "Looking for the lab."
        self._more = threading.Event()
        self._thread: threading.Thread | None = None
        self._round: Round | None = None

    @contextmanager
    def listening(self, changed: Callable[[], None]) -> Iterator[None]:
        """`changed` is called, by another thread, after each news while the block runs."""
        with self._lock:
            self._listeners.add(changed)
            self._more.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._listeners.discard(changed)
                self._more.set()

    def overview(self) -> Overview:
        """What is known now."""
        board = self._board
        return board.overview() if board else Overview(0.0, None, Ages(None, None, None), (), self._trouble)

    def snapshot(self) -> Snapshot | None:
        """What is known now, as it came; None while the lab was not seen."""
        board = self._board
        return board.snapshot() if board else None

    def wake(self) -> None:
        """Something was changed from here: look again."""
        if (current := self._round) is not None:
            current.wake()

    def _watched(self) -> bool:
        with self._lock:
            return bool(self._listeners)

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for changed in listeners:
            changed()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._listeners:
                    self._thread = None
                    return
            try:
                self._look(deployed(self._place.state))
            except (NothingDeployed, StateUnusable, OSError) as error:
                self._board, self._trouble = None, str(error)
                self._tell()
                self._pause(_AGAIN_S)

    def _look(self, lab: Deployed) -> None:
        """Until nobody watches, or the lab is another one."""
        state = self._place.state
        written = state.stat().st_mtime_ns
        self._board = Board(self._place.lab, lab, recall(self._place.seen), self._tell, declared(state))
        with Round(self._place, lab, self._board, OverSsh(self._place, lab)) as self._round:
            while self._watched() and state.exists() and state.stat().st_mtime_ns == written:
                self._pause(_AGAIN_S)
        self._round = None

    def _pause(self, seconds: float) -> None:
        self._more.wait(seconds)
        self._more.clear()
