"""Values on the wire and in Python."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import msgpack
import pytest

from halab.provider.protocol import BOOL, LIST, MAP, NUM, OBJ, SET, STR, UNKNOWN, Block, Type, has_unknown
from halab.provider.protocol import tfplugin6_pb2 as pb
from halab.provider.protocol.codec import from_json, pack, pack_what_fits, unpack
from halab.provider.protocol.schema import Attr
from halab.provider.protocol.types import Path, WrongType, show_path

POINT = OBJ(x=NUM, tags=SET(STR))
BLOCKS = Block(attrs={"a": Attr(STR, required=True)}, nesting="list").type


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (STR, "ä"),
        (BOOL, True),
        (NUM, 0),
        (NUM, 2**63 - 1),
        (NUM, 2**70),
        (NUM, -(2**70)),
        (NUM, 0.1),
        (NUM, 1.5),
        (NUM, Decimal("0.12345678901234567890123")),
        (LIST(NUM), [1, None, UNKNOWN]),
        (SET(STR), ["b", "a"]),
        (MAP(BOOL), {"x": True, "y": None}),
        (POINT, {"x": 1, "tags": ["a"]}),
        (POINT, {"x": UNKNOWN, "tags": None}),
        (MAP(LIST(POINT)), {"p": [{"x": 1, "tags": UNKNOWN}]}),
        (POINT, None),
        (LIST(STR), UNKNOWN),
        (BLOCKS, [{"a": "x"}]),
        (BLOCKS, []),
    ],
)
def test_round_trip(kind: Type, value: Any) -> None:
    assert unpack(pack(value, kind), kind) == value


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (NUM, "0.1", 0.1),
        (NUM, "12345678901234567890", 12345678901234567890),
        (NUM, 3.0, 3),
        (STR, msgpack.ExtType(0, b"\0"), UNKNOWN),
        (STR, msgpack.ExtType(12, b"\x81\x01\xc2"), UNKNOWN),  # refined: known not to be null
        (LIST(STR), msgpack.ExtType(0, b"\0"), UNKNOWN),
        (BLOCKS, None, []),
        (POINT, {}, {"x": None, "tags": None}),
    ],
)
def test_from_terraform(kind: Type, raw: Any, value: Any) -> None:
    decoded = unpack(pb.DynamicValue(msgpack=msgpack.packb(raw)), kind)
    assert decoded == value
    assert type(decoded) is type(value)


def test_from_stored_state() -> None:
    assert from_json(b'{"x": 0.10, "gone": 1}', POINT) == {"x": 0.1, "tags": None}


def test_no_message_is_no_object() -> None:
    assert unpack(pb.DynamicValue(), POINT) is None


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (STR, 1, "value: expected a string, got int"),
        (NUM, True, "value: expected a number, got bool"),
        (NUM, "1", "value: expected a number, got str"),
        (BOOL, 1, "value: expected a bool, got int"),
        (LIST(STR), "abc", "value: expected a list, got str"),
        (MAP(STR), {1: "a"}, "value: expected a map with string keys, got dict"),
        (POINT, {"x": "hidden"}, "x: expected a number, got str"),
        (POINT, {"tags": ["a", 2]}, "tags[1]: expected a string, got int"),
        (POINT, {"xx": "hidden"}, "xx: the schema has no such attribute"),
        (MAP(POINT), {"k": {"x": []}}, '["k"].x: expected a number, got list'),
    ],
)
def test_wrong_type_names_the_place_not_the_value(kind: Type, value: Any, message: str) -> None:
    with pytest.raises(WrongType) as caught:
        pack(value, kind)
    assert str(caught.value) == message


def test_state_with_a_wrong_attribute_keeps_the_others() -> None:
    block = Block(attrs={"id": Attr(STR, computed=True), "size": Attr(NUM, optional=True)})
    message = pack_what_fits({"id": "1", "size": "big", "other": 1}, block)
    assert unpack(message, block.object_type) == {"id": "1", "size": None}


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        (SET(STR), ["a", "b"], ["b", "a"], True),
        (SET(STR), ["a", "a"], ["a", "b"], False),
        (LIST(STR), ["a", "b"], ["b", "a"], False),
        (POINT, {"x": 1}, {"x": 1, "tags": None}, True),
        (POINT, {"tags": ["a", "b"]}, {"tags": ["b", "a"]}, True),
        (MAP(NUM), {"a": 1}, {"b": 1}, False),
        (NUM, None, 0, False),
        (NUM, UNKNOWN, UNKNOWN, True),
        (NUM, UNKNOWN, 0, False),
    ],
)
def test_same(kind: Type, one: Any, other: Any, same: bool) -> None:
    assert kind.same(one, other) is same


def test_unknown_is_one_value_and_no_condition() -> None:
    assert copy.deepcopy([UNKNOWN])[0] is UNKNOWN
    with pytest.raises(TypeError, match="is UNKNOWN"):
        bool(UNKNOWN)


@pytest.mark.parametrize(
    ("value", "unknown"), [(UNKNOWN, True), ([{"a": [UNKNOWN]}], True), ({"a": [1, None]}, False), (None, False)]
)
def test_has_unknown(value: Any, unknown: bool) -> None:
    assert has_unknown(value) is unknown


@pytest.mark.parametrize(("path", "text"), [(("a", 0, "b"), "a[0].b"), (("tags", ("k",)), 'tags["k"]'), ((), "")])
def test_show_path(path: Path, text: str) -> None:
    assert show_path(path) == text
