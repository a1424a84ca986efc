"""halab_machine: a virtual machine that boots a kernel directly and is known to answer when it is made."""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import partial
from typing import Any

from halab.provider.hypervisor.connection import refuse_foreign
from halab.provider.hypervisor.inventory import read_mark, write_mark
from halab.provider.hypervisor.machine import boot
from halab.provider.hypervisor.machine.added import below_snapshots, refuse_snapshots, remedy
from halab.provider.hypervisor.machine.autostart import autostart_of, put_autostart
from halab.provider.hypervisor.machine.console import Console, console_volume
from halab.provider.hypervisor.machine.domain_xml import (
    Disk,
    DomainSpec,
    command_line,
    domain_xml,
    parse_domain,
)
from halab.provider.hypervisor.machine.hypervisor_choice import HypervisorChoice
from halab.provider.hypervisor.machine.observed import observed, with_computed
from halab.provider.hypervisor.machine.paused import pause_of
from halab.provider.hypervisor.machine.schema import SCHEMA
from halab.provider.hypervisor.mark import Mark
from halab.provider.hypervisor.removal import remove_domain
from halab.provider.hypervisor.resource import LibvirtResource
from halab.provider.hypervisor.steady import SteadyDomain
from halab.provider.hypervisor.storage.storage_xml import parse_volume
from halab.provider.hypervisor.waiting import Wait
from halab.provider.protocol import Ctx, State
from halab.provisioners.engine.errors import ConfigError, Conflict, Paused, TimedOut

# What a running machine gets only by being switched off and on.
_POWER_CYCLE = ("memory_mib", "vcpus", "hypervisor_used")
_RUNS_WITH = "runs_with"  # in a machine's private data: those of the running machine, whatever its definition says
_RESTARTS = (
    "Machines are restarted, one after the other",
    "Memory, processors and hypervisor of a machine change only while it is off. A node of a cluster is drained before "
    "(its resources move to other nodes; on a single node they stop) and must be back in service before the next "
    "machine is restarted. What a machine outside of a cluster serves, an iSCSI target say, stands still meanwhile.",
)


