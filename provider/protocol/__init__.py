"""Terraform's plugin protocol 6: types, schema, planning, life cycle and server. Knows nothing of clusters.

A provider subclasses Provider and Resource and calls `serve(provider)`. Names are loaded when first used: importing a
schema or a resource does not load grpc.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from halab.provider.protocol.diagnostics import Diagnostic as Diagnostic
    from halab.provider.protocol.diagnostics import Failure as Failure
    from halab.provider.protocol.diagnostics import Stopped as Stopped
    from halab.provider.protocol.diagnostics import headline as headline
    from halab.provider.protocol.ledger import Ledger as Ledger
    from halab.provider.protocol.resource import Ctx as Ctx
    from halab.provider.protocol.resource import Provider as Provider
    from halab.provider.protocol.resource import Resource as Resource
    from halab.provider.protocol.resource import State as State
    from halab.provider.protocol.resource import StateOnly as StateOnly
    from halab.provider.protocol.schema import Attr as Attr
    from halab.provider.protocol.schema import Block as Block
    from halab.provider.protocol.schema import SchemaError as SchemaError
    from halab.provider.protocol.server import reattachable as reattachable
    from halab.provider.protocol.server import serve as serve
    from halab.provider.protocol.types import BOOL as BOOL
    from halab.provider.protocol.types import INT as INT
    from halab.provider.protocol.types import LIST as LIST
    from halab.provider.protocol.types import MAP as MAP
    from halab.provider.protocol.types import NUM as NUM
    from halab.provider.protocol.types import OBJ as OBJ
    from halab.provider.protocol.types import SET as SET
    from halab.provider.protocol.types import STR as STR
    from halab.provider.protocol.types import UNKNOWN as UNKNOWN
    from halab.provider.protocol.types import Path as Path
    from halab.provider.protocol.types import Type as Type
    from halab.provider.protocol.types import has_unknown as has_unknown

_HOME = {
    "diagnostics": ("Diagnostic", "Failure", "Stopped", "headline"),
    "ledger": ("Ledger",),
    "resource": ("Ctx", "Provider", "Resource", "State", "StateOnly"),
    "schema": ("Attr", "Block", "SchemaError"),
    "server": ("reattachable", "serve"),
    "types": ("BOOL", "INT", "LIST", "MAP", "NUM", "OBJ", "SET", "STR", "UNKNOWN", "Path", "Type", "has_unknown"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE)


def __getattr__(name: str) -> object:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
    globals()[name] = value
    return value
