"""Timeouts and intervals of what Pacemaker does, on machines of different speed."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest

from halab.provisioners.iscsi.session import Session
from tests.unit.constructs.synthesized import Synthesized, synthesized

_CHOICE = re.compile(r'\$\{halab_machine\.node1\.hypervisor_used == "kvm" \? "?([^" ]+)"? : "?([^" }]+)"?\}')
HYPERVISORS = ("kvm", "qemu")


def on(hypervisor: str, value: Any) -> str:
    """What Terraform makes of it."""
    choice = _CHOICE.fullmatch(str(value))
    return choice[1 + HYPERVISORS.index(hypervisor)] if choice else str(value)


def operations(lab: Synthesized, hypervisor: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Agent -> action -> interval and timeout."""
    holders = [*lab.json["resource"]["halab_stonith"].values()]
    for address in ("halab_clone.locking", "halab_clone.shared_fs", "halab_group.site"):
        holders += lab.by_address[address]["primitives"]
    return {
        one["agent"].rpartition(":")[2]: {
            action["name"]: (on(hypervisor, action["interval"]), on(hypervisor, action["timeout"]))
            for action in one["operations"]
        }
        for one in holders
    }


def times(lab: Synthesized, hypervisor: str) -> list[str]:
    """Of all operations in the CIB, and of fencing."""
    found = [on(hypervisor, lab.by_address["halab_cluster_property.stonith_timeout"]["value"])]
    for actions in operations(lab, hypervisor).values():
        found += [text for action in actions.values() for text in action]
    return found


def test_on_kvm_agents_have_the_times_that_they_advise() -> None:
    """The metadata of resource-agents 4.12 (and 4.16), and of Pacemaker 2.1; tests/agents reads them."""
    assert operations(synthesized(), "kvm") == {
        "controld": {"monitor": ("30s", "20s"), "start": ("0s", "90s"), "stop": ("0s", "100s")},
        "lvmlockd": {"monitor": ("30s", "90s"), "start": ("0s", "90s"), "stop": ("0s", "90s")},
        "LVM-activate": {"monitor": ("30s", "90s"), "start": ("0s", "90s"), "stop": ("0s", "90s")},
        "Filesystem": {"monitor": ("20s", "150s"), "start": ("0s", "60s"), "stop": ("0s", "60s")},
        "IPaddr2": {"monitor": ("10s", "20s"), "start": ("0s", "20s"), "stop": ("0s", "20s")},
        "apache": {"monitor": ("10s", "20s"), "start": ("0s", "40s"), "stop": ("0s", "60s")},
        "fence_redfish": {"monitor": ("60s", "60s"), "start": ("0s", "60s")},
        "fence_sbd": {"monitor": ("60s", "60s"), "start": ("0s", "60s")},
    }


def test_emulated_nodes_have_more() -> None:
    start_and_stop = {"start": ("0s", "180s"), "stop": ("0s", "180s")}
    assert operations(synthesized(), "qemu") == {
        "controld": {"monitor": ("30s", "120s"), **start_and_stop},
        "lvmlockd": {"monitor": ("30s", "120s"), **start_and_stop},
        "LVM-activate": {"monitor": ("30s", "120s"), **start_and_stop},
        "Filesystem": {"monitor": ("40s", "150s"), **start_and_stop},
        "IPaddr2": {"monitor": ("20s", "120s"), **start_and_stop},
        "apache": {"monitor": ("20s", "120s"), **start_and_stop},
        "fence_redfish": {"monitor": ("300s", "240s"), "start": ("0s", "240s")},
        "fence_sbd": {"monitor": ("300s", "240s"), "start": ("0s", "240s")},
    }


@pytest.mark.parametrize("hypervisor", HYPERVISORS)
def test_a_slow_machine_gets_longer_timeouts_and_looks_less_often(hypervisor: str) -> None:
    usual = times(synthesized(), hypervisor)
    assert times(synthesized(HALAB_TIME_SCALE="2.5"), hypervisor) == [f"{int(text[:-1]) * 5 // 2}s" for text in usual]
    slower = times(synthesized(HALAB_TIME_SCALE="0.5"), hypervisor)
    assert slower == usual, "nobody is fenced for a scale that suits the waits"


def test_only_emulated_nodes_do_several_things_at_once_under_load() -> None:
    value = synthesized().by_address["halab_cluster_property.load_threshold"]["value"]
    assert [on(hypervisor, value) for hypervisor in HYPERVISORS] == ["80%", "800%"]


@pytest.mark.parametrize(("pause", "expected"), [("0", ["60s", "120s"]), ("50", ["160s", "160s"])])
def test_fencing_has_time_for_the_pauses_that_are_wanted(pause: str, expected: list[str]) -> None:
    lab = synthesized(HALAB_FENCING_POWER_WAIT_S=pause)
    value = lab.by_address["halab_cluster_property.stonith_timeout"]["value"]
    assert [on(hypervisor, value) for hypervisor in HYPERVISORS] == expected


