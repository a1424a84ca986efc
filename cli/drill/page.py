"""A run as one HTML file: it needs no script and no network. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from html import escape

from halab.cli.drill.drawing import Drawing, legend
from halab.cli.drill.invariants import Check
from halab.cli.drill.recording import Run
from halab.cli.drill.story import sentence
from halab.cli.drill.timeline import Timeline
from halab.cli.drill.verdict import Verdict, judge

_STYLE = """
body{font:15px/1.5 system-ui,'DejaVu Sans',sans-serif;color:#22262c;max-width:1160px;margin:24px auto;padding:0 20px}
h1{font-size:24px;line-height:1.3;font-weight:600;margin:0 0 6px}.sub{color:#5b6470;margin:0 0 18px}
.PASS,.FAIL,.ERROR{color:#fff;border-radius:5px;padding:2px 10px;font-size:17px;vertical-align:2px}
.PASS{background:#1d7a4d}.FAIL{background:#b3261e}.ERROR{background:#6b4fa0}
table{border-collapse:collapse;width:100%;font-size:13px}
td,th{text-align:left;padding:3px 10px 3px 0;vertical-align:top}
th{color:#5b6470;font-weight:600}tr{border-top:1px solid #edeff2}tr:target{background:#fff3cd}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}code{font-size:12px;word-break:break-word}
h2{font-size:16px;margin:26px 0 6px}ul{margin:4px 0;padding-left:20px}li.no{color:#b3261e;font-weight:600}
li.unseen{color:#5b6470}
svg{display:block;margin:8px 0}summary{cursor:pointer;color:#5b6470;margin:20px 0 6px}
"""


def page(run: Run) -> str:
    """The whole file."""
    timeline, verdict = Timeline(run), judge(run)
    drawing = Drawing(timeline, verdict)
    body = "".join(
        (
            title_of(run, verdict),
            _list("What is wrong", verdict.reasons, "no"),
            drawing.svg(),
            f'<p class="sub">{legend()}</p>',
            _checks(verdict),
            _marks(drawing, run),
            _journal(timeline, run),
        )
    )
    return document(f"{verdict.drill}: {verdict.result}", body)


def title_of(run: Run, verdict: Verdict) -> str:
    """The sentence, and what run it was."""
    said = sentence(run, verdict).removesuffix(f" {verdict.result}")
    return (
        f'<h1>{escape(_capital(said))} <span class="{verdict.result}">{verdict.result}</span></h1>'
        f'<p class="sub">{escape(_about(run))}</p>'
    )


def document(title: str, body: str) -> str:
    """An HTML file."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def _about(run: Run) -> str:
    about = run.about
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(about["t"]))
    parts = [
        f"drill {about['drill']}", f"lab {about['lab']}", when, f"Pacemaker {about['pacemaker']}",
        f"token {about['token_ms'] / 1000:g} s", about.get("hypervisor", ""),
    ]  # fmt: skip
    return " · ".join(part for part in parts if part)


def _list(title: str, items: Iterable[str], kind: str) -> str:
    rows = "".join(f'<li class="{kind}">{escape(item)}</li>' for item in items)
    return f"<h2>{title}</h2><ul>{rows}</ul>" if rows else ""


def _checks(verdict: Verdict) -> str:
    rows = "".join(map(_check, verdict.checks))
    return f"<h2>What must hold</h2><ul>{rows}</ul>" if rows else ""


def _check(check: Check) -> str:
    if check.unseen:
        return f'<li class="unseen">– {escape(check.name)}: not looked at, {escape(check.unseen)}</li>'
    if check.holds:
        return f'<li class="">✓ {escape(check.name)}</li>'
    seen = "; ".join(filter(None, (check.found, check.broken)))
    return f'<li class="no">✗ {escape(check.name)}: {escape(seen)}</li>'


def _marks(drawing: Drawing, run: Run) -> str:
    rows = "".join(
        f'<tr id="line-{mark.number}"><td class="n">{mark.number}</td>'
        f'<td class="n">{mark.line.t - run.began:.2f} s</td><td>{escape(mark.line.machine)}</td>'
        f"<td>{escape(mark.words)}</td><td><code>{escape(mark.line.by)}: {escape(mark.line.text)}</code></td></tr>"
        for mark in drawing.marks
    )
    head = "<tr><th></th><th>after</th><th>machine</th><th>means</th><th>line</th></tr>"
    return f"<h2>Lines</h2><table>{head}{rows}</table>" if rows else ""


def _journal(timeline: Timeline, run: Run) -> str:
    said = f"All {len(timeline.lines)} lines of all journals and consoles"
    return f"<details><summary>{said}</summary><table>{''.join(_rows(timeline, run))}</table></details>"


def _rows(timeline: Timeline, run: Run) -> Iterator[str]:
    said = [(line.t, line.machine, f"{line.by}: {line.text}") for line in timeline.lines]
    said += [(one["t"], one["machine"], f"libvirt: {one['event']} {one['why']}") for one in run.of("power")]
    said += [(one["t"], one["machine"], f"the endpoint lies: {one['action']} is done") for one in run.of("lie")]
    for t, machine, text in sorted(said):
        yield (
            f'<tr><td class="n">{t - run.began:.2f}</td><td>{escape(machine)}</td>'
            f"<td><code>{escape(text)}</code></td></tr>"
        )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if not text.startswith("node") else text
