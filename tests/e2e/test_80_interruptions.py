"""Update, destroy and deploy of the real lab, broken at moments by chance; the next run converges, nothing is left.

PYTEST_SEED repeats a run's choices (the moments themselves depend on the machine), PYTEST_MOMENTS is how many at least.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import libvirt
import pytest

from halab.provider.hypervisor.machine.boot import ssh_problem
from tests.e2e.chaos import breaks, broken, is_provider, is_terraform, pids
from tests.e2e.lab import CHECKOUT, STATE, Lab, hypervisor, left_of_it
from tests.e2e.planned import diff

pytestmark = pytest.mark.long

SEED = int(os.environ.get("PYTEST_SEED") or random.randrange(1 << 32))
MOMENTS = int(os.environ.get("PYTEST_MOMENTS") or 12)
CHANGED = {"HALAB_TOKEN_MS": "15000", "HALAB_FENCING_DELAY_S": "3"}


@dataclass
class Chaos:
    """Breaks commands at moments by chance; each is told at once, and kept in artifacts/."""

    chance: random.Random
    tell: Callable[[str], None]
    kinds: Iterator[str] = field(init=False)
    done: int = 0

    def __post_init__(self) -> None:
        self.kinds = breaks(self.chance)

    def interrupted(self, lab: Lab, command: str, moments: int, most: int) -> None:
        """Run a command, broken so many times; the runs after each go on from where the last one stood."""
        for _ in range(moments):
            what, after = next(self.kinds), self.chance.randint(1, most)
            code = broken(lab, command, what, after, self.chance)
            if code is not None:
                # It was through before the moment came: nothing to break any more.
                assert code == 0, f"{command} ended with {code}: artifacts/chaos.log"
                self.tell(f"{command}: was done before {what}")
                return
            self.done += 1
            self.tell(f"{self.done}. {command}: {what} after {after} resources")
            settled(lab)


@pytest.fixture(scope="module")
def chaos(request: pytest.FixtureRequest) -> Chaos:
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(text: str) -> None:
        (CHECKOUT / "artifacts").mkdir(exist_ok=True)
        with (CHECKOUT / "artifacts/interruptions.txt").open("a") as file:
            file.write(text + "\n")
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", flush=True)

    tell(f"interruptions: seed {SEED} (PYTEST_SEED), {MOMENTS} moments (PYTEST_MOMENTS)")
    return Chaos(random.Random(SEED), tell)


def settled(lab: Lab) -> None:
    """A guest that boots after a reset makes a plan fail, as it should: wait until those that run answer."""
    with hypervisor() as connection:
        # In one question: what was left to itself may still be removing them.
        running = {domain.name() for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)}
    known = STATE.joinpath("known_hosts")
    for name in [*lab.nodes, "target"] if known.exists() else []:
        if f"{lab.settings.name}-{name}" in running:
            lab.until(f"SSH of {name}", partial(_answers, lab.address(name)), deadline_s=600)
    lab.reconnect()


def _answers(address: str) -> bool:
    return not ssh_problem(address)


def volumes() -> set[str]:
    with hypervisor() as connection:
        pools = connection.listAllStoragePools()
        for pool in pools:
            pool.refresh()
        return {f"{pool.name()}/{name}" for pool in pools for name in pool.listVolumes()}


def converged(lab: Lab) -> None:
    """The lab as it was deployed in one go: no difference, everything in service, nothing twice."""
    assert diff(lab).actions == {}
    lab.until("all nodes", lambda: lab.online() == set(lab.nodes), deadline_s=600)
    lab.until("the file system on all nodes", lab.all_mounted, deadline_s=600)
    lab.until("the site", lab.served_by, deadline_s=600)
    with hypervisor() as connection:
        domains = sorted(domain.name() for domain in connection.listAllDomains())
        networks = [network.name() for network in connection.listAllNetworks()]
    assert domains == sorted(f"{lab.settings.name}-{name}" for name in [*lab.nodes, "target"])
    assert networks == [lab.settings.name]
    supervisors = pids(lambda words: "halab.provider.fencing.power_supervisor" in words)
    assert len(supervisors) == 1
    lab.until("end of all providers", lambda: not pids(is_provider) and not pids(is_terraform))


def nothing_left() -> None:
    with hypervisor() as connection:
        assert connection.listAllDomains() == []
        assert connection.listAllNetworks() == []
        assert connection.listAllStoragePools() == []
    assert left_of_it() == []
    assert list(Path("/var/lib/libvirt/images").iterdir()) == []
    assert pids(lambda words: any("power_s" in word or "qemu-system" in word for word in words)) == []


def test_update(lab: Lab, environment: dict[str, str], chaos: Chaos) -> None:
    before = volumes()
    changed = Lab({**environment, **CHANGED})
    chaos.interrupted(changed, "deploy", 3, 3)
    changed.deploy()
    converged(changed)
    assert "runtime.config.totem.token (u32) = 15" in changed.ask("node1", "corosync-cmapctl", "-g", _TOKEN)
    changed.reconnect()
    chaos.interrupted(lab, "deploy", 2, 3)
    lab.deploy()
    converged(lab)
    assert volumes() == before


_TOKEN = "runtime.config.totem.token"


def test_destroy_and_deploy_until_there_were_enough(lab: Lab, chaos: Chaos) -> None:
    """A command may end before its moment comes: then there is another round."""
    while chaos.done < MOMENTS:
        before = chaos.done
        lab.reconnect()
        chaos.interrupted(lab, "destroy", 2, 3)
        lab.destroy()
        nothing_left()
        chaos.interrupted(lab, "deploy", 6, 10)
        lab.deploy()
        lab.reconnect()
        converged(lab)
        assert chaos.done > before, "no moment in a whole round"
