"""All that was seen of a lab at one moment, as it came: kept in the lab's folder, judged by `judgement`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from halab.provider.hypervisor.machine.presence import Presence
from halab.provider.run.files import read_or_none, write_private

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Power:
    """What libvirt says of a machine; UNKNOWN when it did not answer."""

    state: Presence
    why: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a guest said. `at`: when it was asked (Unix time, s), so what happened until then is in it.

    `look` is `guest.look`'s output, `cluster` crm_mon's XML.
    """

    at: float
    look: str
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Glance:
    """What a member said of the cluster alone: crm_mon's XML. `at`: when it was asked (Unix time, s)."""

    at: float
    cluster: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of the lab. `answer` may be an old one: then `silence` says why there is no newer.

    `glance`: what it has said of the cluster since. `since`: when (Unix time, s) it was first seen to count the members
    online that it still counts; 0 where it was asked once only.
    """

    name: str
    uuid: str
    address: str
    member: bool
    power: Power
    answer: Answer | None = None
    silence: str = ""
    glance: Glance | None = None
    since: float = 0.0

    @property
    def cluster(self) -> Glance | None:
        """The last that it said of the cluster."""
        said = Glance(self.answer.at, self.answer.cluster) if self.answer else None
        return max(filter(None, (said, self.glance)), key=lambda one: one.at, default=None)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The fencing endpoint, asked as a fence agent asks it. `fault` is empty when it answered."""

    url: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """One request to the site. `fault` is empty when it gave its page; `took_s`: how long that was."""

    url: str
    served_by: str = ""
    fault: str = ""
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A lab at `at` (Unix time, s). `endpoint` and `site` are None where the lab has none."""

    lab: str
    at: float
    machines: tuple[Machine, ...]
    endpoint: Endpoint | None
    site: Site | None

    def with_memories(self, earlier: Snapshot | None) -> Snapshot:
        """Machines that are silent keep what they said last, as long as they are the same machines."""
        if earlier is None:
            return self
        known = {machine.uuid: machine.answer for machine in earlier.machines}
        remembered = (m if m.answer else replace(m, answer=known.get(m.uuid)) for m in self.machines)
        return replace(self, machines=tuple(remembered))


def dump(snapshot: Snapshot) -> str:
    return json.dumps({"format": FORMAT, **asdict(snapshot)}, indent=1, default=_value) + "\n"


def _value(state: Presence) -> str:
    return str(state.value)


def parse(text: str) -> Snapshot:
    """What `dump` wrote. Raises ValueError for anything else."""
    try:
        data: dict[str, Any] = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("no object")
        if data.pop("format") != FORMAT:
            raise ValueError("another format")
        endpoint, site = data["endpoint"], data["site"]
        return Snapshot(
            lab=data["lab"],
            at=data["at"],
            machines=tuple(_machine(one) for one in data["machines"]),
            endpoint=Endpoint(**endpoint) if endpoint else None,
            site=Site(**site) if site else None,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a snapshot: {error!r}") from error


def _machine(data: Mapping[str, Any]) -> Machine:
    answer = Answer(**data["answer"]) if data["answer"] else None
    power = Power(Presence(data["power"]["state"]), data["power"]["why"])
    glance = Glance(**data["glance"]) if data.get("glance") else None
    return Machine(**{**data, "power": power, "answer": answer, "glance": glance})


def recall(file: Path) -> Snapshot | None:
    """What was seen last; None when nothing was, or by another version."""
    try:
        text = read_or_none(file)
        return None if text is None else parse(text)
    except ValueError:
        return None


def remember(file: Path, snapshot: Snapshot) -> None:
    write_private(file, dump(snapshot))
