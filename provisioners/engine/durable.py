"""What a step has written in a guest is on the guest's disk when the step has ended.

A file system keeps new data in memory for up to half a minute: a guest that is reset meanwhile comes back with the old
file, or with an empty one of the new name. So each file is on the disk before it takes its name, and the name before
the step ends. docs/design/028-on-the-disk.md tells what was weighed. These are lines of shell for a script under
`sh -eu`; a `sync` that fails (a full disk, a broken one) ends the script, and the old file stays.
"""

from __future__ import annotations

from halab.provisioners.engine.selinux import RELABEL

# For each file in the arguments: FILE.halab-new, which has content, mode and owner already, takes its name. All are
# written at once: each process takes an emulated guest 25 ms. The file goes with its folder because of its label.
KEEP = f"""\
keep() {{
  for kept; do set -- "$@" "$kept.halab-new"; shift; done
  sync -- "$@"
  for kept; do mv -f -- "$kept" "${{kept%.halab-new}}"; set -- "$@" "${{kept%.halab-new}}"; shift; done
  {RELABEL}
  for kept; do set -- "$@" "${{kept%/*}}/"; done
  sync -- "$@"
}}
"""
"""Lines of shell: the function `keep FILE...`, the one way by which a file gets its name."""

FOLDER = '[ -d "${1%/*}/" ] || mkdir -p -m 755 -- "${1%/*}"'
"""A line of shell: the folder of $1 is there."""

PUT = f"""{KEEP}umask 077; {FOLDER}; cat > "$1.halab-new"
chown -- "$3" "$1.halab-new"; chmod -- "$2" "$1.halab-new"; keep "$1"
"""
"""A script: the file $1 has what comes from stdin, at once, and is never seen with another mode ($2) or owner ($3)."""

NOT_MOUNTED = 5
"""What BELOW exits with where nothing is mounted."""
BELOW = f"""\
cd -- "$1" || exit {NOT_MOUNTED}
[ "$(stat -c %d .)" != "$(stat -c %d ..)" ] || {{
  echo "nothing is mounted at $1: run it again when the cluster has mounted the file system" >&2
  exit {NOT_MOUNTED}
}}
below=./${{2#"$1/"}}; shift 2; set -- "$below" "$@"
"""
"""Lines of shell before others, with a mount point and a file below it in front of their arguments.

By its path the file may be on the node's own disk a moment after the mount point was looked at. From here on the path
begins in a directory that is open, so that nobody unmounts it.
"""

GONE = 'rm -f -- "$1"; [ ! -d "${1%/*}/" ] || sync -- "${1%/*}/"'
"""A line of shell: the file $1 is gone, and does not come back."""

KEPT = "sync -f /etc /var"
"""A line of shell: what other programs have written or removed is on the disk: systemctl's links, keys, packages.

Never `sync` alone: it would wait for each mounted file system, also for one whose disk is away.
"""
