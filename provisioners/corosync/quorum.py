"""How many nodes a cluster needs, and in which steps it may shrink, or grow. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator


def quorum(nodes: int) -> int:
    """Votes that make a quorum among so many configured nodes; of two, one is enough (two_node)."""
    return 1 if nodes == 2 else nodes // 2 + 1


def steps_down(before: int, after: int) -> Iterator[int]:
    """Node counts to go through, each of which keeps the quorum of the one before."""
    while before > after:
        before = max(after, quorum(before))
        yield before


def shrinking_problem(before: Collection[str], after: Collection[str]) -> str | None:
    """Why a cluster cannot go from these members to those in one step, and how it can; None if it can.

    Who leaves still counts as a vote until the others have been told, so whoever stays must be a quorum of all.
    """
    kept = len(set(before) & set(after))
    needed = quorum(len(before))
    if not before or kept >= needed:
        return None
    if not kept:
        return (
            f"None of its {len(before)} nodes would be kept, and with the last one the cluster itself is gone. "
            "Add the new nodes first and remove the old ones afterwards, or destroy the lab and build it anew."
        )
    way = " -> ".join(map(str, (len(before), *steps_down(len(before), kept))))
    return (
        f"{kept} of {len(before)} nodes are no quorum: {needed} are needed until the others have left, or everything "
        f"stands still. Go in steps and deploy after each: node_count {way}."
    )


def steps_up(before: int, after: int) -> Iterator[int]:
    """Node counts to go through, each of which the nodes of before are a quorum of; an even one has a vote more."""
    while before < after:
        before = after if _votes(after) // 2 < before else 2 * before - 1
        yield before


def _votes(nodes: int) -> int:
    return nodes + (nodes + 1) % 2


def growing_problem(before: Collection[str], after: Collection[str], votes: int) -> str | None:
    """Why nodes that reset themselves without quorum cannot become these members in one step, and how they can.

    A new node counts as a vote before it has joined, and so does a quorum device. `votes`: the device's, or 0.
    """
    kept = len(set(before) & set(after))
    needed = (len(after) + votes) // 2 + 1
    if not kept or len(after) <= len(before) or kept >= needed:
        return None
    way = " -> ".join(map(str, (kept, *steps_up(kept, len(after)))))
    return (
        f"{kept} nodes are no quorum among {len(after)}: {needed} are needed until the new ones have joined, or all "
        f"reset themselves. Go in steps and deploy after each: node_count {way}."
    )
