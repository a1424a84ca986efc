"""A device that unfences nodes, as fence_scsi and fence_mpath give them their keys, and the devices beside it.

While a node has no fencing level, Pacemaker unfences it by any one device: one that switches its power on, say. The
node counts as unfenced then, has no key, and nothing that needs the LUN starts on it. With levels Pacemaker asks the
device that unfences in any case.
"""

from __future__ import annotations

from collections.abc import Mapping

from halab.provisioners.engine.command import Result
from halab.provisioners.engine.steps import Await
from halab.provisioners.pacemaker.cib import QUERY, Cib, parse

_UNFENCES = ("provides", "unfencing")
_DEADLINE_S = 120.0


def unfences(meta: Mapping[str, str]) -> bool:
    """Whether these meta attributes make a device one that unfences."""
    return meta.get(_UNFENCES[0]) == _UNFENCES[1]


def in_the_way(cib: Cib) -> list[str]:
    """Names of devices that Pacemaker could ask instead, for a node without levels."""
    nodes = {node.get("uname") for node in cib.root.iterfind("configuration/nodes/node")}
    levels = {level.get("target") for level in cib.root.iterfind("configuration/fencing-topology/fencing-level")}
    if nodes <= levels:
        return []
    devices = (one for one in cib.root.iterfind(".//primitive") if one.get("class") == "stonith")
    return sorted(
        device.get("id", "")
        for device in devices
        if not unfences(
            {pair.get("name", ""): pair.get("value", "") for pair in device.iterfind("meta_attributes/nvpair")}
        )
    )


def await_its_turn(agent: str) -> Await:
    """Until no other device could be asked to unfence: one that is no longer wanted is being removed right now."""
    return Await(
        "the removal of fence devices that Pacemaker could take for the one that gives keys",
        QUERY,
        ready=lambda result: result.rc == 0 and not in_the_way(parse(result.stdout)),
        deadline_s=_DEADLINE_S,
        seen=lambda result: _said(result, agent.removeprefix("fence_")),
    )


def _said(result: Result, method: str) -> str:
    if result.rc:
        return result.stderr.strip()
    return (
        f"{', '.join(in_the_way(parse(result.stdout)))} stays, and the nodes have no fencing levels. Deploy the one "
        f"that gives keys alone first (HALAB_FENCING_METHOD={method}), and then both"
    )
