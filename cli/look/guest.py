"""What a guest tells of itself in one exchange: sessions, volumes, mounts that are really read, the way to fencing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from halab.provisioners.engine.command import Command, cmd

PROBE_LIMIT_S = 2
"""How long a mount, or a port, may take to answer before it is said to hang."""

# Nothing in here waits for a disk, but for what stands in < <( ): whoever hangs there is left behind, and the answer
# comes without it, since it holds none of the shell's outputs. One look at a mount that hangs is enough: the next sees
# its lock and asks no more. What the shell can look at by itself it does: an emulated machine needs 25 ms and more for
# a program. Only when the shell fails a program is asked, which tells why.
# Arguments: seconds, and for members the fencing endpoint's address and port.
_LOOK = r"""# look at the machine
limit=$1
of() { it=; [ ! -e "$1" ] || IFS= read -r it 2>/dev/null < "$1" || :; }
read -r it _ < /proc/uptime; echo "uptime $it"
read -r it _ < /proc/loadavg; echo "load $it"
for unit in corosync pacemaker; do
  [ ! -d "/sys/fs/cgroup/system.slice/$unit.service" ] || echo "unit $unit"
done
for session in /sys/class/iscsi_session/session*; do
  [ -e "$session" ] || continue
  of "$session/targetname"; target=$it
  of "$session/state"; state=$it
  disk=- disk_state=
  for lun in "$session"/device/target*/*/block/*; do
    [ ! -e "$lun" ] || { disk=${lun##*/}; of "$lun/../../state"; disk_state=$it; }
  done
  echo "session $target ${state:-unknown} $disk ${disk_state:--}"
done
for volume in /sys/block/dm-*/dm; do
  [ -e "$volume" ] || continue
  of "$volume/uuid"; case $it in mpath-* | part*) continue ;; esac
  of "$volume/name"; name=$it
  of "$volume/suspended"
  echo "volume $name $it"
done
still=no
for lockspace in /sys/kernel/dlm/*; do
  [ -d "$lockspace" ] || continue
  of "$lockspace/recover_status"; [ "$it" != 0 ] || still=yes
  echo "lockspace ${lockspace##*/}"
done
try() {
  exec 2>&1 9< "$1"
  flock -n 9 || { echo "an earlier look still waits for it"; exit; }
  usage=$(stat -f -c '%S %b %a' -- "$2") || exit
  [ -d "$2" ] || stat -c '' -- "$2" > /dev/null || exit
  for file in "$2"/*; do
    if [ -f "$file" ]; then
      { IFS= read -r -d '' -n 1 _ < "$file"; } 2> /dev/null || head -c 1 -- "$file" > /dev/null || exit
      break
    fi
  done
  dd if="$3" of=/dev/null bs=4096 count=1 iflag=direct status=none || exit
  echo "answers $usage"
}
# Without quorum every look would leave one more behind, until quorum is back. DLM stands still then (0); Corosync is
# asked only for why it does, since its answer takes an emulated machine 0.2 s. 2: there is no quorum.
quorum=yes
if [ "$still" = yes ]; then
  rc=0; timeout "$limit" corosync-quorumtool -s > /dev/null 2>&1 || rc=$?
  [ "$rc" != 2 ] || quorum=no
fi
for fs in /sys/fs/gfs2/*; do
  [ -d "$fs" ] || continue
  of "$fs/id"; id=$it
  of "$fs/withdraw"; withdrawn=$it
  while read -r _ _ number _ point rest; do
    [ "$number" = "$id" ] || continue
    rest=${rest#* - }; read -r _ device _ <<< "$rest"
    rc=0 said="stands still without quorum"
    [ "$quorum" = no ] || IFS= read -r -t "$limit" said < <(try "$fs" "$point" "$device") || rc=$?
    [ "$rc" -le 128 ] || said="does not answer within $limit s"
    [ "$withdrawn" != 1 ] || said="has withdrawn: $said"
    echo "mount ${fs##*/} $device $point $said"
  done < /proc/self/mountinfo
done
if [ -n "${2:-}" ]; then
  rc=0; IFS= read -r -t "$limit" said < <(exec 2>&1; exec 3<> "/dev/tcp/$2/$3"; echo open) || rc=$?
  [ "$rc" -le 128 ] || said="no answer within $limit s"
  echo "endpoint $said"
fi
cd /sys/kernel/config/target/iscsi 2>/dev/null || exit 0
for tpg in iqn*/tpgt_*; do
  [ -d "$tpg" ] || continue
  of "$tpg/enable"; echo "target ${tpg%/*} $it"
  for acl in "$tpg"/acls/*; do
    [ -d "$acl" ] || continue
    state=none address=-
    while read -r words; do
      case $words in
      "Session State: "*) state=${words##*TARG_SESS_STATE_} ;;
      "Address "*) read -r _ address _ <<< "$words" ;;
      esac
    done < "$acl/info"
    echo "initiator ${acl##*/} $state $address"
  done
