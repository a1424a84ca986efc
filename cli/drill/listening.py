"""All that is heard of a lab while it is broken: journals, consoles, power, a client, writers of the file system."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from halab.cli.drill.clients import SiteClient, Writer
from halab.cli.drill.ear import Ear, tell
from halab.cli.drill.guest_stream import GuestStream, clock_of
from halab.cli.drill.recording import LISTENED, Recorder
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.machine.console import Console
from halab.provider.hypervisor.machine.happenings import Happenings
from halab.provisioners.engine.errors import TimedOut

START_S = 60.0
_FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,PRIORITY"
_CONSOLE_S = 0.5
_PRIORITIES, _INFO = tuple("01234567"), 6


def first(value: Any) -> Any:
    """What counts of a journal's field: journalctl gives a list of one that an entry has more than once.

    Whoever writes to the journal may do that to each field but those whose names begin with an underscore.
    """
    repeated = isinstance(value, list) and value and not isinstance(value[0], int)
    return value[0] if repeated else value


def as_text(value: Any) -> str:
    """A journal's field as text. Of one that is none journalctl gives a list of its bytes; of one too long, null."""
    value = first(value)
    if isinstance(value, list):
        return bytes(value).decode(errors="replace")
    return value if isinstance(value, str) else ""


@dataclass
class Journal:
    """The journal of one machine: goes on behind the last line after each break; measures the clock of each boot."""

    machine: str
    place: Place
    recorder: Recorder
    _cursor: str = ""
    _boots: set[str] = field(default_factory=set)
    _clocks: list[Ear] = field(default_factory=list)

    def argv(self) -> list[str]:
        after = ["--after-cursor", self._cursor] if self._cursor else ["--lines=1"]
        return ["journalctl", "--follow", "--no-pager", "--output=json", f"--output-fields={_FIELDS}", *after]

    def hear(self, line: str) -> None:
        """One entry. Entries that are no text (binary, too long) are left out."""
        try:
            entry = json.loads(line)
        except ValueError:
            return  # the line that a dying machine could not end
        self._cursor = entry.get("__CURSOR", self._cursor)
        boot, text = entry.get("_BOOT_ID", ""), first(entry.get("MESSAGE"))
        if boot not in self._boots:
            self._boots.add(boot)
            self._clocks.append(self.clock())
            self._clocks[-1].start()
        if isinstance(text, str):
            priority = first(entry.get("PRIORITY"))
            self.recorder.add(
                "journal",
                machine=self.machine,
                boot=boot,
                up=int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6,
                by=as_text(entry.get("SYSLOG_IDENTIFIER")),
                priority=int(priority) if priority in _PRIORITIES else _INFO,
                text=text.strip(),
            )

    def clock(self) -> Ear:
        """A measurement of the machine's clock, not begun yet."""
        return Ear(f"the clock of {self.machine}", self.measure)

    def over(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nobody listens any more. NotHeard: a clock could not be recorded. One under way is not waited for."""
        for clock in self._clocks:
            clock.end(error, within_s=0.0)

    def measure(self) -> None:
        """Records how the machine's clock stands to the host's. A machine that is mute now is not measured."""
        try:
            boot, offset, error = clock_of(self.place.ssh_config, self.machine, time.time)
        except OSError:
            return
        self.recorder.add("clock", machine=self.machine, boot=boot, offset=round(offset, 4), error=round(error, 4))


class ConsoleTail:
    """The console of one machine: its lines as libvirt's log gets them, in a thread of its own.

    NotHeard at its end: it has ended before.
    """

    def __init__(self, machine: KnownMachine, console: Console, recorder: Recorder) -> None:
        self._machine, self._console, self._recorder = machine, console, recorder
        self._stop = threading.Event()
        self._ear = Ear(f"the console of {machine.name}", self._run)

    def __enter__(self) -> ConsoleTail:
        self._console.news()
        self._ear.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._ear.end(error)

    def _run(self) -> None:
        begun = ""
        while not self._stop.wait(_CONSOLE_S):
            *lines, begun = (begun + self._console.news().decode(errors="replace")).split("\n")
            for line in lines:
                if text := line.strip("\r "):
                    self._recorder.add("console", machine=self._machine.name, text=text)


class PowerEar:
    """What libvirt tells of a lab's machines (`names`: by UUID).

    NotHeard at its end: something could not be recorded, or libvirt was away meanwhile, and has told nothing since.
    """

    def __init__(self, names: dict[str, str], recorder: Recorder, uri: str) -> None:
        self._names, self._recorder = names, recorder
        self._happenings = Happenings(self._hear, uri)
        self._error: Exception | None = None

    def __enter__(self) -> PowerEar:
        self._happenings.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        heard = self._happenings.alive()
        self._happenings.__exit__(kind, error, trace)
        if not heard:
            self._error = self._error or ConnectionError("its connection broke")
        if self._error is not None:
            tell("libvirt was not heard to the end", self._error, error)

    def _hear(self, uuid: str, event: str, why: str) -> None:
        if uuid not in self._names:
            return
        try:
            self._recorder.add("power", machine=self._names[uuid], event=event, why=why)
        except Exception as error:  # libvirt's loop would print it, and go on
            self._error = self._error or error


@dataclass(frozen=True)
class Ears:
    """What is open while a drill runs."""

    journals: dict[str, Journal]
    site: SiteClient | None
    writers: list[Writer]
    """Those that write: none where there is no GFS2."""

    def measure_clocks(self) -> None:
        """Of all machines that answer. NotHeard: one could not be recorded."""
        clocks = [one.clock() for one in self.journals.values()]
        for clock in clocks:
            clock.start()
        for clock in clocks:
            clock.end(within_s=START_S)


@contextmanager
def listening(place: Place, lab: Deployed, recorder: Recorder, gfs2: str, address: str) -> Iterator[Ears]:
    """Listens to all that can be heard while the block runs. `gfs2`: where it is mounted; empty: there is none.

    TimedOut: a journal, or a writer, does not start. NotHeard, at the end: something was not heard until then.
    """
    nodes = lab.nodes
    connection = Connection(place.uri)
    names = {machine.uuid: machine.name for machine in lab.machines}
    with ExitStack() as stack:
        stack.enter_context(PowerEar(names, recorder, place.uri))
        journals, streams = {}, []
        for machine in lab.machines:
            journal = journals[machine.name] = Journal(machine.name, place, recorder)
            stack.push(journal.over)
            streams.append(stack.enter_context(GuestStream(place.ssh_config, machine.name, journal.argv, journal.hear)))
            console = Console(connection, machine.console_log)
            if machine.console_log and console.exists():
                stack.enter_context(ConsoleTail(machine, console, recorder))
        writers = [Writer(node.name, gfs2, address, len(nodes), recorder) for node in nodes] if gfs2 or address else []
        for writer in writers:
            stream = GuestStream(place.ssh_config, writer.node, writer.argv, writer.hear)
            streams.append(stack.enter_context(stream))
        site = stack.enter_context(SiteClient(lab.site_url, recorder)) if lab.site_url else None
        _all_heard(streams)
        yield Ears(journals, site, writers if gfs2 else [])
        recorder.add(LISTENED)


def _all_heard(streams: list[GuestStream]) -> None:
    if mute := [stream.machine for stream in streams if not stream.heard.wait(START_S)]:
        raise TimedOut(
            f"{', '.join(dict.fromkeys(mute))}: nothing is heard within {START_S:.0f} s", "See halab status."
        )
