"""One installation from beginning to end: staged, booted, followed, fetched. Nothing of it stays but its result."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from halab.images.cache import ImageInfo
from halab.images.finish import DISK, EXPORT, ExportIncomplete, finish, unpack_export
from halab.images.installation import Installation, read_secret
from halab.provider.hypervisor.context import HypervisorContext
from halab.provider.hypervisor.installer.machine import InstallerMachine, InstallerSpec, remove_left_machine
from halab.provider.hypervisor.installer.syslog import InstallerLog, heard
from halab.provider.hypervisor.installer.tree_server import Served, own_address, served
from halab.provider.hypervisor.installer.volumes import InstallerVolumes
from halab.provider.hypervisor.installer.watch import InstallerWatch, Seen
from halab.provider.hypervisor.machine.console import Console
from halab.provider.hypervisor.mark import Mark
from halab.provider.hypervisor.waiting import Wait
from halab.provider.run.files import write_private
from halab.provisioners.engine.errors import HalabError, Interrupted

log = logging.getLogger(__name__)

Hide = Callable[[str], str]

_LOOK_INTERVAL_S = 1.0
_REASONS = 5
# An emulated machine on a busy host has its timer's interrupts late: a kernel that tests for them gives up, at once.
# norandmaps: a program at the addresses that it had before is not translated anew. clearcpuid=141 (cx16): QEMU 7.2
# leaves garbage in the flags behind cmpxchg16b, and a kernel that is interrupted there panics.
_EMULATED_WORDS = "no_timer_check nokaslr norandmaps clearcpuid=141 mitigations=off"


def installer_cmdline(cmdline: str, hypervisor: Literal["kvm", "qemu"]) -> str:
    """The installer's kernel command line on a hypervisor."""
    return f"{cmdline} {_EMULATED_WORDS}" if hypervisor == "qemu" else cmdline


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallerSettings:
    """How an installation is carried out; nothing of this changes what is installed. `memory_mib` 0: enough."""

    name: str
    network: str
    mac: str
    memory_mib: int
    vcpus: int
    deadline_s: float
    silence_s: float


def kept(provider: HypervisorContext, name: str) -> tuple[Path, Path]:
    """Where all that an installer printed is kept, and its log, if it came to nothing."""
    return provider.folder.console_log(name), provider.folder.installer_log(name)


def forget(provider: HypervisorContext, name: str) -> None:
    """Remove what was kept."""
    for file in kept(provider, name):
        file.unlink(missing_ok=True)


