from __future__ import annotations

from pathlib import Path

import pytest

from halab.cli.developer.golden_drill import main, thinned
from halab.cli.drill.recording import Run, read
from halab.cli.drill.verdict import judge
from tests.unit.cli.drill.recorded import DATA, RUNS, recorded


def _thick(run: Run) -> Run:
    """As it was recorded: each answer, write and meaningless line eight times over."""
    events = list(run.events[:1])
    for one in run.events[1:]:
        many = one["kind"] in ("site", "write")
        events += [one] * (8 if many else 1)
        if one["kind"] == "journal":
            events += [{**one, "by": "cron", "text": "nothing happened"}] * 8
    return Run(run.name, run.about, tuple(events))


@pytest.mark.parametrize("name", RUNS)
def test_what_is_left_out_changes_no_verdict(name: str) -> None:
    thick = _thick(recorded(name))
    less = thinned(thick)
    assert len(less.events) < len(thick.events) / 2.5
    assert (judge(less).result, judge(less).reasons) == (judge(thick).result, judge(thick).reasons)
    assert abs(judge(less).away_s - judge(thick).away_s) < 0.5
    assert thinned(thick).events == less.events


def test_a_recording_becomes_a_test(tmp_path: Path) -> None:
    main([str(DATA / "debian-13-pause"), str(tmp_path / "debian-12-pause")])
    assert judge(read(tmp_path / "debian-12-pause")).result == judge(recorded("debian-13-pause")).result
    with pytest.raises(FileExistsError):
        main([str(DATA / "debian-13-pause"), str(tmp_path / "debian-12-pause")])
