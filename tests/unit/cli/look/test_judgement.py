"""What is wrong with a lab, from what was seen of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halab.cli.console.board import Board
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.judgement import judge
from halab.cli.look.snapshot import Answer, Endpoint, Glance, Machine, Power, Site, Snapshot
from halab.provider.hypervisor.machine.presence import Presence

from .samples import AT, DATA, EXPORTER, MEMBER, RUNNING, STOPPED, TARGET, lab, member


def _silent(machine: Machine, power: Presence, why: str = "", silence: str = "no answer within 5 s") -> Machine:
    assert machine.answer
    return replace(machine, power=Power(power, why), silence=silence, answer=replace(machine.answer, at=AT - 180))


def _seen(change: str, to: str) -> Snapshot:
    """What every member's crm_mon says, with a change."""
    assert change in RUNNING
    return lab(*(member(number, cluster=RUNNING.replace(change, to)) for number in (1, 2, 3)))


def _told(change: str, to: str) -> Snapshot:
    """What node2 says of itself, with a change."""
    assert change in MEMBER
    return lab(member(1), member(2, MEMBER.replace(change, to)), member(3))


_NODE3 = 'name="node3" id="3" online="true"'
_OFFLINE = RUNNING.replace(_NODE3, 'name="node3" id="3" online="false"')
_URL = "https://192.168.77.1:8000"
FAULTS = [
    ("healthy", lab(), []),
    # machines
    (
        "powered off",
        lab(member(1), member(2), _silent(member(3), Presence.OFF)),
        [("node3", "is powered off")],
    ),
    (
        "mute",
        lab(member(1), member(2), _silent(member(3), Presence.RUNNING)),
        [("node3", "does not answer: no answer within 5 s")],
    ),
    (
        "paused",
        lab(member(1), member(2), _silent(member(3), Presence.PAUSED, "by hand. Let it go on")),
        [("node3", "is paused by hand. Let it go on")],
    ),
    ("gone", lab(member(1), member(2), _silent(member(3), Presence.GONE)), [("node3", "does not exist any more")]),
    (
        "libvirt silent",
        lab(member(1), member(2), replace(member(3), power=Power(Presence.UNKNOWN, "libvirt does not answer"))),
        [("node3", "its power is unknown: libvirt does not answer")],
    ),
    # the cluster
    (
        "stopped on one",
        lab(
            member(1, cluster=_OFFLINE),
            member(2, cluster=_OFFLINE),
            member(3, MEMBER.replace("unit corosync\nunit pacemaker\n", ""), STOPPED),
        ),
        [("node3", "is offline: corosync and pacemaker stopped")],
    ),
    (
        "stopped on all",
        lab(*(member(number, cluster=STOPPED) for number in (1, 2, 3))),
        [("cluster", "it runs on none of node1, node2, node3")],
    ),
    (
        "all mute",
        lab(*(_silent(member(number), Presence.OFF) for number in (1, 2, 3))),
        [
            *((f"node{number}", "is powered off") for number in (1, 2, 3)),
            ("cluster", "no member answers"),
        ],
    ),
    (
        "no quorum",
        _seen('with_quorum="true"', 'with_quorum="false"'),
        [("cluster", "no quorum: 3 of 3 members online, 2 needed")],
    ),
    (
        "two views",
        lab(member(1), member(2), member(3, cluster=_OFFLINE)),
        [("node3", "sees node1, node2 online, and node2 sees node1, node2, node3")],
    ),
    (
        "unclean",
        _seen(_NODE3 + ' standby="false" standby_onfail="false" maintenance="false" pending="false" unclean="false"',
              _NODE3 + ' standby="false" standby_onfail="false" maintenance="false" pending="false" unclean="true"'),
        [("node3", "is unclean and will be fenced")],
    ),
    # storage
    (
        "input/output error",
        _told("answers 4096 943718 900000", "head: cannot open '/var/www/html/x' for reading: Input/output error"),
        [("node2", "GFS2 at /var/www/html: Input/output error")],
    ),
    (
        "withdrawn",
        _told("answers 4096 943718 900000", "has withdrawn: head: cannot open '/x': Input/output error"),
        [("node2", "GFS2 at /var/www/html: has withdrawn: head: cannot open '/x': Input/output error")],
    ),
    (
        "hanging",
        _told("answers 4096 943718 900000", "does not answer within 2 s"),
        [("node2", "GFS2 at /var/www/html: does not answer within 2 s")],
    ),
    ("logged out", _told(f"session {TARGET} LOGGED_IN sda running\n", ""), [("node2", "has no iSCSI session")]),
    ("lost session", _told("LOGGED_IN", "FAILED"), [("node2", "iSCSI: the session is FAILED")]),
    (
        "offline disk",
        _told("sda running", "sda transport-offline"),
        [("node2", "iSCSI: the disk sda is transport-offline")],
    ),
    ("suspended", _told("lv_web 0", "lv_web 1"), [("node2", "the volume vg_summit/lv_web is suspended")]),
    # services
    (
        "endpoint dead",
        lab(endpoint=Endpoint(_URL, "does not answer (Connection refused)")),
        [("fencing", f"the endpoint {_URL} does not answer (Connection refused)")],
    ),
    (
        "endpoint behind a firewall",
        _told("endpoint open", "endpoint no answer within 2 s"),
        [("node2", f"cannot reach the fencing endpoint {_URL}: no answer within 2 s")],
    ),
    (
        "site down",
        lab(site=Site("http://192.168.77.50/", fault="answers with HTTP status 503")),
        [("site", "answers with HTTP status 503")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("snapshot", "faults"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_faults(snapshot: Snapshot, faults: list[tuple[str, str]]) -> None:
    report = judge(snapshot)
    assert [(fault.what, fault.text) for fault in report.faults] == faults
    assert not any(fault.by_hand for fault in report.faults)
    assert all(fault.remedy for fault in report.faults)
    assert report.healthy is not bool(faults)


@pytest.mark.parametrize(
    ("change", "to", "what", "text"),
    [
        ('maintenance-mode="false"', 'maintenance-mode="true"', "cluster", "maintenance mode is set"),
        ('stop-all-resources="false"', 'stop-all-resources="true"', "cluster", "stop-all-resources is set"),
        ('stonith-enabled="true"', 'stonith-enabled="false"', "cluster", "stonith-enabled is false"),
        (f'{_NODE3} standby="false"', f'{_NODE3} standby="true"', "node3", "is in standby"),
    ],
)
def test_what_was_set_by_hand_is_told_as_such(change: str, to: str, what: str, text: str) -> None:
    (fault,) = judge(_seen(change, to)).faults
    assert (fault.what, fault.by_hand) == (what, True)
    assert fault.text.startswith(text)
    assert fault.remedy


def test_the_target_that_exports_nothing_and_one_that_is_not_enabled() -> None:
    healthy = lab()
    for look, text in [
        ("uptime 3.0\n", "exports no iSCSI target"),
        (EXPORTER.replace(f"{TARGET} 1", f"{TARGET} 0"), f"the iSCSI target {TARGET} is not enabled"),
    ]:
        *members, exporter = healthy.machines
        assert exporter.answer
        changed = replace(exporter, answer=replace(exporter.answer, look=look))
        (fault,) = judge(replace(healthy, machines=(*members, changed))).faults
        assert (fault.what, fault.text) == ("target", text)
        assert "halab deploy" in fault.remedy


def test_an_old_view_counts_only_when_there_is_no_other() -> None:
    old = _silent(member(1, cluster=RUNNING), Presence.RUNNING)
    now = _OFFLINE
    report = judge(lab(old, member(2, cluster=now), member(3, cluster=now)))
    assert report.cluster
    assert (report.cluster.current, report.cluster.online) == (True, 2)
    report = judge(lab(*(_silent(member(number), Presence.RUNNING) for number in (1, 2, 3))))
    assert report.cluster
    assert (report.cluster.current, report.cluster.seen_at, report.cluster.online) == (False, AT - 180, 3)
    assert [machine.heard_at for machine in report.machines[:3]] == [AT - 180] * 3


def _glanced(machine: Machine, cluster: str, later_s: float) -> Machine:
    return replace(machine, glance=Glance(AT + later_s, cluster), since=AT + later_s)


def test_what_one_member_says_since_counts_for_all_of_them() -> None:
    """The others' views are older and have more members online: also that of the one that is lost and not mute yet."""
    report = judge(lab(_glanced(member(1), _OFFLINE, 5.0), member(2), member(3)))
    assert report.cluster
    assert (report.cluster.seen_by, report.cluster.seen_at, report.cluster.online) == ("node1", AT + 5.0, 2)
    assert [(fault.what, fault.text) for fault in report.faults] == [("node3", "is offline")]
    assert [machine.heard_at for machine in report.machines[:3]] == [AT] * 3, "the rest of it is as old as it was"
    assert judge(lab(_glanced(member(1), _OFFLINE, -5.0), member(2), member(3))).faults == ()


def test_who_was_asked_a_moment_later_does_not_outrank_quorum() -> None:
    """`halab status` begins all its questions within milliseconds."""
    alone = _OFFLINE.replace('with_quorum="true"', 'with_quorum="false"')
    report = judge(lab(_glanced(member(1), alone, 0.004), member(2), member(3)))
    assert report.cluster
    assert (report.cluster.seen_by, report.cluster.quorum) == ("node3", True)
    assert any("sees node1, node2 online, and node3" in fault.text for fault in report.faults)


@pytest.mark.parametrize(("since", "hidden"), [(20.0, True), (-60.0, False)])
def test_a_split_seen_from_one_side_is_a_fault_once_both_were_asked_since(since: float, hidden: bool) -> None:
    """The older view is over only where it was asked for before the newer one's members changed."""
    newer = replace(_glanced(member(1), _OFFLINE, 20.0), since=AT + since)
    faults = judge(lab(newer, member(2), member(3))).faults
    texts = [fault.text for fault in faults if "online, and node1 sees" in fault.text]
    assert len(texts) == (0 if hidden else 2)


def test_the_board_keeps_since_when_a_member_counts_whom_it_counts() -> None:
    node1 = KnownMachine("uuid1", "node1", "", "", "summit", "", "", True)
    board = Board("summit", Deployed((node1,), None, ""), None, lambda: None)

    def since() -> float:
        return board.snapshot().machines[0].since

    assert since() == 0.0
    board.heard("uuid1", Answer(AT, MEMBER, RUNNING))
    board.glanced("uuid1", Glance(AT + 5, RUNNING))
    assert since() == AT
    board.glanced("uuid1", Glance(AT + 10, _OFFLINE))
    board.heard("uuid1", Answer(AT + 15, MEMBER, _OFFLINE))
    board.glanced("uuid1", Glance(AT + 20, STOPPED))
    assert since() == AT + 10


def test_of_two_halves_the_one_with_quorum_counts_whoever_spoke_last() -> None:
    alone = RUNNING.replace('with_quorum="true"', 'with_quorum="false"')
    for number in (1, 2):
        node = f'name="node{number}" id="{number}" online='
        alone = alone.replace(f'{node}"true"', f'{node}"false"')
    both = (member(1, cluster=_OFFLINE), member(2, cluster=_OFFLINE))
    report = judge(lab(*both, _glanced(member(3), alone, 20.0)))
    assert report.cluster
    assert (report.cluster.quorum, report.cluster.online) == (True, 2)
    assert ("node3", "sees node3 online, and node2 sees node1, node2") in [(f.what, f.text) for f in report.faults]


def test_a_member_that_only_just_starts_does_not_speak_for_the_others() -> None:
    joining = RUNNING.replace('online="true"', 'online="false"').replace('with_quorum="true"', 'with_quorum="false"')
    report = judge(lab(member(1), member(2), _glanced(member(3), joining, 5.0)))
    assert report.cluster
    assert (report.cluster.quorum, report.cluster.online) == (True, 3)


def test_a_mount_is_missed_by_the_view_that_its_node_had_when_it_told_of_its_mounts() -> None:
    running = (DATA / "pacemaker/crm_mon-2.1-running.xml").read_text()
    mounted = running.replace("ocf:heartbeat:lvmlockd", "ocf:heartbeat:Filesystem")
    bare = "\n".join(line for line in MEMBER.splitlines() if not line.startswith("mount"))
    missed = ("node2", "lvmlockd is started there, but nothing is mounted")
    for before, later, faults in [(running, mounted, []), (mounted, running, [missed])]:
        node2 = _glanced(member(2, bare, before), later, 5.0)
        report = judge(lab(member(1, cluster=running), node2, member(3, cluster=running)))
        assert [(f.what, f.text) for f in report.faults if "mounted" in f.text] == faults
