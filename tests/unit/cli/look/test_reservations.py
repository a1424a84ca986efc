"""Whether fence_scsi could shut a node out, as the target tells it."""

from __future__ import annotations

from dataclasses import replace

from halab.cli.look.judgement import judge
from halab.cli.look.snapshot import Answer

from .samples import AT, EXPORTER, RUNNING, lab, member

_SCSI = """<resources><resource id="fence-scsi" resource_agent="stonith:fence_scsi" role="Started" active="true"
  orphaned="false" blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="1">
  <node name="node1" id="1" cached="true"/></resource></resources>"""


def _shut_out(look: str, nodes: str = RUNNING, agent: str = "fence_scsi") -> list[tuple[str, str]]:
    """What is wrong where the target tells this of its LUN."""
    assert "</nodes>" in nodes
    cluster = nodes.replace("</nodes>", f"</nodes>{_SCSI}").replace("fence_scsi", agent)
    *members, exporter = lab(*(member(number, cluster=cluster) for number in (1, 2, 3))).machines
    exporter = replace(exporter, answer=Answer(AT, EXPORTER + look))
    return [(fault.what, fault.text) for fault in judge(lab(*members, machines=(*members, exporter))).faults]


_RESERVED = "reserved Write Exclusive Access, Registrants Only\n"
_KEYS = "".join(f"registered iqn.test:node{number}\n" for number in (1, 2, 3))


def test_a_lun_that_shuts_nobody_out_and_a_node_without_a_key_are_faults_where_fence_scsi_fences() -> None:
    assert _shut_out(_RESERVED + _KEYS) == []
    assert _shut_out("", agent="fence_redfish") == []
    assert _shut_out(_KEYS) == [("target", "its LUN is not reserved: fence_scsi shuts nobody out")]
    no_key = [("node2", "has no key on the LUN: for fence_scsi it is off already")]
    without = _RESERVED + _KEYS.replace("registered iqn.test:node2\n", "")
    assert _shut_out(without) == no_key
    away = RUNNING.replace('name="node2" id="2" online="true"', 'name="node2" id="2" online="false"')
    assert away != RUNNING
    assert not set(no_key) & set(_shut_out(without, away)), "it has none while it is away"
