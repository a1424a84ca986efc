"""The watch of a node's key, run as the node runs it, with a LUN that keeps its state in files."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.engine.command import Result
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import Await, PutFile, Run
from halab.provisioners.pacemaker.sbd import Sbd, SbdItem
from halab.provisioners.pacemaker.scsi_watch import (
    COMPLETE,
    UNIT_TEXT,
    ScsiWatch,
    ScsiWatchItem,
    script_of,
    watch_seen,
)
from tests.unit.provisioners.iscsi.test_reservation import DEVICE, ONE, TWO, Lun

WANTED = ScsiWatch(machine="m", device=DEVICE, key=ONE, watchdog_s=60)
RUNS = "LoadState=loaded\nActiveState=active\n\nenabled\n"
FED = "t 60000000\n"
FILE = "[Manager]\nRuntimeWatchdogSec=60\n"


@pytest.mark.parametrize(
    ("script", "unit", "state", "fed", "condition"),
    [
        (script_of(WANTED), UNIT_TEXT, RUNS, FED, COMPLETE),
        (script_of(WANTED), UNIT_TEXT, RUNS.replace("enabled", "disabled"), FED, "it would not watch its key after a"),
        (script_of(WANTED), None, RUNS, FED, "it would not watch its key after a boot"),
        (script_of(WANTED), UNIT_TEXT, RUNS.replace("=active", "=inactive"), FED, "it does not watch its key"),
        (script_of(WANTED).replace("-lt 5", "-lt 500"), UNIT_TEXT, RUNS, FED, "its script is another"),
        (script_of(WANTED), UNIT_TEXT, RUNS, "t 0\n", "nobody feeds its watchdog"),
    ],
)  # fmt: skip
def test_what_is_amiss(script: str, unit: str | None, state: str, fed: str, condition: str) -> None:
    seen = watch_seen(script, unit, FILE, state, fed, WANTED)
    assert seen is not None
    assert seen.condition.startswith(condition)
    assert replace(seen, condition=COMPLETE) == WANTED


@pytest.mark.parametrize("text", ["[Manager]\n", "[Manager]\nRuntimeWatchdogSec=60s\n", "RuntimeWatchdogSec=\n", ""])
def test_a_watchdog_file_that_somebody_has_changed_is_drift(text: str) -> None:
    seen = watch_seen(script_of(WANTED), UNIT_TEXT, text, RUNS, "t 0\n", WANTED)
    differs = "the file of its watchdog is another"
    assert seen == replace(WANTED, watchdog_s=0, condition=differs)
    sbd_has_it = replace(WANTED, watchdog_s=0)
    assert watch_seen(script_of(WANTED), UNIT_TEXT, text, RUNS, "t 0\n", sbd_has_it) == seen, "no plan would show it"


@pytest.mark.parametrize(
    ("unit", "state", "asked"),
    [
        (True, "active", ["stop", "disable", "daemon-reload"]),
        (True, "inactive", ["disable", "daemon-reload"]),  # a create that broke before its start
        (False, "inactive", ["daemon-reload"]),  # a create that broke before the unit
        (False, "active", ["stop", "daemon-reload"]),  # somebody has removed the unit's file
    ],
)
def test_its_end_takes_what_is_there(tmp_path: Path, unit: bool, state: str, asked: list[str]) -> None:
    """systemctl as systemd is: it knows no unit that has no file and does not run."""
    files = [tmp_path / "etc/halab/scsi-watch", tmp_path / "run/halab-scsi-key"]
    files += [tmp_path / "etc/systemd/system/halab-scsi-watch.service"] if unit else []
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    programs = tmp_path / "bin"
    programs.mkdir()
    known = f'echo "$word" >> {tmp_path}/asked'
    systemctl = f"""for word; do case $word in
