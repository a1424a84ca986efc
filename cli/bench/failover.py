"""Crashes the active node of a deployed lab and times how the cluster gets over it."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from halab.cli.bench.report import FailoverTimes
from halab.cli.watch.rest import rest_of
from halab.cli.watch.site import SiteWatch
from halab.provider.run.folder import LabFolder
from halab.provider.run.known_hosts import pinned_key
from halab.provisioners.engine.command import cmd, script
from halab.provisioners.engine.errors import ConnectError, HalabError, TimedOut, UnexpectedOutput
from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.engine.ssh import Address, SshTransport
from halab.provisioners.pacemaker.status import STATUS_COMMAND, ClusterStatus, parse_status

SETTLE_DEADLINE_S = 400
SITE_DEADLINE_S = 60.0
FAILOVER_DEADLINE_S = 600.0
CRASH_TIMEOUT_S = 10.0
# crm_mon costs an emulated node a quarter of a second of the time that is measured: asked no oftener than this.
STATUS_POLL_S = 4.0
_TOKEN = "runtime.config.totem.token"
_CRASH = """# crash the kernel
sync
echo c > /proc/sysrq-trigger
"""


@dataclass
class CrashEvents:
    """When the cluster first showed what became of `crashed` (Unix time, s)."""

    crashed: str
    known: frozenset[tuple[str, str]]
    """Fencing operations before the crash: node and completion."""
    detected: float | None = None
    fenced: float | None = None

    def look(self, status: ClusterStatus, now: float) -> None:
        """Takes in what a surviving node sees."""
        node = status.node(self.crashed)
        if self.detected is None and node is not None and (node.unclean or not node.online):
            self.detected = now
        if self.fenced is None and any(
            event.target == self.crashed
            and event.status == "success"
            and (event.target, event.completed) not in self.known
            for event in status.fencing
        ):
            self.fenced = now
            # A fast cluster may have fenced it between two looks.
            self.detected = self.detected or now


@dataclass
class Cluster:
    """The nodes of a deployed lab, by SSH with the lab's own key and pinned host keys."""

    folder: LabFolder
    addresses: Mapping[str, str]
    """Node name -> IP."""
    time_scale: float = 1.0
    _hosts: dict[str, Host] = field(default_factory=dict)

    def host(self, name: str) -> Host:
        """A node; the connection is made on first use and kept."""
        if name not in self._hosts:
            key = pinned_key(self.folder.known_hosts.read_text(), name)
            address = Address(name, self.addresses[name], key, self.folder.private_key)
            pace = Pace(self.time_scale)
            self._hosts[name] = Host(SshTransport(address, pace), pace=pace)
        return self._hosts[name]

    def status(self, by: str) -> ClusterStatus:
        """The cluster as one node sees it."""
        return parse_status(self.host(by).ask(STATUS_COMMAND).stdout)

    def token_ms(self, by: str) -> int:
        """Corosync's effective token."""
        return parse_token(self.host(by).ask(cmd("corosync-cmapctl", "-g", _TOKEN)).stdout)

    def settle(self, by: str) -> None:
        """Waits until the cluster has nothing left to do, and its nodes neither: pcsd starts on after a deploy."""
        wait = cmd("crm_resource", "--wait", f"--timeout={SETTLE_DEADLINE_S}s", timeout_s=SETTLE_DEADLINE_S + 30)
        self.host(by).ask(wait)
        for name in self.addresses:
            self.host(name).wait(rest_of(name))


def parse_token(line: str) -> int:
    """`runtime.config.totem.token (u32) = 10650` -> 10650."""
    name, _, value = line.strip().rpartition(" = ")
    if not name.startswith(_TOKEN) or not value.isdigit():
        raise UnexpectedOutput("corosync-cmapctl did not tell the token", line[:200])
    return int(value)


def choose_witness(status: ClusterStatus, crashed: str) -> str:
    """Who is asked during the failover: a surviving node, and not the DC if there is a choice, which has work to do."""
    alive = sorted((node.is_dc, node.name) for node in status.nodes if node.available and node.name != crashed)
    if not alive:
        raise HalabError("No node would be left", "The failover needs a second node that is online.")
    return alive[0][1]


def crash_active(cluster: Cluster, url: str) -> FailoverTimes:
    """Crashes the node that serves the site, and waits until it is fenced and another one serves it."""
    cluster.settle(next(iter(cluster.addresses)))
    with SiteWatch(url) as site:
        site.wait(SITE_DEADLINE_S)
    active = site.served_by
    witness = choose_witness(cluster.status(active), active)
    token_ms = cluster.token_ms(witness)
    before = cluster.status(witness)
    events = CrashEvents(active, frozenset((event.target, event.completed) for event in before.fencing))
    cluster.host(active).ask(cmd("true"))  # the connection is there: making it is not a part of the crash
    with SiteWatch(url, lambda node: node != active) as site:
        began = time.time()
        crash = threading.Thread(target=_crash, args=(cluster.host(active),), daemon=True)
        crash.start()
        detected, fenced = follow(events, lambda: cluster.status(witness))
        recovered = site.wait(max(0.0, began + FAILOVER_DEADLINE_S - time.time()))
        crash.join()
    return FailoverTimes(active, site.served_by, token_ms, detected - began, fenced - began, recovered - began)


def _crash(host: Host) -> None:
    with contextlib.suppress(ConnectError, TimedOut):  # a crashed kernel does not answer
        host.attempt(script(_CRASH, timeout_s=CRASH_TIMEOUT_S))


def follow(
    events: CrashEvents,
    status: Callable[[], ClusterStatus],
    deadline_s: float = FAILOVER_DEADLINE_S,
    pause: Callable[[float], object] = time.sleep,
) -> tuple[float, float]:
    """Looks until the crash was detected and fenced: when (Unix time, s). TimedOut."""
    end = time.monotonic() + deadline_s
    while True:
        events.look(status(), time.time())
        if events.detected is not None and events.fenced is not None:
            return events.detected, events.fenced
        if time.monotonic() > end:
            missing = "fenced" if events.detected is not None else "even seen as lost"
            raise TimedOut(f"{events.crashed} was not {missing} within {deadline_s:.0f} s", "See crm_mon -1rf.")
        pause(STATUS_POLL_S)
