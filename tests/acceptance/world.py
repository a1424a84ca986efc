"""What outlives a provider: the hypervisor, the guests, the lab's files, and how often each thing was made."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from halab.provider.fencing.power_files import PowerConfig
from halab.provider.hypervisor.storage import image
from tests.acceptance.doubles import EMPTY_HYPERVISOR, DoubledProvider
from tests.acceptance.hypervisor import Contents, Power, daemons, put_doubles
from tests.acceptance.mortal import IGNORED, Fate, Killed, Mortality

Shape = dict[str, Any]


class World:
    """One of it, with a provider that lives as long as its fate lets it."""

    def __init__(self, patch: pytest.MonkeyPatch, lab: Path) -> None:
        self._contents: Contents = put_doubles(patch)
        self._mortality = Mortality(patch)
        self.lab = lab
        self.provider = DoubledProvider()
        self.provider.guests.before = lambda *words: self.step(" ".join(words))
        patch.setattr(image, "upload", self._upload)
        for verb in ("start", "stop"):
            patch.setattr(Power, verb, self._mortal_power(verb))
        self.made: Counter[str] = Counter()

    # --- lives ---

    @contextmanager
    def life(self, dies_at: int | None = None) -> Iterator[Fate]:
        """One command of Terraform's; its provider dies at that boundary."""
        fate = self._mortality.fate = Fate(dies_at)
        with self._mortality.files(self.lab), redirect_stderr(StringIO()):  # death is reported at length there
            yield fate
        self._mortality.fate = Fate()
        self.made += Counter(step for step in fate.passed if _makes(step))

    def born(self, destroying: bool = False) -> DoubledProvider:
        """Another process of the provider, in the same world; `destroying`: its Terraform destroys everything."""
        self.provider.end()
        self.provider = self.provider.successor()
        self.provider.destroying = self.provider.destroying_all = destroying
        return self.provider

    def step(self, what: str) -> None:
        """A boundary; see Fate."""
        self._mortality.fate.step(what)

    def answered(self, what: str) -> None:
        """An answer is on its way to Terraform: a boundary if anything was changed."""
        if what.startswith("Apply"):
            self.step(f"answer to {what}")
        elif self._mortality.fate.dead:
            raise Killed(what)

    # --- what there is ---

    def shape(self) -> Shape:
        """All that there is, by names that are the same in every world."""
        virt = self.provider.connection.libvirt
        machines = {view.uuid: view.hostname for view in self.provider.inventory.machines()}
        guests = self.provider.guests
        pools = [pool for pool in virt.listAllStoragePools() if pool.name() != "theirs"]
        return {
            **self.provider.hypervisor_holds(),
            "running": sorted(domain.name() for domain in virt.listAllDomains() if self._mine_runs(domain)),
            "volumes": sorted(volume.name() for pool in pools for volume in pool.listAllVolumes()),
            "things": sorted((kind, _renamed(id, machines)) for kind, id in guests.things()),
            "daemons": daemons(self.lab),
            "lost": sorted(_renamed(id, machines) for kind, id in {*guests.left()} - {*guests.things()}),
            "files": sorted(self._files()),
        }

    def left(self) -> Shape:
        """What is there that a destroy should have taken away; empty if nothing is."""
        shape = self.shape()
        del shape["lost"]  # what was in the guests went with their disks
        return {kind: found for kind, found in shape.items() if found and EMPTY_HYPERVISOR.get(kind) != found}

    def _files(self) -> Iterator[str]:
        for path in self.lab.rglob("*"):
            if path.is_file() and path.name not in IGNORED:
                yield str(path.relative_to(self.lab))

    @staticmethod
    def _mine_runs(domain: Any) -> bool:
        return bool(domain.isActive()) and domain.name() != "theirs"

    # --- effects that the doubles have instead of real ones ---

    def _upload(self, connection: Any, volume: Any, source: Path, stop: threading.Event) -> None:
        self.step(f"upload of {source.name}")
        self._contents.by_path[volume.path()] = source.read_bytes()[:1]
        self.step(f"rest of the upload of {source.name}")
        self._contents.upload(connection, volume, source, stop)

    def _mortal_power(self, verb: str) -> Any:
        real = getattr(Power, verb)

        def change(power: Power, config: PowerConfig) -> Any:
            self.step(f"{verb} of the fencing daemon")
            return real(power, config)

        return change


def _renamed(id: str, machines: dict[str, str]) -> str:
    for uuid, name in machines.items():
        id = id.replace(uuid, name)
    return re.sub(r"(sn\.|wwn-0x6001405)[0-9a-f]+", r"\1random", id)


def _makes(step: str) -> bool:
    """Whether it makes something whose second coming would be one too many."""
    verb, _, rest = step.partition(" ")
    return verb in ("set", "virDomain.create", "virNetwork.create") and not rest.endswith("theirs")
