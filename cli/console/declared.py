"""Which of the cluster's resources the lab's state declares; what is there beside them, a person has added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from halab.cli.lab.state import Instance, instances

_KINDS = ("halab_primitive", "halab_group", "halab_clone", "halab_stonith")


def declared(state: Path) -> frozenset[str]:
    """Ids of primitives, groups, clones and fencing devices. StateUnusable."""
    return frozenset(_names(instances(state)))


def _names(found: Iterable[Instance]) -> Iterator[str]:
    for one in found:
        if one.type in _KINDS:
            inner = (member["name"] for member in one.attributes.get("primitives") or ())
            outer = (one.attributes["name"], one.attributes.get("group_name"))
            yield from (name for name in (*outer, *inner) if name)
