"""Key files of Corosync and Pacemaker. Ours hold text; what pcs and corosync-keygen write is binary."""

from __future__ import annotations

from halab.provisioners.engine.command import Secret, script
from halab.provisioners.engine.durable import KEEP
from halab.provisioners.engine.steps import PutFile, Run, Step
from halab.provisioners.engine.survey import Says

_BINARY = "base64:"

# Prints a key as its attribute has it; nothing where there is no file.
_SHOW = f"""[ -e "$1" ] || exit 0
if [ "$(LC_ALL=C tr -d '[:print:]\\n' < "$1" | wc -c)" = 0 ]; then cat -- "$1"
else printf %s {_BINARY}; base64 -w0 -- "$1"; fi"""
# $1 path, $2 mode, $3 owner; stdin: the key in base64.
_PUT = f"""# write a cluster key
{KEEP}umask 077
base64 -d > "$1.halab-new"
chown -- "$3" "$1.halab-new"; chmod -- "$2" "$1.halab-new"; keep "$1"
"""


def shown(path: str) -> Says:
    """A question (see survey.py) for a key file; the answer is what `put_key` takes."""
    return Says(_SHOW, (path,))


def put_key(path: str, key: Secret, mode: int, owner: str = "root:root") -> Step:
    text = key.reveal()
    if not text.startswith(_BINARY):
        return PutFile(path, key, mode, owner)
    return Run(script(_PUT, path, f"{mode:04o}", owner, stdin=Secret(text.removeprefix(_BINARY))))
