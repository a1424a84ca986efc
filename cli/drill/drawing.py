"""A run as one SVG: where the time went, who served, how long a write took, what became of each machine. Pure.

All strips share one axis: seconds after the failure. Colours are told apart by the colour-blind (Okabe and Ito), and
each stands with a text or a pattern.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from xml.sax.saxutils import escape, quoteattr

from halab.cli.drill.marks import Mark, marks
from halab.cli.drill.phases import Phase, gaps, most
from halab.cli.drill.timeline import Timeline
from halab.cli.drill.verdict import Verdict

WIDTH, LEFT, RIGHT = 1120, 108, 52
NODE_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8C6D31", "#6A51A3", "#666666")
PHASE_COLOURS = {
    "detected": "#7A8CA5", "membership": "#56B4E9", "fencing": "#D55E00", "journal": "#CC79A7",
    "resources": "#E69F00", "rejoined": "#A9D3B8", "settled": "#A9D3B8",
}  # fmt: skip
_STATES = {
    "member": ("#E3F1E8", ""), "up": ("#E3F1E8", ""), "lost": ("#F6D9C4", "url(#lost)"), "off": ("#3B3F46", ""),
    "crashed": ("#F2C9C4", "url(#away)"),
    "paused": ("#D9CDE8", "url(#lost)"), "booting": ("#DCE3EC", "url(#booting)"), "joining": ("#FBEFC9", ""),
}  # fmt: skip
STYLE = """
svg{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#22262c}
.label{font-weight:600}.small{font-size:10.5px;fill:#5b6470}.white{fill:#fff}.bold{font-weight:700}
.grid{stroke:#e4e7eb}.mark circle{fill:#fff;stroke:#22262c}.mark text{font-size:9.5px;text-anchor:middle}
a:hover circle{fill:#ffe9a8}
"""
_PATTERNS = """<defs>
<pattern id="lost" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="2" height="7" fill="#D55E00" opacity=".45"/></pattern>
<pattern id="away" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="3" height="8" fill="#C0392B" opacity=".30"/></pattern>
<pattern id="booting" width="6" height="6" patternUnits="userSpaceOnUse">
<circle cx="2" cy="2" r="1" fill="#6b7a90"/></pattern></defs>"""


class Drawing:
    """One run's picture. `number` tells marks of the page's lines."""

    def __init__(self, timeline: Timeline, verdict: Verdict, end: float | None = None) -> None:
        self.timeline, self.verdict, self.run = timeline, verdict, timeline.run
        self._start: float = max(-5.0, self.run.about["t"] - self.run.began)
        self._end: float = end or max(self.run.ended - self.run.began, 1.0)
        self._y = 8.0
        self._parts: list[str] = []
        self.nodes = {node: NODE_COLOURS[i % len(NODE_COLOURS)] for i, node in enumerate(self.run.nodes)}
        self.marks = marks(timeline)

    def svg(self) -> str:
        """The whole picture."""
        strips: list[Callable[[float], float]] = [self._phases, self._service, self._writes, *self._lanes()]
        for strip in strips:
            height = strip(self._y)
            self._y += height
        body = self._parts
        self._parts = []
        self._grid(self._y)
        self._failure(self._y)
        height = self._y + 26
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="100%" role="img" '
            f'style="background:#fff" '
            f"aria-label={quoteattr(self.verdict.drill)}><style>{STYLE}</style>{_PATTERNS}"
            f"{''.join(self._parts)}{''.join(body)}</svg>"
        )

    def x(self, seconds: float) -> float:
        """Where a moment (seconds after the failure) stands."""
        share = (min(max(seconds, self._start), self._end) - self._start) / (self._end - self._start)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    # --- strips: each draws itself at y and gives its height ---

    def _phases(self, y: float) -> float:
        self._label(y + 20, "time")
        largest = most(self.verdict.phases)
        for phase in self.verdict.phases:
            x, width = self.x(phase.start), self.x(phase.end) - self.x(phase.start)
            self._rect(
                x, y + 4, width, 26, PHASE_COLOURS[phase.name], f"{phase.name}: {phase.seconds:.1f} s", stroke="#fff"
            )
            self._phase_text(phase, x, width, y, phase is largest)
        if self.verdict.floor_s is not None and any(phase.name == "membership" for phase in self.verdict.phases):
            x = self.x(self.verdict.floor_s)
            self._parts.append(
                f'<path d="M{x:.1f} {y:.1f}v34" stroke="#22262c" stroke-width="1.5" stroke-dasharray="3 2"/>'
            )
            self._text(x, y + 45, f"token + consensus {self.verdict.floor_s:.1f} s", "small", "middle")
        return 56

    def _phase_text(self, phase: Phase, x: float, width: float, y: float, largest: bool) -> None:
        text = f"{phase.name} {phase.seconds:.1f} s"
        kind = ("white " if phase.name in ("detected", "fencing") else "") + ("bold" if largest else "")
        for said in (text, f"{phase.seconds:.1f}"):
            if width > 6.6 * len(said) + 6:
                self._text(x + width / 2, y + 21, said, kind, "middle")
                return

    def _service(self, y: float) -> float:
        self._label(y + 18, "site")
        for start, end, node in self._served():
            width = self.x(end) - self.x(start)
            self._rect(self.x(start), y + 2, width, 24, self.nodes.get(node, "#888"), f"{node} serves the site")
            if width > 50:
                self._text(self.x(start) + width / 2, y + 18, node, "white bold", "middle")
        for gap in gaps(self.timeline):
            x, width = self.x(gap.start), self.x(gap.end) - self.x(gap.start)
            self._rect(x, y + 2, width, 24, "#fff", f"away {gap.seconds:.1f} s", stroke="#C0392B", over="url(#away)")
            if width > 60:
                self._text(x + width / 2, y + 18, f"away {gap.seconds:.1f} s", "bold", "middle")
        limit = next((gap for gap in gaps(self.timeline) if gap.seconds == self.verdict.away_s), None)
        if limit and limit.start + self.verdict.away_limit_s < self._end:
            x = self.x(limit.start + self.verdict.away_limit_s)
            self._parts.append(f'<path d="M{x:.1f} {y:.1f}v28" stroke="#C0392B" stroke-width="1.5"/>')
            self._text(x + 3, y + 38, f"limit {self.verdict.away_limit_s:.0f} s", "small", "start")
        return 46

    def _served(self) -> Iterator[tuple[float, float, str]]:
        """Spans in which one node answered each request."""
        node, start, end = "", 0.0, 0.0
        for one in self.run.of("site"):
            t = one["t"] - self.run.began
            if one["node"] != node:
                if node:
                    yield start, end, node
                node, start = one["node"], t
            end = t + one["took"]
        if node:
            yield start, end, node

    def _writes(self, y: float) -> float:
        writes = self.run.of("write")
        if not writes:
            return 0
        self._label(y + 22, "write + fsync")
        self._text(LEFT - 8, y + 38, "on GFS2", "small", "end")
        low, high, height = 0.003, 30.0, 78.0

        def up(took: float) -> float:
            share = (math.log10(min(max(took, low), high)) - math.log10(low)) / (math.log10(high) - math.log10(low))
            return y + height - share * (height - 8)

        for value, text in ((0.01, "10 ms"), (0.1, "100 ms"), (1.0, "1 s"), (10.0, "10 s")):
            self._parts.append(f'<path d="M{LEFT} {up(value):.1f}H{WIDTH - RIGHT}" class="grid"/>')
            self._text(WIDTH - RIGHT + 6, up(value) + 4, text, "small", "start")
        for node, colour in self.nodes.items():
            dots = []
            for one in (one for one in writes if one["node"] == node):
                end = one["t"] - self.run.began
                if end < self._start:
                    continue
                x, top = self.x(end), up(one["took"])
                if one["took"] > 1.0:
                    dots.append(f"M{self.x(end - one['took']):.1f} {top:.1f}H{x:.1f}")
                dots.append(f"M{x - 1.2:.1f} {top:.1f}h2.4")
            self._parts.append(f'<path d="{"".join(dots)}" stroke="{colour}" stroke-width="2.4" fill="none"/>')
        return height + 16

    def _lanes(self) -> Iterator[Lane]:
        for machine in self.run.machines:
            yield Lane(self, machine)

    def lane(self, machine: str, y: float) -> float:
        """One machine's states, and the marks of its lines."""
        colour = self.nodes.get(machine, "#5b6470")
        self._parts.append(f'<rect x="6" y="{y + 6:.1f}" width="10" height="10" rx="2" fill="{colour}"/>')
        self._label(y + 16, machine)
        for span in self.timeline.states(machine):
            start, end = span.start - self.run.began, span.end - self.run.began
            x, width = self.x(start), self.x(end) - self.x(start)
            fill, pattern = _STATES.get(span.state, ("#eee", ""))
            title = f"{machine}: {span.state}, {start:.1f} to {end:.1f} s"
            self._rect(x, y + 2, width, 20, fill, title, over=pattern, stroke="#fff")
            if width > 7 * len(span.state) + 4:
                self._text(x + 5, y + 16, span.state, "white" if span.state == "off" else "", "start")
        rows = self._place([mark for mark in self.marks if mark.line.machine == machine], y + 32)
        return 30 + rows * 17

    def _place(self, here: list[Mark], y: float) -> int:
        """Marks side by side, in more rows where they would cover each other; how many rows."""
        ends: list[float] = []
        for mark in here:
            x = self.x(mark.line.t - self.run.began)
            row = next((i for i, end in enumerate(ends) if x - end > 16), len(ends))
            ends[row:] = [x, *ends[row + 1 :]]
            top = y + row * 17
            title = escape(
                f"{mark.line.t - self.run.began:.1f} s, {mark.line.machine}, {mark.line.by}: {mark.line.text}"
            )
            self._parts.append(
                f'<a href="#line-{mark.number}" class="mark"><title>{title}</title>'
                f'<path d="M{x:.1f} {y - 10:.1f}V{top - 8:.1f}" stroke="#22262c" stroke-width=".8"/>'
                f'<circle cx="{x:.1f}" cy="{top:.1f}" r="7.5"/>'
                f'<text x="{x:.1f}" y="{top + 3.4:.1f}">{mark.number}</text></a>'
            )
        return len(ends)

    def _failure(self, bottom: float) -> None:
        """Shaded from when it was put in until it was taken out; a line where it is not taken out."""
        begun = self.run.of("injection")
        over = self.run.of("over")
        if not begun:
            return
        x = self.x(0)
        end = self.x(over[0]["t"] - self.run.began) if over else x + 2
        self._parts.append(
            f'<rect x="{x:.1f}" y="0" width="{end - x:.1f}" height="{bottom:.1f}" fill="#C0392B" '
            f'opacity="{0.10 if over else 0.8}"/>'
        )

    def _grid(self, bottom: float) -> None:
        step = next(s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 3600) if (self._end - self._start) / s <= 14)
        first = math.ceil(self._start / step) * step
        for second in range(int(first), int(self._end) + 1, step):
            x = self.x(second)
            self._parts.append(f'<path d="M{x:.1f} 4V{bottom:.1f}" class="grid"/>')
            self._text(x, bottom + 14, f"{second} s", "small", "middle")

    # --- pieces ---

    def _label(self, y: float, text: str) -> None:
        self._text(LEFT - 8, y, text, "label", "end")

    def _text(self, x: float, y: float, text: str, kind: str, anchor: str) -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>')

    def _rect(
        self, x: float, y: float, width: float, height: float, fill: str, title: str, over: str = "", stroke: str = ""
    ) -> None:
        place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.8):.1f}" height="{height}"'
        edge = f' stroke="{stroke}"' if stroke else ""
        self._parts.append(f'<g><title>{escape(title)}</title><rect {place} fill="{fill}"{edge}/>')
        self._parts.append((f'<rect {place} fill="{over}"/>' if over else "") + "</g>")


class Lane:
    """A strip that draws one machine."""

    def __init__(self, drawing: Drawing, machine: str) -> None:
        self._drawing, self._machine = drawing, machine

    def __call__(self, y: float) -> float:
        return self._drawing.lane(self._machine, y)


def legend() -> str:
    """What is not said in the picture itself."""
    return "Numbers are lines of journals, listed below; the red line or field is the failure."
