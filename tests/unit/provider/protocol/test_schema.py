"""Schemas: what is refused, what Terraform gets, where paths are cut."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from halab.provider.protocol import LIST, MAP, NUM, OBJ, STR, UNKNOWN, Attr, Block, SchemaError
from halab.provider.protocol import tfplugin6_pb2 as pb
from halab.provider.protocol.codec import schema_message
from halab.provider.protocol.schema import check_resource_schema, cut_path
from halab.provider.protocol.types import Path, WrongType

NIC = {"net": Attr(STR, required=True), "mtu": Attr(NUM, default=1500)}
SCHEMA = Block(
    attrs={
        "name": Attr(STR, required=True, doc="Its name."),
        "dns": Attr(LIST(STR), optional=True),
        "tags": Attr(MAP(STR), optional=True),
        "spot": Attr(OBJ(x=NUM), optional=True),
        "nics": Attr(optional=True, nested=NIC, nesting="list"),
        "ports": Attr(optional=True, nested=NIC, nesting="set"),
    },
    blocks={
        "disk": Block(
            attrs={"size": Attr(NUM, optional=True), "nic": Attr(optional=True, nested=NIC)},
            nesting="list",
            max_items=4,
        ),
        "rule": Block(nesting="set", attrs={"to": Attr(STR, required=True)}),
        "boot": Block(attrs={"kernel": Attr(STR, required=True)}),
    },
)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"type": STR}, "required, or optional"),
        ({"type": STR, "required": True, "optional": True}, "required, or optional"),
        ({"optional": True}, "needs a type"),
        ({"type": STR, "nested": NIC, "optional": True}, "not both"),
        ({"type": STR, "default": "a", "required": True}, "default makes no sense"),
        ({"type": STR, "default": None}, "known value"),
        ({"type": STR, "default": UNKNOWN}, "known value"),
        ({"type": STR, "write_only": True, "computed": True}, "write-only"),
        ({"type": STR, "optional": True, "stable": True}, "stable"),
    ],
)
def test_contradictory_attribute(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Attr(**flags)


def test_default_of_the_wrong_type() -> None:
    with pytest.raises(WrongType):
        Attr(NUM, default="1")


@pytest.mark.parametrize("name", ["Name", "a-b", "", "1a"])
def test_bad_attribute_name(name: str) -> None:
    with pytest.raises(SchemaError):
        Block(attrs={name: Attr(STR, optional=True)})


def test_name_that_terraform_reserves() -> None:
    with pytest.raises(SchemaError, match="reserves the names count"):
        check_resource_schema("halab_x", Block(attrs={"count": Attr(NUM, optional=True)}))


def test_what_terraform_gets() -> None:
    block = schema_message(SCHEMA).block
    attributes = {attribute.name: attribute for attribute in block.attributes}
    assert (attributes["name"].required, attributes["name"].description) == (True, "Its name.")
    assert json.loads(attributes["spot"].type) == ["object", {"x": "number"}]
    nics = attributes["nics"].nested_type
    assert nics.nesting == pb.Schema.Object.LIST
    mtu = next(attribute for attribute in nics.attributes if attribute.name == "mtu")
    assert (mtu.optional, mtu.computed) == (True, True)
    disk = next(nested for nested in block.block_types if nested.type_name == "disk")
    assert (disk.nesting, disk.max_items) == (pb.Schema.NestedBlock.LIST, 4)


@pytest.mark.parametrize(
    ("path", "cut"),
    [
        (("name",), ("name",)),
        (("dns", 1), ("dns", 1)),
        (("tags", ("a",)), ("tags", ("a",))),
        (("spot", "x"), ("spot",)),
        (("nics", 1, "mtu"), ("nics", 1)),
        (("ports", 0, "mtu"), ("ports",)),
        (("disk", 1, "size"), ("disk", 1, "size")),
        (("disk", 1, "nic", "net"), ("disk", 1, "nic")),
        (("disk", "size"), ("disk",)),
        (("rule", 0, "to"), ("rule",)),
        (("rule", "to"), ("rule",)),
        (("boot", "kernel"), ("boot", "kernel")),
        (("nothing", "x"), ()),
        ((), ()),
    ],
)
def test_cut_path(path: Path, cut: Path) -> None:
    assert cut_path(SCHEMA, path) == cut


def test_schemas_and_resources_load_without_grpc() -> None:
    code = (
        "import sys; from halab.provider.protocol import Attr, Block, Ctx, Failure, Provider, Resource, STR\n"
        "print([name for name in ('grpc', 'google.protobuf', 'msgpack', 'cryptography') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