class MachineResource(LibvirtResource):
    """One domain. Its import id is its name."""

    type = "halab_machine"
    named_by = ("name",)
    phase, noun = "machine", "domain"
    schema = SCHEMA

    def __init__(self, provider: Any) -> None:
        super().__init__(provider)
        self._choice = HypervisorChoice(provider)

    def plan(self, ctx: Ctx, cfg: State, prior: State | None, planned: State | None) -> None:
        del cfg
        if planned is None:
            return
        planned["hypervisor_used"] = self._choice.planned(planned["hypervisor"], prior, planned["kernel"])
        if prior is None:
            return
        now = ctx.private.get(_RUNS_WITH) or prior
        runs = prior["running"] and planned["running"] is not False
        if runs and not _stays(now, planned) and not _is_new(prior, planned):
            ctx.warn(*_RESTARTS)

    def make(self, ctx: Ctx, planned: State) -> State:
        domain = self.connection.domain(planned["name"])
        left = None if domain is None else self._left_behind(domain, planned)
        self.provider.ledger.begin(self, planned, found=domain is not None)
        spec = self._spec(ctx, planned, left.uuid if left else str(uuid.uuid4()), left.mark.host_key if left else "")
        self.provider.ledger.called(spec.uuid, spec.name)
        if left is not None and left.mark.host_key:
            return self._take_over(ctx, domain, left, planned, spec)
        if domain is not None and left != spec and domain.isActive():
            domain.destroy()  # half-made by a killed run: it has never come up
        domain = self.connection.libvirt.defineXML(domain_xml(spec))
        put_autostart(domain, planned)
        state = with_computed(planned, spec)
        ctx.save(state)
        return self._bring_up(ctx, domain, state, spec.mark) if planned["running"] else state

    def look(self, ctx: Ctx, state: State) -> State | None:
        domain = self.connection.domain_by_uuid(state["id"])
        if domain is None:
            return None
        spec = _inactive(domain)
        if spec is None:
            ctx.warn(
                f"The domain {state['name']!r} has lost the lab's mark",
                "Somebody removed its metadata, so what is in it cannot be looked after. "
                "Make it anew: terraform apply -replace=ADDRESS.",
            )
            return {**state, "running": bool(domain.isActive())}
        if pause := pause_of(domain):
            problem = pause.error(spec.mark.hostname)
            ctx.warn(problem.summary, problem.detail)
        ctx.private[_RUNS_WITH] = _runs_with(domain)
        if domain.isActive():
            self.provider.expect(spec.uuid, ctx.stop)
        state = {**state, "autostart": autostart_of(domain, state["autostart"])}
        spec, snapshots = below_snapshots(self.connection, domain, spec, state["disks"] or [])
        if snapshots:
            ctx.warn(
                f"The machine {spec.name!r} runs from external snapshots",
                f"They are {', '.join(snapshots)}. They are left alone, and it cannot be changed. {remedy(spec)}",
            )
        return observed(state, spec, bool(domain.isActive()))

    def change(self, ctx: Ctx, prior: State, planned: State) -> State:
        domain = self.connection.libvirt.lookupByUUIDString(prior["id"])
        mark = read_mark(domain)
        spec = self._spec(ctx, planned, prior["id"], (mark.host_key if mark else "") or prior["host_key"] or "")
        return self._changed(ctx, domain, prior, with_computed(planned, spec), spec)

    def _take_over(self, ctx: Ctx, domain: Any, left: DomainSpec, planned: State, spec: DomainSpec) -> State:
        """A machine that was in use, though no state knows of it any more: as careful as a change of one that does."""
        before = dict(zip(_POWER_CYCLE, (left.memory_mib, left.vcpus, left.hypervisor), strict=True))
        try:
            return self._changed(ctx, domain, before, with_computed(planned, spec), spec)
        except BaseException:
            ctx.saved = None  # tainted it would be removed by the next apply, which takes it over instead
            raise

    def _changed(self, ctx: Ctx, domain: Any, prior: State, state: State, spec: DomainSpec) -> State:
        # If only the definition was edited, the machine still runs with what it should have.
        if state["running"] and domain.isActive() and not _stays(_runs_with(domain) or prior, state):
            with self.provider.out_of_service(state["id"], ctx.stop, partial(self.waiting, state)):
                return self._redefine(ctx, domain, state, spec, off=True)
        return self._redefine(ctx, domain, state, spec, off=not state["running"])

    def _redefine(self, ctx: Ctx, domain: Any, state: State, spec: DomainSpec, off: bool) -> State:
        """Give a machine another definition, switched off before if it is to be; switch it on if it is to run."""
        before = _inactive(domain)
        refuse_snapshots(before, state["disks"])
        if off:
            self._shut_down(ctx, domain, state)
        spec = replace(spec, added=before.added if before else ())
        domain = self.connection.libvirt.defineXML(domain_xml(spec))
        put_autostart(domain, state)
        write_mark(domain, spec.mark)
        if not state["running"] or domain.isActive():
            return state
        ctx.save({**state, "running": False})
        return self._bring_up(ctx, domain, state, spec.mark)

    def _shut_down(self, ctx: Ctx, domain: Any, state: State) -> None:
        self.waiting(state, "shutting down")
        wait = self._wait(ctx)
        boot.shut_down(SteadyDomain(self.connection, domain, wait), wait, state["hostname"])

    def remove(self, ctx: Ctx, state: State) -> None:
        domain = self.connection.domain_by_uuid(state["id"])
        if domain is None:
            return
        if state["host_key"] and not self.provider.destroying_all:  # no key: it has never come up
            self._come_to_rest(ctx, domain, state)
        remove_domain(self.connection, domain)

    def _come_to_rest(self, ctx: Ctx, domain: Any, state: State) -> None:
        """Its disk may outlive it: what was written last, or removed from it, must not be in its memory only."""
        try:
            self._shut_down(ctx, domain, state)
        except (Paused, TimedOut) as error:
            ctx.warn(f"{state['name']!r} was switched off", f"{error} What it wrote last may not be on its disk.")

    def adopt(self, name: str) -> State | None:
        domain = self.connection.domain(name)
        if domain is None:
            return None
        spec = self._own(domain, "Only this lab's machines can be imported.")
        return observed({"id": spec.uuid, "autostart": autostart_of(domain, None)}, spec, bool(domain.isActive()))

    def _own(self, domain: Any, remedy: str) -> DomainSpec:
        """The domain's definition. Raises Conflict if it is not this lab's."""
        spec = _inactive(domain)
        refuse_foreign("domain", domain.name(), spec.mark if spec else None, self.provider.lab, remedy)
        assert spec is not None  # refuse_foreign made sure
        return spec

    def _left_behind(self, domain: Any, planned: State) -> DomainSpec:
        """What a killed run defined. Raises Conflict if it is another's, or another machine of ours."""
        name = domain.name()
        remedy = f"Choose another name, or remove it: virsh destroy {name}; virsh undefine {name}."
        spec = self._own(domain, remedy)
        wanted = (planned["hostname"], planned["mac"].lower(), tuple(planned["disks"]))
        if (spec.mark.hostname, spec.mac, tuple(disk.path for disk in spec.disks)) != wanted:
            raise Conflict(
                f"this lab left a domain {name!r} with another host name, MAC address or disks", remedy, "name"
            )
        return spec

    def _spec(self, ctx: Ctx, planned: State, domain_uuid: str, host_key: str) -> DomainSpec:
        hypervisor = self._choice.of(ctx, planned, lambda detail: self.waiting(planned, detail))
        emulated = planned["cmdline_emulated"] or "" if hypervisor == "qemu" else ""
        disks = tuple(self._disk(path) for path in planned["disks"])
        return DomainSpec(
            name=planned["name"],
            uuid=domain_uuid,
            hypervisor=hypervisor,
            memory_mib=planned["memory_mib"],
            vcpus=planned["vcpus"],
            kernel=planned["kernel"],
            initrd=planned["initrd"],
            cmdline=command_line(planned["cmdline"], planned["hostname"], emulated),
            disks=disks,
            network=planned["network"],
            mac=planned["mac"].lower(),
            console_log=console_volume(self.connection, planned["name"], beside=disks[0].path),
            authorized_key=planned["authorized_key"].strip(),
            mark=Mark(
                lab=self.provider.lab,
                hostname=planned["hostname"],
                domain=planned["domain"] or "",
                address=planned["address"],
                cluster=planned["cluster"] or "",
                host_key=host_key,
            ),
        )

    def _disk(self, path: str) -> Disk:
        volume = self.connection.volume(path)
        if volume is None:
            raise ConfigError(
                f"no active storage pool knows the disk {path}", "Use the path of a halab_volume.", "disks"
            )
        now = parse_volume(volume.XMLDesc())
        return Disk(path, overlay=bool(now.backing), format=now.format)

    def _bring_up(self, ctx: Ctx, domain: Any, state: State, mark: Mark) -> State:
        """Switch it on if it is off, and wait until it answers, through restarts of libvirt's daemon."""
        name, wait = state["hostname"], self._wait(ctx)
        domain = SteadyDomain(self.connection, domain, wait)
        console = Console(self.connection, state["console_log"], wait)
        if not domain.isActive():
            console.skip()
            boot.start(domain)
        self.waiting(state, f"booting ({state['hypervisor_used']})")
        host_key = boot.await_boot(domain, console, wait, name, pinned=mark.host_key)
        write_mark(domain, replace(mark, host_key=host_key))
        state = {**state, "host_key": host_key}
        ctx.save(state)
        self.waiting(state, "waiting for SSH")
        boot.await_ssh(domain, state["address"], wait, name, console)
        return state

    def _wait(self, ctx: Ctx) -> Wait:
        return Wait(self.provider.time_scale, ctx.stop)


def _runs_with(domain: Any) -> State | None:
    """What a running machine has of that which it gets only by being switched off; None when it does not run."""
    running = parse_domain(domain.XMLDesc()) if domain.isActive() else None
    if running is None:
        return None
    return dict(zip(_POWER_CYCLE, (running.memory_mib, running.vcpus, running.hypervisor), strict=True))


def _stays(now: State, planned: State) -> bool:
    """Whether a machine that runs with `now` can get all that is planned without being switched off."""
    return all(planned[name] == now[name] for name in _POWER_CYCLE)


def _is_new(prior: State, planned: State) -> bool:
    """Whether a change makes another machine of it."""
    return any(attr.replace and planned[name] != prior[name] for name, attr in SCHEMA.attrs.items())


def _inactive(domain: Any) -> DomainSpec | None:
    import libvirt

    return parse_domain(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
