"""SBD without a disk: what runs on a node, what is amiss, and what a node waits for after a reset."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from halab.provisioners.engine.platform import DEBIAN_13, EL_9
from halab.provisioners.engine.steps import PutFile, Run, Step
from halab.provisioners.pacemaker import self_fencing
from halab.provisioners.pacemaker.sbd import COMPLETE, UNIT, Sbd, SbdItem, alone_seen, sbd_seen
from halab.provisioners.pacemaker.self_fencing import WAIT

WANTED = Sbd(machine="m", watchdog_s=30, wait_s=75)
CONFIG = self_fencing.config("/dev/watchdog")
DROP_IN = self_fencing.drop_in(30)
RESET = (WAIT, self_fencing.wait_unit(75))


def _states(sbd: str, corosync: str, file: str = "enabled") -> str:
    shown = "".join(f"LoadState=loaded\nActiveState={state}\n\n" for state in (sbd, corosync))
    return f"{shown}{file}\nenabled\n"


ACTIVE = _states("active", "active")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, []),
        ({"watchdog_s": None}, ["watchdog_s"]),
        ({"wait_s": None, "watchdog_s": None}, ["watchdog_s", "wait_s"]),
        ({"wait_s": 59}, ["wait_s"]),
        ({"device": "/dev/x"}, ["watchdog_s", "wait_s"]),
        ({"device": "/dev/x", "watchdog_s": None, "wait_s": None}, []),
    ],
)
def test_times_belong_to_the_disk_where_there_is_one(fields: dict[str, object], said: list[str]) -> None:
    problems = [*SbdItem().check(replace(WANTED, **fields))]  # type: ignore[arg-type]
    assert [field for field, _ in problems] == said


@pytest.mark.parametrize(
    ("config", "unit", "reset", "state", "condition"),
    [
        (CONFIG, DROP_IN, RESET, ACTIVE, COMPLETE),
        (CONFIG, DROP_IN, RESET, _states("inactive", "inactive"), COMPLETE),
        (CONFIG, DROP_IN, RESET, _states("activating", "active"), COMPLETE),
        (CONFIG, DROP_IN, RESET, _states("inactive", "active"), "sbd does not run beside the cluster"),
        (CONFIG, DROP_IN, RESET, _states("active", "active", "disabled"), "sbd is disabled: it would not start"),
        (CONFIG, DROP_IN, (None, RESET[1]), ACTIVE, "it would not wait after a reset"),
        (CONFIG, DROP_IN, (WAIT, None), ACTIVE, "it would not wait after a reset"),
        (CONFIG, DROP_IN, (WAIT, RESET[1].replace("75", "x")), ACTIVE, "it would not wait after a reset"),
        (None, DROP_IN, RESET, ACTIVE, "its configuration has other settings"),
        (f"{CONFIG}SBD_OPTS=-R\n", DROP_IN, RESET, ACTIVE, "its configuration has other settings"),
        (CONFIG, f"{DROP_IN}Nice=1\n", RESET, ACTIVE, "its configuration has other settings"),
    ],
)  # fmt: skip
def test_what_is_amiss(
    config: str | None, unit: str, reset: tuple[str | None, str | None], state: str, condition: str
) -> None:
    seen = alone_seen(config, unit, reset, state, WANTED)
    assert seen is not None
    assert seen.condition.startswith(condition)
    assert replace(seen, condition=COMPLETE) == WANTED


def test_other_times_show_and_an_import_learns_them() -> None:
    other = (WAIT, self_fencing.wait_unit(40))
    named = replace(WANTED, watchdog="", watchdog_s=None, wait_s=None)
    seen = alone_seen(self_fencing.config("/dev/w"), self_fencing.drop_in(15), other, ACTIVE, named)
    assert seen == Sbd(machine="m", watchdog="/dev/w", watchdog_s=15, wait_s=40)


@pytest.mark.parametrize("unit", [None, "", UNIT])
def test_what_somebody_else_has_made_of_sbd_is_none_of_ours(unit: str | None) -> None:
    """The package's own configuration names no disk either."""
    packaged = "SBD_PACEMAKER=yes\nSBD_WATCHDOG_TIMEOUT=5\n"
    assert alone_seen(packaged, unit, (None, None), _states("inactive", "active", "disabled"), WANTED) is None


def test_with_a_disk_it_is_another() -> None:
    seen = sbd_seen("SBD_DEVICE=/dev/x\n", None, None, None, ACTIVE, WANTED)
    assert seen is not None
    assert (seen.device, seen.watchdog_s, seen.wait_s) == ("/dev/x", None, None)


def _written(steps: list[Step]) -> dict[str, str]:
    return {step.path: str(step.content) for step in steps if isinstance(step, PutFile)}


def test_files_first_then_the_cluster_starts_it() -> None:
    item = SbdItem()
    assert list(item.steps(DEBIAN_13, WANTED, WANTED)) == []
    steps = [*item.steps(DEBIAN_13, None, WANTED)]
    written = _written(steps)
    assert list(written) == [
        "/etc/default/sbd",
        "/etc/halab/reset-wait",
        "/etc/systemd/system/halab-reset-wait.service",
        "/etc/systemd/system/sbd.service.d/halab.conf",
    ]
    assert "/etc/sysconfig/sbd" in _written([*item.steps(EL_9, None, WANTED)])
    assert "SBD_WATCHDOG_TIMEOUT" not in written["/etc/default/sbd"], "Pacemaker reads it once, and ends by it"
    drop_in = written["/etc/systemd/system/sbd.service.d/halab.conf"]
    assert "Environment=SBD_WATCHDOG_TIMEOUT=30\n" in drop_in
    assert "Before=corosync" not in drop_in, "it has started when it has seen Corosync"
    (started,) = [step for step in steps if isinstance(step, Run)]
    assert started.command.argv[-2:] == ("/dev/watchdog", "")
    (gone,) = item.steps(DEBIAN_13, WANTED, None)
    assert isinstance(gone, Run)
    text = gone.command.argv[2]
    assert text.index("--signal=TERM sbd") < text.index("stop halab-reset-wait.service") < text.index("rm -f")


@pytest.mark.parametrize(
    ("noted", "slept"),
    [(None, ""), ("this", ""), ("another", "slept 75\n")],
    ids=["it ended as it should", "the same boot", "a reset"],
)
def test_who_was_reset_waits_as_long_as_the_others(tmp_path: Path, noted: str | None, slept: str) -> None:
    (tmp_path / "sleep").write_text('#!/bin/sh\necho "slept $1"\n')
    (tmp_path / "sleep").chmod(0o755)
    (tmp_path / "boot").write_text("this\n")
    note = tmp_path / "kept/not-ended"
    if noted:
        note.parent.mkdir()
        note.write_text(f"{noted}\n")
    done = subprocess.run(
        ["sh", "-c", WAIT, "reset-wait", "75", str(note), str(tmp_path / "boot")],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, text=True, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == slept
    assert note.read_text() == "this\n"
    assert sorted(path.name for path in note.parent.iterdir()) == ["not-ended"]
