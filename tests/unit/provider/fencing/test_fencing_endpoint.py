"""The resource's schema, validation and plan. Its life cycle runs for real in tests/e2e/test_fencing_endpoint.py."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from halab.provider.fencing.endpoint import FencingEndpoint
from halab.provider.fencing.power_files import PowerFiles
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
        ("address", "255.255.255.255", "one address"),
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
        ("doors", {}, None),
        ("doors", {"wti": 2323, "ipmi": 6230, "xvm": 1229}, None),
        ("doors", {"telnet": 23}, "'telnet' is no door"),
        ("doors", {"wti": 0}, "65535"),
        ("doors", {"ipmi": 65530}, "65519"),
        ("doors", {"wti": 2222, "virsh": 2222}, "both want port 2222/tcp"),
        ("doors", {"ipmi": 1220, "xvm": 1229}, "both want port 1229/udp"),
        ("doors", {"ipmi": 1220, "wti": 1229}, None),
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
    computed = ("id", "name", "url", "systems", "ca_certificate", "plugs", "secrets", "ssh_host_key")
    unknown = dict.fromkeys(computed, UNKNOWN)
    return {**unknown, "address": "192.168.90.1", "port": 8000, "machines": [MACHINE], "doors": {}, **values}


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
                "plugs": {MACHINE: 1},
                "secrets": {},
                "ssh_host_key": "",
            },
        ),
        ({"doors": {"wti": 2323}}, {"secrets": UNKNOWN, "ssh_host_key": ""}),
        ({"doors": {"virsh": 2222}}, {"secrets": UNKNOWN, "ssh_host_key": UNKNOWN}),
        ({"doors": UNKNOWN}, {"secrets": UNKNOWN, "ssh_host_key": UNKNOWN}),
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


OTHERS = [f"{digit}1111111-1111-4111-8111-111111111111" for digit in "bcd"]


@pytest.mark.parametrize(
    ("before", "machines", "plugs"),
    [
        (None, OTHERS, (1, 2, 3)),
        ({}, [MACHINE, *OTHERS], (1, 2, 3, 4)),
        ({OTHERS[0]: 1, OTHERS[1]: 2, OTHERS[2]: 3}, [OTHERS[2], OTHERS[0]], (3, 1)),
        ({OTHERS[0]: 1, OTHERS[1]: 2, OTHERS[2]: 3}, [OTHERS[0], MACHINE, OTHERS[2]], (1, 2, 3)),
        ({OTHERS[0]: 4}, [OTHERS[0].upper(), MACHINE], (4, 1)),
    ],
)
def test_a_machine_keeps_its_plug(
    resource: FencingEndpoint, before: dict[str, int] | None, machines: list[str], plugs: tuple[int, ...]
) -> None:
    planned = _planned(machines=machines)
    resource.plan(Ctx(), {"name": None}, None if before is None else {"plugs": before}, planned)
    assert tuple(planned["plugs"].values()) == plugs


def test_an_earlier_versions_machines_have_their_places_as_plugs(resource: FencingEndpoint) -> None:
    planned = _planned(machines=[OTHERS[1], OTHERS[2], OTHERS[0]])
    resource.plan(Ctx(), {"name": None}, {"machines": OTHERS, "plugs": None}, planned)
    assert planned["plugs"] == {OTHERS[0]: 1, OTHERS[1]: 2, OTHERS[2]: 3}


def test_what_opens_the_doors_is_made_once(resource: FencingEndpoint) -> None:
    prior = {"secrets": {"wti": "one", "virsh": "two"}, "ssh_host_key": "ssh-ed25519 AAAA"}
    planned = _planned(doors={"wti-ssh": 2322, "virsh": 2222})
    resource.plan(Ctx(), {"name": None}, prior, planned)
    assert planned["secrets"] == prior["secrets"]
    assert planned["ssh_host_key"] == prior["ssh_host_key"]


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"doors": {"wti": 8000}}, "wti and redfish both want port 8000/tcp"),
        ({"doors": {"ipmi": 6230}, "machines": [MACHINE] * 17}, "16 machines"),
    ],
)
def test_doors_that_cannot_be_are_refused(resource: FencingEndpoint, values: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong) as refusal:
        resource.plan(Ctx(), {"name": None}, None, _planned(**values))
    assert refusal.value.attribute == "doors"


def test_a_destroy_is_planned_without_a_look(resource: FencingEndpoint) -> None:
    resource.plan(Ctx(), {}, {"id": "summit"}, None)


def test_what_is_not_there_is_gone_and_cannot_be_imported(resource: FencingEndpoint) -> None:
    assert resource.read(Ctx(), {"id": "summit"}) is None
    with pytest.raises(ConfigError, match="fencing/summit"):
        resource.import_(Ctx(), "summit")


@pytest.mark.parametrize("text", [b"", b'{"lab": "summ', b"[]", b"\xff\xfe"])
def test_one_whose_configuration_cannot_be_read_is_made_anew(
    resource: FencingEndpoint, tmp_path: Path, text: bytes
) -> None:
    files = PowerFiles(tmp_path / "fencing/summit")
    files.make_directory()
    for path in (files.config, files.authority, files.certificate, files.private_key):
        path.write_bytes(text)
    known = {"ca_certificate": "known", "systems": {}, "plugs": {}, "secrets": {}, "ssh_host_key": ""}
    ctx, state = Ctx(), _planned(id="summit", name="summit", running=True, **known)
    now = resource.read(ctx, state)
    assert now is not None
    assert now["running"] is False
    planned = _planned(running=True, ca_certificate="known")
    resource.plan(ctx, {"name": None}, now, planned)
    assert (planned["ca_certificate"], ctx.replace) == (UNKNOWN, [("ca_certificate",)])


def test_what_is_secret_is_sensitive(resource: FencingEndpoint) -> None:
    sensitive = {name for name, attr in resource.schema.attrs.items() if attr.sensitive}
    assert sensitive == {"password", "secrets"}
    assert [name for name in resource.schema.attrs if "key" in name] == ["ssh_host_key"], "public"
