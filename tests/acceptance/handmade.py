"""A double of a cluster that a person built with pcs: a machine answers with what pcs and its tools leave behind."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from halab.provisioners.engine.command import Command, Result

if TYPE_CHECKING:
    from tests.acceptance.guests import Guest

_DATA = Path(__file__).parents[1] / "data"
KEY = bytes(range(256))  # pcs makes binary keys
_STATUS = """<pacemaker-result><summary><current_dc name="node1" with_quorum="true" version="3"/>
<cluster_options symmetric-cluster="true" maintenance-mode="false"/></summary>
<nodes><node name="node1" id="1" online="true" standby="false" maintenance="false" pending="false" unclean="false"
 is_dc="true"/></nodes><resources/><status code="0" message="OK"/></pacemaker-result>"""
_UNITS = "".join("LoadState=loaded\nActiveState=active\nJob=0\n\n" for _ in range(2)) + "disabled\ndisabled\n"
_NO_VOLUMES = '{"report": [{"vg": []}]}\036{"report": [{"lv": []}]}'
# The types whose items really run their commands here.
_REAL = (
    "cluster_member cluster_node cluster_property primitive group clone stonith fencing_level location colocation order"
)
REAL = tuple(f"halab_{name}" for name in _REAL.split())


def cib() -> str:
    """As pcs 0.12 wrote it on a node of Debian 13."""
    return (_DATA / "pacemaker/cib-pcs-0.12.xml").read_text()


def corosync_conf() -> str:
    """As `pcs cluster setup` wrote it."""
    text = (_DATA / "corosync/pcs-cluster-setup.conf").read_text()
    first, _, rest = text.partition("    node {\n        ring0_addr: 10.0.0.2")
    text = first.rstrip() + "\n}\n" + rest.partition("}\n}\n")[2]
    text = text.replace("HACluster", "hand").replace("10.0.0.1", "10.17.0.11").replace("name: a", "name: node1")
    return text.replace("    two_node: 1\n", "")


def answer(_guest: Guest, command: Command) -> Result | None:
    """What a node of that cluster says to what it is asked; None: it is no question of this kind."""
    words = command.argv
    if words[0] == "cibadmin":
        return Result(command, 0, cib(), "")
    if words[0] == "true":
        return Result(command, 0, "", "")
    if words[0] == "crm_mon":
        return Result(command, 0, _STATUS, "")
    if words[0] != "sh":
        return None
    text = _said(words[2], words[4:])
    return None if text is None else Result(command, 0, text, "")


def _said(script: str, arguments: tuple[str, ...]) -> str | None:
    title = script.splitlines()[0]
    if title == "# look at its state" and any("corosync.conf" in word for word in arguments):
        member = "systemctl show" in script  # asked are its units, too, and what delays its start: nothing does
        parts = [corosync_conf(), *([_UNITS] if member else []), *[_key()] * 2, *([""] if member else [])]
        return "".join(f"+{part}\0" for part in parts)
    return {
        "# look for iSCSI targets": "",
        "# look for iSCSI sessions": "",
        "# look for shared volume groups": _NO_VOLUMES,
    }.get(title)


def _key() -> str:
    return "base64:" + base64.b64encode(KEY).decode()
