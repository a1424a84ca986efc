"""Between the protocol's messages and Python: values, schemas, paths, diagnostics."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgpack

from halab.provider.protocol import tfplugin6_pb2 as pb
from halab.provider.protocol.diagnostics import Diagnostic
from halab.provider.protocol.schema import Attr, Block
from halab.provider.protocol.types import UNKNOWN, Path, Step, Type, WrongType

# Terraform marks an unknown value by a msgpack extension: 0 is the plain one; 12 also tells something about the value
# ("not null"), which we do not use. Any code reads as unknown, as the protocol asks.
_UNKNOWN_WIRE = msgpack.ExtType(0, b"\0")


def unpack(message: pb.DynamicValue, wire_type: Type) -> Any:
    """The Python value; None for a null object, which means "no such object"."""
    if message.msgpack:
        raw = msgpack.unpackb(message.msgpack, ext_hook=lambda _code, _data: UNKNOWN, strict_map_key=False)
        return wire_type.decode(raw)
    return from_json(message.json, wire_type) if message.json else None


def from_json(data: bytes, wire_type: Type) -> Any:
    """The Python value of JSON, as states are stored; what the type does not have is dropped."""
    return wire_type.decode(parse_json(data))


def parse_json(data: bytes) -> Any:
    """JSON with exact numbers."""
    return json.loads(data, parse_float=Decimal)


def pack(value: Any, wire_type: Type) -> pb.DynamicValue:
    """The message for `value`. Raises WrongType."""
    return pb.DynamicValue(msgpack=msgpack.packb(wire_type.encode(value), default=_pack_unknown))


def pack_what_fits(value: Any, block: Block) -> pb.DynamicValue:
    """As `pack` of a resource's state, with null for each attribute that does not fit.

    For a state that a faulty create hands back: better a state with holes than an object that nobody knows of.
    """
    fitting: dict[str, Any] = {}
    for name, part in block.object_type.attrs.items():
        try:
            part.encode(value.get(name))
        except WrongType:
            fitting[name] = None
        else:
            fitting[name] = value.get(name)
    return pack(fitting, block.object_type)


def _pack_unknown(value: Any) -> msgpack.ExtType:
    if value is UNKNOWN:
        return _UNKNOWN_WIRE
    raise TypeError(f"cannot pack {type(value).__name__}")


def path_message(path: Path) -> pb.AttributePath:
    """The protocol's form of a path."""
    return pb.AttributePath(steps=[_step_message(step) for step in path])


def _step_message(step: Step) -> pb.AttributePath.Step:
    if isinstance(step, str):
        return pb.AttributePath.Step(attribute_name=step)
    if isinstance(step, int):
        return pb.AttributePath.Step(element_key_int=step)
    return pb.AttributePath.Step(element_key_string=step[0])


def diagnostic_message(diagnostic: Diagnostic) -> pb.Diagnostic:
    """The protocol's form of a diagnostic."""
    return pb.Diagnostic(
        severity=pb.Diagnostic.ERROR if diagnostic.severity == "error" else pb.Diagnostic.WARNING,
        summary=diagnostic.summary,
        detail=diagnostic.detail,
        attribute=path_message(diagnostic.path) if diagnostic.path else None,
    )


def schema_message(block: Block) -> pb.Schema:
    """The protocol's form of a resource's or provider's schema."""
    return pb.Schema(version=block.version, block=_block_message(block))


def _block_message(block: Block) -> pb.Schema.Block:
    return pb.Schema.Block(
        description=block.doc,
        description_kind=pb.MARKDOWN,
        attributes=[_attribute_message(name, attr) for name, attr in block.attrs.items()],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=name,
                block=_block_message(inner),
                nesting=inner.nesting.upper(),
                min_items=inner.min_items,
                max_items=inner.max_items,
            )
            for name, inner in block.blocks.items()
        ],
    )


def _attribute_message(name: str, attr: Attr) -> pb.Schema.Attribute:
    message = pb.Schema.Attribute(
        name=name,
        description=attr.doc,
        description_kind=pb.MARKDOWN,
        required=attr.required,
        optional=attr.optional,
        computed=attr.computed,
        sensitive=attr.sensitive,
        write_only=attr.write_only,
        deprecated=attr.deprecated,
    )
    if attr.inner is None:
        message.type = json.dumps(attr.value_type.wire).encode()
        return message
    nested = [_attribute_message(key, inner) for key, inner in attr.inner.attrs.items()]
    message.nested_type.CopyFrom(pb.Schema.Object(nesting=attr.inner.nesting.upper(), attributes=nested))
    return message
