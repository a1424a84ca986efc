"""A node that does not find into the cluster, or brings along what only the cluster may start."""

from __future__ import annotations

from halab.cli.drill.declaration import IDLE, NFTABLES, NODES
from halab.cli.exercise.declaration import Exercise, Healthy, OnNodes, Step, Survives
from halab.provisioners.host.firewall import NFT_FILE, NFT_MAIN

_CONF = "/etc/corosync/corosync.conf"
_RULES = NFT_FILE
# In order, so that nobody is fenced for it.
LEAVE = "systemctl stop pacemaker corosync"
JOIN = "systemctl start corosync pacemaker"
_OTHER = "192.0.2.9"
# By address or by a name that the node knows.
_IS_ITSELF = (
    f"( for name in $(sed -n 's/^[[:space:]]*ring[0-9]*_addr[[:space:]]*:[[:space:]]*//p' {_CONF}); do\n"
    '  [ "$name" != {idle_address} ] || exit 0\n'
    "  ! getent ahostsv4 \"$name\" | grep -q '^{idle_address} ' || exit 0\n"
    "done; exit 1 )"
)
# Before the rule for what is established: knet's packets go from that port to that port, both ways.
_CLOSED = "udp dport 5405 drop"
# The first rule that is about the port decides. A table that is gone closes nothing.
_IS_OPEN = "! nft list table inet halab 2>&1 | grep -m 1 -E '(udp|th) dport.*5405' | grep -q -E 'drop|reject'"
# As it is now, and as it will be after a boot: what the file says is loaded where nobody is.
_STAYS_OPEN = f'{_IS_OPEN} &&\nunshare --net sh -euc "nft -f {NFT_MAIN}; {_IS_OPEN}"'

EXERCISES = (
    Exercise(
        "started-at-boot",
        level=2,
        symptom="Whenever {idle} is rebooted, the site is restarted, although it runs on {active} and {idle} has "
        "nothing to do with it.",
        breaks=(Step(IDLE, "systemctl enable --quiet apache2 2>/dev/null || systemctl enable --quiet httpd"),),
        broken=Step(IDLE, "systemctl is-enabled --quiet apache2 2>/dev/null || systemctl is-enabled --quiet httpd"),
        hints=(
            "Look at what Pacemaker finds when {idle} joins: `journalctl -u pacemaker` on the DC speaks of a resource "
            "that is active on two nodes.",
            "Who starts the web server on {idle}, before Pacemaker has asked for it?",
        ),
        solution=(Step(IDLE, "systemctl disable --quiet apache2 2>/dev/null || systemctl disable --quiet httpd"),),
        checks=(
            Healthy(20),
            OnNodes(
                40,
                "there is a node that starts the web server by itself",
                NODES,
                "for unit in apache2 httpd; do\n"
                '  [ "$(systemctl show --property UnitFileState --value "$unit.service")" != enabled ] || exit 1\ndone',
            ),
            Survives(40, "reboot-idle"),
        ),
    ),
    Exercise(
        "another-address",
        level=2,
        symptom="{idle} was taken out of the cluster for an update. It runs, it is reached by SSH, and it does not "
        "come back into the cluster.",
        breaks=(
            Step(IDLE, LEAVE),
            Step(IDLE, f"sed -i 's/: {{idle_address}}$/: {_OTHER}/' {_CONF}\n{JOIN} || :"),
        ),
        broken=Step(IDLE, f"! {_IS_ITSELF}"),
        hints=(
            "`corosync-cfgtool -s` on {idle} and on another node: from which address does {idle} speak, and with whom?",
            f"{_CONF} has to be the same on all nodes. `pcs cluster sync` copies it, and so does scp.",
        ),
        solution=(
            Step(IDLE, f"{LEAVE}\nsed -i 's/: {_OTHER}$/: {{idle_address}}/' {_CONF}"),
            Step(IDLE, f"systemctl reset-failed corosync pacemaker || :\n{JOIN}"),
        ),
        checks=(
            Healthy(40),
            OnNodes(20, "a node is not in its own corosync.conf", IDLE, _IS_ITSELF),
            Survives(40, "reboot-idle"),
        ),
    ),
    Exercise(
        "closed-port",
        level=3,
        symptom="{idle} is up, answers to ping and SSH, its Pacemaker runs, and it sees nobody: it believes that it is "
        "alone, and the others that it is offline. A reboot changes nothing.",
        breaks=(
            Step(IDLE, LEAVE),
            Step(IDLE, f"sed -i 's/^\\( *\\)ct state .*$/\\1{_CLOSED}\\n&/' {_RULES}\nnft -f {_RULES}\n{JOIN}"),
        ),
        broken=Step(IDLE, f"nft list table inet halab | grep -q '{_CLOSED}'"),
        hints=(
            "`corosync-cfgtool -s` and `corosync-quorumtool` on {idle}, then on another node: who hears whom?",
            "Corosync speaks UDP, port 5405. Who decides on {idle} what is let in, now and after a boot?",
        ),
        solution=(Step(IDLE, f"sed -i '/{_CLOSED}/d' {_RULES}\nnft -f {_RULES}"),),
        checks=(
            Healthy(40),
            OnNodes(20, "Corosync's port is still closed on a node, now or after a boot", IDLE, _STAYS_OPEN),
            Survives(40, "reboot-idle"),
        ),
        needs=frozenset({NFTABLES}),
    ),
)