class InstallerRun:
    """`choose` says kvm or qemu for a kernel and an initrd that are volumes; `report` tells what is waited for."""

    def __init__(
        self,
        provider: HypervisorContext,
        settings: InstallerSettings,
        installation: Installation,
        pool: Any,
        wait: Wait,
        choose: Callable[[str, str], Literal["kvm", "qemu"]],
        report: Callable[[str], None],
    ) -> None:
        self._provider, self._settings, self._installation = provider, settings, installation
        self._wait, self._choose, self._report = wait, choose, report
        self._volumes = InstallerVolumes(provider.connection, pool, settings.name)

    def make(self, directory: Path, image_name: str) -> ImageInfo:
        """Fill an image's directory. Whatever happens, no machine and no volume of the installer stays."""
        self.clear()
        try:
            self._stage(directory)
            texts = self._run(directory)
            self._volumes.fetch("disk", directory / DISK, self._wait.stop)
        finally:
            self._volumes.remove()
        info = finish(self._installation, image_name, texts, directory, self._report)
        forget(self._provider, self._settings.name)  # of one that failed before
        return info

    def clear(self) -> None:
        """Remove what an earlier run left. Raises Conflict if a domain of that name is another's."""
        remove_left_machine(self._provider.connection, self._provider.lab, self._settings.name)
        self._volumes.remove()

    def _stage(self, directory: Path) -> None:
        tree = self._installation.tree
        self._report(f"fetching the installer from {tree.location}")
        kernel, initrd = directory / "installer.kernel", directory / "installer.initrd"
        tree.fetch(tree.kernel, kernel)
        tree.fetch(tree.initrd, initrd)
        self._report(f"uploading the installer, {(kernel.stat().st_size + initrd.stat().st_size) >> 20} MiB")
        self._volumes.stage(self._installation, kernel, initrd, self._wait.stop)
        kernel.unlink()
        initrd.unlink()

    def _run(self, directory: Path) -> dict[str, str]:
        """Boot the installer, wait until its machine is off, and unpack what it exported."""
        hypervisor = self._choose(self._volumes.path("kernel"), self._volumes.path("initrd"))
        connection, settings = self._provider.connection, self._settings
        with (
            served(connection, settings.network, self._installation.served_directory) as tree,
            heard(own_address(connection, settings.network)) as told,
        ):
            spec = self._spec(hypervisor, self._installation.command_line(tree.address, (told.address, told.port)))
            machine = InstallerMachine(connection, spec)
            hide = self._hider()
            watch = self._watch(hide)
            try:
                with self._explained(watch, tree, told, hide):
                    self._await_end(machine, Console(connection, spec.console_log), watch)
                    self._report("fetching what was installed")
                    self._volumes.fetch("export", directory / EXPORT, self._wait.stop)
                    return unpack_export(directory / EXPORT, directory)
            finally:
                machine.end()

    def _await_end(self, machine: InstallerMachine, console: Console, watch: InstallerWatch) -> None:
        def probe() -> bool | None:
            running, stuck = machine.running(), machine.stuck()  # before the console: what it printed last counts
            return watch.look(Seen(running, console.text(), stuck))

        self._wait.until(
            f"end of the installation of {self._settings.name}",
            probe,
            deadline_s=self._settings.deadline_s,
            interval_s=_LOOK_INTERVAL_S,
            seen=lambda: (
                f"It has reached the stage: {watch.stage}. On a slow host set a higher time_scale.\n{watch.shown()}"
            ),
        )

    def _spec(self, hypervisor: Literal["kvm", "qemu"], cmdline: str) -> InstallerSpec:
        installation, settings, volumes = self._installation, self._settings, self._volumes
        return InstallerSpec(
            name=settings.name,
            hypervisor=hypervisor,
            memory_mib=settings.memory_mib or installation.memory_mib,
            vcpus=settings.vcpus,
            kernel=volumes.path("kernel"),
            initrd=volumes.path("initrd"),
            cmdline=installer_cmdline(cmdline, hypervisor),
            disk=volumes.path("disk"),
            export=volumes.path("export"),
            cdrom=str(installation.cdrom or ""),
            network=settings.network,
            mac=settings.mac,
            console_log=volumes.path("console.log"),
            mark=Mark(lab=self._provider.lab),
        )

    def _hider(self) -> Hide:
        """What takes the secrets out of a text, as they are now: a file that changes meanwhile uncovers nothing."""
        secrets = [read_secret(file.source).reveal() for file in self._installation.secret_files]

        def hide(text: str) -> str:
            for secret in secrets:
                text = text.replace(secret, "***")
            return text

        return hide

    def _watch(self, hide: Hide) -> InstallerWatch:
        def report(stage: str) -> None:
            log.info("%s: %s", self._settings.name, stage)
            self._report(stage)

        return InstallerWatch(
            self._installation,
            self._settings.name,
            silence_s=self._settings.silence_s * self._wait.scale,
            clock=time.monotonic,
            report=report,
            hide=hide,
        )

    @contextmanager
    def _explained(self, watch: InstallerWatch, tree: Served, told: InstallerLog, hide: Hide) -> Iterator[None]:
        """Keep what an installation that comes to nothing has told, and say in its error where it is.

        What the tree lacked and the last complaints of its log stand in the error: a console gives no reasons.
        """
        try:
            yield
        except Interrupted as error:
            raise Interrupted(f"{self._settings.name}, at the stage: {watch.stage}. Nothing of it was kept") from error
        except HalabError as error:
            failure = watch.unfinished(error.detail) if isinstance(error, ExportIncomplete) else error
            reasons = (hide(line) for line in _reasons(tree, told))
            failure.detail = "\n".join([failure.detail, *reasons, *self._kept(watch.whole_console(), hide(told.text))])
            raise failure from (None if failure is error else error)

    def _kept(self, console: str, log: str) -> Iterator[str]:
        printed, told = kept(self._provider, self._settings.name)
        write_private(printed, console)
        yield f"All that it printed: {printed}"
        if log:
            write_private(told, log)
            yield f"Its log: {told}"


def _reasons(tree: Served, told: InstallerLog) -> Iterator[str]:
    if lacked := list(tree.lacked)[-_REASONS:]:
        yield from ("What it asked the tree for last, and is not there:", *lacked)
    if complaints := told.complaints(_REASONS):
        yield from ("The last complaints in its log:", *complaints)
