"""The findings as a person reads them."""

from __future__ import annotations

import io

from rich.console import Console

from halab.cli.doctor.finding import Finding, bad, good, warning
from halab.cli.doctor.sheet import draw


def _drawn(*findings: Finding) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=80, color_system=None).print(draw(findings))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_remedy_stands_below_its_finding() -> None:
    assert _drawn(bad("port 53", "named [x] answers", "end it"), good("KVM", "works")) == [
        "bad   port 53  named [x] answers",
        "               remedy: end it",
        "good  KVM      works",
        "",
        "1 thing will not work.",
    ]


def test_warnings_alone_do_not_stand_in_the_way() -> None:
    assert _drawn(warning("node", "old", "Install"))[-1] == "Nothing stands in the way."
    assert _drawn(bad("a", "b", "c"), bad("a", "b", "c"))[-1] == "2 things will not work."
