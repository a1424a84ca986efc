"""Persistent reservations of a LUN (SPC-4, "write exclusive, registrants only"): each node's key, and who holds it.

What fence_scsi does with them when it fences is the cluster's; here they are there before anybody writes to the LUN.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from halab.provisioners.engine import limits
from halab.provisioners.engine.command import script
from halab.provisioners.engine.errors import Conflict, UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Run, Step

COMPLETE = "complete"
TYPE = "Write Exclusive, registrants only"

# A LUN tells each session of each change of its reservations, instead of doing what it was asked for (exit code 6): it
# is asked again. Opened to read only: after a writer udev asks the disk for its name again. $1 the LUN
_ASK = """\
persist() {
  for again in 1 2 3 4 5; do
    rc=0
    said=$(sg_persist --no-inquiry "$@") || rc=$?
    [ "$rc" -eq 6 ] || break
  done
  printf '%s\\n' "$said"
  return "$rc"
}
keys=$(persist --readonly --in --read-keys "$1")
held=$(persist --readonly --in --read-reservation "$1")
"""
# A LUN that multipathd has made one disk of has a key for each path.
LOOK = f"""# look at the keys on the LUN
[ -b "$1" ] || exit 0
{_ASK}disk=$(readlink -f -- "$1")
paths=$(ls "/sys/block/${{disk##*/}}/slaves" 2> /dev/null | wc -l)
printf '%s\\036%s\\036%s\\n' "$keys" "$held" "$paths"
"""
# multipathd's own program: it registers each path, and one that comes back later.
_BY_PATHS = """\
disk=$(readlink -f -- "$1")
case $disk in
/dev/dm-*) register() { mpathpersist --out "$@" "$disk" > /dev/null; } ;;
*) register() { persist --out "$@" "$disk"; } ;;
esac
"""
# $2 the node's key.
# A node that others have shut out may hold what it has not written yet. It must not get in again before it has started
# anew, and then it uses nothing of the LUN.
_REGISTER = f"""# register the node's key on the LUN
udevadm wait --timeout=60 "$1"
{_ASK}{_BY_PATHS}case "$held $(printf '%s\\n' "$keys" | grep -iw "0x$2" || :)" in
*"NO reservation held"* | *" 0x"*) ;;
*)
  if grep -q ' gfs2 ' /proc/mounts || [ -n "$(ls -A /sys/kernel/dlm 2> /dev/null)" ]; then
    echo "it has no key on the LUN, which others have reserved, and uses what is on it: it was fenced." \\
      "Restart it (halab fence), and the cluster gives it its key" >&2
    exit 4
  fi ;;
esac
register --register-ignore --param-sark="$2" --param-aptpl
"""
# With the word that they outlast a restart of the target: without it the others' would not, either.
_UNREGISTER = f"""# take the node's key off the LUN
[ -b "$1" ] || exit 0
{_ASK}{_BY_PATHS}if printf '%s\\n' "$keys" | grep -qiw "0x$2"; then
  register --register --param-rk="$2" --param-sark=0 --param-aptpl
fi
"""
# $2 the cluster. The node's own key, as fence_scsi makes it.
_OWN = """\
short() { printf %s "$1" | md5sum | cut -c1-4; }
own=$(printf '%s%s\\n' "$(short "$2")" "$(short "$(uname -n)")" | sed 's/^0*//')
"""
# $3... keys that nobody should have. One that is not there any more cannot be taken off: it went with its node.
_RESERVE = f"""# reserve the LUN for the nodes
{_ASK}{_OWN}case $held in
*"NO reservation held"*)
  persist --out --reserve --prout-type=5 --param-rk="$own" "$1" ;;
esac
device=$1
shift 2
for key; do
  if printf '%s\\n' "$keys" | grep -qiw "0x$key"; then
    persist --out --preempt --prout-type=5 --param-rk="$own" --param-sark="$key" "$device"
  fi
done
"""
_CLEAR = f"""# end the reservation of the LUN
[ -b "$1" ] || exit 0
{_ASK}{_OWN}if printf '%s\\n' "$keys" | grep -qiw "0x$own"; then
  persist --out --clear --param-rk="$own" "$1"
