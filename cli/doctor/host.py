"""Is the host strong enough: hardware virtualization, memory, disks, libvirt, the user."""

from __future__ import annotations

from collections.abc import Iterator

from halab.cli.doctor.facts import GIB, MIB, Facts
from halab.cli.doctor.finding import Finding, bad, good, warning

# What a lab of three takes on disk before its LUN is filled: the image, and what the machines write.
_LAB_BYTES = 3 * GIB
# A machine whose disk cannot grow is paused by QEMU.
_LEAST_BYTES, _LITTLE_BYTES = 512 * MIB, 2 * GIB
_STATE_BYTES = 100 * MIB
_WORLD_MAY_WRITE = 0o002


def kvm(facts: Facts) -> Iterator[Finding]:
    seen, asked = facts.kvm, facts.wanted.hypervisor
    emulated = "the machines are emulated, and everything takes several times as long"
    if asked == "qemu":
        yield good("KVM", "not asked for: hypervisor is qemu")
    elif seen.verdict is not None:
        usable, why = seen.verdict
        if usable:
            yield good("KVM", f"works: {why}")
        else:
            yield warning("KVM", f"does not work ({why}): {emulated}", _kvm_remedy(facts))
    elif not seen.device:
        why = "/dev/kvm is missing" if seen.in_processor else "the processor offers no hardware virtualization"
        level = bad if asked == "kvm" else warning
        yield level("KVM", f"{why}: {emulated}", _kvm_remedy(facts))
    else:
        yield good("KVM", "/dev/kvm is there; the first deploy boots a kernel in it to see whether it works")


def _kvm_remedy(facts: Facts) -> str:
    if not facts.kvm.in_processor:
        return "Switch virtualization (VT-x, AMD-V) on in the firmware, or nested virtualization in the host around it."
    if not facts.kvm.device:
        return "Load the module: sudo modprobe kvm_intel, or kvm_amd."
    return "Set hypervisor to qemu where emulation is intended; else look for what hinders KVM here."


def memory(facts: Facts) -> Iterator[Finding]:
    wanted, free = facts.wanted, facts.memory_available_bytes
    if wanted.deployed:
        if free < 256 * MIB:
            yield warning("memory", f"{free // MIB} MiB are left", "Make room: the host begins to swap.")
        else:
            yield good("memory", f"{free / GIB:.1f} GiB are left beside the lab")
    elif free < wanted.memory_bytes:
        yield bad(
            "memory",
            f"{free / GIB:.1f} GiB are free, the machines take {wanted.memory_bytes / GIB:.1f}",
            "End other things, or set memory_mib or node_count lower.",
        )
    else:
        yield good("memory", f"{free / GIB:.1f} GiB are free, the machines take {wanted.memory_bytes / GIB:.1f}")


def disk(facts: Facts) -> Iterator[Finding]:
    wanted, pool, free = facts.wanted, facts.pool, facts.pool.free_bytes
    least = _LEAST_BYTES if wanted.deployed else _LAB_BYTES
    enough = _LITTLE_BYTES if wanted.deployed else _LAB_BYTES + wanted.lun_bytes
    told = f"{free / GIB:.1f} GiB are free in {pool.path}"
    if free < least:
        yield bad("disk", f"{told}: {_too_little(wanted.deployed)}", "Make room there.")
    elif free < enough:
        yield warning("disk", f"{told}, and the machines may write {enough / GIB:.1f}", "Make room there.")
    else:
        yield good("disk", told)
    if facts.checkout.free_bytes < _STATE_BYTES:
        left = f"{facts.checkout.free_bytes // MIB} MiB are free in {facts.checkout.path}"
        yield bad("disk", f"{left}, where the state is written", "Make room there.")


def _too_little(deployed: bool) -> str:
    if deployed:
        return "a machine that cannot write is paused"
    return f"a lab takes {_LAB_BYTES / GIB:.0f} GiB and more"


def libvirt(facts: Facts) -> Iterator[Finding]:
    seen = facts.libvirt
    if not seen.fault:
        yield good("libvirt", "answers, and this user may use it")
    elif seen.away and not facts.wanted.deployed:
        yield warning("libvirt", f"{seen.fault}: a deploy starts it", seen.remedy)
    else:
        yield bad("libvirt", seen.fault, seen.remedy)


def user(facts: Facts) -> Iterator[Finding]:
    if facts.user.umask & _WORLD_MAY_WRITE == 0:
        yield warning(
            "umask",
            f"{facts.user.umask:04o}: anybody may write what you make",
            "umask 022, in your shell's profile: the provider is not started from a folder that all may write.",
        )
    if facts.user.ends_at_logout and facts.wanted.endpoint_ports:
        yield warning(
            "lingering",
            "the fencing endpoint is a unit of yours, and ends ten seconds after you have logged out",
            "sudo loginctl enable-linger $USER",
        )


def lab(facts: Facts) -> Iterator[Finding]:
    """The lab's own health, as `halab status` sees it."""
    if facts.lab is None:
        if not facts.wanted.deployed:
            yield good("lab", f"{facts.wanted.lab} is not deployed")
        return
    for fault in facts.lab:
        level = warning if fault.by_hand else bad
        yield level(fault.what, fault.text, fault.remedy or "halab status shows the whole.")
    if not facts.lab:
        yield good("lab", f"{facts.wanted.lab} is healthy")


def files(facts: Facts) -> Iterator[Finding]:
    """Of the lab, on this host."""
    for one in facts.damaged:
        level = bad if one.hinders else warning
        yield level("file", f"{one.file} cannot be read: {one.why}", one.remedy)


def console(facts: Facts) -> Iterator[Finding]:
    """Only where one was started as a service."""
    if (seen := facts.console) is None:
        return
    if seen.listens and seen.supervised:
        yield good("console", f"runs as a service, at port {seen.port}")
        return
    why = "runs, and nothing would start it again" if seen.listens else f"does not listen at its port {seen.port}"
    yield warning(
        "console",
        f"was started as a service and {why}",
        "halab console --service starts it again, halab console --stop gives it up.",
    )
