"""Whether fence_scsi could shut a node out, as the target tells it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from halab.cli.look import guest
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


_KIND = "SPC-3 Reservation Type: Write Exclusive Access, Registrants Only"
_I_PTS = [
    f"iSCSI Node: iqn.2016-06.test.halab:summit-{node},i,0x00023d000001 Key: 0x00000000cc8c1315 PRgen: 0x00000000"
    for node in ("node3", "node1")
]
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
    kept = RUNNING.replace('maintenance="false"', 'maintenance="true"')
    assert kept != RUNNING
    assert set(no_key) <= set(_shut_out(without, kept)), "what runs there in maintenance can be fenced all the same"


def test_the_kernels_words(tmp_path: Path) -> None:
    """LIO's, as Linux 6.12 has them: one LUN that is reserved, one that is not."""
    here = tmp_path / "iscsi"
    here.mkdir()
    for lun, kind, registered in (
        ("iblock_0/sbd", "No SPC-3 Reservation holder", ["None"]),
        ("iblock_1/lun0", _KIND, _I_PTS),
    ):
        folder = tmp_path / "core" / lun / "pr"
        folder.mkdir(parents=True)
        (folder / "res_pr_type").write_text(kind + "\n")
        (folder / "res_pr_registered_i_pts").write_text("\n".join(["SPC-3 PR Registrations:", *registered, ""]))
    script = guest._LOOK
    reads = script[script.index("of() {") : script.index("read -r it _ < /proc/uptime")]
    argv = ["bash", "-euc", reads + script[script.index("for reservations in") :]]
    told = guest.parse(subprocess.run(argv, cwd=here, capture_output=True, text=True, check=True).stdout)
    assert told.reserved == ("Write Exclusive Access, Registrants Only",)
    assert told.registered == {"iqn.2016-06.test.halab:summit-node1", "iqn.2016-06.test.halab:summit-node3"}