def limits(device: str, **variables: str) -> list[dict[str, str]]:
    """Those of a device, on each hypervisor."""
    params = synthesized(**variables).by_address[f"halab_stonith.fence_{device}"]["params"]
    named = {name: value for name, value in params.items() if "timeout" in name}
    return [{name: on(hypervisor, value) for name, value in named.items()} for hypervisor in HYPERVISORS]


def test_the_limits_of_fence_agents() -> None:
    """Without disable_timeout=0 Pacemaker would have them wait for ever."""
    kvm = {"disable_timeout": "0", "login_timeout": "5", "shell_timeout": "3", "power_timeout": "20"}
    emulated = {"disable_timeout": "0", "login_timeout": "20", "shell_timeout": "20", "power_timeout": "60"}
    assert limits("wti", HALAB_FENCING_METHOD="wti") == [kvm, emulated]
    level = ({"pcmk_reboot_timeout": "60s"}, {"pcmk_reboot_timeout": "90s"})
    assert limits("wti", HALAB_FENCING_LEVELS="wti,redfish") == [kvm | level[0], emulated | level[1]]


def test_fence_redfish_gets_the_limit_that_it_keeps_to() -> None:
    """It asks by HTTP, and gives its requests no time-out: there is no login and no shell."""
    kvm, emulated = {"disable_timeout": "0", "power_timeout": "20"}, {"disable_timeout": "0", "power_timeout": "60"}
    assert limits("node2", HALAB_FENCING_METHOD="redfish") == [kvm, emulated]
    assert limits("node2") == [kvm | {"pcmk_reboot_timeout": "60s"}, emulated | {"pcmk_reboot_timeout": "90s"}]


def test_a_slow_machine_gets_a_longer_token() -> None:
    def token(**variables: str) -> list[str | None]:
        value = synthesized(**variables).by_address["halab_cluster.cluster"].get("token_ms")
        return [None if value is None else on(hypervisor, value) for hypervisor in HYPERVISORS]

    assert token() == [None, None], "halab_cluster knows which"
    assert token(HALAB_TIME_SCALE="0.5") == [None, None]
    assert token(HALAB_TIME_SCALE="2.5") == ["7500", "25000"]
    assert token(HALAB_TIME_SCALE="2.5", HALAB_TOKEN_MS="4000") == ["4000", "4000"]


def test_the_file_systems_monitor_reads_the_device_and_waits_longer_than_the_session() -> None:
    lab = synthesized()
    (mount,) = (one for one in lab.by_address["halab_clone.shared_fs"]["primitives"] if "Filesystem" in one["agent"])
    (monitor,) = (one for one in mount["operations"] if one["name"] == "monitor")
    assert monitor["attributes"] == {"OCF_CHECK_LEVEL": "10"}
    assert monitor["on_fail"] == "fence"
    (waits,) = (one.default for one in fields(Session) if one.name == "replacement_timeout_s")
    assert isinstance(waits, int)
    assert int(monitor["timeout"].rstrip("s")) > waits


def delays(**variables: str) -> dict[str, list[str]]:
    """What is fenced later, by how much, on each hypervisor."""
    lab = synthesized(**variables)
    devices = {name: one.get("delay") for name, one in lab.json["resource"]["halab_stonith"].items()}
    serving = lab.by_address.get("halab_cluster_property.priority_fencing_delay", {}).get("value")
    found = {**devices, "who serves": serving}
    return {name: [on(each, value) for each in HYPERVISORS] for name, value in found.items() if value is not None}


def test_of_two_nodes_the_one_that_serves_is_fenced_last() -> None:
    """Where none serves it is node1. Pacemaker wants the one delay to be twice the other."""
    assert delays(HALAB_NODE_COUNT="2") == {"fence_node1": ["5s", "15s"], "who serves": ["10s", "30s"]}
    slow = delays(HALAB_NODE_COUNT="2", HALAB_TIME_SCALE="2")
    assert slow == {"fence_node1": ["10s", "30s"], "who serves": ["20s", "60s"]}
    given = delays(HALAB_NODE_COUNT="2", HALAB_FENCING_DELAY_S="7")
    assert given == {"fence_node1": ["7s", "7s"], "who serves": ["14s", "14s"]}


def test_who_is_fenced_last_counts_for_something() -> None:
    site = synthesized(HALAB_NODE_COUNT="2").by_address["halab_group.site"]
    assert int(site["meta"]["priority"]) > 0, "Pacemaker compares what runs on the two"


@pytest.mark.parametrize("variables", [{}, {"HALAB_NODE_COUNT": "4"}, {"HALAB_QUORUM_DEVICE": "yes"}])
def test_where_votes_decide_nobody_is_fenced_later(variables: dict[str, str]) -> None:
    assert delays(**{"HALAB_NODE_COUNT": "2" if "HALAB_QUORUM_DEVICE" in variables else "3", **variables}) == {}
