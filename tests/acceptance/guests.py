"""Doubles of the guests: machines that keep what resources put on them, reached through a double of SSH.

Everything above the transport is the real thing: GuestResource, Hosts, Host, libvirt's inventory, and of each item its
spec, identity, checks and planning. Only its commands are replaced: the unit tests cover those.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from halab.provider.guests import specs
from halab.provider.protocol import Resource
from halab.provider.registry import ITEMS, _load
from halab.provisioners.corosync.founded import COROSYNC_KEY
from halab.provisioners.corosync.standing import LOOK as STANDING
from halab.provisioners.engine.command import Command, Result, Secret, cmd
from halab.provisioners.engine.errors import ConnectError
from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.engine.interrupted import VARIABLE
from halab.provisioners.engine.item import Item
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.ssh import Address
from halab.provisioners.engine.steps import Step
from halab.provisioners.iscsi.lio_view import lun_device, unit_serial

OS_RELEASE = 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n'
_DOUBLE = "halab-double"  # the one command that a guest's double knows: get, set, half or del of a thing
_ABSENT = 3
_JOINED = '<cib><status><node_state uname="{}" join="member"/></status></cib>'
MEMBER, _SEEN_BY_ALL = "halab_cluster_member", "halab_cluster_node"  # made on its own machine; looked at on any
# What a system does not know of a thing: the item's answer takes it from what is wanted.
_UNOBSERVED = {
    "halab_primitive": ("wait", "wait_s"),
    "halab_group": ("wait", "wait_s"),
    "halab_clone": ("wait", "wait_s"),
    "halab_stonith": ("wait", "wait_s", "machine"),
    "halab_iscsi_acl": ("node",),
}

ON_THE_LUN = {f"halab_{kind}" for kind in ("shared_partition", "shared_vg", "logical_volume", "gfs2", "cluster_file")}

Thing = tuple[str, str]  # resource type, and the id that Terraform shows
Answer = Callable[["Guest", Command], Result | None]


class Guests:
    """All guests. Keeps what is on them, what was done to them, and hooks into both."""

    def __init__(self) -> None:
        self.guard = threading.RLock()
        self.machines: dict[str, dict[Thing, str]] = {}  # by host key: a machine made anew starts empty
        self.clusters: dict[str, dict[Thing, str]] = {}
        self.done: list[tuple[str, str, str]] = []  # half, set or del, type, id
        self.exchanges: Counter[str] = Counter()  # by machine: commands, or several at once, that were sent to it
        self.mute, self.without_quorum = set[str](), set[str]()  # host names
        self.locks_wait = set[str]()  # host names: with quorum, and DLM stands still
        self.before: Callable[[str, str, str], None] = lambda *_: None
        self.after: Callable[[str, str, str], None] = lambda *_: None
        self.alive: Callable[[], set[str]] = set
        self.answer: Answer = lambda *_: None
        self.files: dict[tuple[str, str], tuple[str, int, str]] = {}  # machine, path

    def dial(self, address: Address, pace: Pace) -> Guest:
        """What Hosts gets instead of an SSH connection."""
        del pace
        with self.guard:
            self.machines.setdefault(address.host_key, {})
        return Guest(self, address.name, address.host_key)

    def things(self) -> dict[Thing, str]:
        """Everything on machines that exist, and in their clusters."""
        with self.guard:
            alive = self.alive()
            found = [things for key, things in self.machines.items() if key in alive]
            if found:
                found += self.clusters.values()
            return {thing: text for things in found for thing, text in things.items()}

    def holding(self, thing: Thing) -> dict[Thing, str]:
        """The store that has it."""
        return next(s for s in (*self.machines.values(), *self.clusters.values()) if thing in s)

    def drift(self, thing: Thing, **values: Any) -> None:
        """Somebody changes it by hand."""
        store = self.holding(thing)
        store[thing] = json.dumps({**json.loads(store[thing]), **values})

    def lose(self, thing: Thing) -> None:
        """Somebody removes it by hand."""
        del self.holding(thing)[thing]

    def left(self) -> list[Thing]:
        """What was never taken away, on machines that are gone too."""
        return [thing for store in (*self.machines.values(), *self.clusters.values()) for thing in store]

    def count(self, verb: str) -> dict[Thing, int]:
        """How often each thing was set or deleted."""
        things = [(kind, id) for did, kind, id in self.done if did == verb]
        return {thing: things.count(thing) for thing in things}


class Guest:
    """The transport to one machine."""

    def __init__(self, guests: Guests, name: str, key: str) -> None:
        self.guests, self.name, self.key = guests, name, key

    def run(self, command: Command, timeout_s: float) -> Result:
        self.guests.exchanges[self.name] += 1
        return self._answer(command, timeout_s)

    def run_all(self, commands: Sequence[Command], timeout_s: float) -> list[Result]:
        """Several commands in one exchange."""
        self.guests.exchanges[self.name] += 1
        return [self._answer(command, timeout_s) for command in commands]

    def _answer(self, command: Command, timeout_s: float) -> Result:
        del timeout_s
        if self.name in self.guests.mute:
            raise ConnectError(f"{self.name} runs but does not answer", "See its console, or reset it.")
        if (given := self.guests.answer(self, command)) is not None:
            return given
        program, *words = command.argv
        if program == _DOUBLE:
            rc, text = self._double(words, command.stdin)
        elif command.argv == ("cat", "/etc/os-release"):
            rc, text = 0, OS_RELEASE
        elif VARIABLE in str(command):
            rc, text = 0, ""  # nothing that an interrupted run began is still running
        elif COROSYNC_KEY in command.argv:
            rc, text = 0, self._founded()
        elif program == "corosync-quorumtool":
            rc, text = (2 if self.name in self.guests.without_quorum else 0), ""
        elif STANDING in command.argv:
            rc, text = 0, "gfs0 lvm_vg_summit\n" if self.name in self.guests.locks_wait else "\n"
        elif program == "cibadmin":
            rc, text = (0, _JOINED.format(self.name)) if self._member() else (102, "")
        else:
            raise AssertionError(f"{self.name} was asked something unexpected: {command}")
        return Result(command, rc, text, "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        self.guests.files[self.name, path] = (content.decode(), mode, owner)

    def _double(self, words: list[str], stdin: str | Secret | None) -> tuple[int, str]:
        verb, cluster, kind, id = words
        guests, thing = self.guests, (kind, id)
        if verb == "get":
            store = guests.things() if kind == _SEEN_BY_ALL else self._store(cluster)
            text = store.get(thing)
            return (0, text) if text is not None else (_ABSENT, "")
        guests.before(verb, kind, id)
        with guests.guard:
            guests.done.append((verb, kind, id))
            if verb == "del":
                del self._store(cluster)[thing]
            else:  # set, or half: the first of the steps that make it
                assert isinstance(stdin, Secret)
                self._found_cluster(kind, json.loads(stdin.reveal()))
                self._store(cluster)[thing] = stdin.reveal()
        guests.after(verb, kind, id)
        return 0, ""

    def _store(self, cluster: str) -> dict[Thing, str]:
        return self.guests.clusters[cluster] if cluster else self.guests.machines[self.key]

    def _member(self) -> bool:
        """Whether the cluster runs here."""
        return any(
            json.loads(text)["running"] for (kind, _), text in self.guests.machines[self.key].items() if kind == MEMBER
        )

    def _founded(self) -> str:
        """What membership.founded reads: corosync.conf and two keys, each ended by a NUL byte."""
        members = [json.loads(text) for (kind, _), text in self.guests.machines[self.key].items() if kind == MEMBER]
        if not members:
            return "\0+\0+\0"
        return "".join(f"+{members[0][name]}\0" for name in ("corosync_conf", "corosync_authkey", "pacemaker_authkey"))

    def _found_cluster(self, kind: str, values: dict[str, Any]) -> None:
        """The first member of a cluster begins with an empty CIB. What lies on the LUN outlives the nodes."""
        alive = self.guests.alive()
        stores = [store for key, store in self.guests.machines.items() if key in alive]
        if kind == MEMBER and not any(other == MEMBER for store in stores for other, _ in store):
            former = self.guests.clusters.get(values["cluster"], {})
            self.guests.clusters[values["cluster"]] = {t: text for t, text in former.items() if t[0] in ON_THE_LUN}


@dataclass(frozen=True)
class Change:
    """Step: half or set (make a thing so), or del. What is set may hold secrets: it goes through stdin."""

    verb: str
    words: tuple[str, str, str]
    content: str | None = None

    def run(self, host: Host) -> None:
        stdin = None if self.content is None else Secret(self.content)
        host.ask(cmd(_DOUBLE, self.verb, *self.words, stdin=stdin))

    def __str__(self) -> str:
        return f"{self.verb} {self.words[1]} {self.words[2]}"


class StoredItem(Item[Any]):
    """Put before a real item: it stays what it is, except that it is kept in a double."""

    type_name: str

    def warnings(self, host: Host, seen: Any) -> Iterable[tuple[str, str]]:
        """None: a double has no surroundings."""
        return ()

    def observe(self, host: Host, wanted: Any) -> Any:
        wanted = self.plan(None, wanted)
        result = host.look(cmd(_DOUBLE, "get", *self._words(wanted), ok=(0, _ABSENT)))
        if result.rc == _ABSENT:
            return None
        return self._as_told(specs.decode(self.spec, json.loads(result.stdout)), wanted)

    def adopt(self, host: Host, named: Any) -> Any:
        return self.observe(host, named)

    def _as_told(self, spec: Any, teller: Any) -> Any:
        """`spec` with what cannot be observed taken from `teller`."""
        kept = {name: getattr(teller, name) for name in _UNOBSERVED.get(self.type_name, ())}
        return dataclasses.replace(spec, **kept)

    def steps(self, platform: Platform, now: Any, wanted: Any) -> Iterator[Step]:
        """In two steps each, so that there is something between nothing and done."""
        del platform
        if wanted is None:
            if now is not None:
                yield Change("half", self._words(now), _stored(self._beginning(now)))
                yield Change("del", self._words(now))
            return
        full = _filled(self.plan(None, wanted), now)
        if now is None or full != self._as_told(now, full):
            half = self._beginning(full) if now is None else _mixed(now, full)
            yield Change("half", self._words(full), _stored(half))
            yield Change("set", self._words(full), _stored(full))

    def _beginning(self, spec: Any) -> Any:
        """Of a thing that is half made, or half removed: what names it, and what it can never change."""
        kept = [f.name for f in dataclasses.fields(spec) if f.metadata.get("replace") or f.metadata.get("computed")]
        values = specs.encode(spec)
        return specs.blank(self.spec, **{name: values[name] for name in {*kept, *self.identity}})

    def _words(self, spec: Any) -> tuple[str, str, str]:
        cluster = spec.cluster if self.scope == "cluster" else ""
        return cluster, self.type_name, ":".join(str(getattr(spec, name)) for name in self.identity)


def _stored(spec: Any) -> str:
    return json.dumps(specs.encode(spec))


def _mixed(now: Any, wanted: Any) -> Any:
    """`now` with the first half of what changes."""
    changed = [f.name for f in dataclasses.fields(now) if getattr(now, f.name) != getattr(wanted, f.name)]
    return dataclasses.replace(now, **{name: getattr(wanted, name) for name in changed[: len(changed) // 2]})


def _filled(wanted: Any, now: Any) -> Any:
    """`wanted` with a value for everything that the system would choose."""
    found = {}
    for field in dataclasses.fields(wanted):
        if field.metadata.get("computed") and getattr(wanted, field.name) is None:
            before = None if now is None else getattr(now, field.name)
            found[field.name] = before or _made_up(wanted, field.name)
    return dataclasses.replace(wanted, **found)


def _made_up(wanted: Any, name: str) -> str:
    if name == "device":
        return lun_device(unit_serial(wanted.target_iqn))
    if name == "ssh_public_key":
        return f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{wanted.machine.replace('-', '')}"
    assert name == "uuid", f"no idea what {name} of {type(wanted).__name__} could be"
    return str(uuid.uuid4())


def stored(type_name: str) -> Callable[[Any], Resource]:
    """What makes the resource of a type whose item is kept in a double."""

    def make(provider: Any) -> Resource:
        from halab.provider.guests.guest import GuestResource

        real = _load(ITEMS[type_name])
        item = type(f"Stored{real.__name__}", (StoredItem, real), {"type_name": type_name})
        return GuestResource(provider, type_name, item())

    return make
