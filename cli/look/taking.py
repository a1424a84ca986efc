"""Takes a snapshot of a lab: libvirt, all machines, the endpoint and the site at once, within a time limit.

A machine that runs and does not answer costs the time limit, and what it said last is kept. One of which libvirt says
that it does not run costs nothing: nobody waits for it, and what it may still have said does not count.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from halab.cli.look import guest, hypervisor, services
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Answer, Endpoint, Glance, Machine, Power, Site, Snapshot, recall, remember
from halab.cli.look.together import together
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import ConnectionLost, HalabError, TimedOut
from halab.provisioners.pacemaker.status import STATUS_COMMAND

if TYPE_CHECKING:
    from halab.provisioners.engine.ssh import SshTransport

_CLUSTER_PART = 0.6
"""Of the time limit: a cluster that does not answer leaves a machine the rest to be seen as alive."""
_ENDING_S = 1.0  # until the exit of an ended command is heard
_STOPPED = 124  # timeout(1): it had to end the command


class Ways:
    """Connections to a lab's machines, which looks one after the other may share: a log-in costs as much as a look."""

    def __init__(self, key: Path, keep: bool = True) -> None:
        self._key, self._keep, self._over = key, keep, threading.Event()
        self._kept: dict[str, SshTransport] = {}

    def __enter__(self) -> Ways:
        return self

    def __exit__(self, *_: object) -> None:
        """Attempts to reach a machine end, too."""
        self._over.set()
        while self._kept:
            self._kept.popitem()[1].close()

    def ask(self, machine: KnownMachine, way: tuple[str, int] | None, limit_s: float) -> Answer | str:
        """What a machine says, or why it says nothing. Whoever is still waited for from an earlier look has its own."""
        transport = self._kept.pop(machine.uuid, None) or connection(machine, self._key, limit_s, self._over)
        said: Answer | str = ""
        try:
            said = ask(transport, machine, way, limit_s)
        finally:
            if self._keep and isinstance(said, Answer) and not self._over.is_set() and machine.uuid not in self._kept:
                self._kept[machine.uuid] = transport
            else:
                transport.close()
        return said


def take(
    place: Place,
    lab: Deployed,
    limit_s: float,
    meanwhile: Callable[[], None] = lambda: None,
    ways: Ways | None = None,
) -> Snapshot:
    """What can be seen now; what is silent is given as it was seen last. Remembered in the lab's folder.

    `meanwhile` is done while the lab is asked. `ways`: those that several looks share.
    """
    at = time.time()
    with contextlib.nullcontext(ways) if ways else Ways(place.private_key, keep=False) as used:
        jobs = _jobs(place, lab, limit_s, used)
        heard = together(jobs, limit_s, needless=_without_power, meanwhile=meanwhile, sets_pace=_is_answer)
    power = _powers(heard) or dict.fromkeys(
        (machine.uuid for machine in lab.machines),
        Power(Presence.UNKNOWN, f"libvirt does not answer within {limit_s:.0f} s"),
    )
    snapshot = Snapshot(
        lab=place.lab,
        at=at,
        machines=tuple(_machine(one, power[one.uuid], heard.get(one.uuid), limit_s) for one in lab.machines),
        endpoint=_endpoint(lab, heard.get("endpoint"), limit_s),
        site=_site(lab, heard.get("site"), limit_s),
    ).with_memories(recall(place.seen))
    remember(place.seen, snapshot)
    return snapshot


def _jobs(place: Place, lab: Deployed, limit_s: float, ways: Ways) -> dict[str, Callable[[], object]]:
    """Whom to ask. The machines come first: they take longest."""
    from halab.provisioners.engine import ssh

    ssh.load()  # before the others begin to load what they need: the machines are waited for longest
    way = (lab.endpoint.address, lab.endpoint.port) if lab.endpoint else None
    jobs: dict[str, Callable[[], object]] = {
        machine.uuid: partial(ways.ask, machine, way, limit_s) for machine in lab.machines
    }
    jobs["libvirt"] = partial(hypervisor.powers, place.uri, place.lab, [machine.uuid for machine in lab.machines])
    if endpoint := lab.endpoint:
        jobs["endpoint"] = partial(services.ask_endpoint, endpoint, place.fencing / endpoint.id)
    if lab.site_url:
        jobs["site"] = partial(services.ask_site, lab.site_url, limit_s)
    return jobs


