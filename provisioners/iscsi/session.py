"""An iSCSI session of an initiator: its name, its node record with CHAP, and the login that comes back at boot.

iscsiadm takes a password on its command line only, where everybody can read it: so the node record, a 0600 file, is
written here. State is read from that record and from sysfs, since iscsiadm prints for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from halab.provisioners.engine import limits, units
from halab.provisioners.engine.command import Command, Result, Secret, script
from halab.provisioners.engine.durable import KEEP, KEPT
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Await, Run, Step
from halab.provisioners.iscsi import session_live
from halab.provisioners.storage.growth import grown, lun_bytes

COMPLETE = "complete"
_LOGGED_OUT = "not logged in"
_AT_BOOT = "automatic"
INITIATOR_FILE = "/etc/iscsi/initiatorname.iscsi"
# Logins at boot are tried this often, 15 s each: the target may start later than its initiators.
_LOGIN_TRIES = 20

# key=value lines; of passwords a digest. Arguments: target, portal, port, folder of node records, login unit, its
# drop-in.
_LOOK = (
    rf"""# look at the session
{units.IS_ENABLED}"""
    + r"""
of() { [ ! -e "$1" ] || IFS= read -r it < "$1" || :; }
digest() { [ -z "$2" ] || { it=$(printf %s "$2" | sha256sum); echo "$1=${it%% *}"; }; }
[ ! -e /etc/iscsi/initiatorname.iscsi ] || sed -n 's/^InitiatorName=/initiator=/p' /etc/iscsi/initiatorname.iscsi
printf 'unit=%s\n' "$(is_enabled "$5")"
[ ! -e "$6" ] || echo ordered=yes
for record in "$4/$1/$2,$3,"*/default; do
  [ -f "$record" ] || continue
  keys='startup|session\.auth\.authmethod|session\.auth\.username|session\.timeo\.replacement_timeout'
  sed -n -E "s/^node\.($keys) = /\1=/p" "$record"
  digest password "$(sed -n 's/^node\.session\.auth\.password = //p' "$record")"
done
for session in /sys/class/iscsi_session/session*; do
  it=; of "$session/targetname"; [ "$it" = "$1" ] || continue
  for connection in "$session"/device/connection*/iscsi_connection/connection*; do
    it=; of "$connection/persistent_address"; [ "$it" = "$2" ] || continue
    it=; of "$connection/persistent_port"; [ "$it" = "$3" ] || continue
    it=; of "$session/state"; echo "state=$it"
    it=; of "$session/password"; digest in_use "$it"
    for lun in "$session"/device/target*/*:0; do
      it=; of "$lun/wwid"; path=/dev/disk/by-id/wwn-0x${it#naa.}
      [ ! -b "$path" ] || { echo "device=$path"; echo "sectors=$(cat "$lun"/block/*/size)"; }
    done
  done
done
"""
)
# Arguments: target, portal, port, folder of node records, replacement timeout, login tries, initiator, iscsid's unit,
# login unit, drop-in. Stdin: user, password.
_LOGIN = (
    rf"""# log in to the target, now and at each boot
{KEEP}"""
    + r"""\
IFS= read -r user || :; IFS= read -r password || :
mkdir -p -- "${10%/*}"
printf '[Unit]\nWants=%s.service\nAfter=%s.service\n' "$9" "$9" > "${10}.halab-new"
umask 077
if ! grep -qsxF "InitiatorName=$7" /etc/iscsi/initiatorname.iscsi; then
  printf 'InitiatorName=%s\n' "$7" > /etc/iscsi/initiatorname.iscsi.halab-new
  keep /etc/iscsi/initiatorname.iscsi
  ls -d /sys/class/iscsi_session/session* >/dev/null 2>&1 || systemctl try-restart "$8"
fi
# Without -o new it would write the records of the portal's other targets anew, without their passwords.
iscsiadm -m discovery -t sendtargets -p "$2:$3" -o new >/dev/null
ours='startup|session\.auth\.|session\.timeo\.replacement_timeout|session\.initial_login_retry_max'
for record in "$4/$1/$2,$3,"*/default; do
  [ -f "$record" ] || { echo "$2:$3 does not offer $1" >&2; exit 4; }
  { grep -v -E "^(#|node\.($ours))" "$record"
    echo "node.startup = automatic"
    echo "node.session.initial_login_retry_max = $6"
    echo "node.session.timeo.replacement_timeout = $5"
    if [ -n "$user" ]; then
      echo "node.session.auth.authmethod = CHAP"
      printf 'node.session.auth.username = %s\nnode.session.auth.password = %s\n' "$user" "$password"
    else echo "node.session.auth.authmethod = None"; fi
  } > "$record.halab-new"
