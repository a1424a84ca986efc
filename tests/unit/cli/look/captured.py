"""What the members of real clusters saw when these were broken on purpose: tests/data/pacemaker/broken."""

from __future__ import annotations

from .broken import ALL
from .samples import DATA


def captured(pacemaker: str, name: str, off: tuple[str, ...] = ()) -> dict[str, str]:
    """crm_mon's XML by node; where there is only node1's view, all see the same. `off`: whose machine has no power."""
    files = {node: DATA / f"pacemaker/broken/{pacemaker}/{name.replace(' ', '-')}.{node}.xml" for node in ALL}
    return {
        node: (file if file.exists() else files["node1"]).read_text() for node, file in files.items() if node not in off
    }
