"""Terraform's types, and how a decoded wire value becomes a Python value and back.

Python values: str, int | float | Decimal, bool, list (lists and sets), dict (maps and objects), None for null and
UNKNOWN for a value that Terraform knows only after apply. Any part of a value, a whole list too, can be UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, Final, Literal

# One step of a path: "name" is an attribute or block, 3 a list index, ("key",) a map key.
Step = str | int | tuple[str]
Path = tuple[Step, ...]
Nesting = Literal["single", "list", "set", "map"]

_INT64_MAX = 2**63 - 1
# Python spends minutes on the digits of 1e100000000; no number of ours is longer than a few dozen.
_MAX_DIGITS = 400


class _Unknown:
    """The one value UNKNOWN. Copies are itself; using it as a condition is a mistake and says so."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("the value is not known before apply: compare with `is UNKNOWN` first")

    def __copy__(self) -> _Unknown:
        return self

    def __deepcopy__(self, _memo: object) -> _Unknown:
        return self


UNKNOWN: Final[Any] = _Unknown()


class WrongType(TypeError):
    """A value does not fit the schema. Names the place and the types, never the value (it may be secret)."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{show_path(path) or 'value'}: {message}")

    @classmethod
    def instead(cls, path: Path, wanted: str, value: object) -> WrongType:
        """For a value of another type than `wanted`."""
        return cls(path, f"expected {wanted}, got {type(value).__name__}")


class Type:
    """A Terraform type. `wire` is its JSON form, e.g. "string" or ["list", "string"]."""

    def __init__(self, wire: Any) -> None:
        self.wire = wire

    def __repr__(self) -> str:
        return f"<type {self.wire}>"

    def decode(self, raw: Any) -> Any:
        """The Python value of `raw` (from msgpack or JSON)."""
        return raw if raw is None or raw is UNKNOWN else self._decode(raw)

    def encode(self, value: Any, path: Path = ()) -> Any:
        """What msgpack gets for `value`; UNKNOWN stays. Raises WrongType."""
        return value if value is None or value is UNKNOWN else self._encode(value, path)

    def same(self, one: Any, other: Any) -> bool:
        """Whether both are the same value; the order in a set does not matter, UNKNOWN equals only UNKNOWN."""
        if one is None or other is None or one is UNKNOWN or other is UNKNOWN:
            return one is other
        return self._same(one, other)

    def flaws(self, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
        """What no resource can make sense of in a value that is not null: (where, what is wrong and the remedy).

        What is inside of objects is not looked at: their attributes tell (see validation).
        """
        del value, path
        return iter(())

    def _decode(self, raw: Any) -> Any:
        return raw

    def _encode(self, value: Any, path: Path) -> Any:
        raise NotImplementedError

    def _same(self, one: Any, other: Any) -> bool:
        return bool(one == other)


class _String(Type):
    def flaws(self, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
        if "\0" in value:  # no file name, argument, environment or XML can hold it
            yield path, "A text cannot hold the character NUL: take it out."

    def _encode(self, value: Any, path: Path) -> str:
        if not isinstance(value, str):
            raise WrongType.instead(path, "a string", value)
        return str(value)


class _Bool(Type):
    def _encode(self, value: Any, path: Path) -> bool:
        if not isinstance(value, bool):
            raise WrongType.instead(path, "a bool", value)
        return value


class _Number(Type):
    """Whole numbers are int; others float where that is exact in decimal notation, else Decimal.

    On the wire, what int64 or float64 cannot hold exactly (0.1 already) is a decimal string.
    """

    def _decode(self, raw: Any) -> int | float | Decimal:
        if isinstance(raw, float):
            return int(raw) if raw.is_integer() else raw
        if isinstance(raw, int):
            return raw
        exact = Decimal(raw)
        if exact.adjusted() < _MAX_DIGITS and exact == exact.to_integral_value():
            return int(exact)
        near = float(exact)
        return near if Decimal(repr(near)) == exact else exact

    def _encode(self, value: Any, path: Path) -> int | str:
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            raise WrongType.instead(path, "a number", value)
        if isinstance(value, int):
            return value if -_INT64_MAX <= value <= _INT64_MAX else str(value)
        return str(value)


class _Whole(_Number):
    """A number whose decimals would mean nothing. On the wire it is any number."""

    def flaws(self, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
        if not isinstance(value, int):
            yield path, f"{value} is not a whole number, or one that is far too large."


class _Sequence(Type):
    """A list or set. A repeated block (`empty_for_null`) is never null on the wire, only empty."""

    def __init__(self, kind: Literal["list", "set"], element: Type, empty_for_null: bool = False) -> None:
        super().__init__([kind, element.wire])
        self.kind, self.element, self.empty_for_null = kind, element, empty_for_null

    def decode(self, raw: Any) -> Any:
        return super().decode([] if raw is None and self.empty_for_null else raw)

    def encode(self, value: Any, path: Path = ()) -> Any:
        return super().encode([] if value is None and self.empty_for_null else value, path)

    def flaws(self, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
        for index, item in enumerate(value):
            yield from _element_flaws(self.element, item, (*path, index) if self.kind == "list" else path)

    def _decode(self, raw: Any) -> list[Any]:
        return [self.element.decode(item) for item in raw]

    def _encode(self, value: Any, path: Path) -> list[Any]:
        if isinstance(value, (str, bytes, dict)) or not isinstance(value, Iterable):
            raise WrongType.instead(path, f"a {self.kind}", value)
        return [self.element.encode(item, (*path, index)) for index, item in enumerate(value)]

    def _same(self, one: Any, other: Any) -> bool:
        if len(one) != len(other):
            return False
        if self.kind == "list":
            return all(map(self.element.same, one, other))
        left = list(other)
        for item in one:
            index = next((i for i, candidate in enumerate(left) if self.element.same(item, candidate)), None)
            if index is None:
                return False
            del left[index]
        return True


class _Map(Type):
    def __init__(self, element: Type, empty_for_null: bool = False) -> None:
        super().__init__(["map", element.wire])
        self.element, self.empty_for_null = element, empty_for_null

    def decode(self, raw: Any) -> Any:
        return super().decode({} if raw is None and self.empty_for_null else raw)

    def encode(self, value: Any, path: Path = ()) -> Any:
        return super().encode({} if value is None and self.empty_for_null else value, path)

    def flaws(self, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
        for key, item in value.items():
            yield from STR.flaws(key, (*path, (key,)))
            yield from _element_flaws(self.element, item, (*path, (key,)))

    def _decode(self, raw: Any) -> dict[str, Any]:
        return {key: self.element.decode(item) for key, item in raw.items()}

    def _encode(self, value: Any, path: Path) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise WrongType.instead(path, "a map with string keys", value)
        return {key: self.element.encode(item, (*path, (key,))) for key, item in value.items()}

    def _same(self, one: Any, other: Any) -> bool:
        return one.keys() == other.keys() and all(self.element.same(one[key], other[key]) for key in one)


class ObjectType(Type):
    """An object. A missing key is null; a key that the schema does not have is an error, not dropped."""

    def __init__(self, attrs: dict[str, Type]) -> None:
        super().__init__(["object", {name: attr.wire for name, attr in attrs.items()}])
        self.attrs = attrs

    def _decode(self, raw: Any) -> dict[str, Any]:
        return {name: attr.decode(raw.get(name)) for name, attr in self.attrs.items()}

    def _encode(self, value: Any, path: Path) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise WrongType.instead(path, "an object", value)
        for name in value:
            if name not in self.attrs:
                raise WrongType((*path, str(name)), "the schema has no such attribute")
        return {name: attr.encode(value.get(name), (*path, name)) for name, attr in self.attrs.items()}

    def _same(self, one: Any, other: Any) -> bool:
        return all(attr.same(one.get(name), other.get(name)) for name, attr in self.attrs.items())


def _element_flaws(element: Type, item: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Terraform lets null stand inside a collection; neither "not given" nor any value of ours is meant by it."""
    if item is None:
        remedy = "leave it out, for example by a `for` with `if v != null`."
        yield path, f"{show_path(path)} is null. An element has a value: give it one, or {remedy}"
    elif item is not UNKNOWN:
        yield from element.flaws(item, path)


