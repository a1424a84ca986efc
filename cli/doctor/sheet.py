"""Findings as a screen: each with its remedy below it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from halab.cli.doctor.finding import Finding, Level

_STYLES = {Level.BAD: "bold red", Level.WARNING: "yellow", Level.UNKNOWN: "yellow", Level.GOOD: "green"}


def draw(findings: Sequence[Finding]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for wraps in (False, False, True):
        table.add_column(no_wrap=not wraps, overflow="fold")
    for finding in findings:
        told = Text(finding.text)
        if finding.remedy:
            told.append(f"\nremedy: {finding.remedy}", style="dim")
        table.add_row(Text(finding.level.value, style=_STYLES[finding.level]), Text(finding.subject), told)
    return Group(table, Text(""), _sum(findings))


def _sum(findings: Sequence[Finding]) -> Text:
    bad = sum(finding.level is Level.BAD for finding in findings)
    if bad:
        return Text(f"{bad} {'thing' if bad == 1 else 'things'} will not work.", style=_STYLES[Level.BAD])
    return Text("Nothing stands in the way.", style=_STYLES[Level.GOOD])