def _is_answer(heard: object) -> bool:
    """A host may be so slow that its machines, all busy, answer just within the limit."""
    return isinstance(heard, Answer)


def _powers(heard: Mapping[str, object]) -> dict[str, Power]:
    """What libvirt said; empty as long as it has said nothing."""
    told = heard.get("libvirt")
    return told if isinstance(told, dict) else {}


def _without_power(heard: Mapping[str, object]) -> set[str]:
    return {uuid for uuid, power in _powers(heard).items() if not power.state.may_answer}


def connection(machine: KnownMachine, key: Path, limit_s: float, over: threading.Event | None = None) -> SshTransport:
    """A connection to a machine, made on first use. `over` ends the attempts to make it."""
    from halab.provisioners.engine.host import Pace
    from halab.provisioners.engine.ssh import Address, SshTransport

    pace = Pace(stop=over) if over else Pace()
    return SshTransport(Address(machine.name, machine.address, machine.host_key, key), pace, connect_s=limit_s)


def ask(transport: SshTransport, machine: KnownMachine, way: tuple[str, int] | None, limit_s: float) -> Answer | str:
    """What a machine says over its connection, or why it says nothing. `way`: the fencing endpoint."""
    at = time.time()
    questions = [guest.look(way if machine.cluster else None)]
    if machine.cluster:
        questions.append(cmd("timeout", str(_CLUSTER_PART * limit_s), *STATUS_COMMAND.argv))
    try:
        look, *cluster = transport.run_all(questions, limit_s)
    except HalabError as error:
        return _silence(error, limit_s)
    if look.rc != 0:
        return f"it cannot be looked at: {look.stderr.strip()[-300:]}"
    said = next((one.stdout for one in cluster if one.rc != _STOPPED), "")
    return Answer(at, look.stdout, said)


def glance(transport: SshTransport, limit_s: float) -> Glance | str:
    """What a member says of the cluster alone, or why it says nothing: some half of the work of `ask`."""
    at = time.time()
    question = cmd("timeout", str(limit_s), *STATUS_COMMAND.argv)
    try:
        said = transport.run(question, limit_s + _ENDING_S)
    except HalabError as error:
        return _silence(error, limit_s)
    if said.rc not in STATUS_COMMAND.ok:
        return f"crm_mon exited with {said.rc}: {said.stderr.strip()[-300:]}"
    return Glance(at, said.stdout)


def _silence(error: HalabError, limit_s: float) -> str:
    """Why a machine says nothing. It was only asked: the command that broke off tells nobody anything."""
    if isinstance(error, TimedOut):
        return f"no answer within {limit_s:.0f} s"
    if isinstance(error, ConnectionLost):
        return "the connection broke while it was asked"
    return error.detail or error.summary


def _machine(known: KnownMachine, power: Power, heard: object, limit_s: float) -> Machine:
    answer, silence = (heard if isinstance(heard, Answer) and power.state.may_answer else None), ""
    if answer is None:
        silence = heard if isinstance(heard, str) else f"no answer within {limit_s:.0f} s"
    if not power.state.may_answer:
        silence = f"it is {power.state.value}"
    return Machine(known.name, known.uuid, known.address, bool(known.cluster), power, answer, silence)


def _endpoint(lab: Deployed, heard: object, limit_s: float) -> Endpoint | None:
    if lab.endpoint is None or isinstance(heard, Endpoint):
        return heard if isinstance(heard, Endpoint) else None
    return Endpoint(lab.endpoint.url, f"does not answer within {limit_s:.0f} s")


def _site(lab: Deployed, heard: object, limit_s: float) -> Site | None:
    if not lab.site_url or isinstance(heard, Site):
        return heard if isinstance(heard, Site) else None
    return Site(lab.site_url, fault=f"does not answer within {limit_s:.0f} s")