STR: Final[Type] = _String("string")
NUM: Final[Type] = _Number("number")
INT: Final[Type] = _Whole("number")
BOOL: Final[Type] = _Bool("bool")


def LIST(element: Type) -> Type:
    """A list of `element`; its Python value is a list."""
    return _Sequence("list", element)


def SET(element: Type) -> Type:
    """A set of `element`; its Python value is a list whose order means nothing."""
    return _Sequence("set", element)


def MAP(element: Type) -> Type:
    """A map from strings to `element`; its Python value is a dict."""
    return _Map(element)


def OBJ(**attrs: Type) -> ObjectType:
    """An object with these attributes; its Python value is a dict with every one of them, None when not set."""
    return ObjectType(attrs)


def nest(nesting: Nesting, element: Type, empty_for_null: bool = False) -> Type:
    """The type of `element` repeated as `nesting` says; "single" is the element itself."""
    repeated: dict[str, Callable[[], Type]] = {
        "single": lambda: element,
        "list": lambda: _Sequence("list", element, empty_for_null),
        "set": lambda: _Sequence("set", element, empty_for_null),
        "map": lambda: _Map(element, empty_for_null),
    }
    return repeated[nesting]()


def has_unknown(value: Any) -> bool:
    """Whether any part of `value` is UNKNOWN."""
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    return value is UNKNOWN or (isinstance(value, list) and any(map(has_unknown, value)))


def show_path(path: Path) -> str:
    """The path as Terraform's users write it: `nics[0].mac`, `tags["a"]`."""
    text = ""
    for step in path:
        if isinstance(step, str):
            text += f".{step}" if text else step
        else:
            text += f"[{step}]" if isinstance(step, int) else f'["{step[0]}"]'
    return text
