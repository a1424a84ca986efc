import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.corosync.conf import Member, render_corosync_conf
from halab.provisioners.corosync.founded import Definition, founded
from halab.provisioners.corosync.late_start import START_AT_ONCE, START_LATE, UNIT, WAIT
from halab.provisioners.corosync.leaving import Stop
from halab.provisioners.corosync.membership import ClusterMember, MemberItem, describe, is_online, online
from halab.provisioners.engine.command import Result, Secret, cmd
from halab.provisioners.engine.errors import CommandFailed, Conflict
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import Await, PutFile, Run

DATA = Path(__file__).parents[3] / "data" / "corosync"
CRM_MON = (DATA / "crm_mon-3-online.xml").read_text()
ITEM = MemberItem()


def conf(count: int, token_ms: int | None = 10000, name: str = "summit") -> str:
    nodes = (Member(name=f"node{n}", address=f"192.168.77.{10 + n}", node_id=n) for n in range(1, count + 1))
    return render_corosync_conf(name, token_ms, nodes)


NODE = ClusterMember(
    machine="uuid",
    cluster="summit",
    name="node1",
    corosync_conf=conf(3),
    corosync_authkey=Secret("COROSYNCKEY"),
    pacemaker_authkey=Secret("PACEMAKERKEY"),
)


def done(now: ClusterMember | None, wanted: ClusterMember | None) -> list[object]:
    return list(ITEM.steps(DEBIAN_13, now, wanted))


def shell(step: object) -> tuple[str, ...]:
    assert isinstance(step, Run)
    text, _, *args = step.command.argv[2:]
    subprocess.run(["sh", "-n", "-c", text], check=True)
    return text, *args


def test_joining() -> None:
    corosync_key, pacemaker_key, form, ready, forget = done(None, NODE)
    assert corosync_key == PutFile("/etc/corosync/authkey", NODE.corosync_authkey, 0o400)
    assert pacemaker_key == PutFile("/etc/pacemaker/authkey", NODE.pacemaker_authkey, 0o640, "root:haclient")
    text, *args = shell(form)
    assert args[0] == conf(3)
    assert "dc-deadtime" in args[1]
    # Old state goes before our configuration comes, and the units start last.
    order = [text.index(part) for part in ("systemctl stop", "rm -rf", "corosync.conf", "systemctl start --no-block")]
    assert order == sorted(order)
    assert "systemctl -q --no-reload enable corosync pacemaker" in text
    assert START_LATE in text
    assert isinstance(ready, Await)
    assert shell(forget)[1] == '<cluster_property_set id="halab-first-start"/>'


def test_no_key_is_in_a_command() -> None:
    said = " ".join(map(str, done(None, NODE))) + repr(done(None, NODE))
    assert "COROSYNCKEY" not in said
    assert "PACEMAKERKEY" not in said


@pytest.mark.parametrize(
    ("now", "wanted", "parts", "args"),
    [
        (replace(NODE, corosync_conf=conf(4)), NODE, ["corosync-cfgtool -R", "crm_node"], [conf(3), "node4"]),
        (replace(NODE, corosync_conf=conf(5)), NODE, [], [conf(3), "node4", "node5"]),
        (replace(NODE, corosync_conf=conf(3, None)), NODE, [], [conf(3)]),
        (replace(NODE, running=False), NODE, ["start --no-block corosync pacemaker"], []),
        (replace(NODE, enabled=False), NODE, ["enable corosync pacemaker"], []),
        (NODE, replace(NODE, enabled=False), ["disable corosync pacemaker"], []),
        (NODE, replace(NODE, running=False), ["stop pacemaker corosync"], []),
        (replace(NODE, late_start=False), NODE, ["cat > /etc/halab/corosync-wait"], []),
        (NODE, replace(NODE, late_start=False), ["rm -f /etc/halab/corosync-wait"], []),
    ],
)
def test_changes(now: ClusterMember, wanted: ClusterMember, parts: list[str], args: list[str]) -> None:
    first, *rest = done(now, wanted)
    text, *given = shell(first)
    assert [part for part in parts if part not in text] == []
    assert given == args
    assert [str(step) for step in rest] == ([str(online("node1"))] if wanted.running else [])


