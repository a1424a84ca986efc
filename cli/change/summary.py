"""What a plan comes to, in words: `4 machines would be replaced: node1, node2, node3, target`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from halab.cli.terraform.events import Action, Change

MOST_NAMES = 8
# First what people keep things in.
_FIRST = ("machine", "volume", "shared_partition", "partition", "shared_vg", "logical_volume", "gfs2")
_WORDS: Mapping[Action, str] = {
    "replace": "would be replaced",
    "delete": "would be removed",
    "update": "would be changed in place",
}


def losses(changes: Iterable[Change]) -> list[Change]:
    """What takes something away that is there now."""
    return [change for change in changes if change.takes_away]


def lines(changes: Sequence[Change], actions: Iterable[Action] = tuple(_WORDS)) -> Iterator[str]:
    """One line for each action and kind of resource, what is lost first."""
    for action in actions:
        names: dict[str, list[str]] = {}
        for change in changes:
            if change.action == action:
                names.setdefault(change.type.removeprefix("halab_"), []).append(change.name)
        for kind in sorted(names, key=lambda kind: (_FIRST.index(kind) if kind in _FIRST else len(_FIRST), kind)):
            yield f"{counted(len(names[kind]), kind)} {_WORDS[action]}: {_listed(names[kind])}"


def counted(number: int, kind: str) -> str:
    """`2 logical volumes`"""
    word = kind.replace("_", " ")
    if number == 1:
        return f"1 {word}"
    return f"{number} {word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{number} {word}s"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
