"""A plan in words."""

from __future__ import annotations

from halab.cli.change.summary import counted, lines, losses
from halab.cli.terraform.events import Action, Change


def change(kind: str, name: str, action: Action) -> Change:
    return Change(f"halab_{kind}.{name}", f"halab_{kind}", action)


PLAN = [
    change("file", "motd", "update"),
    change("secret", "node9_chap", "delete"),
    *(change("volume", f"node{n}", "replace") for n in range(1, 11)),
    change("machine", "node1", "replace"),
    change("machine", "node2", "replace"),
    change("site", "page", "create"),
]


def test_what_is_lost_comes_first_and_machines_before_all() -> None:
    assert list(lines(PLAN)) == [
        "2 machines would be replaced: node1, node2",
        "10 volumes would be replaced: node1, node2, node3, node4, node5, node6, node7, node8 and 2 more",
        "1 secret would be removed: node9_chap",
        "1 file would be changed in place: motd",
    ]


def test_what_takes_something_away() -> None:
    assert {one.action for one in losses(PLAN)} == {"replace", "delete"}
    assert losses([change("machine", "a", "create"), change("file", "b", "update")]) == []
    assert losses([Change("halab_machine.a", "halab_machine", "replace", unfinished=True)]) == []


def test_counting() -> None:
    assert [counted(n, kind) for n, kind in ((1, "order"), (2, "logical_volume"), (3, "ssh_key"), (2, "property"))] == [
        "1 order", "2 logical volumes", "3 ssh keys", "2 properties",
    ]  # fmt: skip
