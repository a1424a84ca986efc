"""A node that does not get at the shared storage."""

from __future__ import annotations

from halab.cli.drill.declaration import GFS2, IDLE, NODES
from halab.cli.exercise.catalogue.members import JOIN, LEAVE
from halab.cli.exercise.declaration import Exercise, Healthy, OnNodes, Step, Survives

_LVM = "/etc/lvm/lvmlocal.conf"
_NAME = "/etc/iscsi/initiatorname.iscsi"
_INITIATOR = "InitiatorName=iqn.2016-06.test.halab:{lab}-"
_USES_LOCKS = "lvmconfig --typeconfig full global/use_lvmlockd | grep -qx use_lvmlockd=1"
_LOG_OUT = "iscsiadm --mode node --logoutall=all || [ $? = 21 ]"
_LOG_IN = "iscsiadm --mode node --loginall=automatic"
# SBD waits for its disk, and the cluster for SBD.
_TRY = JOIN.replace("start", "start --no-block", 1)
_TRIED = "crm_resource --cleanup --node {idle}; crm_resource --wait --timeout=240s"

EXERCISES = (
    Exercise(
        "without-locks",
        level=3,
        symptom="{idle} came back from an update of LVM. It is a member, DLM and lvmlockd run there, and its shared "
        "volume cannot be activated.",
        breaks=(
            Step(IDLE, LEAVE),
            Step(IDLE, f"sed -i 's/^\\(global.use_lvmlockd = \\)1$/\\10/' {_LVM}\n{JOIN}"),
        ),
        broken=Step(IDLE, f"! {_USES_LOCKS}"),
        hints=(
            "`vgs` on {idle} and on another node; then the reason that `crm_mon -1` gives for the failed start.",
            "LVM has to be told that it uses lvmlockd: `lvmconfig --typeconfig full global/use_lvmlockd`. Its "
            "configuration stands in /etc/lvm.",
        ),
        solution=(Step(IDLE, f"sed -i 's/^\\(global.use_lvmlockd = \\)0$/\\11/' {_LVM}\n{_TRIED}"),),
        checks=(
            Healthy(40),
            OnNodes(20, "LVM asks lvmlockd for no locks on a node", NODES, _USES_LOCKS),
            Survives(40, "reboot-idle"),
        ),
        needs=frozenset({GFS2}),
    ),
    Exercise(
        "same-initiator",
        level=3,
        symptom="{idle} was made anew from an image of {active}. It does not get at the shared disk, and nothing that "
        "needs the disk comes up on it.",
        breaks=(
            Step(IDLE, f"{LEAVE}\n{_LOG_OUT}"),
            Step(IDLE, f"echo '{_INITIATOR}{{active}}' > {_NAME}\nsystemctl restart iscsid\n{_TRY}"),
        ),
        broken=Step(IDLE, f"grep -qx '{_INITIATOR}{{active}}' {_NAME}"),
        hints=(
            "`iscsiadm --mode session` on each node, and on {idle} what a login says: `iscsiadm --mode node --login`.",
            "The target knows its initiators by their names, and each has a password of its own. Which name does "
            f"{{idle}} give ({_NAME}), and which do the others?",
        ),
        solution=(
            Step(IDLE, f"{LEAVE}\necho '{_INITIATOR}{{idle}}' > {_NAME}"),
            Step(IDLE, f"systemctl restart iscsid\n{_LOG_IN}\n{JOIN}"),
        ),
        checks=(
            Healthy(40),
            OnNodes(20, "a node gives a name that is not its own", IDLE, f"grep -qx '{_INITIATOR}{{idle}}' {_NAME}"),
            Survives(40, "reboot-idle"),
        ),
        needs=frozenset({GFS2}),
    ),
)
