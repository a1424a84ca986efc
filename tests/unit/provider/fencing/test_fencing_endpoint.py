"""The resource's schema, validation and plan. Its life cycle runs for real in tests/e2e/test_fencing_endpoint.py."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from halab.provider.fencing.endpoint import FencingEndpoint
from halab.provider.protocol import UNKNOWN, Ctx
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import ConfigError

MACHINE = "A1111111-1111-4111-8111-111111111111"


@pytest.fixture
def resource(tmp_path: Path) -> FencingEndpoint:
    provider = SimpleNamespace(lab="summit", folder=LabFolder(tmp_path), time_scale=1.0, stop=threading.Event())
    return FencingEndpoint(provider)


@pytest.mark.parametrize(
    ("attribute", "value", "wrong"),
    [
        ("name", "summit-1", None),
        ("name", "Summit", "lower-case"),
        ("name", "../etc", "lower-case"),
        ("address", "192.168.90.1", None),
        ("address", "192.168.90", "not an IPv4 address"),
        ("address", "::1", "not an IPv4 address"),
        ("address", "0.0.0.0", "one address"),
        ("port", 8000, None),
        ("port", 0, "65535"),
        ("port", 65536, "65535"),
        ("port", 80.5, "65535"),
        ("username", "fence", None),
        ("username", "a:b", "letters"),
        ("username", "", "letters"),
        ("password", "x" * 72, None),
        ("password", "x" * 73, "8 to 72"),
        ("password", "short", "8 to 72"),
        ("password", "pässword-1", "ASCII"),
        ("password", "two words", "blanks"),
        ("machines", [], None),
        ("machines", [MACHINE], None),
        ("machines", [MACHINE, "node1"], "'node1' is not a domain's UUID"),
    ],
)
def test_validation(resource: FencingEndpoint, attribute: str, value: Any, wrong: str | None) -> None:
    attr = resource.schema.attrs[attribute]
    said = [text for validator in attr.validators if (text := validator(value))]
    assert bool(said) is bool(wrong)
    if wrong:
        assert wrong in said[0]
        assert attribute != "password" or value not in said[0]


def _planned(**values: Any) -> dict[str, Any]:
    unknown = dict.fromkeys(("id", "name", "url", "systems", "ca_certificate"), UNKNOWN)
    return {**unknown, "address": "192.168.90.1", "port": 8000, "machines": [MACHINE], **values}


@pytest.mark.parametrize(
    ("values", "known"),
    [
        (
            {},
            {
                "id": "summit",
                "name": "summit",
                "url": "https://192.168.90.1:8000",
                "systems": {MACHINE: f"/redfish/v1/Systems/{MACHINE.lower()}"},
            },
        ),
        ({"name": "other"}, {"id": "other"}),
        ({"address": UNKNOWN}, {"url": UNKNOWN}),
        ({"machines": [MACHINE, UNKNOWN]}, {"systems": UNKNOWN}),
        ({"machines": UNKNOWN}, {"systems": UNKNOWN, "ca_certificate": UNKNOWN}),
    ],
)
def test_plan_knows_what_can_be_known(resource: FencingEndpoint, values: dict[str, Any], known: dict[str, Any]) -> None:
    planned = _planned(**values)
    resource.plan(Ctx(), {"name": values.get("name")}, None, planned)
    for name, value in known.items():
        assert planned[name] is value or planned[name] == value


def test_a_destroy_is_planned_without_a_look(resource: FencingEndpoint) -> None:
    resource.plan(Ctx(), {}, {"id": "summit"}, None)


def test_what_is_not_there_is_gone_and_cannot_be_imported(resource: FencingEndpoint) -> None:
    assert resource.read(Ctx(), {"id": "summit"}) is None
    with pytest.raises(ConfigError, match="fencing/summit"):
        resource.import_(Ctx(), "summit")


def test_the_password_is_sensitive_and_keys_are_no_attributes(resource: FencingEndpoint) -> None:
    assert resource.schema.attrs["password"].sensitive
    assert not [name for name in resource.schema.attrs if "key" in name]
