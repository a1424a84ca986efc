"""Looks at the lab while somebody watches: journals tell that something changed, each machine is asked by itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from halab.cli.console.board import Board
from halab.cli.console.contract import Ages, Line, Overview
from halab.cli.console.declared import declared
from halab.cli.drill.guest_stream import GuestStream
from halab.cli.lab.state import StateUnusable
from halab.cli.look import hypervisor, services, taking
from halab.cli.look.deployed import Deployed, KnownMachine, NothingDeployed, deployed
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Power, Snapshot, recall
from halab.cli.look.status import LIMIT_S
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.errors import HalabError

POWER_S, SITE_S, ENDPOINT_S = 2.0, 5.0, 30.0
QUIET_S = 30.0
"""Between two questions to a machine whose journals say nothing: an emulated one needs 0.4 s for its answer."""
_EMULATED_LIMIT_S = 25.0  # nobody waits for it: a busy emulated machine may take its time
_TOGETHER_S = 0.3  # a change comes with many lines
_AGAIN_S = 2.0
_JOURNAL = (
    *("journalctl", "--follow", "--no-pager", "--output=json", "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,PRIORITY"),
    *("--lines=20", "--unit=corosync", "--unit=pacemaker"),
)


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
        with Round(self._place, lab, self._board) as self._round:
            while self._watched() and state.exists() and state.stat().st_mtime_ns == written:
                self._pause(_AGAIN_S)
        self._round = None

    def _pause(self, seconds: float) -> None:
        self._more.wait(seconds)
        self._more.clear()


class Round:
    """The threads that ask one lab, each for one part of it."""

    def __init__(self, place: Place, lab: Deployed, board: Board) -> None:
        self._place, self._lab, self._board = place, lab, board
        self._limit_s = _EMULATED_LIMIT_S if lab.emulated else LIMIT_S
        self._stop = threading.Event()
        self._wakes = {machine.uuid: threading.Event() for machine in lab.machines}
        self._stack = ExitStack()

    def __enter__(self) -> Round:
        jobs = [partial(self._ask, machine) for machine in self._lab.machines]
        jobs.append(partial(self._again, POWER_S, self._power))
        if self._lab.site_url:
            jobs.append(partial(self._again, SITE_S, self._site))
        if self._lab.endpoint:
            jobs.append(partial(self._again, ENDPOINT_S, self._endpoint))
        for job in jobs:
            threading.Thread(target=job, name="console", daemon=True).start()
        for machine in self._lab.machines:
            if machine.cluster:
                hear = partial(self._hear, machine.name)
                self._stack.enter_context(GuestStream(self._place.ssh_config, machine.name, lambda: _JOURNAL, hear))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.wake()
        self._stack.close()

    def wake(self) -> None:
        for wake in self._wakes.values():
            wake.set()

    def _ask(self, machine: KnownMachine) -> None:
        """One machine, again and again, over one connection; a new one after each silence."""
        endpoint, wake = self._lab.endpoint, self._wakes[machine.uuid]
        way = (endpoint.address, endpoint.port) if endpoint else None
        connection = taking.connection(machine, self._place.private_key, self._limit_s)
        while not self._stop.is_set():
            wake.clear()
            if self._board.runs(machine.uuid):
                said = taking.ask(connection, machine, way, self._limit_s)
                self._board.heard(machine.uuid, said)
                if isinstance(said, str):
                    connection.close()
                    connection = taking.connection(machine, self._place.private_key, self._limit_s)
                    self._stop.wait(_AGAIN_S)
            wake.wait(QUIET_S)
            self._stop.wait(_TOGETHER_S)
        connection.close()

    def _again(self, seconds: float, job: Callable[[], None]) -> None:
        while not self._stop.is_set():
            job()
            self._stop.wait(seconds)

    def _power(self) -> None:
        try:
            told = hypervisor.powers(self._place.uri, self._place.lab, list(self._wakes))
        except HalabError as error:
            told = dict.fromkeys(self._wakes, Power(Presence.UNKNOWN, f"{error.summary}. {error.detail}"))
        for uuid in self._board.powers(told):
            self._wakes[uuid].set()

    def _site(self) -> None:
        self._board.site(services.ask_site(self._lab.site_url, self._limit_s))

    def _endpoint(self) -> None:
        if known := self._lab.endpoint:
            self._board.endpoint(services.ask_endpoint(known, self._place.fencing / known.id))

    def _hear(self, machine: str, text: str) -> None:
        """A line of a journal. What is no text (binary, or too long) only says that something happened."""
        self.wake()
        try:
            entry = json.loads(text)
        except ValueError:
            return  # the line that a dying machine could not end
        if isinstance(said := entry.get("MESSAGE"), str):
            at, by = int(entry["__REALTIME_TIMESTAMP"]) / 1e6, entry.get("SYSLOG_IDENTIFIER", "")
            self._board.line(Line(at, machine, by, int(entry.get("PRIORITY", 6)), said.strip()))