done
keep "${10}" "$4/$1/$2,$3,"*/default
rc=0; iscsiadm -m node -T "$1" -p "$2:$3" --login >/dev/null || rc=$?
# 15: the session is there already
[ $rc = 0 ] || [ $rc = 15 ] || exit $rc
# Its end logs out. Where it has not started the machine goes down without that, and its kernel waits for the disk.
systemctl start --no-block "$9"
"""
    + units.enable('"$8"', '"$9"')
)
# Exit code 0: nothing stands on the target's disks any more (a file system, a volume group in use).
_UNUSED = """# see what stands on the target's disks
for session in /sys/class/iscsi_session/session*; do
  [ -e "$session" ] || continue
  IFS= read -r target < "$session/targetname"
  [ "$target" = "$1" ] || continue
  for disk in "$session"/device/target*/*/block/*; do
    for part in "$disk" "$disk"/*/partition; do
      part=${part%/partition}
      [ -e "$part/dev" ] || continue
      ! ls "$part/holders" | grep . || exit 1
      ! grep -E "^/dev/${part##*/} " /proc/mounts || exit 1
    done
  done
done
"""
# For import. $1: target, $2: portal, $3: port, $4: folder of node records.
_PASSWORD = r"""# read the CHAP password of the node record
sed -n 's/^node\.session\.auth\.password = //p' "$4/$1/$2,$3,"*/default
"""
# 21: there is no such session, or no such record
_LOGOUT = f"""# log out
rc=0; iscsiadm -m node -T "$1" -p "$2:$3" --logout || rc=$?; [ $rc = 0 ] || [ $rc = 21 ] || exit $rc
rc=0; iscsiadm -m node -T "$1" -p "$2:$3" -o delete || rc=$?; [ $rc = 0 ] || [ $rc = 21 ] || exit $rc
rm -f "$4"
{KEPT}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login of one initiator at one target, made anew at each boot before Pacemaker starts."""

    machine: str = attr("UUID of the domain that logs in.", replace=True)
    initiator_iqn: str = attr("Name of this initiator; no other may have it.", replace=True, check=limits.iqn)
    target_iqn: str = attr("Name of the target.", replace=True, check=limits.iqn)
    portal: str = attr("IPv4 address of the target's portal.", replace=True, check=limits.ipv4)
    port: int = attr("TCP port of the target's portal.", default=3260, replace=True, check=limits.between(1, 65535))
    chap_user: str | None = attr("CHAP user name; none for a target in demo mode.", default=None)
    chap_password: Secret | None = attr("CHAP password.", default=None)
    replacement_timeout_s: int = attr(
        "How long I/O waits for a lost session before it fails, in seconds.",
        default=120,
        check=limits.between(0, 86400),
    )
    device: str | None = attr(
        "Path of LUN 0, /dev/disk/by-id/wwn-0x…; if given, the disk that must appear.", computed=True, stable=True
    )
    lun_bytes: int | None = lun_bytes()
    condition: str = attr(
        f"`{COMPLETE}`, or what is amiss and will be put right.",
        computed=True,
        default=COMPLETE,
        check=limits.one_of(COMPLETE),
    )


class SessionItem(Item[Session]):
    spec = Session
    scope = "machine"
    phase = "iscsi"
    identity = ("machine", "portal", "port", "target_iqn")

    def check(self, wanted: Session) -> Iterable[tuple[str, str]]:
        if (wanted.chap_user is None) != (wanted.chap_password is None):
            yield "chap_user", "CHAP takes a user and a password: give both, or none."

    def observe(self, host: Host, wanted: Session) -> Session | None:
        return session_seen(parse_look(host.look(_look(host.platform, wanted)).stdout), wanted)

    def adopt(self, host: Host, named: Session) -> Session | None:
        seen = parse_look(host.ask(_look(host.platform, named)).stdout)
        record = (named.target_iqn, named.portal, named.port, host.platform.iscsi_node_db)
        password = host.ask(script(_PASSWORD, *record)).stdout.strip() if "startup" in seen else ""
        known = {"initiator_iqn": seen.get("initiator", ""), "chap_password": Secret(password) if password else None}
        return session_seen(seen, with_fields(named, **known))

    def steps(self, platform: Platform, now: Session | None, wanted: Session | None) -> Iterator[Step]:
        if wanted is None:
            if now is not None:
                # The node may be leaving the cluster right now: GFS2 must not lose its disk before it is unmounted.
                yield Await(
                    f"end of use of {now.target_iqn}",
                    script(_UNUSED, now.target_iqn),
                    ready=lambda seen: seen.rc == 0,
                    deadline_s=300,
                    interval_s=1.0,
                )
                yield Run(script(_LOGOUT, now.target_iqn, now.portal, now.port, _drop_in(now), timeout_s=120))
            return
        if now is not None and now == with_fields(wanted, device=wanted.device or now.device):
            return
        yield Run(_login(platform, wanted))
        if now is not None and now.condition != _LOGGED_OUT:
            yield from _change_session(platform, now, wanted)
        yield Await(
            f"LUN 0 of {wanted.target_iqn}",
            _look(platform, wanted),
            ready=lambda seen: _is_there(seen, wanted.device),
            deadline_s=60,
            interval_s=0.2,
        )


def _change_session(platform: Platform, now: Session, wanted: Session) -> Iterator[Step]:
    """A session that is there keeps what it was made with, until it is told."""
    if wanted.chap_password is not None:
        yield session_live.renew(platform, wanted.target_iqn, wanted.chap_user or "", wanted.chap_password)
    if now.condition == COMPLETE:
        yield session_live.change_timeout(wanted.target_iqn, wanted.replacement_timeout_s)
    if now.lun_bytes != wanted.lun_bytes:
        yield session_live.rescan(wanted.target_iqn)


def parse_look(text: str) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def session_seen(seen: Mapping[str, str], wanted: Session) -> Session | None:
    """None if there is neither a session nor a record of a login at boot: a discovery leaves one of each target."""
    if "state" not in seen and seen.get("startup") != _AT_BOOT:
        return None
    chap = seen.get("session.auth.authmethod") == "CHAP"
    user = (seen.get("session.auth.username") or None) if chap else None
    same = wanted.chap_password is not None and seen.get("password") == wanted.chap_password.digest()
    password = wanted.chap_password if same else Secret("")
    timeout_s = seen.get("session.timeo.replacement_timeout", "")
    return with_fields(
        wanted,
        chap_user=user,
        chap_password=password if chap else None,
        replacement_timeout_s=int(timeout_s) if timeout_s.isdigit() else wanted.replacement_timeout_s,
        device=seen.get("device", wanted.device),
        lun_bytes=grown(int(seen["sectors"]) * 512 if seen.get("sectors", "").isdigit() else None, wanted.lun_bytes),
        condition=next(_faults(seen, wanted), COMPLETE),
    )


def _faults(seen: Mapping[str, str], wanted: Session) -> Iterator[str]:
    if "state" not in seen:
        yield _LOGGED_OUT
    elif seen["state"] != "LOGGED_IN":
        yield f"the session is {seen['state']}"
    elif "device" not in seen:
        yield "LUN 0 is not there"
    elif wanted.chap_password is not None and seen.get("in_use") not in (None, wanted.chap_password.digest()):
        yield "the session uses another CHAP password: it would not survive a lost connection"
    if (name := seen.get("initiator", "")) != wanted.initiator_iqn and wanted.initiator_iqn:
        yield f"{INITIATOR_FILE} says {name or 'nothing'}"
    if (startup := seen.get("startup", "")) != _AT_BOOT:
        yield f"node.startup is {startup}" if startup else "there is no node record"
    if seen.get("unit") not in ("enabled", "alias"):
        yield f"the unit that logs in at boot is {seen.get('unit') or 'missing'}"
    if "ordered" not in seen:
        yield "Pacemaker does not wait for the login at boot"


def _is_there(result: Result, device: str | None) -> bool:
    seen = parse_look(result.stdout)
    return seen.get("state") == "LOGGED_IN" and "device" in seen and device in (None, seen["device"])


def _look(platform: Platform, wanted: Session) -> Command:
    return script(
        _LOOK,
        wanted.target_iqn,
        wanted.portal,
        wanted.port,
        platform.iscsi_node_db,
        platform.iscsi_login_unit,
        _drop_in(wanted),
    )


def _login(platform: Platform, wanted: Session) -> Command:
    password = wanted.chap_password.reveal() if wanted.chap_password else ""
    return script(
        _LOGIN,
        wanted.target_iqn,
        wanted.portal,
        wanted.port,
        platform.iscsi_node_db,
        wanted.replacement_timeout_s,
        _LOGIN_TRIES,
        wanted.initiator_iqn,
        platform.iscsid_unit,
        platform.iscsi_login_unit,
        _drop_in(wanted),
        stdin=Secret(f"{wanted.chap_user or ''}\n{password}\n"),
        timeout_s=180,
    )


def _drop_in(session: Session) -> str:
    """resource-agents-deps.target is what resource agents put their needs into: Pacemaker starts after it."""
    return f"/etc/systemd/system/resource-agents-deps.target.d/{session.target_iqn.replace(':', '_')}.conf"
