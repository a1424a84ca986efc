"""Fencing that does not work when it is needed."""

from __future__ import annotations

from halab.cli.drill.catalogue.network import BITES, NO_RULES
from halab.cli.drill.catalogue.nodes import BACK, crash
from halab.cli.drill.declaration import ACTIVE, OTHERS, REDFISH, Drill, Expected, Guest, Limit, Power
from halab.cli.drill.invariants import FENCING

_RULES = """nft -f - <<END
table inet halab_drill {
  chain leaving { type filter hook output priority -300; ip daddr $5 tcp dport $6 counter reject with tcp reset; }
}
END"""
# Most of what is sent to it gets lost, and comes after all.
_SLOW = """nft -f - <<END
table inet halab_drill {
  chain leaving {
    type filter hook output priority -300
    ip daddr $5 tcp dport $6 limit rate over 5/second burst 1 packets counter drop
  }
}
END"""
# Who asks the endpoint asks the one that lies: the same address, and its certificate.
_MISLED = """nft -f - <<END
table inet halab_drill {
  chain leaving { type nat hook output priority -100; ip daddr $5 tcp dport $6 counter dnat ip to $5:$8; }
}
END"""
_HEARD = (
    "python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 10).close()' "
    f'"$5" "$6"\n{BITES}'
)
# More than five a second, none of which is answered.
_KNOCK = (
    "python3 -c 'import socket, sys\nfor _ in range(10):\n    with socket.socket() as way:\n        "
    "way.setblocking(False)\n        way.connect_ex((sys.argv[1], int(sys.argv[2])))' "
    f'"$5" "$6"\n{BITES}'
)

DRILLS = (
    Drill(
        "fencing-away",
        "the active node crashes while nobody reaches the fencing endpoint: nothing starts until it is back, "
        "or until another level has fenced",
        "{active} crashed while nobody reached the fencing endpoint",
        (Guest(OTHERS, _RULES, took=_KNOCK, undo=NO_RULES), crash(ACTIVE)),
        Expected(Limit(60, 10), BACK, fenced=(ACTIVE,), moves=True),
        lasts=Limit(20),
        needs=frozenset({REDFISH}),
    ),
    Drill(
        "fencing-slow",
        "the active node crashes while the fencing endpoint is slow, five packets a second: it is fenced all the same",
        "{active} crashed while the fencing endpoint was slow",
        (Guest(OTHERS, _SLOW, took=_KNOCK, undo=NO_RULES), crash(ACTIVE)),
        Expected(Limit(60, 120), Limit(140, 120), fenced=(ACTIVE,), moves=True),
        lasts=Limit(40, 120),
        needs=frozenset({REDFISH}),
    ),
    Drill(
        "fencing-idle",
        "the active node crashes, and the fencing endpoint says of each request that it is done, and does nothing: its "
        "word alone is not believed",
        "{active} crashed while the fencing endpoint did nothing of what it said",
        (Guest(OTHERS, _MISLED, took=_HEARD, undo=NO_RULES), crash(ACTIVE)),
        Expected(Limit(60, 120), BACK, fenced=(ACTIVE,), moves=True),
        lasts=Limit(60, 120),
        lie="done",
        needs=frozenset({REDFISH}),
    ),
    Drill(
        "fencing-lies",
        "the active node stands still, and the fencing endpoint says that it is off, then on, and does nothing: the "
        "cluster believes it, and the drill has to find it out",
        "{active} stood still, and the fencing endpoint lied about it",
        # What a node that goes on would write here, nobody could undo.
        (Guest(OTHERS, _MISLED, took=_HEARD, undo=NO_RULES), Power(ACTIVE, "suspend", cycled=True)),
        Expected(Limit(30), Limit(120), fenced=(ACTIVE,), moves=True, finds=FENCING),
        lasts=Limit(60),
        lie="state",
        needs=frozenset({REDFISH}),
    ),
)
