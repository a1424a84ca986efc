"""Several runs on one page: a bar of phases each, the quickest first; or two runs side by side. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from html import escape

from halab.cli.drill.drawing import PHASE_COLOURS, STYLE, Drawing
from halab.cli.drill.page import document, title_of
from halab.cli.drill.phases import NAMES
from halab.cli.drill.recording import Run
from halab.cli.drill.story import sentence
from halab.cli.drill.timeline import Timeline
from halab.cli.drill.verdict import PASS, Verdict, judge

_WIDTH, _LEFT, _ROW = 1120, 300, 26


def several(runs: Sequence[Run]) -> str:
    """A page of many runs, sorted by how long the site was away."""
    judged = sorted(((run, judge(run)) for run in runs), key=lambda pair: pair[1].away_s)
    verdicts = [verdict for _, verdict in judged]
    said = "".join(f"<li>{escape(line)}</li>" for line in summary(verdicts))
    rows = "".join(
        f'<tr><td>{escape(run.name)}</td><td class="n">{verdict.away_s:.1f} s</td>'
        f"<td>{escape(sentence(run, verdict))}</td></tr>"
        for run, verdict in judged
    )
    drills = ", ".join(dict.fromkeys(verdict.drill for verdict in verdicts))
    body = (
        f"<h1>{len(runs)} runs: {escape(drills)}</h1><ul>{said}</ul>{_bars(verdicts)}<h2>Runs</h2><table>{rows}</table>"
    )
    return document(f"{len(runs)} drills", body)


def compared(first: Run, second: Run) -> str:
    """A page of two runs on one axis, and what differs phase by phase."""
    verdicts = [judge(first), judge(second)]
    end = max(run.ended - run.began for run in (first, second))
    pictures = "".join(
        f"<h2>{escape(run.name)}</h2>{title_of(run, verdict)}{Drawing(Timeline(run), verdict, end).svg()}"
        for run, verdict in zip((first, second), verdicts, strict=True)
    )
    rows = "".join(_difference(name, *verdicts) for name in NAMES)
    head = f"<tr><th></th><th>{escape(first.name)}</th><th>{escape(second.name)}</th><th>difference</th></tr>"
    body = f"<h1>Two runs side by side</h1>{_bars(verdicts)}<table>{head}{rows}</table>{pictures}"
    return document("Two drills", body)


def summary(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """How many passed and what that allows to say; how long the site was away."""
    count, passed = len(verdicts), sum(one.result == PASS for one in verdicts)
    yield f"{passed} of {count} passed"
    if passed == count:
        yield f"that all passed still allows for {bound(count):.0%} that fail (at 95 % confidence)"
    away = [one.away_s for one in verdicts]
    words = f"the site was away {statistics.median(away):.1f} s in the middle, {min(away):.1f} to {max(away):.1f} s"
    if count >= 20:
        words += f", at most {sorted(away)[math.ceil(count * 0.9) - 1]:.1f} s in nine of ten"
    yield words


def bound(passes: int) -> float:
    """The largest part of failures that is still likely (at 95 %) to give that many passes and no failure."""
    return float(1 - 0.05 ** (1 / passes))


def _bars(verdicts: Sequence[Verdict]) -> str:
    end = max([phase.end for one in verdicts for phase in one.phases], default=1.0)
    height = _ROW * len(verdicts) + 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="100%"><style>{STYLE}</style>'
    ]
    for row, one in enumerate(verdicts):
        y = row * _ROW
        label = f"{one.run.partition('-')[2]} {one.result}"
        parts.append(f'<text x="{_LEFT - 10}" y="{y + 17}" text-anchor="end" class="label">{escape(label)}</text>')
        for phase in one.phases:
            x = _LEFT + phase.start / end * (_WIDTH - _LEFT - 20)
            width = phase.seconds / end * (_WIDTH - _LEFT - 20)
            said = f"{phase.name} {phase.seconds:.1f} s"
            parts.append(
                f'<g><title>{said}</title><rect x="{x:.1f}" y="{y + 3}" width="{max(width, 0.8):.1f}" height="20" '
                f'fill="{PHASE_COLOURS[phase.name]}" stroke="#fff"/></g>'
            )
            text = next((text for text in (said, f"{phase.seconds:.1f}") if width > 6.4 * len(text) + 4), "")
            parts.append(f'<text x="{x + width / 2:.1f}" y="{y + 17}" text-anchor="middle">{text}</text>')
    parts.append(f'<text x="{_LEFT}" y="{height - 8}" class="small">0 s</text>')
    parts.append(f'<text x="{_WIDTH - 20}" y="{height - 8}" class="small" text-anchor="end">{end:.0f} s</text></svg>')
    return "".join(parts)


def _difference(name: str, first: Verdict, second: Verdict) -> str:
    took = [next((phase.seconds for phase in one.phases if phase.name == name), None) for one in (first, second)]
    if took == [None, None]:
        return ""
    cells = [f'<td class="n">{"" if seconds is None else f"{seconds:.1f} s"}</td>' for seconds in took]
    change = "" if None in took else f"{(took[1] or 0) - (took[0] or 0):+.1f} s"
    return f'<tr><td>{name}</td>{"".join(cells)}<td class="n">{change}</td></tr>'
