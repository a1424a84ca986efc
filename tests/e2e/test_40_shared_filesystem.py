"""DLM, the shared volume group and GFS2 on every node."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from functools import partial
from typing import Any

from halab.provisioners.storage.gfs2 import count_journals
from tests.e2e.lab import Lab


def _report(lab: Lab, node: str, tool: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(lab.ask(node, tool, "--reportformat", "json"))["report"][0][tool[:-1]]
    return rows


def test_pvs_vgs_and_lvs_show_the_same_on_every_node(lab: Lab) -> None:
    for node in lab.nodes:
        (pv,), (vg,), (lv,) = (_report(lab, node, tool) for tool in ("pvs", "vgs", "lvs"))
        assert (pv["vg_name"], vg["vg_name"], lv["vg_name"]) == ("vg_summit",) * 3
        assert lv["lv_name"] == "lv_web"
        assert vg["vg_attr"].endswith("s"), "the volume group is shared"


def _on_all(lab: Lab, resource: str) -> bool:
    return lab.runs_on(resource) == set(lab.nodes)


def test_lock_managers_run_on_every_node(lab: Lab) -> None:
    for resource in ("summit-dlm", "summit-lvmlockd"):
        lab.until(f"{resource} on all", partial(_on_all, lab, resource))
    for node in lab.nodes:
        lab.ask(node, "pgrep", "-x", "dlm_controld")
        assert "gfs0" in lab.ask(node, "dlm_tool", "ls")


def test_gfs2_is_mounted_on_every_node_by_the_cluster_alone(lab: Lab) -> None:
    lab.until("GFS2 on all", lab.all_mounted)
    for node in lab.nodes:
        mounted = json.loads(lab.ask(node, "findmnt", "--json", "--types", "gfs2"))["filesystems"]
        assert [m["target"] for m in mounted] == ["/var/www/html"]
        assert "gfs2" not in lab.ask(node, "cat", "/etc/fstab")


def test_one_journal_for_each_node(lab: Lab) -> None:
    said = lab.ask("node1", "gfs2_edit", "-p", "journals", "/dev/vg_summit/lv_web")
    assert count_journals(said) == len(lab.nodes) + 1, "one is to spare"


def test_cib_follows_the_vendors_order(lab: Lab) -> None:
    assert lab.ask("node1", "crm_attribute", "-n", "no-quorum-policy", "-G", "-q").strip() == "freeze"
    constraints = ET.fromstring(lab.ask("node1", "cibadmin", "--query", "--scope", "constraints"))
    after = {(each.get("first"), each.get("then")) for each in constraints.iterfind("rsc_order")}
    beside = {(each.get("with-rsc"), each.get("rsc")) for each in constraints.iterfind("rsc_colocation")}
    assert ("summit-locking-clone", "summit-gfs0-clone") in after
    assert ("summit-locking-clone", "summit-gfs0-clone") in beside


def test_a_file_written_on_one_node_is_read_on_another(lab: Lab) -> None:
    lab.ask("node1", "sh", "-euc", "echo shared > /var/www/html/from-node1")
    assert lab.ask(lab.nodes[-1], "cat", "/var/www/html/from-node1") == "shared\n"
    lab.ask(lab.nodes[-1], "rm", "/var/www/html/from-node1")
