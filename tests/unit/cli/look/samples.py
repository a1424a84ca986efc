"""Labs at one moment, put together from what Pacemaker's own tool said and from a guest's lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from halab.cli.look.snapshot import Answer, Endpoint, Machine, Power, Site, Snapshot
from halab.provider.hypervisor.machine.presence import Presence

DATA = Path(__file__).parents[3] / "data"
AT = 1_795_767_000.0
TARGET = "iqn.2003-01.org.linux-iscsi.target:lun"
RUNNING = (DATA / "corosync/crm_mon-3-online.xml").read_text()
STOPPED = (DATA / "pacemaker/crm_mon-3.0-not-connected.xml").read_text()
MEMBER = f"""\
uptime 742.11
unit corosync
unit pacemaker
session {TARGET} LOGGED_IN sda running
volume vg_summit-lv_web 0
lockspace gfs0
mount summit:gfs0 /dev/mapper/vg_summit-lv_web /var/www/html answers 4096 943718 900000
endpoint open
"""
EXPORTER = f"""\
uptime 801.5
target {TARGET} 1
initiator iqn.test:node1 LOGGED_IN 192.168.77.11
initiator iqn.test:node2 LOGGED_IN 192.168.77.12
initiator iqn.test:node3 LOGGED_IN 192.168.77.13
"""


def member(number: int, look: str = MEMBER, cluster: str = RUNNING) -> Machine:
    address = f"192.168.77.1{number}"
    return Machine(f"node{number}", f"uuid{number}", address, True, Power(Presence.RUNNING), Answer(AT, look, cluster))


def lab(*members: Machine, **changes: object) -> Snapshot:
    """A lab without a fault, but for what is given."""
    exporter = Machine("target", "uuid0", "192.168.77.10", False, Power(Presence.RUNNING), Answer(AT, EXPORTER))
    machines = (*(members or map(member, (1, 2, 3))), exporter)
    healthy = Snapshot(
        "summit",
        AT,
        machines,
        Endpoint("https://192.168.77.1:8000"),
        Site("http://192.168.77.50/", "node2", took_s=0.12),
    )
    return replace(healthy, **changes)  # type: ignore[arg-type]
