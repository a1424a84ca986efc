"""What Pacemaker's test suite came to, read from its log. Pure.

The log is all that it gives. Source of its sentences: Pacemaker 3.0.0, python/pacemaker/_cts (scenarios.py,
tests/ctstest.py, CTS.py). The suite counts each bad news right after it has logged it; and a test that was skipped as a
success: how many those were, only the summary's line for each test tells.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

_LINE = re.compile(r"[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8}\t\S+ (?P<said>.*)")
_RUNNING = re.compile(r"Running test (?P<test>\S+)\s+\((?P<node>[^)]+)\)\s+\[\s*(?P<number>\d+)\]")
_SEED = re.compile(r"Random Seed:\s+(?P<seed>\S+)")
_OVERALL = re.compile(r"Overall Results:(?P<numbers>\{.*\})")
_SUMMARY = re.compile(r"Test \S+:\s+(?P<numbers>\{.*\})")
_BAD_NEWS = "BadNews: "
_REASON = re.compile(
    r"Test \S+\s+FAILED: .*|Audit \S+ FAILED\.|BadNews: .*|Setup failed|Teardown failed|Exception by .*|"
    r"Warning: (?:Stale IPC|Pacemaker core|Corosync core) file on .*"
)
BEFORE = "before the first test"
KNOWN = (
    (
        re.compile(r"BadNews: .* sbd\[.*log_assertion_as: pcmk__server_message_type: .*"),
        "Pacemaker 3.0.0 logs it whenever sbd connects to it, and goes on (ClusterLabs/pacemaker, pull request 3821)",
    ),
    (
        re.compile(
            r"BadNews: .* sbd\[.*(pcmk_cpg_dispatch: Connection to the CPG API failed|"
            r"set_servant_health: Cluster connection terminated).*"
        ),
        "sbd says so when the suite stops the cluster: the suite knows of no sbd",
    ),
)
"""What the suite takes for bad news and is none, and why."""
EXPLAINED = (
    (
        re.compile(r"Test \S+\s+FAILED: Unstable cluster nodes exist: .*"),
        "the suite waits 20 s for a node that does something, however slow its machine is: a node that has come back "
        "starts its resources for longer",
    ),
    (
        re.compile(r"BadNews: .* pacemaker-based\[.* Local CIB (\d+\.\d+\.\d+)\.\S+ differs from \S+: (?!\1\.).*"),
        "another node answered before the last update had come to it, since the versions differ; with the same version "
        "it would be a fault",
    ),
    (
        re.compile(r"BadNews: .* pacemakerd\[.* Could not get executable for PID \d+: No such file or directory.*"),
        "pacemakerd asked about a daemon that had just ended and was not collected yet (Pacemaker, lib/common/pid.c)",
    ),
    (
        re.compile(r"BadNews: .* corosync\[.* can't mcast to group dlm:\S+ state:1, error:12"),
        "DLM was stopped and spoke to a group that it was leaving (Corosync, exec/cpg.c)",
    ),
    (
        re.compile(r"Warning: Stale IPC file on .*"),
        "a daemon that was killed, as ComponentFail does, clears nothing away; the suite does it then",
    ),
)
"""What is often the reason where something was wrong. It counts all the same."""


@dataclass(frozen=True, slots=True)
class Iteration:
    """One test that was run. `why`: in the suite's words; empty: nothing was wrong. `node` is whom it chose."""

    number: int
    test: str
    node: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`numbers`: what the suite counted: success, failure, BadNews, skipped; empty: it did not come to its end.

    `known`: how often the suite complained for a reason of KNOWN, which says nothing about the lab. `skipped`: how many
    tests could not be run, which `success` counts too. `read`: how many bad news were read.
    """

    seed: str
    iterations: tuple[Iteration, ...]
    numbers: dict[str, int]
    known: dict[str, int]
    skipped: int
    read: int

    @property
    def failed(self) -> list[Iteration]:
        """Where something was wrong."""
        return [one for one in self.iterations if one.why]

    @property
    def passed(self) -> bool:
        """It came to its end, and nothing was wrong."""
        return bool(self.numbers) and not self.failed and not self.doubts

    @property
    def doubts(self) -> list[str]:
        """Why its numbers are none of a pass, though no test may say so."""
        if not self.numbers:
            return []
        failures, news = self.numbers["failure"], self.numbers["BadNews"]
        found = [f"the suite counted {failures} failures"] if failures else []
        if self.numbers["success"] <= self.skipped:
            found.append(f"no test was run to its end: {self.skipped} were skipped")
        if news != self.read:
            found.append(f"the suite counted {news} bad news, and {self.read} were read")
        return found


def said(log: str) -> Iterator[str]:
    """The lines of a log without time and host, and without the suite's debugging."""
    for line in log.splitlines():
        if (found := _LINE.fullmatch(line)) and not found["said"].startswith("debug: "):
            yield found["said"].strip()


