"""The network between the nodes: cut, one way only, between two, lossy, slow, flapping.

Rules stand in an nftables table of their own, and its counters prove that they bite. The host and the target stay in
reach, so that each failure can be undone.
"""

from __future__ import annotations

from dataclasses import replace

from halab.cli.drill.catalogue.nodes import BACK, FAILOVER
from halab.cli.drill.declaration import ACTIVE, HALF, IDLE, MAJORITY, NODES, TWIN, Drill, Expected, Guest, Limit

_RULES = """nft -f - <<END
table inet halab_drill {{
  chain arriving {{
    type filter hook input priority -300
    {arriving}
  }}
  chain leaving {{
    type filter hook output priority -300
    {leaving}
  }}
}}
END"""
BITES = "nft -j list table inet halab_drill | grep -q '\"packets\": [1-9]'"
NO_RULES = "nft delete table inet halab_drill 2>/dev/null || :"
_FROM, _TO = "ip saddr {{ $2 }} counter drop", "ip daddr {{ $2 }} counter drop"
_APART_FROM, _APART_TO = "ip saddr {{ $7 }} counter drop", "ip daddr {{ $7 }} counter drop"
_TENTH = "numgen random mod 10 < 1 counter drop"
# Longer ones than this are lost on the way, and nobody is told.
_HOLE_BYTES = 1000
_LARGE = f"meta length > {_HOLE_BYTES} counter drop"
_SEND_LARGE = (
    "python3 -c 'import socket, sys; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
    f'.sendto(bytes({_HOLE_BYTES + 200}), (sys.argv[1], 9))\' "${{2%%,*}}" 2>/dev/null || :'
)
_DEVICE = 'device=$(ip -o route get "${2%%,*}" | sed "s/.* dev \\([^ ]*\\).*/\\1/")'
_NO_QUEUE = f'{_DEVICE}\ntc qdisc del dev "$device" root 2>/dev/null || :'


def ruled(role: str, arriving: str = "", leaving: str = "") -> Guest:
    """Rules of nftables for what arrives and what leaves; script arguments may stand in them."""
    return Guest(role, _RULES.format(arriving=arriving, leaving=leaving), took=BITES, undo=NO_RULES)


def _queued(role: str, *netem: str) -> Guest:
    words = " ".join(netem)
    return Guest(
        role,
        f'{_DEVICE}\ntc qdisc replace dev "$device" root netem {words}',
        took=f'{_DEVICE}\ntc -s qdisc show dev "$device" | grep -q "qdisc netem"',
        undo=_NO_QUEUE,
    )


_PAIR_FROM, _PAIR_TO = "ip saddr ${2%%,*} counter drop", "ip daddr ${2%%,*} counter drop"
_FLAPPED = "/run/halab-drill.flapped"
_BITTEN = BITES.replace('"', r"\"").replace("'", '"')  # the loop stands between single quotes
_FLAP = f"""set -e
for turn in 1 2 3 4 5 6 7 8; do
  {_RULES.format(arriving=_FROM.format(), leaving=_TO.format())}
  sleep 1
  if {_BITTEN}; then : > {_FLAPPED}; fi
  {NO_RULES}; sleep 2
done"""
_LOST = Expected(FAILOVER, BACK, fenced=(ACTIVE,), moves=True)
_STEADY = Expected(Limit(0, 2), Limit(20), moves=False)

