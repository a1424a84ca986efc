"""What real clusters showed when they were broken on purpose, judged."""

from __future__ import annotations

import pytest

from halab.cli.look.judgement import judge

from .broken import ALL, VERSIONS, broken, snapshot, verdict
from .samples import DATA


def _views(pacemaker: str, name: str, off: tuple[str, ...]) -> dict[str, str]:
    """As they were captured; where there is only node1's view, all see the same."""
    files = {node: DATA / f"pacemaker/broken/{pacemaker}/{name.replace(' ', '-')}.{node}.xml" for node in ALL}
    return {
        node: (file if file.exists() else files["node1"]).read_text() for node, file in files.items() if node not in off
    }


@pytest.mark.parametrize(("pacemaker", "name"), [(version, name) for version in VERSIONS for name in broken(version)])
def test_what_is_said_of_it(pacemaker: str, name: str) -> None:
    wanted = broken(pacemaker)[name]
    report = judge(snapshot(_views(pacemaker, name, wanted.off), wanted.off))
    assert verdict(report, wanted.off) == wanted
    assert not report.healthy
