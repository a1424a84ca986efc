"""Takes a snapshot of a lab: libvirt first, then all machines, the endpoint and the site at once, within a time limit.

A machine that runs and does not answer costs the time limit, and what it said last is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from halab.cli.look import guest, hypervisor, services
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Answer, Endpoint, Machine, Power, Site, Snapshot, recall, remember
from halab.cli.look.together import together
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import HalabError
from halab.provisioners.pacemaker.status import STATUS_COMMAND

if TYPE_CHECKING:
    from halab.provisioners.engine.ssh import SshTransport

_CLUSTER_PART = 0.6
"""Of the time limit: a cluster that does not answer leaves a machine the rest to be seen as alive."""
_STOPPED = 124  # timeout(1): it had to end the command


def take(place: Place, lab: Deployed, limit_s: float) -> Snapshot:
    """What can be seen now; what is silent is given as it was seen last. Remembered in the lab's folder."""
    at = time.time()
    power = hypervisor.powers(place.uri, place.lab, [machine.uuid for machine in lab.machines])
    asked = [machine for machine in lab.machines if power[machine.uuid].state.may_answer]
    way = (lab.endpoint.address, lab.endpoint.port) if lab.endpoint else None
    jobs: dict[str, Callable[[], object]] = {
        machine.uuid: partial(_hear, machine, place.private_key, way, limit_s) for machine in asked
    }
    if endpoint := lab.endpoint:
        jobs["endpoint"] = partial(services.ask_endpoint, endpoint, place.fencing / endpoint.id)
    if lab.site_url:
        jobs["site"] = partial(services.ask_site, lab.site_url, limit_s)
    heard = together(jobs, limit_s)
    snapshot = Snapshot(
        lab=place.lab,
        at=at,
        machines=tuple(_machine(one, power[one.uuid], heard.get(one.uuid), limit_s) for one in lab.machines),
        endpoint=_endpoint(lab, heard.get("endpoint"), limit_s),
        site=_site(lab, heard.get("site"), limit_s),
    ).with_memories(recall(place.seen))
    remember(place.seen, snapshot)
    return snapshot


def _hear(machine: KnownMachine, key: Path, way: tuple[str, int] | None, limit_s: float) -> Answer | str:
    """What a machine says, or why it says nothing."""
    transport = connection(machine, key, limit_s)
    try:
        return ask(transport, machine, way, limit_s)
    finally:
        transport.close()


def connection(machine: KnownMachine, key: Path, limit_s: float) -> SshTransport:
    """A connection to a machine, made on first use."""
    from halab.provisioners.engine.host import Pace
    from halab.provisioners.engine.ssh import Address, SshTransport

    return SshTransport(Address(machine.name, machine.address, machine.host_key, key), Pace(), connect_s=limit_s)


def ask(transport: SshTransport, machine: KnownMachine, way: tuple[str, int] | None, limit_s: float) -> Answer | str:
    """What a machine says over its connection, or why it says nothing. `way`: the fencing endpoint."""
    questions = [guest.look(way if machine.cluster else None)]
    if machine.cluster:
        questions.append(cmd("timeout", str(_CLUSTER_PART * limit_s), *STATUS_COMMAND.argv))
    try:
        look, *cluster = transport.run_all(questions, limit_s)
    except HalabError as error:
        return error.detail or error.summary
    if look.rc != 0:
        return f"it cannot be looked at: {look.stderr.strip()[-300:]}"
    said = next((one.stdout for one in cluster if one.rc != _STOPPED), "")
    return Answer(time.time(), look.stdout, said)


def _machine(known: KnownMachine, power: Power, heard: object, limit_s: float) -> Machine:
    answer, silence = (heard if isinstance(heard, Answer) else None), ""
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
