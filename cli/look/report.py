"""What a look at a lab comes to: plain values, printed by `screen` and, as they are, by `halab status --json`.

`docs/status.md` documents the JSON. Texts are for people; what programs read has fields of its own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong (`by_hand` false), or that somebody has set so that the lab is not itself.

    `remedy`: what to do about it; commands stand in backquotes.
    """

    what: str
    text: str
    by_hand: bool = False
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class MachineReport:
    """`cluster`: online, standby, maintenance, pending, unclean, offline; empty for the target, or unknown.

    `load`: processes that run or wait, the average of one minute.
    """

    name: str
    role: str
    address: str
    power: str
    uptime_s: float | None
    answers: bool
    heard_at: float | None
    cluster: str
    dc: bool
    load: float | None = None


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """The cluster as the member `seen_by` saw it at `seen_at` (Unix time, s)."""

    seen_by: str
    seen_at: float
    current: bool
    version: str
    dc: str | None
    quorum: bool
    members: int
    online: int
    needed: int
    maintenance_mode: bool
    stop_all_resources: bool
    fencing_enabled: bool


@dataclass(frozen=True, slots=True)
class ResourceReport:
    """One primitive. `nodes`: where it runs; `state` in words; `within`: the clone and group around it."""

    id: str
    agent: str
    within: tuple[str, ...]
    state: str
    nodes: tuple[str, ...]

    @property
    def fences(self) -> bool:
        return self.agent.startswith("stonith:")


@dataclass(frozen=True, slots=True)
class FencingReport:
    """`endpoint` is its address; `fault` is empty when it answered. `events`: what was fenced, the last first."""

    endpoint: str
    fault: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionReport:
    """An initiator's session with the target; `fault` is empty when it serves."""

    node: str
    target: str
    disk: str
    fault: str


@dataclass(frozen=True, slots=True)
class MountReport:
    """A mounted file system; `fault` is empty when it was read."""

    node: str
    name: str
    device: str
    point: str
    size_bytes: int
    free_bytes: int
    fault: str


@dataclass(frozen=True, slots=True)
class StorageReport:
    """`targets`: exported iSCSI names; `logged_in`: who is, as the target has it (None: the target is silent)."""

    targets: tuple[str, ...]
    logged_in: tuple[str, ...] | None
    sessions: tuple[SessionReport, ...]
    volumes: dict[str, tuple[str, ...]]
    mounts: tuple[MountReport, ...]


@dataclass(frozen=True, slots=True)
class SiteReport:
    """`fault` is empty when it gave its page."""

    url: str
    served_by: str
    fault: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """A lab at `at` (Unix time, s). `past`: failures that the cluster remembers and has overcome."""

    lab: str
    at: float
    machines: tuple[MachineReport, ...]
    cluster: ClusterReport | None
    resources: tuple[ResourceReport, ...]
    fencing: FencingReport | None
    storage: StorageReport
    site: SiteReport | None
    faults: tuple[Fault, ...]
    past: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        return not self.faults