DRILLS = (
    Drill(
        "isolated",
        "the active node and the others do not hear each other",
        "{who} was cut off from the other nodes",
        (ruled(ACTIVE, _FROM.format(), _TO.format()),),
        _LOST,
        lasts=Limit(60),
        needs=frozenset({MAJORITY}),
    ),
    Drill(
        "isolated-in",
        "the active node hears nothing of the others, and they hear it",
        "{who} did not hear the other nodes",
        (ruled(ACTIVE, arriving=_FROM.format()),),
        Expected(Limit(25), Limit(110), may_be_fenced=(NODES,)),
        lasts=Limit(40),
    ),
    Drill(
        "isolated-out",
        "the others hear nothing of the active node, and it hears them",
        "{who} was not heard by the other nodes",
        (ruled(ACTIVE, leaving=_TO.format()),),
        Expected(Limit(25), Limit(110), may_be_fenced=(NODES,)),
        lasts=Limit(40),
    ),
    Drill(
        "pair-cut",
        "two nodes do not hear each other, and the third hears both",
        "{who} and one other node did not hear each other",
        (ruled(IDLE, _PAIR_FROM, _PAIR_TO),),
        Expected(Limit(25), Limit(130), may_be_fenced=(NODES,)),
        lasts=Limit(40),
        needs=frozenset({MAJORITY}),
    ),
    Drill(
        "corosync-port-closed",
        "Corosync's packets alone do not reach the active node, nor leave it",
        "Corosync's port was closed on {who}",
        (ruled(ACTIVE, "udp dport 5405 counter drop", "udp dport 5405 counter drop"),),
        _LOST,
        lasts=Limit(60),
        needs=frozenset({MAJORITY}),
    ),
    Drill(
        "link-flaps",
        "the active node's link goes and comes, one second in three",
        "{who}'s link flapped",
        (
            Guest(
                ACTIVE,
                f"rm -f {_FLAPPED}\n"
                f'systemd-run --quiet --collect --unit=halab-drill-flaps sh -c \'{_FLAP}\' halab "$1" "$2"',
                took=f"[ -e {_FLAPPED} ]",
                undo=f"systemctl stop halab-drill-flaps 2>/dev/null || :\n{NO_RULES}\nrm -f {_FLAPPED}",
            ),
        ),
        _STEADY,
        lasts=Limit(0, 25),
    ),
    Drill(
        "packets-lost",
        "each tenth packet between the active node and the others is lost",
        "{who} lost 10 % of its packets",
        (ruled(ACTIVE, f"ip saddr {{ $2 }} {_TENTH}", f"ip daddr {{ $2 }} {_TENTH}"),),
        Expected(Limit(0, 4), Limit(20), moves=False),
        lasts=Limit(0, 20),
    ),
    Drill(
        "mtu-hole",
        f"packets of more than {_HOLE_BYTES} bytes between the active node and the others get lost, and nobody is told",
        "large packets of {who} got lost",
        (
            replace(
                ruled(ACTIVE, f"ip saddr {{ $2 }} {_LARGE}", f"ip daddr {{ $2 }} {_LARGE}"),
                took=f"{_SEND_LARGE}\n{BITES}",
            ),
        ),
        Expected(Limit(10, 10), Limit(60), may_be_fenced=(NODES,)),
        lasts=Limit(0, 60),
    ),
    Drill(
        "split-half",
        "of an even number of nodes, four or more, one half does not hear the other",
        "{who} and the other half did not hear each other",
        (ruled(HALF, _APART_FROM.format(), _APART_TO.format()),),
        # Two nodes or more are fenced one after the other, and all boot at once.
        Expected(Limit(60), Limit(240), may_be_fenced=(NODES,)),
        lasts=Limit(60),
    ),
    Drill(
        "split-two",
        "of two nodes neither hears the other: the one that serves goes on, and has the other fenced",
        "{who} and the node that serves did not hear each other",
        (ruled(TWIN, _FROM.format(), _TO.format()),),
        Expected(Limit(0, 4), BACK, fenced=(TWIN,), moves=False),
        lasts=Limit(60),
    ),
    Drill(
        "packets-late",
        "packets of the active node are late by 100 ms, more or less, and out of order",
        "packets of {who} were late by 100 ms",
        (_queued(ACTIVE, "delay", "100ms", "50ms", "reorder", "10%", "duplicate", "1%"),),
        Expected(Limit(0, 4), Limit(20), moves=False),
        lasts=Limit(0, 20),
    ),
)
