"""Runs the end-to-end tests, a verdict for each step: `python -m halab.cli.developer.verdicts ARG...`.

The arguments are pytest's. A step is a file of tests; artifacts/verdicts.xml has every single test.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_REPORT = Path("artifacts/verdicts.xml")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a step's tests."""

    step: str
    passed: int
    failed: tuple[str, ...]
    skipped: int

    def __str__(self) -> str:
        total = self.passed + len(self.failed)
        if self.failed:
            return f"FAILED   {self.step}: {len(self.failed)} of {total}: {', '.join(self.failed)}"
        if not total:
            return f"not run  {self.step}"
        return f"passed   {self.step}: {self.passed} of {total}" + (f", {self.skipped} not run" * bool(self.skipped))


def main(arguments: Sequence[str] | None = None) -> int:
    """Pytest's exit code; its report is what counts, so an old one goes first."""
    parser = argparse.ArgumentParser(
        prog="python -m halab.cli.developer.verdicts", description=__doc__, allow_abbrev=False
    )
    _, given = parser.parse_known_args(arguments)
    _REPORT.parent.mkdir(exist_ok=True)
    _REPORT.unlink(missing_ok=True)
    done = subprocess.run([sys.executable, "-m", "pytest", f"--junitxml={_REPORT}", *given], check=False)
    if not _REPORT.exists():
        print("no test was run", file=sys.stderr)
        return done.returncode or 1
    print("\nVerdict of each step:")
    for verdict in verdicts(ET.parse(_REPORT).getroot().iter("testcase")):
        print(f"  {verdict}")
    return done.returncode


def verdicts(cases: Iterable[ET.Element]) -> Iterator[Verdict]:
    """One verdict a step, in the order in which the steps were run."""
    by_step: dict[str, list[tuple[str, str]]] = {}
    for case in cases:
        name = case.get("classname", "").rpartition(".")[2] or case.get("name", "")
        by_step.setdefault(_words(name), []).append((case.get("name", ""), _outcome(case)))
    for step, outcomes in by_step.items():
        count = Counter(outcome for _, outcome in outcomes)
        failed = tuple(name for name, outcome in outcomes if outcome == "failed")
        yield Verdict(step, count["passed"], failed, count["skipped"])


def _outcome(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


def _words(module: str) -> str:
    """test_40_shared_filesystem -> shared filesystem"""
    return " ".join(word for word in module.removeprefix("test_").split("_") if not word.isdigit())


if __name__ == "__main__":
    sys.exit(main())
