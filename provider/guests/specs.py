"""A spec (frozen dataclass, see provisioners.item) as a Terraform schema, and its values to and from Terraform's."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from halab.provider.protocol import BOOL, INT, LIST, MAP, NUM, STR, UNKNOWN, Attr, Block
from halab.provider.protocol.schema import NOTHING
from halab.provisioners.engine.command import Secret

_SCALARS: dict[Any, Any] = {str: STR, int: INT, float: NUM, bool: BOOL, Secret: STR}


@cache
def hints(spec: type) -> dict[str, Any]:
    """Field name -> type without `| None`."""
    return {name: _bare(hint) for name, hint in typing.get_type_hints(spec).items()}


def block(spec: type, *extra: tuple[str, Attr]) -> Block:
    """The schema of a spec; `extra` attributes come first."""
    return Block(attrs={**dict(extra), **_attributes(spec)}, doc=inspect.cleandoc(spec.__doc__ or ""))


def decode(spec: type, values: Mapping[str, Any]) -> Any:
    """A spec from Terraform's values; what is unknown or null takes the field's default, else its zero value."""
    known = {}
    for field in dataclasses.fields(spec):
        value = values.get(field.name)
        if value is None or value is UNKNOWN:
            if _has_default(field):
                continue
            known[field.name] = zero(hints(spec)[field.name])
        else:
            known[field.name] = _decode(hints(spec)[field.name], value)
    return spec(**known)


def encode(value: Any) -> Any:
    """Terraform's value of a spec or of any value in it."""
    if isinstance(value, Secret):
        return value.reveal()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(inner) for inner in value]
    return value


def blank(spec: type, **given: Any) -> Any:
    """A spec of which only some fields are known, for import: the others take their default or zero value."""
    return decode(spec, given)


def zero(hint: Any) -> Any:
    """The empty value of a type."""
    if _is_object(hint):
        return decode(hint, {})
    if typing.get_origin(hint) in (tuple, list):
        return ()
    if _is_mapping(hint):
        return {}
    return Secret("") if hint is Secret else hint()


def _attributes(spec: type) -> dict[str, Attr]:
    return {field.name: _attribute(hints(spec)[field.name], field) for field in dataclasses.fields(spec)}


def _attribute(hint: Any, field: dataclasses.Field[Any]) -> Attr:
    meta = {
        "doc": "",
        "replace": False,
        "computed": False,
        "stable": False,
        "check": None,
        "secret": False,
        "default_with": {},
        **field.metadata,
    }
    default = _default(field)
    optional = meta.get("optional", _has_default(field))
    element, nesting = _element(hint)
    nested = _attributes(element) if _is_object(element) else None
    return Attr(
        None if nested else _type(hint),
        required=not optional and not meta["computed"],
        optional=optional and default is None,
        computed=meta["computed"],
        sensitive=meta["secret"] or hint is Secret,
        replace=meta["replace"],
        default=NOTHING if default is None else encode(default),
        default_with=meta["default_with"],
        stable=meta["stable"],
        validators=(meta["check"],) if meta["check"] else (),
        doc=meta["doc"],
        nested=nested,
        nesting=typing.cast(Any, nesting),
    )


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _element(hint: Any) -> tuple[Any, str]:
    """The type inside a collection (or the type itself), and how Terraform nests it."""
    if typing.get_origin(hint) in (tuple, list):
        return _bare(typing.get_args(hint)[0]), "list"
    return hint, "single"


def _type(hint: Any) -> Any:
    if typing.get_origin(hint) in (tuple, list):
        return LIST(_type(_bare(typing.get_args(hint)[0])))
    if _is_mapping(hint):
        return MAP(_type(_bare(typing.get_args(hint)[1])))
    if typing.get_origin(hint) is typing.Literal:
        return STR
    return _SCALARS[hint]


def _is_object(hint: Any) -> bool:
    return dataclasses.is_dataclass(hint) and hint is not Secret


def _is_mapping(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _bare(hint: Any) -> Any:
    """`X | None` -> X."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next(part for part in typing.get_args(hint) if part is not type(None))
    return hint


def _decode(hint: Any, value: Any) -> Any:
    if value is UNKNOWN:
        return zero(hint)
    if hint is Secret:
        return Secret(value)
    if _is_object(hint):
        return decode(hint, value)
    if typing.get_origin(hint) in (tuple, list):
        inner = _bare(typing.get_args(hint)[0])
        return tuple(_decode(inner, element) for element in value)
    if _is_mapping(hint):
        inner = _bare(typing.get_args(hint)[1])
        return {key: _decode(inner, element) for key, element in value.items()}
    return int(value) if hint is int else value
