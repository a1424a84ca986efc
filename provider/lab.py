"""The provider itself: its configuration, and what all resources of one lab share."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from halab.provider.adoption import Adoption
from halab.provider.protocol import NUM, STR, UNKNOWN, Attr, Block, Ctx, Failure, Provider, State
from halab.provider.registry import resources
from halab.provider.run.caller import is_destroy, is_destroy_of_all, is_partial, parallelism, parents_command_line
from halab.provider.run.changes import Changes
from halab.provider.run.files import read_or_none, remove_private, write_private
from halab.provider.run.folder import LabFolder
from halab.provider.run.ownership import claimed, private_keys
from halab.provider.run.progress import Progress
from halab.provisioners.engine import limits
from halab.provisioners.engine.interrupted import RUN

if TYPE_CHECKING:
    from halab.provider.guests.agenda import Agendas
    from halab.provider.guests.hosts import Hosts
    from halab.provider.guests.mute import MuteMachines
    from halab.provider.guests.rolling import Rolling
    from halab.provider.hypervisor.connection import Connection
    from halab.provider.hypervisor.inventory import Inventory
    from halab.provider.run.console_service import ConsoleService

log = logging.getLogger(__name__)

ADDRESS = "terraform.local/halab/halab"


class HalabProvider(Provider):
    """One lab on one libvirt."""

    address = ADDRESS
    schema = Block(
        doc="Builds a high-availability cluster lab on libvirt.",
        attrs={
            "lab": Attr(
                STR, required=True, validators=(limits.lab_name,), doc="Name of the lab; it marks all it makes."
            ),
            "directory": Attr(
                STR, required=True, doc="The lab's own directory, for its keys; made if it is not there."
            ),
            "uri": Attr(STR, optional=True, doc="libvirt URI; qemu:///system when left out."),
            "hypervisor": Attr(
                STR,
                optional=True,
                validators=(limits.one_of("auto", "kvm", "qemu"),),
                doc="auto (default), kvm or qemu.",
            ),
            "time_scale": Attr(
                NUM,
                optional=True,
                validators=(limits.between(0.1, 100),),
                doc="Multiplies every deadline; 1 when left out.",
            ),
            "settings": Attr(
                STR,
                optional=True,
                doc="What the lab is made from, for people and as JSON: kept in its directory by an apply.",
            ),
        },
    )

    def __init__(self) -> None:
        super().__init__()
        self.resources = resources()
        self.stop = threading.Event()
        self.lab, self.uri, self.hypervisor, self.time_scale = "", "", "auto", 1.0
        self.folder = LabFolder(Path())
        self._told: set[str] = set()
        self._settings: str | None = None
        self.servers_away: set[str] = set()
        """Machines of targets that a refresh has found off or gone: they serve no LUN."""
        self.mute: set[str] = set()
        """What a refresh has found to run without an answer, in words: the LUN stands still until it was fenced."""
        self._guard = threading.RLock()

    def configure(self, ctx: Ctx, cfg: State) -> None:
        self.stop = ctx.stop
        for name in cfg:
            _refuse_unknown(cfg, name)
        self.lab, self.folder = cfg["lab"], LabFolder(Path(cfg["directory"]).absolute())
        self.uri = cfg["uri"] or "qemu:///system"
        self.hypervisor = cfg["hypervisor"] or "auto"
        self.time_scale = float(cfg["time_scale"] or 1.0)
        with claimed(self.folder, self.lab) as former:
            if former is not None:
                from halab.provider.fencing.relocation import bring_over

                bring_over(LabFolder(former).fencing, self.folder.fencing, ctx.warn, self.time_scale)
                self._console(LabFolder(former)).end_moved()
        self._settings = cfg["settings"]
        state = self.folder.state  # Terraform makes an empty one to lock it
        has_state = state.exists() and state.stat().st_size > 0
        self.ledger = Adoption(
            self.folder.ledger,
            partial=is_partial(parents_command_line(), os.environ),
            changed=self.folder.changes_lock.exists() or has_state,
        )
        self._told, self.servers_away, self.mute = set[str](), set[str](), set[str]()
        self.__dict__.pop("_mute_machines", None)
        self.__dict__.pop("_rolling", None)  # what failed in another of Terraform's runs may be mended
        self._changes = Changes(self.folder.changes_lock, RUN, self.time_scale)
        progress = os.environ.get("HALAB_PROGRESS") or self.folder.progress
        self.progress = Progress(Path(progress), self.redactor)

    def tells(self, what: str) -> bool:
        """Whether this is the first to tell it in this run of Terraform."""
        with self._guard:
            first = what not in self._told
            self._told.add(what)
        return first

    @contextmanager
    def changing(self, ctx: Ctx) -> Iterator[None]:
        with self._changes.under_way(ctx.stop):
            if self._changes.crashed:
                self.hosts.crashed = self._changes.crashed
            self._keep_settings()
            yield

    def _keep_settings(self) -> None:
        """From the first change on the lab is one with these settings, whichever command makes it, until it goes."""
        with self._guard:
            if self.destroying_all:
                self._console(self.folder).end()  # it asks machines that are about to go
                remove_private(self.folder.settings)
            elif self._settings not in (None, read_or_none(self.folder.settings)) and not self.destroying:
                write_private(self.folder.settings, self._settings)
            self._settings = None

    @staticmethod
    def _console(folder: LabFolder) -> ConsoleService:
        from halab.provider.run.console_service import ConsoleService

        return ConsoleService(folder)

    @property
    def destroying(self) -> bool:
        """Whether Terraform was asked to destroy only."""
        return is_destroy(parents_command_line())

    @cached_property
    def destroying_all(self) -> bool:
        """Whether the whole lab goes: every machine with its disks, and so whatever is inside."""
        return is_destroy_of_all(parents_command_line(), os.environ)

    @property
    def parallelism(self) -> int:
        """How many resources Terraform makes at a time."""
        return parallelism(parents_command_line(), os.environ)

    @cached_property
    def _connection(self) -> Connection:
        from halab.provider.hypervisor.connection import Connection

        return Connection(self.uri)

    @property
    def connection(self) -> Connection:
        """libvirt, connected on first use."""
        with self._guard:
            return self._connection

    def keys(self) -> list[Path]:
        """The private keys that may open a guest: those in the lab's folder; where one belongs, if there is none."""
        return private_keys(self.folder) or [self.folder.private_key]

    @cached_property
    def _hosts(self) -> Hosts:
        from halab.provider.guests.hosts import Hosts

        return Hosts(self.inventory, self.keys, self.time_scale, agendas=self.agendas)

    @cached_property
    def agendas(self) -> Agendas:
        """What the guests will be asked in the next refresh."""
        from halab.provider.guests.agenda import Agendas

        return Agendas(self.folder.questions)

    def expect(self, machine: str, stop: threading.Event) -> None:
        """A refresh has come to a machine that runs (its UUID): what is in it will be asked for next."""
        if not self.destroying_all:
            self.hosts.expect(machine, stop)

    def away(self, hostname: str) -> None:
        """A refresh has found the machine of a target off, or gone."""
        with self._guard:
            self.servers_away.add(hostname)

    def found_mute(self, what: str) -> bool:
        """A refresh has found a machine that runs and does not answer; whether this is the first to tell it."""
        with self._guard:
            self.mute.add(what)
        return self.tells(what)

    @cached_property
    def _mute_machines(self) -> MuteMachines:
        from halab.provider.guests.mute import MuteMachines

        return MuteMachines(self.hosts, lambda: self.inventory, self.time_scale)

    @property
    def mute_machines(self) -> MuteMachines:
        """Those that run but do not answer, to be waited for."""
        with self._guard:
            return self._mute_machines

    def close(self) -> None:
        if isinstance(self.ledger, Adoption):
            self.ledger.close()
        if "agendas" in self.__dict__:
            try:
                self.agendas.save()
            except OSError as error:  # it only makes the next refresh faster
                log.warning("%s is not kept: %s", self.folder.questions, error)

    @property
    def hosts(self) -> Hosts:
        """The guests, reached by SSH."""
        with self._guard:
            return self._hosts

    @property
    def inventory(self) -> Inventory:
        from halab.provider.hypervisor.inventory import Inventory

        return Inventory(self.connection, self.lab, lambda: self.ledger.machines())

    @cached_property
    def _rolling(self) -> Rolling:
        from halab.provider.guests.rolling import Rolling

        return Rolling(lambda: self.hosts, lambda: self.inventory)

    def out_of_service(
        self, machine: str, stop: threading.Event, report: Callable[[str], None]
    ) -> AbstractContextManager[None]:
        """While the block runs, this machine (its UUID) may be off; see rolling.py."""
        with self._guard:
            return self._rolling.out_of_service(machine, stop, report)


def _refuse_unknown(cfg: State, name: str) -> None:
    """A plan looks at what there is, for which all of the configuration is needed."""
    if cfg[name] is UNKNOWN:
        raise Failure(f"The provider's {name} is not known yet", "Give it a value that needs no apply.", (name,))
