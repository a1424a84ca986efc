"""What a line of a journal means: one table, with the source file that prints it.

Few patterns, since wordings drift; tests hold them against recorded journals of both Debian releases. Pacemaker appends
" | …" to many of its lines, and only notices and worse reach the journal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LOST, LINK, MEMBERSHIP, SYNCED, MEMBER, DECIDED = "lost", "link", "membership", "synced", "member", "decided"
REQUESTED, EXECUTED, FENCED, UNFENCED, REPLAY, REPLAYED, WITHDRAWN = (
    "requested", "executed", "fenced", "unfenced", "replay", "replayed", "withdrawn",
)  # fmt: skip
DETECTED, GONE, QUORUM_LOST, QUORUM, STARTING, STARTED = (
    "detected", "gone", "quorum lost", "quorum", "starting", "started",
)  # fmt: skip
FAILED, STARVED, ISCSI, ISCSI_BACK, HUNG, BOOTED = "failed", "starved", "iscsi lost", "iscsi back", "hung", "booted"
CONSOLE = "console"
"""Who says what stands on a machine's console only."""
PANICKED = "panicked"
SELF_FENCING = "Self-fencing"
"""What Pacemaker names instead of a device where a node's own watchdog was to reset it."""
TROUBLE, RESPAWNED, DLM_WAITS, ELECTED, TWICE = "trouble", "respawned", "dlm waits", "elected", "twice"


@dataclass(frozen=True, slots=True)
class Meaning:
    """`by`: the syslog identifier that says it, a regular expression. Groups: node, resource, by, ms."""

    event: str
    by: str
    pattern: str
    source: str


