"""Settings as people write them, and what they become."""

from __future__ import annotations

from typing import Any

import pytest

from halab.constructs.conversion import converted


@pytest.mark.parametrize(
    ("hint", "written", "value"),
    [
        (bool, "Yes", True),
        (bool, "0", False),
        (bool, True, True),
        (int, "3", 3),
        (int, 3.0, 3),
        (float, "1.5", 1.5),
        (int | None, "7", 7),
        (str, "x", "x"),
        (tuple[str, ...], "vim, tmux  less", ("vim", "tmux", "less")),
        (tuple[str, ...], "g++ - +x", ("g++", "-", "+x")),
        (tuple[str, ...], " ", ()),
        (tuple[str, ...], ["vim"], ("vim",)),
    ],
)
def test_what_is_taken(hint: Any, written: Any, value: Any) -> None:
    taken = converted(hint, written)
    assert (taken, type(taken)) == (value, type(value))


@pytest.mark.parametrize(
    ("hint", "written", "said"),
    [
        (bool, 1, "neither true nor false"),
        (int, True, "not a number"),
        (int, "1.5", "not a whole number"),
        (str, 5, "not a text"),
        (tuple[str, ...], [1], "not a list of words"),
        *((tuple[str, ...], gap, "has an empty part") for gap in ("a,,b", "a,", ", a", ",", ["a", ""], [" "])),
    ],
)
def test_what_is_refused(hint: Any, written: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        converted(hint, written)


@pytest.mark.parametrize("written", ["a+b, c", "a + b,c", "a +b c", " a+ b , c "])
def test_parts_that_belong_together_may_have_blanks_between_them(written: str) -> None:
    assert converted(tuple[str, ...], written, "+") == ("a+b", "c")
