"""Settings as people write them, in JSON or in an environment variable, to the types of the settings."""

from __future__ import annotations

import types
import typing
from typing import Any


def converted(hint: Any, value: Any, together: str = "") -> Any:
    """The value as the type `hint`. ValueError says what is wrong with it. `together`: what joins parts of one word."""
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is tuple:
        return _words(value, together)
    if hint is bool:
        return _bool(value)
    if hint in (int, float):
        return _number(hint, value)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")
    return value


def _words(value: Any, together: str) -> tuple[str, ...]:
    words = _separated(value, together) if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{value!r} is not a list of words")
    if not all(word.strip() for word in words):
        raise ValueError(f"{value!r} has an empty part: fill it in, or take it out with its comma")
    return tuple(words)


def _separated(text: str, together: str) -> list[str]:
    """The words between commas and blanks, "" where nothing stands between two commas. A blank text has none."""
    if together:
        text = together.join(part.strip() for part in text.split(together))
    return [word for part in text.split(",") for word in part.split() or [""]] if text.strip() else []


def _bool(value: Any) -> bool:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    raise ValueError(f"{value!r} is neither true nor false")


def _number(kind: type, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{value!r} is not a number")
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a number") from None
    if kind is int and not number.is_integer():
        raise ValueError(f"{value!r} is not a whole number")
    return kind(number)
