"""States that earlier versions of the provider wrote are read by this one, whatever the schemas have become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halab.provider.lab import HalabProvider
from halab.provider.protocol import tfplugin6_pb2 as pb
from halab.provider.protocol.codec import unpack
from halab.provider.protocol.servicer import Servicer

STATES = Path(__file__).parents[2] / "data" / "state"
SERVICER = Servicer(HalabProvider())


def instances() -> Iterator[Any]:
    """Each resource in the stored states: file, type, schema version, attributes."""
    for file in sorted(STATES.glob("*.tfstate")):
        for resource in json.loads(file.read_text())["resources"]:
            for instance in resource["instances"]:
                label = f"{file.stem}-{resource['type']}.{resource['name']}"
                yield pytest.param(resource["type"], instance["schema_version"], instance["attributes"], id=label)


def upgraded(type_name: str, version: int, attributes: dict[str, Any]) -> Any:
    raw = pb.RawState(json=json.dumps(attributes).encode())
    request = pb.UpgradeResourceState.Request(type_name=type_name, version=version, raw_state=raw)
    return SERVICER.answer("UpgradeResourceState", request)


@pytest.mark.parametrize(("type_name", "version", "before"), [*instances()])
def test_a_stored_state_is_read(type_name: str, version: int, before: dict[str, Any]) -> None:
    response = upgraded(type_name, version, before)
    assert [d.summary for d in response.diagnostics] == []
    schema = SERVICER._resource(type_name).schema
    after = unpack(response.upgraded_state, schema.object_type)
    known = before.keys() & after.keys()
    if version == schema.version:
        assert {n: after[n] for n in known} == {n: _with_new(before[n], after[n]) for n in known}
    assert {after[name] for name in after.keys() - before.keys()} <= {None}  # what is new is read, or set, later


def _with_new(before: Any, after: Any) -> Any:
    """`before`, where nested objects have meanwhile got attributes that they did not have."""
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [_with_new(one, other) for one, other in zip(before, after, strict=True)]
    if isinstance(before, dict) and isinstance(after, dict):
        return {name: _with_new(before.get(name), after[name]) for name in after}
    return before


def test_states_of_all_the_first_types_are_stored() -> None:
    first = json.loads((STATES / "version-0.tfstate").read_text())
    assert len({resource["type"] for resource in first["resources"]}) == 37


def test_a_state_of_a_later_version_is_refused_in_words() -> None:
    (problem,) = upgraded("halab_secret", 99, {"name": "x"}).diagnostics
    assert problem.summary == "The state of halab_secret is from a newer provider"
    assert "schema version 99" in problem.detail