show) echo {state} ;;
stop) [ {state} = active ] || [ {int(unit)} = 1 ] || exit 5; {known} ;;
disable) [ {int(unit)} = 1 ] || exit 1; {known} ;;
daemon-reload) {known} ;;
esac; done"""
    for name, text in (("systemctl", systemctl), ("sync", "exit 0")):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    (end,) = ScsiWatchItem().steps(DEBIAN_13, WANTED, None)
    assert isinstance(end, Run)
    words = [
        word.replace("/etc/", f"{tmp_path}/etc/").replace("/run/", f"{tmp_path}/run/") for word in end.command.argv
    ]
    subprocess.run(words, check=True, env={"PATH": f"{programs}:/usr/bin:/bin"})
    assert (tmp_path / "asked").read_text().split() == asked
    assert [file for file in files if file.exists()] == []


def test_it_is_there_when_it_has_seen_the_key() -> None:
    """Else a node that is fenced before its first look runs on without its key."""
    *_, waits = ScsiWatchItem().steps(DEBIAN_13, None, WANTED)
    assert isinstance(waits, Await)
    assert "[ -e /run/halab-scsi-key ]" in waits.probe.argv[2]
    assert [waits.ready(Result(waits.probe, rc, "", "")) for rc in (0, 1, 3)] == [True, False, False]
    assert "had=${HALAB_HAD:-/run/halab-scsi-key}" in script_of(WANTED)


def test_another_key_or_watchdog_shows() -> None:
    other = replace(WANTED, key=TWO, device="/dev/sd x")
    assert watch_seen(script_of(other), UNIT_TEXT, None, RUNS, "t 0\n", WANTED) == replace(other, watchdog_s=0)
    assert watch_seen(None, None, None, RUNS, "", WANTED) is None
    spoilt = watch_seen("device='x\n", UNIT_TEXT, None, RUNS, "", WANTED)
    assert spoilt is not None
    assert spoilt.condition == "its script is another"


def test_all_of_it_is_seen_with_one_question(guest_host: Callable[..., Any], told: Callable[..., str]) -> None:
    host, guest = guest_host(told(script_of(WANTED), UNIT_TEXT, FILE, RUNS, FED), told(None, None, None, RUNS, FED))
    assert ScsiWatchItem().observe(host, WANTED) == WANTED
    assert len(guest.asked) == 1
    assert ScsiWatchItem().observe(host, WANTED) is None


def test_files_first_then_it_runs() -> None:
    item = ScsiWatchItem()
    files = [step.path for step in item.steps(DEBIAN_13, None, WANTED) if isinstance(step, PutFile)]
    watchdog = "/etc/systemd/system.conf.d/halab-watchdog.conf"
    assert files == ["/etc/halab/scsi-watch", "/etc/systemd/system/halab-scsi-watch.service", watchdog]
    steps = [*item.steps(DEBIAN_13, WANTED, replace(WANTED, watchdog_s=0))]
    assert [step.path for step in steps if isinstance(step, PutFile)] == files[:2]
    assert [*item.steps(DEBIAN_13, WANTED, WANTED)] == []


@pytest.mark.parametrize("fed", [True, False])
def test_sbd_that_comes_first_gets_the_watchdog(tmp_path: Path, fed: bool) -> None:
    """From `scsi` to `sbd` nothing orders the end of the watch before sbd's start."""
    file = tmp_path / "etc/systemd/system.conf.d/halab-watchdog.conf"
    file.parent.mkdir(parents=True)
    if fed:
        file.write_text(FILE)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("systemctl", "udevadm", "busctl", "sync"):
        known = f'*"systemctl start"* | busctl*) echo "$*" >> {tmp_path}/asked'
        text = f'case "{name} $*" in *"is-active sbd") echo inactive ;; {known} ;; esac'
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    sbd = SbdItem().steps(DEBIAN_13, None, Sbd(machine="m", device=DEVICE, watchdog="/dev/null"))
    (start,) = (step for step in sbd if isinstance(step, Run))
    (end,) = ScsiWatchItem().steps(DEBIAN_13, WANTED, None)
    assert isinstance(end, Run)
    for step in (start, end):
        words = [word.replace("/etc/", f"{tmp_path}/etc/") for word in step.command.argv]
        subprocess.run(words, check=True, env={"PATH": f"{programs}:/usr/bin:/bin"})
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line.split()[-1] for line in asked] == [*["0"] * fed, "corosync"], "once, and before sbd opens it"
    assert not file.exists()


class Watching:
    """The script beside a LUN, with a sleep that ends at once and a reset that is a line in a file."""

    def __init__(self, lun: Lun) -> None:
        self.lun, folder = lun, lun.folder
        self.reset, self.looks = folder / "reset", folder / "looks"
        sleep = folder / "bin" / "sleep"
        sleep.write_text(f"#!/bin/sh\necho x >> {self.looks}\nexec /bin/sleep 0.02\n")
        sleep.chmod(0o755)
        text = script_of(WANTED).replace("/proc/sysrq-trigger", str(self.reset))
        text = text.replace("/proc/sys/kernel/sysrq", "/dev/null").replace("/dev/kmsg", "/dev/null")
        (folder / "watch").write_text(text)
        environment = {**lun.environment, "HALAB_HAD": str(folder / "had")}
        self.process = subprocess.Popen(["sh", folder / "watch"], env=environment)

    def rounds(self, count: int = 12) -> None:
        """So many more looks at the LUN, or the script's end."""
        wanted = len(self.lun.lines("looks")) + count
        end = time.monotonic() + 30
        while self.process.poll() is None and len(self.lun.lines("looks")) < wanted:
            assert time.monotonic() < end, "it looks no more"
            time.sleep(0.01)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    lun = Lun(tmp_path, "node1")
    lun.put([TWO], holder=TWO)
    made = Watching(lun)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()


def test_a_node_that_comes_back_is_left_alone_and_one_that_loses_its_key_is_reset(watching: Watching) -> None:
    watching.rounds()
    assert not watching.reset.exists(), "it has had no key since it started"
    watching.lun.put([TWO, ONE], holder=TWO)
    watching.rounds()
    assert not watching.reset.exists()
    watching.lun.put([TWO], holder=TWO)
    watching.process.wait(timeout=30)
    assert watching.reset.read_text() == "b\n"


def test_neither_a_mute_lun_nor_one_without_reservation_resets_a_node(watching: Watching) -> None:
    watching.lun.put([TWO, ONE], holder=TWO)
    watching.rounds()
    (watching.lun.folder / "away").touch()
    watching.rounds()
    watching.lun.put([])
    (watching.lun.folder / "away").unlink()
    watching.rounds()
    assert watching.process.poll() is None
    assert not watching.reset.exists()


def test_a_key_that_is_away_for_a_moment_resets_nobody(watching: Watching) -> None:
    """While fence_scsi takes it over from a session of before."""
    watching.lun.put([TWO, ONE], holder=TWO)
    watching.rounds()
    for _ in range(3):
        watching.lun.put([TWO], holder=TWO)
        watching.rounds(1)
        watching.lun.put([TWO, ONE], holder=TWO)
        watching.rounds(2)
    assert watching.process.poll() is None
