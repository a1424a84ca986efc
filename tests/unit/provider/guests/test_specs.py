"""Specs as schemas, and values on their way to Terraform and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from halab.provider.guests import specs
from halab.provider.protocol import UNKNOWN
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.item import attr


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    name: str = attr("Name.")
    size: int = attr("Size.", default=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole."""

    name: str = attr("Name.", replace=True, check=lambda v: None if v else "empty")
    password: Secret | None = attr("Password.", default=None)
    parts: tuple[Part, ...] = attr("Parts.", default=())
    tags: Mapping[str, str] = attr("Tags.", default={})
    names: tuple[str, ...] = attr("Names.")
    uuid: str | None = attr("UUID.", computed=True, stable=True)
    iqn: str | None = attr("IQN.", computed=True, default=None)


def test_schema_flags() -> None:
    attrs = specs.block(Whole).attrs
    assert attrs["name"].required
    assert attrs["name"].replace
    assert attrs["password"].sensitive
    assert attrs["password"].optional
    assert attrs["parts"].nesting == "list"
    assert attrs["parts"].default == []
    assert attrs["tags"].value_type.wire == ["map", "string"]
    assert attrs["names"].value_type.wire == ["list", "string"]
    assert (attrs["uuid"].computed, attrs["uuid"].optional, attrs["uuid"].stable) == (True, False, True)
    assert (attrs["iqn"].computed, attrs["iqn"].optional) == (True, True)


def test_values_survive_the_round_trip() -> None:
    values = {
        "name": "w",
        "password": "geheim",
        "parts": [{"name": "p", "size": 3}],
        "tags": {"a": "b"},
        "names": ["x"],
        "uuid": "u",
        "iqn": None,
    }
    spec = specs.decode(Whole, values)
    assert spec.parts == (Part(name="p", size=3),)
    assert "geheim" not in repr(spec)
    assert specs.encode(spec) == values


def test_unknown_and_null_take_the_default_or_the_zero_value() -> None:
    spec = specs.decode(Whole, {"name": UNKNOWN, "names": None, "uuid": UNKNOWN})
    assert (spec.name, spec.names, spec.uuid, spec.password) == ("", (), None, None)


def test_blank_gives_import_something_to_observe_with() -> None:
    assert specs.blank(Whole, name="w") == Whole(name="w", names=())
