"""All that is heard of a lab while it is broken: journals, consoles, power, a client, writers of the file system."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from halab.cli.drill.clients import SiteClient, Writer
from halab.cli.drill.guest_stream import GuestStream, clock_of
from halab.cli.drill.recording import Recorder
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.machine.console import Console
from halab.provider.hypervisor.machine.happenings import Happenings
from halab.provisioners.engine.errors import TimedOut

START_S = 60.0
_FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,PRIORITY"
_CONSOLE_S = 0.5


@dataclass
class Journal:
    """The journal of one machine: goes on behind the last line after each break; measures the clock of each boot."""

    machine: str
    place: Place
    recorder: Recorder
    _cursor: str = ""
    _boots: set[str] = field(default_factory=set)

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
        boot, text = entry.get("_BOOT_ID", ""), entry.get("MESSAGE")
        if boot not in self._boots:
            self._boots.add(boot)
            threading.Thread(target=self.measure, name=f"clock of {self.machine}", daemon=True).start()
        if isinstance(text, str):
            self.recorder.add(
                "journal",
                machine=self.machine,
                boot=boot,
                up=int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6,
                by=entry.get("SYSLOG_IDENTIFIER", ""),
                priority=int(entry.get("PRIORITY", 6)),
                text=text.strip(),
            )

    def measure(self) -> None:
        """Records how the machine's clock stands to the host's. A machine that is mute now is not measured."""
        try:
            boot, offset, error = clock_of(self.place.ssh_config, self.machine, time.time)
        except OSError:
            return
        self.recorder.add("clock", machine=self.machine, boot=boot, offset=round(offset, 4), error=round(error, 4))


class ConsoleTail:
    """The console of one machine: its lines as libvirt's log gets them, in a thread of its own."""

    def __init__(self, machine: KnownMachine, console: Console, recorder: Recorder) -> None:
        self._machine, self._console, self._recorder = machine, console, recorder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"console of {machine.name}", daemon=True)

    def __enter__(self) -> ConsoleTail:
        self._console.news()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        begun = ""
        while not self._stop.wait(_CONSOLE_S):
            *lines, begun = (begun + self._console.news().decode(errors="replace")).split("\n")
            for line in lines:
                if text := line.strip("\r "):
                    self._recorder.add("console", machine=self._machine.name, text=text)


@dataclass(frozen=True)
class Ears:
    """What is open while a drill runs."""

    journals: dict[str, Journal]
    site: SiteClient | None
    writers: list[Writer]

    def measure_clocks(self) -> None:
        """Of all machines that answer."""
        threads = [threading.Thread(target=one.measure, daemon=True) for one in self.journals.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(START_S)


@contextmanager
def listening(place: Place, lab: Deployed, recorder: Recorder, gfs2: str, address: str) -> Iterator[Ears]:
    """Listens to all that can be heard while the block runs. `gfs2`: where it is mounted; empty: there is none.

    TimedOut: a journal, or a writer, does not start.
    """
    nodes = [machine for machine in lab.machines if machine.cluster]
    connection = Connection(place.uri)
    names = {machine.uuid: machine.name for machine in lab.machines}

    def power(uuid: str, event: str, why: str) -> None:
        if uuid in names:
            recorder.add("power", machine=names[uuid], event=event, why=why)

    with ExitStack() as stack:
        stack.enter_context(Happenings(power, place.uri))
        journals, streams = {}, []
        for machine in lab.machines:
            journal = journals[machine.name] = Journal(machine.name, place, recorder)
            streams.append(stack.enter_context(GuestStream(place.ssh_config, machine.name, journal.argv, journal.hear)))
            console = Console(connection, machine.console_log)
            if machine.console_log and console.exists():
                stack.enter_context(ConsoleTail(machine, console, recorder))
        writers = [Writer(node.name, gfs2, address, len(nodes), recorder) for node in nodes] if gfs2 else []
        for writer in writers:
            stream = GuestStream(place.ssh_config, writer.node, writer.argv, writer.hear)
            streams.append(stack.enter_context(stream))
        site = stack.enter_context(SiteClient(lab.site_url, recorder)) if lab.site_url else None
        if mute := [stream.machine for stream in streams if not stream.heard.wait(START_S)]:
            raise TimedOut(
                f"{', '.join(dict.fromkeys(mute))}: nothing is heard within {START_S:.0f} s", "See halab status."
            )
        yield Ears(journals, site, writers)
