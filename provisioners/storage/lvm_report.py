"""What LVM reports, in JSON, and how a node is asked for it."""

from __future__ import annotations

import json
from typing import Any

from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.platform import Platform

# Reports take no locks: what is asked must not wait for, or fail on, a lock manager that is about to start.
REPORT = "--nolocking --reportformat json --units b --nosuffix"
# $3 is "yes" where LVM sees only the devices that a file of the node names (EL 9): what is asked for or removed may
# stand on one that is not in it yet, or not any more.
ANY_DEVICE = 'any=; [ "$3" = no ] || any=--devicesfile='
# Something is done on all other members of the cluster, too. {} gets $2.
ON_OTHERS = """\
crm_node --list | awk -v own="$(crm_node --name)" '$3 == "member" && $2 != own {{ print $2 }}' | while read -r node; do
  ssh -n -o BatchMode=yes -- "$node" {} "$2"
done"""


def devices_file(platform: Platform) -> str:
    """The argument $3 of the scripts."""
    return "yes" if platform.lvm_uses_devices_file else "no"


def seen_and_rows(text: str, kind: str) -> tuple[bool, list[dict[str, str]]]:
    """What a look says: whether there was anything to look at, and the rows of the report after it."""
    seen, _, report = text.partition("\036")
    return bool(seen.strip()), rows(report, kind)


def rows(text: str, kind: str) -> list[dict[str, str]]:
    """The rows of an LVM report in JSON."""
    try:
        reports: list[dict[str, Any]] = json.loads(text)["report"]
    except (ValueError, KeyError) as error:
        raise UnexpectedOutput(f"LVM's report on {kind} cannot be read", text[:500]) from error
    return [row for report in reports for row in report.get(kind, [])]
