"""One LUN by several paths: multipathd makes one disk of them, under the LUN's own name.

Other disks keep their one path. multipathd gives a path that comes back the node's key of persistent reservations;
fence_mpath fences by taking the key off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from halab.provisioners.engine import limits, units
from halab.provisioners.engine.command import script
from halab.provisioners.engine.durable import KEPT
from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Await, PutFile, Run, Step
from halab.provisioners.engine.survey import Says, Text, question, survey

COMPLETE = "complete"
PERSIST = "/etc/halab/mpathpersist"
"""A program for fence_mpath, in the place of its own."""
_FILE = "/etc/multipath.conf"
_UNIT = "multipathd"
_LUN = "/dev/disk/by-id/wwn-0x"
_CHECK_S = 5  # a path that failed is looked at this often

# fence_mpath has no word for keys that outlast a restart of the target, and one that came without it would have LIO
# forget all that it keeps.
PERSIST_TEXT = """\
#!/bin/sh
# mpathpersist, whose keys outlast a restart of the target.
case " $* " in *" --register"*) set -- "$@" --param-aptpl ;; esac
exec mpathpersist "$@"
"""
# `greedy`: also a disk whose second path is not there yet, as at each boot.
_CONFIG = """\
# The shared LUN has several paths; other disks have one.
defaults {{
    find_multipaths greedy
    user_friendly_names no
    polling_interval {check_s}
    max_polling_interval {check_s}
}}
blacklist {{
    wwid ".*"
}}
blacklist_exceptions {{
    wwid "3{wwn}"
}}
overrides {{
    fast_io_fail_tmo {check_s}
    no_path_retry {retries}
}}
multipaths {{
    multipath {{
        wwid "3{wwn}"{key}
    }}
}}
"""
_KEY = "\n        reservation_key 0x{}:aptpl"
_OURS = _CONFIG.splitlines()[0]

# $1 the LUN. What multipathd says of it: lines of JSON, and others; then the disk that has its name.
_MAP = """\
multipathd show map "3${1##*-0x}" json 2>&1 || :
printf '\\036'
readlink -f -- "$1"
"""
_JSON = tuple(' {}"')
_NO_MAP = ("", "fail")  # its word for a map that it does not know
# A disk that is in use by one path stays as it is.
_START = f"""# have multipathd make one disk of the LUN's paths
udevadm wait --timeout=60 "$1"
{units.enable(_UNIT)}
if systemctl is-active -q {_UNIT}; then multipathd reconfigure; else systemctl restart {_UNIT}; fi
"""
# The disk goes when nothing uses it any more; partitions of it that nobody uses go along.
_FORGET = f"""# end the use of several paths
wwid="3${{1##*-0x}}"
[ -z "$(multipath -l "$wwid" 2> /dev/null)" ] || multipath -f "$wwid"
{units.disable(_UNIT)}
systemctl stop {_UNIT}
rm -f -- {_FILE} {PERSIST}
{KEPT}
"""


def _lun(value: object) -> str | None:
    if isinstance(value, str) and re.fullmatch(rf"{re.escape(_LUN)}[0-9a-f]{{16,32}}", value):
        return None
    return f"{value!r} is no LUN by its world-wide name: use {_LUN} and 16 to 32 hexadecimal digits."


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipath:
    """A LUN that a machine sees by several paths, as one disk; other disks keep their one path."""

    machine: str = attr("UUID of the domain.", replace=True)
    device: str = attr(f"The LUN, as {_LUN}…; the disk has this name.", replace=True, check=_lun)
    paths: int = attr("How many paths there are.", default=2, check=limits.between(1, 16))
    key: str | None = attr(
        "The machine's key of persistent reservations, in hexadecimal digits: a path that comes back gets it.",
        default=None,
        check=limits.reservation_key,
    )
    queue_s: int = attr(
        f"How long I/O waits when all paths are lost before it fails, in seconds: a multiple of {_CHECK_S}.",
        default=120,
        check=limits.between(2 * _CHECK_S, 86400, "s"),
    )
    condition: str = attr(
        f"`{COMPLETE}`, or what is amiss and will be put right.",
        computed=True,
        default=COMPLETE,
        check=limits.one_of(COMPLETE),
    )


class MultipathItem(Item[Multipath]):
    """halab_multipath."""

    spec = Multipath
    on_lun = True
    phase = "iscsi"
    identity = ("machine", "device")

    def check(self, wanted: Multipath) -> Iterator[tuple[str, str]]:
        if wanted.queue_s % _CHECK_S:
            yield "queue_s", f"{wanted.queue_s} is no multiple of {_CHECK_S}: paths are looked at so often."

    def observe(self, host: Host, wanted: Multipath) -> Multipath | None:
        config, persist, state, seen = survey(host, *_parts(wanted))
        return multipath_seen(config, persist, state or "", seen or "", wanted, host.name)

    def steps(self, platform: Platform, now: Multipath | None, wanted: Multipath | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield Run(script(_FORGET, now.device, timeout_s=120))
        elif now != wanted:
            yield PutFile(_FILE, config_of(wanted))
            yield PutFile(PERSIST, PERSIST_TEXT, 0o755)
            yield Run(script(_START, wanted.device, timeout_s=180))
            yield Await(
                f"{wanted.paths} paths to the LUN as one disk (a disk that was in use by one path before becomes one "
                "when the machine restarts)",
                question(_parts(wanted)[-1]),
                ready=lambda seen: not _fault(seen.stdout.rstrip("\0").removeprefix("+"), wanted),
                deadline_s=90,
                interval_s=0.5,
            )


def _parts(wanted: Multipath) -> tuple[Text | Says, ...]:
    return Text(_FILE), Text(PERSIST), Says(units.show(_UNIT)), Says(_MAP, (wanted.device,))


def config_of(wanted: Multipath) -> str:
    """multipathd's configuration."""
    return _CONFIG.format(
        check_s=_CHECK_S,
        wwn=wanted.device.removeprefix(_LUN),
        retries=wanted.queue_s // _CHECK_S - 1,  # the first check comes when a path has failed already
        key=_KEY.format(wanted.key) if wanted.key else "",
    )


