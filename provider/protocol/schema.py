"""What a resource's configuration looks like: attributes and blocks. Pure data, checked when it is written down."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from halab.provider.protocol.types import UNKNOWN, Nesting, ObjectType, Path, Type, has_unknown, nest


class _Nothing:
    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final[Any] = _Nothing()
"""The default of an attribute that has none (None cannot say so: it is Terraform's null)."""

# Terraform keeps these names on a resource's top level for itself.
RESERVED_NAMES = frozenset(
    ("connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"),
)
_NAME = re.compile(r"[a-z_][a-z0-9_]*")

Validator = Callable[[Any], str | None]
"""Gets a wholly known value; returns what is wrong with it and what would be right, or None."""


class SchemaError(ValueError):
    """The schema contradicts itself: a mistake in the provider's code, found when the module is imported."""


@dataclass
class Attr:
    """One attribute. Either `type` or `nested` is given; one of required, optional, computed (or a default) too.

    default     used when the configuration leaves it null; implies optional and computed
    default_with  {other attribute of the same block: the default where that one is given}
    computed    the provider may decide the value; unknown in a plan that changes something
    stable      a computed value that an update keeps (an id); unknown again only for a new object
    replace     a change of the value needs a new object
    write_only  never kept in plan or state; create and update find it in `cfg`
    validators  called with wholly known values only
    nested      a nested attribute: {name: Attr}, repeated as `nesting` says
    """

    type: Type | None = None
    required: bool = False
    optional: bool = False
    computed: bool = False
    sensitive: bool = False
    write_only: bool = False
    replace: bool = False
    default: Any = NOTHING
    default_with: Mapping[str, Any] = field(default_factory=dict)
    stable: bool = False
    validators: Sequence[Validator] = ()
    doc: str = ""
    nested: Mapping[str, Attr] | None = None
    nesting: Nesting = "single"
    deprecated: bool = False
    inner: Block | None = field(init=False, default=None, repr=False)
    """The nested attributes as a block, for everything that walks a schema; None when there are none."""

    def __post_init__(self) -> None:
        if self.nested is not None:
            if self.type is not None:
                raise SchemaError("an attribute has either a type or nested attributes, not both")
            self.inner = Block(attrs=self.nested, nesting=self.nesting)
            self.type = nest(self.nesting, self.inner.object_type)
        if self.type is None:
            raise SchemaError("an attribute needs a type or nested attributes")
        if self.has_default:
            self._check_default()
            self.optional = self.computed = True
        self._check_flags()

    @property
    def has_default(self) -> bool:
        """Whether null in the configuration means a fixed value."""
        return self.default is not NOTHING

    def default_beside(self, config: Mapping[str, Any]) -> Any:
        """The default in a block that is configured like this; UNKNOWN while it is not known which one it will be."""
        for name, value in self.default_with.items():
            if (beside := config.get(name)) is not None:
                return UNKNOWN if beside is UNKNOWN else value
        return self.default

    @property
    def value_type(self) -> Type:
        """The type, of a nested attribute too."""
        assert self.type is not None  # __post_init__ made sure
        return self.type

    def _check_default(self) -> None:
        if self.required or self.write_only:
            raise SchemaError("a default makes no sense for a required or write-only attribute")
        if self.default is None or has_unknown(self.default):
            raise SchemaError("a default is a known value; leave it out for null")
        for value in (self.default, *self.default_with.values()):
            self.value_type.encode(value)

    def _check_flags(self) -> None:
        if self.required == (self.optional or self.computed):
            raise SchemaError("an attribute is required, or optional and/or computed")
        if self.write_only and self.computed:
            raise SchemaError("a write-only attribute cannot be computed: it has no value in the state")
        if self.stable and not self.computed:
            raise SchemaError("stable is about computed values")


@dataclass
class Block:
    """Attributes and blocks: a whole resource or, inside another block, a repeated part of it."""

    attrs: Mapping[str, Attr] = field(default_factory=dict)
    blocks: Mapping[str, Block] = field(default_factory=dict)
    nesting: Nesting = "single"
    doc: str = ""
    version: int = 0
    min_items: int = 0
    max_items: int = 0
    object_type: ObjectType = field(init=False, repr=False)
    """The type of one such block; `type` is the repeated one."""
    type: Type = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in (*self.attrs, *self.blocks):
            if not _NAME.fullmatch(name):
                raise SchemaError(f"{name!r} is not a name for an attribute (lower case, digits, _)")
        if both := self.attrs.keys() & self.blocks.keys():
            raise SchemaError(f"both attribute and block: {', '.join(sorted(both))}")
        types = {name: attr.value_type for name, attr in self.attrs.items()}
        self.object_type = ObjectType(types | {name: block.type for name, block in self.blocks.items()})
        self.type = nest(self.nesting, self.object_type, empty_for_null=True)

    def parts(self) -> Iterator[tuple[str, Block]]:
        """What is nested in this block: its blocks and its nested attributes, by name."""
        for name, attr in self.attrs.items():
            if attr.inner is not None:
                yield name, attr.inner
        yield from self.blocks.items()

    def objects(self, value: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
        """The known objects in a value of this block's repeated type, each with the steps to it (in a set: none)."""
        found: list[tuple[Path, Any]]
        if self.nesting == "single":
            found = [((), value)]
        elif self.nesting == "map":
            found = [(((key,),), element) for key, element in value.items()] if isinstance(value, dict) else []
        else:
            elements = value if isinstance(value, list) else []
            found = [((index,) if self.nesting == "list" else (), element) for index, element in enumerate(elements)]
        yield from ((step, element) for step, element in found if isinstance(element, dict))


def check_resource_schema(type_name: str, schema: Block) -> None:
    """Raise SchemaError where Terraform would refuse the schema of the resource `type_name` as a whole."""
    if reserved := RESERVED_NAMES & {*schema.attrs, *schema.blocks}:
        raise SchemaError(f"{type_name}: Terraform reserves the names {', '.join(sorted(reserved))}")
    if schema.nesting != "single":
        raise SchemaError(f"{type_name}: a resource's own schema is not repeated")


def cut_path(schema: Block, path: Path) -> Path:
    """The longest beginning of `path` that a diagnostic can point at.

    Terraform finds the line of an attribute, a list index, a map key, a block's attribute; a path that goes down into a
    nested attribute, or names something that the schema does not have, would fall back to the resource's first line.
    """
    block, done = schema, 0
    while done < len(path):
        name = path[done]
        if isinstance(name, str) and name in block.attrs:
            return path[: done + _reach(block.attrs[name], path[done + 1 :])]
        if not isinstance(name, str) or name not in block.blocks:
            return path[:done]
        block, done = block.blocks[name], done + 1
        if block.nesting == "single":
            continue
        if block.nesting == "set" or done == len(path) or isinstance(path[done], str):
            return path[:done]  # an element of a set has no path
        done += 1
    return path


def _reach(attr: Attr, rest: Path) -> int:
    """How many steps, the attribute's name and then of `rest`, lie above any nested attribute or set element."""
    wire, steps = attr.value_type.wire, 1
    for step in rest:
        kind = wire[0] if isinstance(wire, list) else ""
        if isinstance(step, str) or kind != ("list" if isinstance(step, int) else "map"):
            break
        wire, steps = wire[1], steps + 1
    return steps
