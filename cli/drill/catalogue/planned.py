"""What an administrator does on purpose: standby, a stop of the cluster, a reboot."""

from __future__ import annotations

from halab.cli.drill.catalogue.nodes import BACK
from halab.cli.drill.declaration import ACTIVE, IDLE, NODES, Drill, Expected, Guest, Limit

_NAME = "name=$(crm_node --name)"


def _reboot(role: str) -> Guest:
    return Guest(role, "systemctl reboot", kills=True, shown="reboot: Restarting system", word="reboot")


DRILLS = (
    Drill(
        "standby",
        "the active node is put into standby, and taken back",
        "{who} was in standby",
        (
            Guest(
                ACTIVE,
                f'{_NAME}; crm_standby --node "$name" --update on',
                took=f'{_NAME}; [ "$(crm_standby --node "$name" --query --quiet)" = on ]',
                undo=f'{_NAME}; crm_standby --node "$name" --delete',
            ),
        ),
        Expected(Limit(12), Limit(60)),
        lasts=Limit(15),
    ),
    Drill(
        "cluster-stopped",
        "Pacemaker and Corosync of the active node are stopped, and started again",
        "the cluster was stopped on {who}",
        (
            Guest(
                ACTIVE,
                "systemctl stop --no-block pacemaker corosync",
                took="! pidof pacemakerd corosync > /dev/null",
                undo="systemctl start pacemaker",
            ),
        ),
        Expected(Limit(16), Limit(80)),
        lasts=Limit(40),
    ),
    *(
        Drill(
            f"reboot-{role}",
            f"{who} is rebooted in order",
            "{who} was rebooted in order",
            (_reboot(role),),
            Expected(away, BACK),
        )
        for role, who, away in (
            (ACTIVE, "the active node", Limit(15)),
            (IDLE, "a node that has nothing special to do", Limit(0, 1)),
        )
    ),
    Drill(
        "reboot-rolling",
        "all nodes are rebooted in order, one after the other",
        "{who} were rebooted in order, one after the other",
        (_reboot(NODES),),
        Expected(Limit(15), BACK),
        in_turn=True,
    ),
)
