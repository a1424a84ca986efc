"""What an interrupted run left running: found by the name of the run in its environment, here on this host."""

from __future__ import annotations

import os
import subprocess

from halab.provisioners.engine.command import Result
from halab.provisioners.engine.interrupted import RUN, VARIABLE, end_of


def look(*runs: str) -> Result:
    probe = end_of(runs).probe
    done = subprocess.run(probe.argv, capture_output=True, text=True, check=False)
    return Result(probe, done.returncode, done.stdout, done.stderr)


def test_only_what_was_begun_by_these_runs_counts() -> None:
    with subprocess.Popen(["sleep", "60"], env={**os.environ, VARIABLE: "a-killed-run"}) as left:
        try:
            found = look("another", "a-killed-run")
            assert found.stdout.split() == ["sleep"]
            assert not end_of(["a-killed-run"]).ready(found)
            assert "still running: sleep" in end_of(["a-killed-run"]).seen(found)
            assert end_of(["a-killed"]).ready(look("a-killed"))
            assert end_of([RUN]).ready(look(RUN))
        finally:
            left.kill()
    assert end_of(["a-killed-run"]).ready(look("a-killed-run"))


def test_a_look_that_failed_proves_nothing() -> None:
    failed = Result(end_of(["x"]).probe, 127, "", "sh: grep: not found")
    assert not end_of(["x"]).ready(failed)