done
for reservations in ../core/*/*/pr; do
  [ -d "$reservations" ] || continue
  of "$reservations/res_pr_type"; [ "$it" = "${it#SPC-3 Reservation Type: }" ] || echo "reserved ${it#*: }"
  while read -r _ _ name words; do
    [ "$words" = "${words#Key: }" ] || echo "registered ${name%%,*}"
  done < "$reservations/res_pr_registered_i_pts"
done
"""


def look(endpoint: tuple[str, int] | None = None) -> Command:
    """What is asked of every machine; `endpoint`: address and port that a member must reach to fence."""
    way = endpoint or ()
    # Debian's bash reads the user's bashrc when sshd is above it, and that one need not stand -u.
    return cmd("bash", "--norc", "-euc", _LOOK, "halab", PROBE_LIMIT_S, *way, timeout_s=3 * PROBE_LIMIT_S)


@dataclass(frozen=True, slots=True)
class Session:
    """An initiator's session. `disk` is empty without a LUN; `disk_state` as the kernel has it, e.g. running."""

    target: str
    state: str
    disk: str
    disk_state: str

    @property
    def fault(self) -> str:
        """What is amiss; empty when it serves."""
        if self.state != "LOGGED_IN":
            return f"the session is {self.state}"
        if not self.disk:
            return "there is no LUN"
        return "" if self.disk_state == "running" else f"the disk {self.disk} is {self.disk_state}"


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted GFS2. `said` is empty when a file and the device were read; sizes in bytes, 0 where unknown."""

    table: str
    device: str
    point: str
    said: str
    size_bytes: int = 0
    free_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Initiator:
    """What the target says of an initiator. `state` is LOGGED_IN, another of LIO's words, or none."""

    name: str
    state: str
    address: str


@dataclass(frozen=True, slots=True)
class Guest:
    """One machine's answer. `targets` maps an exported iSCSI name to whether it is enabled; `load` of one minute.

    `reserved`: in which ways the target's LUNs are (persistent reservations); `registered`: initiators that have a key.
    """

    uptime_s: float
    units: frozenset[str]
    sessions: tuple[Session, ...]
    volumes: tuple[str, ...]
    suspended: tuple[str, ...]
    lockspaces: tuple[str, ...]
    mounts: tuple[Mount, ...]
    endpoint: str
    targets: tuple[tuple[str, bool], ...]
    initiators: tuple[Initiator, ...]
    load: float | None = None
    reserved: tuple[str, ...] = ()
    registered: frozenset[str] = frozenset()


def parse(text: str) -> Guest:
    """The answer to `look`. Lines of later versions are left out."""
    lines = [(words[0], words[1]) for line in text.splitlines() if len(words := line.split(" ", 1)) == 2]
    volumes = [rest.split(" ") for kind, rest in lines if kind == "volume"]
    return Guest(
        uptime_s=next((float(rest) for kind, rest in lines if kind == "uptime"), 0.0),
        units=frozenset(_all(lines, "unit")),
        sessions=tuple(_session(rest) for rest in _all(lines, "session")),
        volumes=tuple(name for name, *_ in volumes),
        suspended=tuple(name for name, state in volumes if state == "1"),
        lockspaces=tuple(_all(lines, "lockspace")),
        mounts=tuple(_mount(rest) for rest in _all(lines, "mount")),
        endpoint=next(_all(lines, "endpoint"), ""),
        targets=tuple((name, state == "1") for name, state in (rest.split(" ") for rest in _all(lines, "target"))),
        initiators=tuple(Initiator(*rest.split(" ")) for rest in _all(lines, "initiator")),
        load=next((float(rest) for kind, rest in lines if kind == "load"), None),
        reserved=tuple(_all(lines, "reserved")),
        registered=frozenset(_all(lines, "registered")),
    )


def _all(lines: list[tuple[str, str]], kind: str) -> Iterator[str]:
    return (rest for found, rest in lines if found == kind)


def _session(rest: str) -> Session:
    target, state, disk, disk_state = rest.split(" ")
    return Session(target, state, disk.strip("-"), disk_state.strip("-"))


def _mount(rest: str) -> Mount:
    table, device, point, said = rest.split(" ", 3)
    place = (table, device, point.encode().decode("unicode_escape"))  # mountinfo writes a blank as \040
    if not said.startswith("answers "):
        return Mount(*place, said.rpartition(": ")[2] if said.startswith(("head:", "dd:", "stat:")) else said)
    block, blocks, free = map(int, said.split()[1:])
    return Mount(*place, "", block * blocks, block * free)
