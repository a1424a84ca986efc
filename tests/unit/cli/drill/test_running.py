"""How much time a drill gives a lab that is slow."""

from __future__ import annotations

import pytest

from halab.cli.drill.running import slowness


@pytest.mark.parametrize(
    ("look_s", "stretch", "expected"),
    [
        (0.8, 1.0, 1.0),
        (1.6, 1.0, 1.0),
        (10.0, 1.0, 6.0),
        (4.5, 3.0, 1.0),
        (12.5, 3.0, 2.5),
        (12.5, 6.0, 1.25),
    ],
)
def test_the_limits_are_those_of_a_lab_that_answers_so_slowly(look_s: float, stretch: float, expected: float) -> None:
    assert slowness(look_s, stretch) == pytest.approx(expected)