TABLE = (
    Meaning(LINK, "corosync", r"link: host: \d+ link: \d+ is down", "kronosnet libknet/links.c"),
    Meaning(DETECTED, "corosync", r"Token has not been received in (?P<ms>\d+) ms", "corosync exec/totemsrp.c"),
    Meaning(DETECTED, "corosync", r"A processor failed, forming new configuration", "corosync exec/totemsrp.c"),
    Meaning(MEMBERSHIP, "corosync", r"A new membership \((?P<ring>\S+)\) was formed", "corosync exec/totemsrp.c"),
    Meaning(SYNCED, "corosync", r"Completed service synchronization, ready to provide service", "corosync exec/main.c"),
    Meaning(QUORUM, "corosync", r"This node is within the primary component", "corosync exec/vsf_quorum.c"),
    Meaning(QUORUM_LOST, "corosync", r"This node is within the non-primary component", "corosync exec/vsf_quorum.c"),
    Meaning(
        STARVED, "corosync", r"Corosync main process was not scheduled .* for (?P<ms>[\d.]+) ms", "corosync exec/main.c"
    ),
    Meaning(LOST, "pacemaker-.*", r"Node (?P<node>\S+) state is now lost", "pacemaker lib/cluster/membership.c"),
    Meaning(MEMBER, "pacemaker-.*", r"Node (?P<node>\S+) state is now member", "pacemaker lib/cluster/membership.c"),
    Meaning(
        DECIDED, "pacemaker-.*", r"Cluster node (?P<node>\S+) (?:will|is) be(?:ing)? fenced",
        "pacemaker lib/pengine/unpack.c",
    ),
    Meaning(
        DECIDED, "pacemaker-.*", r"Requesting fencing \(\w+\) (?:of node|targeting node) (?P<node>\S+)",
        "pacemaker daemons/controld/controld_fencing.c",
    ),
    Meaning(
        REQUESTED, "pacemaker-.*", r"Requesting peer fencing \(\w+\) targeting (?P<node>\S+)",
        "pacemaker daemons/fenced/fenced_remote.c",
    ),
    Meaning(
        FENCED, "pacemaker-.*",
        r"Operation '(?:reboot|off)' targeting (?P<node>\S+) by (?:unknown node|\S+) for .*: OK",
        "pacemaker daemons/fenced/fenced_remote.c",
    ),
    Meaning(
        EXECUTED, "pacemaker-.*",
        r"Operation '(?:reboot|off)' (?:\[\d+\] )?targeting (?P<node>\S+) using (?P<resource>\S+) returned 0\b",
        "pacemaker daemons/fenced/fenced_commands.c",
    ),
    Meaning(
        EXECUTED, "pacemaker-.*", rf"(?P<resource>{SELF_FENCING}) \((?:reboot|off)\) by (?P<node>\S+) for",
        "pacemaker daemons/fenced/fenced_remote.c",
    ),
    Meaning(
        UNFENCED, "pacemaker-.*",
        r"Peer (?P<node>\S+) was not terminated|Couldn't find anyone to fence \(\w+\) (?P<other>\S+)|"
        r"Too many failures \(\d+\) to fence (?P<third>\S+), giving up",
        "pacemaker daemons/controld/controld_fencing.c",
    ),
    Meaning(TROUBLE, "pacemaker-.*", r"We were allegedly just fenced", "pacemaker daemons/controld/controld_fencing.c"),
    Meaning(TWICE, "pacemaker-.*", r"is active on \d+ nodes", "pacemaker lib/pacemaker"),
    Meaning(
        ELECTED, "pacemaker-.*", r"State transition S_(?:ELECTION|INTEGRATION) -> S_(?:INTEGRATION|FINALIZE_JOIN)",
        "pacemaker daemons/controld/controld_fsa.c",
    ),
    Meaning(
        STARTING, "pacemaker-.*", r"Initiating start operation (?P<resource>\S+)_start_0 (?:locally )?on (?P<node>\S+)",
        "pacemaker daemons/controld/controld_te_actions.c",
    ),
    Meaning(
        STARTED, "pacemaker-.*", r"Result of start operation for (?P<resource>\S+) on (?P<node>\S+): (?:ok|OK)\b",
        "pacemaker daemons/controld/controld_execd.c",
    ),
    Meaning(
        FAILED, "pacemaker-.*",
        r"Result of (?:monitor|start|stop) operation for (?P<resource>\S+) on (?P<node>\S+): (?!ok\b|OK\b|not running)",
        "pacemaker daemons/controld/controld_execd.c",
    ),
    Meaning(
        FAILED, "pacemaker-.*", r"Transition \d+ action \d+ \((?P<resource>\S+?)_monitor_[1-9]\d* on (?P<node>\S+)\)",
        "pacemaker daemons/controld/controld_te_events.c",
    ),
    Meaning(
        RESPAWNED, "pacemakerd", r"Respawning (?:subdaemon )?(?P<resource>\S+)",
        "pacemaker daemons/pacemakerd/pcmkd_subdaemons.c",
    ),
    Meaning(
        HUNG, "pacemakerd", r"(?P<resource>\S+)\[\d+\] is unresponsive to (?:ipc|IPC) after .* (?:will now|so it will)",
        "pacemaker daemons/pacemakerd/pcmkd_subdaemons.c",
    ),
    Meaning(DLM_WAITS, "dlm_controld", r"fence request \d+ pid|wait for fencing", "dlm dlm_controld/fence.c"),
    Meaning(
        REPLAY, "kernel", r"gfs2: fsid=(?P<resource>[^:]+:[^.]+)\.\S+ jid=\d+: Trying to acquire journal lock",
        "linux fs/gfs2/recovery.c",
    ),
    Meaning(REPLAYED, "kernel", r"gfs2: fsid=(?P<resource>\S+) jid=\d+: Done", "linux fs/gfs2/recovery.c"),
    Meaning(
        WITHDRAWN, "kernel", r"gfs2: fsid=\S+ (?:about to withdraw this file system|File system withdrawn)",
        "linux fs/gfs2/util.c",
    ),
    Meaning(ISCSI, "kernel", r"connection\d+:\d+: detected conn error|session recovery timed out", "linux libiscsi.c"),
    Meaning(ISCSI_BACK, "iscsid", r"is operational after recovery", "open-iscsi usr/initiator.c"),
    Meaning(PANICKED, CONSOLE, r"Kernel panic - not syncing: (?P<resource>.*)", "linux kernel/panic.c"),
    Meaning(BOOTED, "kernel", r"Linux version ", "linux init/main.c"),
)  # fmt: skip

_COMPILED = [(meaning, re.compile(meaning.by), re.compile(meaning.pattern)) for meaning in TABLE]


@dataclass(frozen=True, slots=True)
class Found:
    """A line that means something. `node`: whom it is about, empty if it does not say."""

    event: str
    node: str
    resource: str
    source: str


def meaning(by: str, text: str) -> Found | None:
    """What a line of `by`'s means; None: nothing that is known."""
    for one, speaker, pattern in _COMPILED:
        if speaker.fullmatch(by) and (match := pattern.search(text)):
            groups = match.groupdict()
            node = _first(groups.get(name) for name in ("node", "other", "third"))
            return Found(one.event, node.rstrip(":,;"), groups.get("resource") or "", one.source)
    return None


def _first(texts: Iterable[str | None]) -> str:
    return next((text for text in texts if text), "")
