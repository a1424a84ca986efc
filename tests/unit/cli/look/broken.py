"""Clusters of three that were broken on purpose, and what `halab status` is to say of each.

tests/pacemaker/test_broken.py breaks a real one in each of these ways and judges what its members see. What node1 saw
then stands in tests/data/pacemaker/broken, by Pacemaker's version, and is judged here again. Where the members
disagree, each one's view does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from halab.cli.look.report import Report
from halab.cli.look.snapshot import Power, Snapshot
from halab.provider.hypervisor.machine.presence import Presence

from .samples import lab, member

ALL = ("node1", "node2", "node3")


@dataclass(frozen=True)
class Verdict:
    """What is said: of whom, what, and whether it was set by hand. `off`: whose machine has no power."""

    faults: frozenset[tuple[str, str, bool]]
    past: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


def snapshot(views: Mapping[str, str], off: Iterable[str]) -> Snapshot:
    """A lab whose members see this (crm_mon's XML, by name); nothing else is wrong with it."""
    return lab(
        *(
            replace(member(number), power=Power(Presence.OFF), answer=None, silence="it is off")
            if name in off
            else member(number, cluster=views[name])
            for number, name in enumerate(ALL, 1)
        )
    )


def verdict(report: Report, off: Iterable[str]) -> Verdict:
    """What was said."""
    faults = frozenset((fault.what, fault.text, fault.by_hand) for fault in report.faults)
    return Verdict(faults, report.past, tuple(off))


def _says(*faults: tuple[str, str], by_hand: bool = False, past: tuple[str, ...] = (), off: str = "") -> Verdict:
    return Verdict(frozenset((*fault, by_hand) for fault in faults), past, (off,) if off else ())


def _by_hand(what: str, text: str) -> Verdict:
    return _says((what, text), by_hand=True)


def _dead_devices(error: str) -> Iterator[tuple[str, str]]:
    for name in ALL:
        nodes = [node for node in ALL if node != name]
        why = "; ".join(f"start of fence-{name} failed on {node}: {error}" for node in nodes)
        yield f"fence-{name}", f"runs nowhere ({why})"
        for node in nodes:
            yield f"fence-{name}", _shut_out(f"fence-{name}", node)


def _shut_out(resource: str, node: str) -> str:
    return f"may not run on {node} any more, it has failed there (pcs resource cleanup {resource})"


_UNCLEAN = "is offline and unclean: it has to be fenced before its resources go elsewhere"
_LOST = (("node3", "is powered off"), ("node3", _UNCLEAN))
WHOLE = _says()
VERSIONS = {"2.1": "error", "3.0": "error occurred"}
"""Pacemaker's version -> its words for an agent's exit status 1, which are told as they are."""


def broken(pacemaker: str) -> dict[str, Verdict]:
    """What is to be said of each, in front of this version."""
    error = VERSIONS[pacemaker]
    return {
        "standby": _by_hand("node3", "is in standby: it runs no resources"),
        "node in maintenance": _by_hand("node3", "is in maintenance: its resources are not watched"),
        "maintenance": _by_hand("cluster", "maintenance mode is set: nothing is watched, nothing fails over"),
        "all stopped": _by_hand("cluster", "stop-all-resources is set: nothing is to run"),
        "no fencing": _by_hand("cluster", "stonith-enabled is false: nobody is fenced"),
        "disabled": _by_hand("site", "is disabled (target-role Stopped)"),
        "unmanaged": _by_hand("site", "is unmanaged: the cluster does not look after it"),
        "start failed": _says(
            ("picky", _shut_out("picky", "node1")), past=(f"start of picky failed on node1: {error}",)
        ),
        "blocked": _says(
            ("stubborn", "failed and blocked on node1 (monitor of stubborn failed on node1: not running)")
        ),
        "fencing devices fail": _says(*_dead_devices(error)),
        "no quorum": _says(
            ("node1", _UNCLEAN),
            ("node2", _UNCLEAN),
            ("cluster", "no quorum: 1 of 3 members online, 2 needed"),
            ("node2", "sees node2 online, and node3 sees node3"),
            ("node1", "sees node1 online, and node3 sees node3"),
        ),
        "fencing failed": _says(*_LOST, ("node3", "could not be fenced"), off="node3"),
        "being fenced": _says(*_LOST, ("node3", "is being fenced"), off="node3"),
    }
