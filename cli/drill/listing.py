"""The catalogue as a table, and as data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from halab.cli.drill.declaration import Drill, Limit


def table(drills: Iterable[Drill]) -> Table:
    """For a terminal. Limits are those of KVM."""
    shown = Table(box=None, pad_edge=False)
    for column in ("drill", "what happens", "what has to come of it"):
        shown.add_column(column, overflow="fold")
    for drill in drills:
        shown.add_row(drill.name, drill.does, expected(drill))
    return shown


def expected(drill: Drill) -> str:
    """In words."""
    wanted = drill.expected
    words = [f"{_roles(wanted.fenced)} fenced" if wanted.fenced else "nobody fenced"]
    if wanted.may_be_fenced:
        words = [f"{_roles(wanted.may_be_fenced)} fenced, or not"]
    if wanted.moves is not None:
        words.append("another node serves" if wanted.moves else "the same node serves")
    if wanted.finds:
        words.append(f'it is found that this does not hold: "{wanted.finds}"')
    words.append(f"away {_limit(wanted.site_away)} at most")
    words.append(f"whole within {_limit(wanted.whole)}")
    return ", ".join(words)


def as_data(drill: Drill) -> dict[str, Any]:
    """Limits in seconds on KVM: what stretches, and what does not."""
    wanted = drill.expected
    return {
        "name": drill.name,
        "does": drill.does,
        "needs": sorted(drill.needs),
        "fenced": list(wanted.fenced),
        "may_be_fenced": list(wanted.may_be_fenced),
        "moves": wanted.moves,
        "away_limit_s": [wanted.site_away.kvm_s, wanted.site_away.fixed_s],
        "whole_limit_s": [wanted.whole.kvm_s, wanted.whole.fixed_s],
    }


def _roles(roles: tuple[str, ...]) -> str:
    return " and ".join(f"the {role}" for role in roles)


def _limit(limit: Limit) -> str:
    return f"{limit.seconds(1):.0f} s"
