"""Processes that are killed or stand still: of Corosync, Pacemaker, the lock managers, the web server."""

from __future__ import annotations

from halab.cli.drill.catalogue.nodes import BACK, FAILOVER
from halab.cli.drill.declaration import ACTIVE, DC, GFS2, IDLE, Drill, Expected, Guest, Limit

_PIDS = "/run/halab-drill.pids"
# pidof knows several names of one program: apache2 is httpd on EL.
_KILL = "pidof {names} > {file}; kill -KILL $(cat {file})"
_KILLED = 'for pid in $(cat {file}); do [ ! -e "/proc/$pid/status" ] || grep -q "^State:.Z" "/proc/$pid/status"; done'
_STOP = "pidof {names} > {file}; kill -STOP $(cat {file})"
_STOPPED = 'for pid in $(cat {file}); do grep -q "^State:.T" "/proc/$pid/status" || [ ! -e "/proc/$pid" ]; done'
_GO_ON = "kill -CONT $(cat {file}) 2>/dev/null || :"
_SOON = Limit(5)
SUB_DAEMONS = ("based", "fenced", "execd", "attrd", "schedulerd", "controld")


def _script(text: str, names: str) -> str:
    return text.format(names=names, file=_PIDS)


def _killed(
    name: str,
    role: str,
    what: str,
    processes: str,
    expected: Expected,
    watch: Limit = _SOON,
    needs: frozenset[str] = frozenset(),
) -> Drill:
    guest = Guest(role, _script(_KILL, processes), took=_script(_KILLED, processes))
    happened = f"{what} was killed on {{who}}"
    return Drill(name, f"{what} is killed", happened, (guest,), expected, watch=watch, needs=needs)


def _stopped(
    name: str, role: str, what: str, processes: str, expected: Expected, lasts: Limit, watch: Limit = _SOON
) -> Drill:
    guest = Guest(role, _script(_STOP, processes), _script(_STOPPED, processes), _script(_GO_ON, processes))
    happened = f"{what} stood still on {{who}}"
    return Drill(name, f"{what} stands still (SIGSTOP)", happened, (guest,), expected, lasts=lasts, watch=watch)


def _sub_daemon(daemon: str) -> Drill:
    return _killed(
        f"{daemon}-killed",
        IDLE,
        f"Pacemaker's {daemon}",
        f"pacemaker-{daemon}",
        Expected(Limit(0, 1), BACK, may_be_fenced=(IDLE,)),
    )


DRILLS = (
    _killed("corosync-killed", ACTIVE, "Corosync", "corosync", Expected(FAILOVER, BACK, fenced=(ACTIVE,), moves=True)),
    _stopped(
        "corosync-stopped",
        ACTIVE,
        "Corosync",
        "corosync",
        Expected(FAILOVER, BACK, fenced=(ACTIVE,), moves=True),
        Limit(60),
    ),
    _killed("pacemakerd-killed", ACTIVE, "pacemakerd", "pacemakerd", Expected(Limit(0, 1), Limit(40), moves=False)),
    *(_sub_daemon(daemon) for daemon in SUB_DAEMONS),
    _stopped(
        "dc-stopped",
        DC,
        "the DC's controller",
        "pacemaker-controld",
        Expected(Limit(20), BACK, may_be_fenced=(DC,)),
        Limit(10, 60),
    ),
    _killed(
        "dlm-killed",
        IDLE,
        "dlm_controld",
        "dlm_controld",
        Expected(FAILOVER, BACK, fenced=(IDLE,)),
        watch=Limit(20),
        needs=frozenset({GFS2}),
    ),
    _killed(
        "lvmlockd-killed",
        IDLE,
        "lvmlockd",
        "lvmlockd",
        Expected(FAILOVER, BACK, may_be_fenced=(IDLE,)),
        watch=Limit(20),
        needs=frozenset({GFS2}),
    ),
    _killed(
        "apache-killed",
        ACTIVE,
        "the web server",
        "apache2 httpd",
        Expected(Limit(15, 10), Limit(30)),
        watch=Limit(15, 10),
    ),
    _stopped(
        "apache-hung",
        ACTIVE,
        "the web server",
        "apache2 httpd",
        # An interval, and the monitor's limit; then the agent waits half of the stop's for an end in order, gives its
        # children three signals, and starts anew.
        Expected(Limit(90, 20), Limit(40, 60)),
        Limit(80, 50),
        watch=Limit(15, 10),
    ),
)
