"""A console on a real port over a recorded cluster: the real server, and a board that tests fill."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from halab.cli.console.access import Access
from halab.cli.console.board import Board
from halab.cli.console.contract import Line, Role
from halab.cli.console.doing import Doing
from halab.cli.console.jobs import Jobs
from halab.cli.console.server import Console
from halab.cli.console.serving import Server
from halab.cli.console.watching import Watch
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Answer, Endpoint, Power, Site, Snapshot
from halab.provider.hypervisor.machine.presence import Presence
from tests.unit.cli.look.samples import lab

PASSWORD = "right enough 1"
NAMES = ("node1", "node2", "node3", "target")


class Recorded(Watch):
    """Shows what it is given; asks no machine."""

    def __init__(self, where: Place, shown: Snapshot, declared: Iterable[str] = ()) -> None:
        super().__init__(where)
        machines = [
            KnownMachine(m.uuid, m.name, m.address, "", "summit" if m.member else "", m.name, "", True)
            for m in shown.machines
        ]
        self.board = self._board = Board("summit", Deployed(tuple(machines), None, ""), None, self._tell, declared)
        now = time.time()
        self.board.powers({m.uuid: m.power for m in shown.machines})
        for m in shown.machines:
            assert m.answer
            self.board.heard(m.uuid, m.silence or Answer(now, m.answer.look, m.answer.cluster))
        self.board.endpoint(shown.endpoint or Endpoint("https://192.168.77.1:8000"))
        self.board.site(shown.site or Site("http://192.168.77.50/"))

    def _run(self) -> None:
        return


@dataclass(frozen=True)
class Stage:
    """A console that is served."""

    url: str
    access: Access
    watch: Recorded
    place: Place

    def logged_in(self, role: Role = "operate") -> requests.Session:
        """As the page itself would be."""
        session = requests.Session()
        session.trust_env = False
        session.headers.update({"origin": self.url, "sec-fetch-site": "same-origin"})
        answer = session.post(f"{self.url}/api/login", json={"token": self.access.link(role)}, timeout=10)
        assert answer.status_code == 200, answer.text
        return session


@contextmanager
def served(
    folder: Path, shown: Snapshot | None = None, declared: Iterable[str] = (), jobs: Jobs | None = None
) -> Iterator[Stage]:
    """The console over a lab as it was seen; a healthy one unless another is given. `declared`: resources."""
    files = [folder / name for name in ("tfstate", "key", "conf", "fencing", "kvm", "seen", "audit.jsonl")]
    where, access = Place("summit", "test:///default", *files), Access(password=lambda: PASSWORD)
    watch = Recorded(where, shown or lab(), declared)
    with serving(where, access, Doing(where, watch), jobs) as url:
        yield Stage(url, access, watch, where)


@contextmanager
def serving(where: Place, access: Access, doing: Doing, jobs: Jobs | None = None) -> Iterator[str]:
    """The server itself; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    console = Console(where, doing, access, port, jobs)
    server = Server(console)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
    assert not thread.is_alive()


def hostile(where: Stage) -> str:
    """A journal line that wants to be HTML; its text."""
    text = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
    where.watch.board.line(Line(time.time(), "node1", "pacemaker-controld", 3, text))
    return text


def off(shown: Snapshot, name: str) -> Snapshot:
    """The same lab with a machine that is off."""
    from dataclasses import replace

    machines = tuple(replace(m, power=Power(Presence.OFF)) if m.name == name else m for m in shown.machines)
    return replace(shown, machines=machines)
