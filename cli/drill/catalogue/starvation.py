"""A node that has too little of something: processor, memory, the right time."""

from __future__ import annotations

from halab.cli.drill.declaration import ACTIVE, Drill, Expected, Guest, Limit

_EAT = (
    "held = []\nwhile True:\n    held.append(bytearray(1 << 22))\n"
    "    for block in held[-1:]:\n        block[::4096] = b'x' * len(block[::4096])\n"
)

DRILLS = (
    Drill(
        "processor-busy",
        "four endless loops run beside the services of the active node",
        "four endless loops ran on {who}",
        (
            Guest(
                ACTIVE,
                "for n in 1 2 3 4; do systemd-run --quiet --collect --unit=halab-drill-loop$n "
                "--property=Nice=-10 sh -c 'while :; do :; done'; done",
                took="systemctl is-active --quiet halab-drill-loop4",
                undo="systemctl stop 'halab-drill-loop*' || :",
            ),
        ),
        Expected(Limit(0, 10), Limit(30), moves=False),
        lasts=Limit(0, 20),
    ),
    Drill(
        "memory-gone",
        "a program on the active node takes all memory that there is",
        "a program took all memory of {who}",
        (
            Guest(
                ACTIVE,
                f'systemd-run --quiet --unit=halab-drill-eater --property=OOMScoreAdjust=900 python3 -c "{_EAT}"',
                # Where the kernel keeps no books of memory (the emulated nodes), systemd sees the signal alone.
                took="systemctl show --property=Result --value halab-drill-eater | grep -qE 'oom-kill|signal'",
                undo="systemctl stop halab-drill-eater 2>/dev/null || :; systemctl reset-failed halab-drill-eater || :",
            ),
        ),
        Expected(Limit(20, 10), Limit(110), may_be_fenced=(ACTIVE,)),
        lasts=Limit(0, 60),
    ),
    Drill(
        "clock-jumps",
        "the clock of the active node jumps forward by an hour",
        "the clock of {who} jumped by an hour",
        (
            Guest(
                ACTIVE,
                'read -r up _ < /proc/uptime; now=$(date +%s); echo "${up%%.*} $now" > /run/halab-drill.clock; '
                'date --set="@$((now + 3600))" > /dev/null',
                took="read -r up then < /run/halab-drill.clock; [ $(($(date +%s) - then)) -gt 3000 ]",
                undo="[ -e /run/halab-drill.clock ] || exit 0\n"
                "read -r up then < /run/halab-drill.clock; read -r now _ < /proc/uptime; "
                'date --set="@$((then + ${now%%.*} - up))" > /dev/null',
            ),
        ),
        Expected(Limit(0, 2), Limit(30), moves=False),
        lasts=Limit(0, 20),
    ),
)