def outcome(lines: Iterable[str]) -> Outcome:
    """Of what `said` gives."""
    seed, numbers, now = "", {}, Iteration(0, BEFORE, "", ())
    skipped, read = 0, 0
    known: Counter[str] = Counter()
    found: list[Iteration] = []
    for line in lines:
        read += line.startswith(_BAD_NEWS)
        if begins := _RUNNING.fullmatch(line):
            found.append(now)
            now = Iteration(int(begins["number"]), begins["test"], begins["node"], ())
        elif told := _SEED.fullmatch(line):
            seed = told["seed"]
        elif ends := _OVERALL.fullmatch(line):
            numbers, skipped = dict(ast.literal_eval(ends["numbers"])), 0
        elif one := _SUMMARY.fullmatch(line):
            skipped += ast.literal_eval(one["numbers"])["skipped"]
        elif why := _known(line):
            known[why] += 1
        elif _REASON.fullmatch(line):
            now = Iteration(now.number, now.test, now.node, (*now.why, line))
    found.append(now)
    iterations = tuple(one for one in found if one.number or one.why)
    return Outcome(seed, iterations, numbers, dict(known), skipped, read)


def _known(line: str) -> str:
    return next((why for pattern, why in KNOWN if pattern.fullmatch(line)), "")


def explained(line: str) -> str:
    """What a complaint of the suite's most likely means; empty: nobody knows."""
    return next((why for pattern, why in EXPLAINED if pattern.fullmatch(line)), "")


def is_news(line: str) -> bool:
    """Whether a person who waits wants to see it."""
    return not _known(line) and any(one.fullmatch(line) for one in (_RUNNING, _SEED, _OVERALL, _REASON))


def as_data(of: Outcome, log: str) -> dict[str, Any]:
    """For `--json`. `log`: where the whole log is."""
    return {
        "passed": of.passed,
        "seed": of.seed,
        "numbers": of.numbers,
        "known": of.known,
        "skipped": of.skipped,
        "doubts": of.doubts,
        "failed": [{**asdict(one), "explained": [explained(line) for line in one.why]} for one in of.failed],
        "tests": [one.test for one in of.iterations if one.number],
        "log": log,
    }


def told(of: Outcome) -> Iterator[str]:
    """The verdict for a person."""
    for why, times in of.known.items():
        yield f"{times} complaints that count for nothing: {why}"
    for one in of.failed:
        yield f"{one.test} ({one.node}) [{one.number}]:" if one.number else f"{one.test}:"
        for reason in one.why:
            yield f"  {reason}"
            yield from (f"    ({meaning})" for meaning in [explained(reason)] if meaning)
    yield from of.doubts
    count = sum(1 for one in of.iterations if one.number)
    wrong = len({one.number for one in of.failed})
    if not of.numbers:
        yield f"The suite did not come to its end: {count} tests were begun. FAIL"
    else:
        yield f"{count} tests, something was wrong in {wrong}; seed {of.seed}. {'PASS' if of.passed else 'FAIL'}"
