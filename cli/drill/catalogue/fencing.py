"""Fencing that does not work when it is needed."""

from __future__ import annotations

from halab.cli.drill.catalogue.network import NO_RULES
from halab.cli.drill.catalogue.nodes import crash
from halab.cli.drill.declaration import ACTIVE, OTHERS, Drill, Expected, Guest, Limit

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
    ip daddr $5 tcp dport $6 limit rate over 2/second burst 1 packets counter drop
  }
}
END"""
_THERE = "nft list table inet halab_drill > /dev/null"

DRILLS = (
    Drill(
        "fencing-away",
        "the active node crashes while nobody reaches the fencing endpoint: nothing starts until it is back",
        "{active} crashed while nobody reached the fencing endpoint",
        (Guest(OTHERS, _RULES, took=_THERE, undo=NO_RULES), crash(ACTIVE)),
        Expected(Limit(60, 10), Limit(140), fenced=(ACTIVE,), moves=True),
        lasts=Limit(20),
    ),
    Drill(
        "fencing-slow",
        "the active node crashes while the fencing endpoint is slow, two packets a second: it is fenced all the same",
        "{active} crashed while the fencing endpoint was slow",
        (Guest(OTHERS, _SLOW, took=_THERE, undo=NO_RULES), crash(ACTIVE)),
        Expected(Limit(60, 120), Limit(140, 120), fenced=(ACTIVE,), moves=True),
        lasts=Limit(40, 120),
    ),
)
