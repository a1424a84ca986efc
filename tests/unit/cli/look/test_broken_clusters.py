"""What real clusters showed when they were broken on purpose, judged."""

from __future__ import annotations

import pytest

from halab.cli.look.judgement import judge

from .broken import ALL, BROKEN, snapshot, verdict
from .samples import DATA


def _views(name: str, off: tuple[str, ...]) -> dict[str, str]:
    """As they were captured; where there is only node1's view, all see the same."""
    files = {node: DATA / f"pacemaker/broken/{name.replace(' ', '-')}.{node}.xml" for node in ALL}
    return {
        node: (file if file.exists() else files["node1"]).read_text() for node, file in files.items() if node not in off
    }


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_said_of_it(name: str) -> None:
    wanted = BROKEN[name]
    report = judge(snapshot(_views(name, wanted.off), wanted.off))
    assert verdict(report, wanted.off) == wanted
    assert not report.healthy
