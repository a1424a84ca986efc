"""Whose a domain is: only its own code says that it has no mark, or that it is gone."""

from __future__ import annotations

import contextlib
from typing import Any

import libvirt
import pytest

from halab.provider.hypervisor.connection import Connection, LibvirtFailed, refuse_foreign
from halab.provider.hypervisor.inventory import Inventory, read_mark
from halab.provider.hypervisor.mark import Mark
from halab.provisioners.engine.errors import Conflict, Unmarked
from tests.unit.provider.hypervisor.conftest import Refusing


@pytest.mark.parametrize(
    ("code", "none"),
    [
        (libvirt.VIR_ERR_NO_DOMAIN_METADATA, True),
        (libvirt.VIR_ERR_NO_DOMAIN, False),
        (libvirt.VIR_ERR_INTERNAL_ERROR, False),
    ],
)
def test_a_mark_that_cannot_be_read_is_no_missing_one(code: int, none: bool) -> None:
    with contextlib.nullcontext() if none else pytest.raises(libvirt.libvirtError):
        assert read_mark(Refusing(code)) is None


@pytest.mark.parametrize(("code", "gone"), [(libvirt.VIR_ERR_NO_DOMAIN, True), (libvirt.VIR_ERR_INTERNAL_ERROR, False)])
def test_a_machine_that_cannot_be_looked_at_is_not_gone(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, code: int, gone: bool
) -> None:
    domain = Refusing(code)
    monkeypatch.setattr(type(connection), "libvirt", _Listing([domain]))
    inventory = Inventory(connection, "summit")
    with contextlib.nullcontext() if gone else pytest.raises(LibvirtFailed):
        assert inventory.machines() == []


class _Listing:
    """A libvirt that knows these domains."""

    def __init__(self, domains: list[Any]) -> None:
        self.listAllDomains = domains.copy


@pytest.mark.parametrize(
    ("mark", "own"), [(Mark(lab="summit"), True), (Mark(lab="other"), False), (Mark(lab=""), False), (None, False)]
)
def test_what_bears_another_mark_or_none_is_refused(mark: Mark | None, own: bool) -> None:
    with contextlib.nullcontext() if own else pytest.raises(Conflict, match="'net' exists already"):
        refuse_foreign("network", "net", mark, "summit", "Choose another name.")


def test_a_mark_without_a_host_name_is_not_yet_a_machine(connection: Connection) -> None:
    """Such is what an installer runs in."""
    xml = "<domain type='test'><name>a</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    domain = connection.libvirt.defineXML(xml)
    domain.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_ELEMENT, Mark(lab="summit").xml(), "halab", "https://halab.invalid/xmlns/lab/1",
        libvirt.VIR_DOMAIN_AFFECT_CONFIG,
    )  # fmt: skip
    inventory = Inventory(connection, "summit")
    assert inventory.machines() == []
    with pytest.raises(Unmarked):
        inventory.machine(domain.UUIDString())