def test_a_member_is_only_waited_for() -> None:
    assert [str(step) for step in done(NODE, NODE)] == ["wait for node node1 online in a cluster with quorum"]


def test_a_new_node_counts_when_it_is_up() -> None:
    wait, reload, _ = done(NODE, replace(NODE, corosync_conf=conf(4)))
    assert isinstance(wait, Await)
    assert wait.probe.argv == ("ping", "-c", "1", "-W", "2", "192.168.77.14")
    assert shell(reload)[1] == conf(4)
    stopped = done(replace(NODE, running=False), replace(NODE, corosync_conf=conf(4)))
    assert isinstance(stopped[0], Run)


def test_leaving() -> None:
    (leave,) = done(NODE, None)
    assert isinstance(leave, Stop)
    text = leave.after
    assert "/etc/corosync/corosync.conf" in text
    assert "disable pacemaker corosync" in text
    assert START_AT_ONCE in text
    assert done(None, None) == []


EARLIER = Secret("OF AN EARLIER RUN")


@pytest.mark.parametrize("now", [replace(NODE, corosync_authkey=EARLIER), replace(NODE, pacemaker_authkey=EARLIER)])
def test_a_member_by_another_key_is_formed_anew(now: ClusterMember) -> None:
    """As a run leaves it whose state was lost."""
    leave, *formed = done(now, NODE)
    assert isinstance(leave, Stop)
    assert "rm -rf /etc/corosync/corosync.conf" in leave.after
    assert [str(step) for step in formed] == [str(step) for step in done(None, NODE)]


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        (conf(3), "P", True),
        (conf(3), None, True),
        (None, None, False),
        ((DATA / "debian-package.conf").read_text(), "P", False),
    ],
)
def test_what_a_machine_knows_of_its_cluster(
    guest_host: Callable[..., Any], told: Callable[..., str], text: str | None, key: str | None, found: bool
) -> None:
    host, _ = guest_host(told(text, "C", key))
    seen = founded(host, NODE.cluster)
    assert seen == (Definition(conf(3), Secret("C"), Secret(key or "")) if found else None)
    assert (seen is not None and seen.has_keys) == (found and key is not None)


@pytest.mark.parametrize(("said", "warned"), [("", False), ("killed\n", True)])
def test_leave_says_when_it_had_to_kill(
    guest_host: Callable[..., Any], caplog: pytest.LogCaptureFixture, said: str, warned: bool
) -> None:
    host, guest = guest_host(said)
    host.do(done(NODE, None))
    assert ("was killed" in caplog.text) == warned
    command = guest.asked[0]
    assert command.argv[4:] == ("240",)
    assert command.timeout_s > 240
    subprocess.run(["sh", "-n", "-c", command.argv[2]], check=True)


# --- what is seen ---


def units(pacemaker: str, corosync: str) -> str:
    """What systemctl shows for "active enabled" and the like."""
    words = [state.split() for state in (pacemaker, corosync)]
    shown = "\n".join(f"LoadState=loaded\nActiveState={active}\n" for active, _ in words)
    return "\n".join([shown, *(file for _, file in words), ""])


LATE = WAIT + UNIT
UP = units("active enabled", "active enabled")
DOWN = units("inactive disabled", "inactive disabled")


@pytest.mark.parametrize(
    ("text", "state", "seen"),
    [
        (None, DOWN, None),
        ((DATA / "debian-package.conf").read_text(), UP, None),
        (conf(3), UP, NODE),
        (conf(4), UP, replace(NODE, corosync_conf=conf(4))),
        (conf(3), units("inactive enabled", "active enabled"), replace(NODE, running=False)),
        (conf(3), units("failed enabled", "failed enabled"), replace(NODE, running=False)),
        (conf(3), units("activating enabled", "active enabled"), NODE),
        (conf(3), units("active enabled", "active disabled"), replace(NODE, enabled=False)),
    ],
)
def test_observe(
    guest_host: Callable[..., Any],
    told: Callable[..., str],
    text: str | None,
    state: str,
    seen: ClusterMember | None,
) -> None:
    host, _ = guest_host(told(text, state, "COROSYNCKEY", "PACEMAKERKEY", LATE))
    assert ITEM.observe(host, NODE) == seen


SPOILT = conf(3) + "nonsense\n"