fi
"""


def key_of(cluster: str, node: str) -> str:
    """The key that fence_scsi makes of both names with `key_value=hash`, in hexadecimal digits."""

    def short(name: str) -> str:
        return hashlib.md5(name.encode("ascii"), usedforsecurity=False).hexdigest()[:4]

    return f"{short(cluster)}{short(node)}".lstrip("0")


@dataclass(frozen=True, slots=True)
class Reservations:
    """What a LUN says: all keys, in small hexadecimal digits, one for each path, and the type of the reservation;
    empty: none is held. `paths`: how many paths who was asked has."""

    keys: tuple[str, ...]
    type: str
    paths: int = 1


def parse(text: str) -> Reservations | None:
    """What LOOK prints, in sg_persist's words; None: the node does not see the LUN."""
    if not text:
        return None
    keys, held, paths = [*text.split("\036"), "", ""][:3]
    if "PR generation=" not in keys or "PR generation=" not in held or not paths.strip().isdecimal():
        raise UnexpectedOutput("sg_persist shows no reservations", text[:500])
    found = re.search(r"type: (.+)", held)
    if found is None and "NO reservation held" not in held:
        raise UnexpectedOutput("sg_persist shows no type of a reservation", held[:500])
    return Reservations(
        tuple(key.lower() for key in re.findall(r"^\s+0x([0-9a-fA-F]+)\s*$", keys, re.MULTILINE)),
        found[1].strip() if found else "",
        max(1, int(paths)),
    )


def _keys(values: tuple[str, ...]) -> str | None:
    if not values:
        return "Name the key of one node at least."
    return next(filter(None, map(limits.reservation_key, values)), None)


def _condition() -> str:
    doc = f"`{COMPLETE}`, or what is amiss and will be put right."
    made: str = attr(doc, computed=True, default=COMPLETE, check=limits.one_of(COMPLETE))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class ScsiKey:
    """A node's key on a LUN that is reserved for those who have one; it outlasts a restart of the target."""

    machine: str = attr("UUID of the node's machine.", replace=True)
    device: str = attr("The LUN, as /dev/disk/by-id/wwn-0x….", replace=True, check=limits.device_path)
    key: str = attr("The key, in hexadecimal digits.", replace=True, check=limits.reservation_key)
    condition: str = _condition()


class ScsiKeyItem(Item[ScsiKey]):
    """halab_scsi_key. A node that has lost it was fenced: it gets it from the cluster when it has restarted."""

    spec = ScsiKey
    on_lun = True
    phase = "fencing"
    identity = ("machine", "device", "key")

    def observe(self, host: Host, wanted: ScsiKey) -> ScsiKey | None:
        seen = parse(host.look(script(LOOK, wanted.device)).stdout)
        if seen is None:
            return with_fields(wanted, condition=f"{wanted.device} is not there on {host.name}")
        return key_seen(seen, wanted)

    def steps(self, platform: Platform, now: ScsiKey | None, wanted: ScsiKey | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield Run(script(_UNREGISTER, now.device, now.key))
        elif now != wanted:
            yield Run(script(_REGISTER, wanted.device, wanted.key, timeout_s=120))


def key_seen(seen: Reservations, wanted: ScsiKey) -> ScsiKey | None:
    """None where no path has the key: the node was fenced."""
    if not (those := seen.keys.count(wanted.key)):
        return None
    some = f"{those} of {seen.paths} paths have it"
    return with_fields(wanted, condition=some if those < seen.paths else COMPLETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScsiReservation:
    """The reservation of a LUN: only nodes with a key may write there."""

    cluster: str = attr("Name of the cluster.", replace=True)
    device: str = attr("The LUN, as /dev/disk/by-id/wwn-0x….", replace=True, check=limits.device_path)
    keys: tuple[str, ...] = attr("The nodes' keys, which are there already; others are taken off.", check=_keys)
    condition: str = _condition()


class ScsiReservationItem(Item[ScsiReservation]):
    """halab_scsi_reservation."""

    spec = ScsiReservation
    scope = "cluster"
    on_lun = True
    phase = "fencing"
    identity = ("cluster", "device")

    def observe(self, host: Host, wanted: ScsiReservation) -> ScsiReservation | None:
        return reservation_seen(parse(host.look(script(LOOK, wanted.device)).stdout), wanted, host.name)

    def steps(self, platform: Platform, now: ScsiReservation | None, wanted: ScsiReservation | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield Run(script(_CLEAR, now.device, now.cluster))
        elif now != wanted:
            surplus = [key for key in now.keys if key not in wanted.keys] if now else []
            yield Run(script(_RESERVE, wanted.device, wanted.cluster, *surplus))


def reservation_seen(seen: Reservations | None, wanted: ScsiReservation, host: str) -> ScsiReservation | None:
    """A key that is missing is that of a node which was fenced: no fault of the reservation."""
    if seen is None:
        return with_fields(wanted, condition=f"{wanted.device} is not there on {host}") if wanted.keys else None
    if not seen.type:
        return None
    if seen.type != TYPE:
        raise Conflict(
            f"{host}: {wanted.device} is reserved in another way",
            f"Its reservation is {seen.type!r}, where fence_scsi needs {TYPE!r}. Somebody else uses the LUN; if they "
            f"do not, `sg_persist --out --clear` with one of its keys ends that.",
            "device",
        )
    surplus = [key for key in dict.fromkeys(seen.keys) if key not in wanted.keys]
    return with_fields(wanted, keys=(*wanted.keys, *surplus), condition=COMPLETE)
