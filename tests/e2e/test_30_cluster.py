"""Corosync and Pacemaker, with the tools of the talk."""

from __future__ import annotations

import re
from functools import partial

from tests.e2e.lab import Lab


def _all_online(lab: Lab, by: str) -> bool:
    return lab.online(by) == set(lab.nodes)


def test_all_nodes_are_online_and_quorate(lab: Lab) -> None:
    for node in lab.nodes:
        lab.until(f"all online to {node}", partial(_all_online, lab, node))
        assert lab.status(node).find("summary/current_dc").get("with_quorum") == "true"  # type: ignore[union-attr]


def test_links_are_connected(lab: Lab) -> None:
    for node in lab.nodes:
        said = lab.ask(node, "corosync-cfgtool", "-s")
        assert len(re.findall(r"nodeid:\s+\d+:\s+(?:connected|localhost)", said)) == len(lab.nodes)


def test_members_and_encryption_in_cmap(lab: Lab) -> None:
    cmap = lab.ask("node1", "corosync-cmapctl")
    joined = re.findall(r"^runtime\.members\.(\d+)\.status \(str\) = joined$", cmap, re.MULTILINE)
    assert len(joined) == len(lab.nodes)
    assert f"totem.cluster_name (str) = {lab.settings.name}" in cmap
    assert "totem.crypto_cipher (str) = aes256" in cmap


def test_crm_verify_has_nothing_to_say(lab: Lab) -> None:
    for node in lab.nodes:
        assert lab.ask(node, "crm_verify", "-LV") == ""


def test_cluster_starts_at_boot(lab: Lab) -> None:
    for node in lab.nodes:
        said = lab.ask(node, "systemctl", "is-enabled", "corosync", "pacemaker", "pcsd").split()
        assert said == ["enabled"] * 3


def test_nothing_has_failed(lab: Lab) -> None:
    status = lab.status()
    assert status.find("failures") is None, [f.attrib for f in status.iterfind("failures/failure")]
    assert [e.attrib for e in status.iterfind("fence_history/fence_event")] == []
