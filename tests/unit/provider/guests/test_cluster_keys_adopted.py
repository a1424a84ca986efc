"""The keys of a cluster that a run founded whose state is lost: a machine that has them tells."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from halab.provider.guests import cluster_definition
from halab.provider.guests.cluster_definition import ClusterResource
from halab.provider.hypervisor.machine.presence import Presence
from halab.provider.protocol import Ctx
from halab.provisioners.corosync.founded import Definition
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.errors import ConnectError

KEYS = {"corosync_authkey": "c" * 20, "pacemaker_authkey": "p" * 20}
FOUND = Definition("", *(Secret(key) for key in KEYS.values()))


def view(uuid: str, presence: Presence = Presence.RUNNING, host_key: str = "ssh-ed25519 AAAA") -> SimpleNamespace:
    return SimpleNamespace(uuid=uuid, presence=presence, host_key=host_key)


def create(
    monkeypatch: pytest.MonkeyPatch, views: list[SimpleNamespace], known: dict[str, Definition | None]
) -> dict[str, object]:
    """The state that create gives; a machine that is not `known` does not answer."""

    def founded(uuid: str, name: str) -> Definition | None:
        assert name == "c"
        if uuid not in known:
            raise ConnectError(f"{uuid} runs but does not answer")
        return known[uuid]

    monkeypatch.setattr(cluster_definition, "founded", founded)
    provider = SimpleNamespace(
        inventory=SimpleNamespace(members=lambda name: views),
        hosts=SimpleNamespace(machine=lambda uuid, stop: uuid),
        parallelism=10,
    )
    resource = ClusterResource(provider)
    member = {"name": "node1", "address": "10.0.0.1", "node_id": 1}
    planned = dict.fromkeys(resource.schema.attrs) | {"name": "c", "members": [member], "machines": ["u1"]}
    return resource.create(Ctx(), planned, planned)


def test_a_machine_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    made = create(monkeypatch, [view("u1"), view("u2"), view("u3", Presence.OFF)], {"u1": None, "u2": FOUND})
    assert {key: made[key] for key in KEYS} == KEYS


@pytest.mark.parametrize("views", [[], [view("u1")], [view("u2", Presence.OFF), view("boots", host_key="")]])
def test_where_none_knows_them_they_are_new(monkeypatch: pytest.MonkeyPatch, views: list[SimpleNamespace]) -> None:
    first, second = (create(monkeypatch, views, {"u1": None}) for _ in range(2))
    assert all(len(str(first[key])) > 300 and first[key] != second[key] for key in KEYS)


def test_a_machine_that_does_not_answer_may_know_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConnectError):
        create(monkeypatch, [view("u1"), view("mute")], {"u1": None})