@pytest.mark.parametrize(("text", "shown"), [(None, ""), ("", ""), (SPOILT, SPOILT)])
def test_a_corosync_conf_that_was_removed_or_spoilt_is_written_again_under_the_running_node(
    guest_host: Callable[..., Any], told: Callable[..., str], text: str | None, shown: str
) -> None:
    host, _ = guest_host(told(text, UP, "COROSYNCKEY", "PACEMAKERKEY", LATE))
    seen = ITEM.observe(host, NODE)
    assert seen == replace(NODE, corosync_conf=shown)
    reload, _ = done(seen, NODE)
    words, *args = shell(reload)
    assert "corosync-cfgtool -R" in words
    assert "stop" not in words
    assert args == [conf(3)]
    host, _ = guest_host(told(text, DOWN, "COROSYNCKEY", "PACEMAKERKEY", LATE))
    assert ITEM.observe(host, NODE) is None  # as a killed run leaves it


def test_a_lost_key_shows(guest_host: Callable[..., Any], told: Callable[..., str]) -> None:
    host, _ = guest_host(told(conf(3), UP, None, "PACEMAKERKEY", LATE))
    assert ITEM.observe(host, NODE) == replace(NODE, corosync_authkey=Secret(""))


@pytest.mark.parametrize("answer", ["", WAIT, LATE + "#\n", LATE.replace("650", "0")])
def test_a_late_start_that_was_removed_or_changed_shows(
    guest_host: Callable[..., Any], told: Callable[..., str], answer: str
) -> None:
    host, guest = guest_host(told(conf(3), UP, "COROSYNCKEY", "PACEMAKERKEY", answer))
    assert ITEM.observe(host, NODE) == replace(NODE, late_start=False)
    assert len(guest.asked) == 1


def test_a_foreign_cluster_is_a_conflict(guest_host: Callable[..., Any], told: Callable[..., str]) -> None:
    host, _ = guest_host(told(conf(3, name="prod"), UP, "k", "k", ""))
    with pytest.raises(Conflict, match="'prod'"):
        ITEM.observe(host, NODE)


@pytest.mark.parametrize(
    ("rc", "xml", "ready"),
    [
        (0, CRM_MON, True),
        (0, CRM_MON.replace('with_quorum="true"', 'with_quorum="false"'), False),
        (0, CRM_MON.replace('name="node1" id="1" online="true"', 'name="node1" id="1" online="false"'), False),
        (0, CRM_MON.replace('pending="false"', 'pending="true"'), False),
        (0, CRM_MON.replace("node1", "other"), False),
        (0, CRM_MON[:300], False),
        (102, "<pacemaker-result><status code='102' message='Not connected'/></pacemaker-result>", False),
    ],
)
def test_is_online(rc: int, xml: str, ready: bool) -> None:
    assert is_online(Result(cmd("crm_mon"), rc, xml, ""), "node1") == ready


@pytest.mark.parametrize(
    ("rc", "xml", "words"),
    [
        (0, CRM_MON, "DC node3, with quorum, nodes: node1 online, node2 online, node3 online."),
        (0, "<pacemaker-result><summary/><nodes/></pacemaker-result>", "DC none, without quorum, nodes: none."),
        (102, "crm_mon: Connection to cluster failed", "Pacemaker does not answer: crm_mon: Connection"),
    ],
)
def test_describe(rc: int, xml: str, words: str) -> None:
    assert describe(Result(cmd("crm_mon"), rc, xml, "")).startswith(words)


def test_a_unit_that_failed_ends_the_wait(guest_host: Callable[..., Any]) -> None:
    wait = online("node1")
    assert wait.failed(Result(cmd("sh"), 0, CRM_MON, "")) is None
    assert wait.failed(Result(cmd("sh"), 90, "parse error in config\n", "")) == "parse error in config"
    host, _ = guest_host((90, ""))
    with pytest.raises(CommandFailed, match="will not come"):
        host.do(wait)


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        (NODE, []),
        (replace(NODE, name="node9"), ["name"]),
        (replace(NODE, cluster="other"), ["corosync_conf"]),
        (replace(NODE, corosync_conf="totem {"), ["corosync_conf"]),
    ],
)
def test_check(spec: ClusterMember, fields: list[str]) -> None:
    assert [field for field, _ in ITEM.check(spec)] == fields