def multipath_seen(
    config: str | None, persist: str | None, state: str, seen: str, wanted: Multipath, host: str
) -> Multipath | None:
    """What the machine's files, its multipathd and the LUN's name show. Raises Conflict for somebody else's file."""
    if config is None:
        return None
    if not config.startswith(_OURS):
        raise Conflict(
            f"{host}: {_FILE} is somebody else's",
            "Nothing was changed. Move it away if nobody needs it: the LUN's paths are configured there.",
            "device",
        )
    wwn = re.search(r'^ +wwid "3([0-9a-f]+)"', config, re.MULTILINE)
    key = re.search(r"^ +reservation_key 0x([0-9a-f]+)", config, re.MULTILINE)
    retries = re.search(r"^ +no_path_retry ([0-9]+)$", config, re.MULTILINE)
    found = with_fields(
        wanted,
        device=_LUN + wwn[1] if wwn else "",
        key=key[1] if key else None,
        queue_s=(int(retries[1]) + 1) * _CHECK_S if retries else 0,
    )
    (unit,) = units.parse_show(state)
    faults = (
        (config != config_of(found), f"{_FILE} is another"),
        (persist != PERSIST_TEXT, f"{PERSIST} is another"),
        (unit.file != "enabled", "multipathd would not run after a boot"),
        (not unit.running, "multipathd does not run"),
        (fault := _fault(seen, found), fault),
    )
    return with_fields(found, condition=next((words for wrong, words in faults if wrong), COMPLETE))


def _fault(seen: str, wanted: Multipath) -> str:
    """What is amiss with the disk that multipathd makes of the paths; empty when all are there."""
    shown, _, disk = seen.partition("\036")
    lines = shown.splitlines()
    data, words = ([line for line in lines if (line[:1] in _JSON) is is_json] for is_json in (True, False))
    groups = json.loads("".join(data) or "{}").get("map", {}).get("path_groups", [])
    ready = [path for group in groups for path in group["paths"] if path["chk_st"] == "ready"]
    if not groups:
        said = " ".join(words).strip()
        return "there is no disk of several paths" if said in _NO_MAP else f"multipathd shows no paths: {said[-200:]}"
    if len(ready) < wanted.paths:
        return f"{len(ready)} of {wanted.paths} paths work"
    return "" if disk.startswith("/dev/dm-") else f"{wanted.device} is a single path, {disk.strip()}"
