"""A node whose pacemaker-based began anew tells what its disk had, until it has joined: on a real Pacemaker."""

from __future__ import annotations

from pathlib import Path

import pytest

from halab.provisioners.engine.command import Command
from halab.provisioners.pacemaker.cib import QUERY, has_joined, parse
from tests.pacemaker.cluster import Node, running, until
from tests.pacemaker.system import System

pytestmark = pytest.mark.long

_KILL = (
    'for p in /proc/[0-9]*; do read -r name < "$p/comm"; [ "$name" != pacemaker-based ] || kill -9 "${p#/proc/}"; done'
)


def _told(node: Node) -> str | None:
    """Its CIB; None while nobody answers."""
    answer = node.run(QUERY, 30.0)
    return answer.stdout if answer.rc == 0 else None


def test_what_is_old_is_never_taken_for_the_cluster_s(debian: System, tmp_path: Path) -> None:
    with running(debian, tmp_path) as made:
        first, second = made.nodes["node1"], made.nodes["node2"]
        assert all(has_joined(_told(node) or "", name) for name, node in made.nodes.items())
        second.run(Command(("sh", "-c", _KILL)), 20.0)
        first.ask("crm_attribute", "--name", "probe", "--update", "1")
        now = parse(_told(first) or "").version
        seen: list[tuple[bool, bool]] = []

        def joined() -> bool:
            if (text := _told(second)) is not None:
                seen.append((has_joined(text, "node2"), parse(text).version >= now))
            return bool(seen) and seen[-1][0]

        until("member again", joined)
        assert (False, False) in seen, "else this test shows nothing: it had no time to tell what was old"
        assert (True, False) not in seen
