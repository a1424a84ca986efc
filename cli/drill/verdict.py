"""PASS, FAIL or ERROR of a recorded run, with the reasons. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from halab.cli.drill.invariants import Check, checks, fenced
from halab.cli.drill.phases import Phase, away_s, floor_s, phases
from halab.cli.drill.recording import Run
from halab.cli.drill.silence import silences
from halab.cli.drill.timeline import Timeline

PASS, FAIL, ERROR = "PASS", "FAIL", "ERROR"
MARGIN_S = 0.5
"""Between two looks of a client: a site that is away for less is not away."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run came to. Times in seconds after the failure; `whole_s` is None when it did not come to that."""

    drill: str
    run: str
    result: str
    reasons: tuple[str, ...]
    who: tuple[str, ...]
    away_s: float
    away_limit_s: float
    whole_s: float | None
    whole_limit_s: float
    fenced: tuple[str, ...]
    served_by: tuple[str, str]
    """Before and after."""
    phases: tuple[Phase, ...]
    floor_s: float | None
    checks: tuple[Check, ...]
    found: str
    """Of a drill that has to find a lie: what was found."""

    @property
    def code(self) -> int:
        """The exit code of its result."""
        return {PASS: 0, FAIL: 3}.get(self.result, 1)


def judge(run: Run) -> Verdict:
    """The verdict of a run, however far it came."""
    timeline = Timeline(run)
    about = run.about
    served = [one["node"] for one in run.of("site") if one["node"]]
    before = [one["node"] for one in run.of("site") if one["node"] and one["t"] < run.began]
    whole = run.of("whole")
    errors = tuple(_errors(run))
    found = tuple(checks(timeline)) if not errors else ()
    judged = Verdict(
        drill=about["drill"],
        run=run.name,
        result=ERROR,
        reasons=errors,
        who=tuple(dict.fromkeys(one["machine"] for one in run.of("injection"))),
        away_s=away_s(timeline),
        away_limit_s=about["away_limit_s"],
        whole_s=whole[0]["t"] - run.began if whole else None,
        whole_limit_s=about["whole_limit_s"],
        fenced=tuple(dict.fromkeys(node for node, _ in fenced(timeline))),
        served_by=(before[-1] if before else "", served[-1] if served else ""),
        phases=tuple(phases(timeline)),
        floor_s=floor_s(timeline),
        checks=found,
        found="; ".join(check.found for check in found if check.found),
    )
    if errors:
        return judged
    reasons = _reasons(run, judged)
    return replace(judged, result=FAIL if reasons else PASS, reasons=tuple(reasons))


def _errors(run: Run) -> list[str]:
    """Why the run says nothing about the lab."""
    if errors := [one["text"] for one in run.of("error")]:
        return errors
    return list(silences(run)) if run.complete else ["it has not come to its end"]


def _reasons(run: Run, judged: Verdict) -> list[str]:
    about, finds = run.about, run.about.get("finds", "")
    found = [f"{check.name}: {check.broken}" for check in judged.checks if check.broken]
    for name in about["must_be_fenced"]:
        if finds and f"{name} counts as fenced" not in judged.found:
            found.append(f"{finds}: it had to be seen broken for {name}, and was not")
    found += _left_out(run)
    if judged.away_s > judged.away_limit_s + MARGIN_S:
        found.append(f"the site was away {judged.away_s:.1f} s, the limit is {judged.away_limit_s:.0f} s")
    if judged.whole_s is None:
        last = run.of("look")
        faults = "; ".join(last[-1]["faults"]) if last else "nothing was seen"
        found.append(f"the lab was not whole within {judged.whole_limit_s:.0f} s: {faults}")
    elif judged.whole_s > judged.whole_limit_s:
        found.append(f"the lab was whole after {judged.whole_s:.1f} s, the limit is {judged.whole_limit_s:.0f} s")
    must, may = set(about["must_be_fenced"]), set(about["may_be_fenced"])
    if missing := sorted(must - set(judged.fenced)):
        found.append(f"{', '.join(missing)} was not fenced")
    if others := sorted(set(judged.fenced) - must - may):
        found.append(f"{', '.join(others)} was fenced")
    before, after = judged.served_by
    if about["moves"] is not None and after and (before != after) != about["moves"]:
        found.append(f"{after} serves the site, and {before} did before")
    return found


def _left_out(run: Run) -> list[str]:
    """Machines of a role that was broken which were not: where they take turns, theirs did not come."""
    took = {(one["role"], one["machine"]) for one in run.of("injection") if one["state"] == "took"}
    roles = dict.fromkeys(one["role"] for one in run.of("injection"))
    missing = [name for role in roles for name in run.about["roles"].get(role, ()) if (role, name) not in took]
    return [f"it was not the turn of {', '.join(dict.fromkeys(missing))}"] if missing else []


def as_data(verdict: Verdict) -> dict[str, Any]:
    """For `--json`: times in seconds with milliseconds."""
    rounded: dict[str, Any] = _rounded(asdict(verdict))
    return rounded


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    return round(value, 3) if isinstance(value, float) else value
