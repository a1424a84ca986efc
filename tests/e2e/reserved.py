"""A LUN that is reserved for the nodes that have a key: what they see of it, whether they may write, who was fenced."""

from __future__ import annotations

import json
import re
from functools import partial

from halab.provisioners.engine.command import Result, cmd
from halab.provisioners.iscsi.reservation import LOOK, TYPE, Reservations, key_of, parse
from tests.e2e.lab import HALAB, Lab
from tests.e2e.planned import diff

# Between the table of partitions and the first partition, where nothing is: written back as it is.
_WRITE = 'dd if="$1" of="$1" bs=4096 skip=64 seek=64 count=1 iflag=direct oflag=direct,sync'
_FILE = "/var/www/html/written"


def settle(lab: Lab) -> None:
    """What a deploy has just written is on the nodes' disks: a node that is reset has it at its next boot."""
    whole(lab)
    lab.comes_to_rest()
    for node in lab.nodes:
        lab.ask(node, "sync")


def whole(lab: Lab) -> None:
    everyone = set(lab.nodes)
    lab.until("all online for all", lambda: all(lab.online(node) == everyone for node in lab.nodes), deadline_s=900)
    lab.until("GFS2 everywhere", lab.all_mounted, deadline_s=900)
    lab.until("the site", lab.served_by)


def lun(lab: Lab) -> str:
    found = lab.ask("node1", "cibadmin", "--query", "--xpath", "//nvpair[@name='devices']")
    return found.partition('value="')[2].partition('"')[0]


def lun_seen(lab: Lab, by: str) -> Reservations:
    seen = parse(lab.ask(by, "sh", "-euc", LOOK, "sh", lun(lab)))
    assert seen is not None, f"{by} does not see the LUN"
    return seen


def try_to_write(lab: Lab, node: str) -> Result:
    return lab.host(node).attempt(cmd("sh", "-euc", _WRITE, "sh", lun(lab)))


def may_write(lab: Lab, node: str) -> bool:
    return try_to_write(lab, node).rc == 0


def key_for(lab: Lab, node: str) -> str:
    return key_of(lab.settings.name, node)


def has_its_key(lab: Lab, node: str, by: str) -> bool:
    return key_for(lab, node) in lun_seen(lab, by).keys


def all_have_their_keys(lab: Lab) -> None:
    seen = {by: lun_seen(lab, by) for by in lab.nodes}
    for by, found in seen.items():
        assert set(found.keys) == {key_for(lab, node) for node in lab.nodes}, by
        assert found.type == TYPE
        assert len(found.keys) == len(lab.nodes) * found.paths, "one for each path"


def idle_and_active(lab: Lab) -> tuple[str, str]:
    """A node that serves nothing, and the one that serves the site."""
    active = lab.until("the site", lab.served_by)
    victim = next(node for node in reversed(lab.nodes) if node != active)
    return victim, active


def fenced_by(lab: Lab, victim: str) -> list[str]:
    """The devices that have fenced a node, in their order, as the others' logs have it."""
    pattern = rf"^([0-9.]+) .*'off' \[[0-9]+\] targeting {victim} using (\S+) returned 0"
    asked = ("journalctl", "--boot", "--quiet", "--output=short-unix", "--unit=pacemaker")
    logs = [lab.ask(node, *asked) for node in lab.nodes if node != victim]
    found = [(float(when), device) for log in logs for when, device in re.findall(pattern, log, re.MULTILINE)]
    return [device for _, device in sorted(found)]


def comes_back(lab: Lab, victim: str, boot: str | None, by: str) -> None:
    lab.until("another boot", lambda: lab.boot_id(victim) not in (None, boot), deadline_s=900)
    lab.until(f"{victim} online", lambda: victim in lab.online(by), deadline_s=900)
    lab.until(f"{victim} with its key", partial(has_its_key, lab, victim, by), deadline_s=300)
    lab.until("GFS2 everywhere", lambda: lab.all_mounted(by), deadline_s=900)
    lab.reconnect()
    assert may_write(lab, victim), "it writes to the LUN"
    lab.ask(victim, "sh", "-euc", f"date > {_FILE}-{victim}; sync {_FILE}-{victim}")
    assert lab.ask(by, "cat", f"{_FILE}-{victim}")


def target_restarts(lab: Lab) -> None:
    """It knows all keys afterwards, and nobody was fenced."""
    boots = {node: lab.boot_id(node) for node in lab.nodes}
    before, boot = lun_seen(lab, "node1"), lab.boot_id("target")
    lab.attempt("target", cmd("systemctl", "reboot"))
    lab.until("the target's boot", lambda: lab.boot_id("target") not in (None, boot), deadline_s=300)
    for node in lab.nodes:
        lab.until(f"the LUN on {node}", partial(may_write, lab, node))
    after = lun_seen(lab, "node1")
    assert (sorted(after.keys), after.type) == (sorted(before.keys), TYPE)
    assert {node: lab.boot_id(node) for node in lab.nodes} == boots, "nobody was fenced"


def fires_by_hand(lab: Lab, method: str) -> None:
    """`halab fence --test`, in a lab that knows this way alone."""
    done = lab.run(str(HALAB), "fence", "--test", "--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["method"], row["device"], row["fault"]) == (method, f"fence-{method}", "")
    assert row["fired"]["proof"] in ("reset", "another boot")
    lab.reconnect()
    whole(lab)
    assert diff(lab).actions == {}
