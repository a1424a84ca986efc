"""A run in words: one sentence, and some lines for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from halab.cli.drill.phases import most
from halab.cli.drill.recording import Run
from halab.cli.drill.verdict import PASS, Verdict

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def sentence(run: Run, verdict: Verdict) -> str:
    """For example: node2 crashed; the site was away 34.9 s (limit 60); nothing lost; three nodes again after 71 s."""
    who = _joined(verdict.who)
    roles = {role: _joined(tuple(names)) for role, names in run.about["roles"].items()}
    parts = [run.about["happened"].format(who=who, **roles)]
    if verdict.away_s:
        parts.append(f"the site was away {verdict.away_s:.1f} s (limit {verdict.away_limit_s:.0f} s)")
    else:
        parts.append("the site answered all the time")
    if verdict.checks:
        broken = sum(bool(check.broken) for check in verdict.checks)
        parts.append("nothing lost" if not broken else f"{broken} of {len(verdict.checks)} checks failed")
    if verdict.found:
        parts.append(f"found out: {verdict.found}")
    elif verdict.fenced:
        parts.append(f"{_joined(verdict.fenced)} {'was' if len(verdict.fenced) == 1 else 'were'} fenced")
    if verdict.whole_s is not None:
        parts.append(f"{_again(run, verdict)} after {verdict.whole_s:.0f} s")
    return "; ".join(parts) + f". {verdict.result}"


def _again(run: Run, verdict: Verdict) -> str:
    """Nodes are counted where one was gone."""
    count = len(run.nodes)
    if not any(phase.name == "rejoined" for phase in verdict.phases):
        return "all is well again"
    return f"{_NUMBERS[count] if count < len(_NUMBERS) else count} nodes again"


def told(run: Run, verdict: Verdict) -> Iterator[str]:
    """The sentence, why it is no PASS, what nobody could look at, and where the time went."""
    yield sentence(run, verdict)
    for reason in verdict.reasons:
        yield f"  {verdict.result}: {reason}"
    for check in verdict.checks:
        if check.unseen:
            yield f"  not looked at: {check.name} ({check.unseen})"
    if (verdict.phases and verdict.result == PASS) or len(verdict.phases) > 1:
        largest = most(verdict.phases)
        for phase in verdict.phases:
            mark = "  <- the largest" if phase is largest else ""
            yield f"  {phase.name:<11} {phase.seconds:6.1f} s, until {phase.end:6.1f} s{mark}"
        if verdict.floor_s is not None and any(phase.name == "membership" for phase in verdict.phases):
            yield f"  token and consensus alone take {verdict.floor_s:.1f} s"


def _joined(names: tuple[str, ...]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
