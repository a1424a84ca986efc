"""A machine's definition as Terraform's state shows it."""

from __future__ import annotations

from halab.provider.hypervisor.machine.domain_xml import DomainSpec, split_command_line
from halab.provider.hypervisor.resource import kept
from halab.provider.protocol import State


def with_computed(planned: State, spec: DomainSpec) -> State:
    """What is planned, with what a machine so defined has besides."""
    return {
        **planned,
        "id": spec.uuid,
        "host_key": spec.mark.host_key or None,
        "console_log": spec.console_log,
        "hypervisor_used": spec.hypervisor,
    }


def observed(state: State, spec: DomainSpec, running: bool) -> State:
    """`state` with what is observed, in the user's spelling where that means the same."""
    mark = spec.mark
    cmdline, emulated = split_command_line(spec.cmdline, mark.hostname)
    before = state.get("cmdline_emulated")
    return {
        **state,
        "name": spec.name,
        "hostname": mark.hostname,
        "domain": mark.domain or None,
        "memory_mib": spec.memory_mib,
        "vcpus": spec.vcpus,
        "kernel": spec.kernel,
        "initrd": spec.initrd,
        "cmdline": kept(state.get("cmdline"), cmdline, _words),
        # Under KVM these words are not in use: what they should be is not to be seen.
        "cmdline_emulated": before if spec.hypervisor == "kvm" else kept(before, emulated or None, _words),
        "disks": [disk.path for disk in spec.disks],
        "network": spec.network,
        "mac": kept(state.get("mac"), spec.mac, str.lower),
        "address": mark.address,
        "cluster": mark.cluster or None,
        "authorized_key": kept(state.get("authorized_key"), spec.authorized_key, str.strip),
        "running": running,
        "host_key": mark.host_key or state.get("host_key"),
        "console_log": spec.console_log,
        "hypervisor_used": spec.hypervisor,
    }


def _words(text: str | None) -> list[str]:
    return (text or "").split()
