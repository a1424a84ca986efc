"""The network between the nodes: cut, one way only, between two, lossy, slow, flapping.

Rules stand in an nftables table of their own, and its counters prove that they bite. The host and the target stay in
reach, so that each failure can be undone.
"""

from __future__ import annotations

from halab.cli.drill.declaration import ACTIVE, IDLE, NODES, Drill, Expected, Guest, Limit

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
_FLAP = f"""for turn in 1 2 3 4 5 6 7 8; do
  {_RULES.format(arriving=_FROM.format(), leaving=_TO.format())}
  sleep 1; {NO_RULES}; sleep 2
done"""
_LOST = Expected(Limit(20), Limit(110), fenced=(ACTIVE,), moves=True)
_STEADY = Expected(Limit(0, 2), Limit(20), moves=False)

DRILLS = (
    Drill(
        "isolated",
        "the active node and the others do not hear each other",
        "{who} was cut off from the other nodes",
        (ruled(ACTIVE, _FROM.format(), _TO.format()),),
        _LOST,
        lasts=Limit(60),
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
    ),
    Drill(
        "corosync-port-closed",
        "Corosync's packets alone do not reach the active node, nor leave it",
        "Corosync's port was closed on {who}",
        (ruled(ACTIVE, "udp dport 5405 counter drop", "udp dport 5405 counter drop"),),
        _LOST,
        lasts=Limit(60),
    ),
    Drill(
        "link-flaps",
        "the active node's link goes and comes, one second in three",
        "{who}'s link flapped",
        (
            Guest(
                ACTIVE,
                f'systemd-run --quiet --collect --unit=halab-drill-flaps sh -c \'{_FLAP}\' halab "$1" "$2"',
                took="systemctl is-active --quiet halab-drill-flaps",
                undo=f"systemctl stop halab-drill-flaps 2>/dev/null || :\n{NO_RULES}",
            ),
        ),
        _STEADY,
        lasts=Limit(0, 25),
    ),
    Drill(
        "packets-lost",
        "each tenth packet of the active node is lost",
        "{who} lost 10 % of its packets",
        (_queued(ACTIVE, "loss", "10%"),),
        Expected(Limit(0, 4), Limit(20), moves=False),
        lasts=Limit(0, 20),
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
