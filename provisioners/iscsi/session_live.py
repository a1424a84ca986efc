"""Changes to a session that is in use: another CHAP password, a LUN that has grown, another timeout.

What stands on the LUN notices a short pause at most: the session is never logged out.
"""

from __future__ import annotations

from halab.provisioners.engine.command import Secret, script
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Run

# The kernel keeps the password that a session was made with, and iscsid takes it from there whenever it connects again
# (iscsid of open-iscsi 2.1: not from the node record). So after a change at the target, the next lost connection would
# be the session's last. Here iscsid is started anew and finds the new password in the kernel's place: it connects each
# session again, within a second or so, while I/O waits. The kernel's own view, to see when that is done, is a second
# sysfs. Arguments: target, iscsid's unit, seconds. Stdin: user, password.
_RENEW = r"""# give a session its new CHAP password
IFS= read -r user; IFS= read -r password
of() { it=; [ ! -e "$1" ] || IFS= read -r it < "$1" || :; }
is() { of "$1"; [ "$it" = "$2" ]; }
has() { is "$1/username" "$user" && is "$1/password" "$password"; }
stale=
for session in /sys/class/iscsi_session/session*; do
  [ -e "$session" ] && is "$session/targetname" "$1" || continue
  has "$session" || stale="$stale $(readlink -f "$session")"
done
[ -n "$stale" ] || exit 0
umask 077; d=$(mktemp -d /run/halab-chap.XXXXXX); mkdir "$d/sys"
undo() {
  for session in $stale; do umount "$session/username" "$session/password" 2>/dev/null || :; done
  umount "$d/sys"; rm -rf "$d"
}
trap undo EXIT
mount -t sysfs sysfs "$d/sys"
printf '%s\n' "$user" > "$d/username"; printf '%s\n' "$password" > "$d/password"
for session in $stale; do
  for key in username password; do
    ! selinuxenabled 2>/dev/null || chcon --reference="$session/$key" "$d/$key"
    mount --bind "$d/$key" "$session/$key"
  done
done
systemctl restart "$2"
deadline=$(($(date +%s) + $3))
for session in $stale; do
  until has "$d$session" && is "$session/state" LOGGED_IN; do
    [ "$(date +%s)" -lt "$deadline" ] || { of "$session/state"; echo "the session is $it" >&2; exit 1; }
    sleep 0.2
  done
done
"""
# $1: target. The kernel then knows the size of each LUN anew.
_RESCAN = """# look at the size of the LUNs
for session in /sys/class/iscsi_session/session*; do
  IFS= read -r target < "$session/targetname"
  [ "$target" = "$1" ] || continue
  for lun in "$session"/device/target*/*:*:*:*; do
    echo 1 > "$lun/rescan"
    # Of this path and others multipathd has made one disk: it takes the size when all of them have it.
    for disk in "$lun"/block/*/holders/dm-*; do
      case $(cat "$disk/dm/uuid" 2> /dev/null) in mpath-*) ;; *) continue ;; esac
      [ "$(cat "$disk"/slaves/*/size | sort -u | wc -l)" != 1 ] || multipathd resize map "$(cat "$disk/dm/name")"
    done
  done
done
"""
# A session that is there keeps the timeout that it was made with. The kernel takes another only while it is logged in.
_TIMEOUT = """# change the timeout of the session
for session in /sys/class/iscsi_session/session*; do
  IFS= read -r target < "$session/targetname"
  [ "$target" != "$1" ] || echo "$2" > "$session/recovery_tmo"
done
"""
# How long a session may take to connect again, in seconds: less than the time after which I/O on it fails.
_RENEW_S = 90


def renew(platform: Platform, target_iqn: str, user: str, password: Secret) -> Run:
    """Nothing is done where the session has this password."""
    stdin = Secret(f"{user}\n{password.reveal()}\n")
    return Run(script(_RENEW, target_iqn, platform.iscsid_unit, _RENEW_S, stdin=stdin, timeout_s=_RENEW_S + 60))


def rescan(target_iqn: str) -> Run:
    return Run(script(_RESCAN, target_iqn))


def change_timeout(target_iqn: str, replacement_timeout_s: int) -> Run:
    return Run(script(_TIMEOUT, target_iqn, replacement_timeout_s))
