"""Verdicts as JUnit's XML: one test case a run. An injection that took no effect is an error, not a failure. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from halab.cli.drill.verdict import ERROR, FAIL, Verdict


def junit(verdicts: Sequence[Verdict]) -> str:
    """The file's text."""
    suite = ET.Element(
        "testsuite",
        name="halab drill",
        tests=str(len(verdicts)),
        failures=str(sum(one.result == FAIL for one in verdicts)),
        errors=str(sum(one.result == ERROR for one in verdicts)),
    )
    for one in verdicts:
        case = ET.SubElement(suite, "testcase", classname="drill", name=one.drill, time=f"{one.whole_s or 0:.3f}")
        values = ET.SubElement(case, "properties")
        measured = {"run": one.run, "away_s": f"{one.away_s:.3f}", "fenced": " ".join(one.fenced)}
        if unseen := [f"{check.name} ({check.unseen})" for check in one.checks if check.unseen]:
            measured["not looked at"] = "; ".join(unseen)
        measured |= {f"phase.{phase.name}_s": f"{phase.seconds:.3f}" for phase in one.phases}
        for name, value in measured.items():
            ET.SubElement(values, "property", name=name, value=value)
        if one.result in (FAIL, ERROR):
            kind = "failure" if one.result == FAIL else "error"
            ET.SubElement(case, kind, message="; ".join(one.reasons))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
