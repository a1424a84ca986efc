"""A LUN by several paths: multipathd's configuration and words, and the node's key on each path."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.engine.command import Result, cmd, script
from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import Await, PutFile, Run
from halab.provisioners.iscsi.multipath import (
    COMPLETE,
    PERSIST_TEXT,
    Multipath,
    MultipathItem,
    config_of,
    multipath_seen,
)
from halab.provisioners.iscsi.reservation import LOOK, ScsiKeyItem, key_seen, parse
from tests.unit.provisioners.iscsi.test_reservation import KEY, ONE, TWO, Lun

DEVICE = "/dev/disk/by-id/wwn-0x6001405a1b2c3d4e5f60718293a4b5c6"
WANTED = Multipath(machine="m", device=DEVICE, key=ONE)
RUNS = "LoadState=loaded\nActiveState=active\n\nenabled\n"


def shown(*states: str, disk: str = "/dev/dm-0") -> str:
    """What multipathd 0.11 says of a map, and the disk that has the LUN's name."""
    paths = [
        {"dev": f"sd{n}", "dm_st": "active", "dev_st": "running", "chk_st": state} for n, state in enumerate(states)
    ]
    groups = [{"group": 1, "dm_st": "active", "paths": paths}] if paths else []
    said = {"major_version": 0, "minor_version": 1, "map": {"name": "3600", "path_groups": groups}}
    return f"{json.dumps(said, indent=2) if states else ''}\n\036{disk}\n"


@pytest.mark.parametrize(
    ("config", "state", "seen", "condition"),
    [
        (config_of(WANTED), RUNS, shown("ready", "ready"), COMPLETE),
        (config_of(WANTED), RUNS, shown("ready", "faulty"), "1 of 2 paths work"),
        (config_of(WANTED), RUNS, shown("ready"), "1 of 2 paths work"),
        (config_of(WANTED), RUNS, shown(), "there is no disk of several paths"),
        (config_of(WANTED), RUNS, "fail\n\036/dev/sda\n", "there is no disk of several paths"),
        (config_of(WANTED), RUNS, "timeout\n\036/dev/sda\n", "multipathd shows no paths: timeout"),
        (config_of(WANTED), RUNS, f"a warning\n{shown('ready', 'faulty')}", "1 of 2 paths work"),
        (config_of(WANTED), RUNS, shown("ready", "ready", disk="/dev/sda"), f"{DEVICE} is a single path, /dev/sda"),
        (config_of(WANTED), RUNS.replace("enabled", "disabled"), shown("ready", "ready"), "multipathd would not run"),
        (config_of(WANTED), RUNS.replace("=active", "=failed"), shown(), "multipathd does not run"),
        (config_of(WANTED) + "x\n", RUNS, shown("ready", "ready"), "/etc/multipath.conf is another"),
    ],
)  # fmt: skip
def test_what_is_amiss(config: str, state: str, seen: str, condition: str) -> None:
    found = multipath_seen(config, PERSIST_TEXT, state, seen, WANTED, "node1")
    assert found is not None
    assert found.condition.startswith(condition)
    assert replace(found, condition=COMPLETE) == WANTED


def test_what_the_file_says_shows_and_somebody_elses_is_left_alone() -> None:
    other = replace(WANTED, key=None, queue_s=60, device=DEVICE.replace("c6", "c7"))
    assert multipath_seen(config_of(other), PERSIST_TEXT, RUNS, shown("ready", "ready"), WANTED, "node1") == other
    assert multipath_seen(None, None, RUNS, shown(), WANTED, "node1") is None
    gone = multipath_seen(config_of(WANTED), None, RUNS, shown("ready", "ready"), WANTED, "node1")
    assert gone is not None
    assert gone.condition == "/etc/halab/mpathpersist is another"
    with pytest.raises(Conflict, match="somebody else's"):
        multipath_seen("defaults {\n}\n", None, RUNS, shown(), WANTED, "node1")


def test_all_is_seen_with_one_question(guest_host: Callable[..., Any], told: Callable[..., str]) -> None:
    host, guest = guest_host(
        told(config_of(WANTED), PERSIST_TEXT, RUNS, shown("ready", "ready")),
        told(None, None, RUNS, "fail\n\036/dev/sda"),
    )
    assert MultipathItem().observe(host, WANTED) == WANTED
    assert len(guest.asked) == 1
    assert MultipathItem().observe(host, WANTED) is None


def test_the_configuration() -> None:
    text = config_of(WANTED)
    assert text.count("{") == text.count("}")
    assert f"reservation_key 0x{ONE}:aptpl" in text
    assert "no_path_retry 23" in text, "the first check comes 5 s after the loss: 120 s"
    assert text.count('wwid "36001405a1b2c3d4e5f60718293a4b5c6"') == 2
    assert "reservation_key" not in config_of(replace(WANTED, key=None))


def test_it_is_made_and_waited_for() -> None:
    config, persist, _, waits = MultipathItem().steps(DEBIAN_13, None, WANTED)
    assert isinstance(config, PutFile)
    assert isinstance(persist, PutFile)
    assert persist.mode == 0o755
    assert isinstance(waits, Await)
    for said, ready in ((shown("ready", "ready"), True), (shown("ready"), False), (shown(), False)):
        assert waits.ready(answer(f"+{said}\0")) is ready
    assert list(MultipathItem().steps(DEBIAN_13, WANTED, WANTED)) == []
    (gone,) = MultipathItem().steps(DEBIAN_13, WANTED, None)
    assert isinstance(gone, Run)


@pytest.mark.parametrize(("known", "flush", "ended"), [("3600", 0, True), ("", 1, True), ("3600", 1, False)])
def test_a_disk_that_is_in_use_stays_with_all_that_makes_it(
    tmp_path: Path, shell: Callable[..., list[str]], known: str, flush: int, ended: bool
) -> None:
    """A node whose multipathd went under its disk would lose it at the next lost path."""
    files = [tmp_path / "multipath.conf", tmp_path / "mpathpersist"]
    for file in files:
        file.touch()
    (gone,) = MultipathItem().steps(DEBIAN_13, WANTED, None)
    assert isinstance(gone, Run)
    argv = gone.command.argv
    text = argv[2].replace("/etc/multipath.conf", str(files[0])).replace("/etc/halab/mpathpersist", str(files[1]))
    answers = f'case $1 in -l) echo "{known}" ;; *) exit {flush} ;; esac'
    done = shell((*argv[:2], text, *argv[3:]), multipath=answers, systemctl="", sync="")
    assert [file.exists() for file in files] == [not ended] * 2
    assert ("systemctl stop multipathd" in done) is ended
    assert (f"multipath -f 3{DEVICE.rpartition('0x')[2]}" in done) is bool(known)


def answer(stdout: str) -> Result:
    return Result(cmd("true"), 0, stdout, "")


def test_the_agents_keys_outlast_the_target(tmp_path: Path) -> None:
    """fence_mpath's own words, 4.16.0."""
    (tmp_path / "mpathpersist").write_text('#!/bin/sh\necho "$*"\n')
    (tmp_path / "mpathpersist").chmod(0o755)
    (tmp_path / "agents").write_text(PERSIST_TEXT)

    def asked(*words: str) -> str:
        argv = ["sh", str(tmp_path / "agents"), *words]
        done = subprocess.run(
            argv, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert asked("-o", "--register", "--param-sark=1", "-d", "/dev/x").endswith("-d /dev/x --param-aptpl")
    for words in (["-i", "-k", "-d", "/dev/x"], ["-o", "--preempt-abort", "--param-rk=1", "-d", "/dev/x"]):
        assert asked(*words) == " ".join(words)


@pytest.fixture
def lun(tmp_path: Path) -> Lun:
    """A LUN that multipathd has made one disk of, of two paths: each key is there twice."""
    found = Lun(tmp_path, "node1")
    programs = {
        "readlink": "echo /dev/dm-0",
        "ls": 'case "$*" in */slaves) printf "sda\\nsdb\\n" ;; *) exec /bin/ls "$@" ;; esac',
        "mpathpersist": 'echo "$*" >> "$LUN/asked"; key=${3#*=}; printf "%s\\n%s\\n" "$key" "$key" >> "$LUN/keys"',
    }
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return found


def test_each_path_gets_the_key(lun: Lun) -> None:
    lun.put([TWO, TWO], holder="")
    assert lun.do(ScsiKeyItem().steps(DEBIAN_13, None, KEY)).returncode == 0
    assert lun.lines("keys") == [TWO, TWO, ONE, ONE]
    assert lun.lines("asked") == ["--out", "--register-ignore", f"--param-sark={ONE}", "--param-aptpl", "/dev/dm-0"]


def test_a_path_without_the_key_gets_it_though_others_have_reserved_the_lun(lun: Lun) -> None:
    """Who has a key on one path was not fenced."""
    lun.put([ONE, TWO, TWO], holder=TWO)
    some = replace(KEY, condition="1 of 2 paths have it")
    assert lun.do(ScsiKeyItem().steps(DEBIAN_13, some, KEY), mounted=True).returncode == 0
    lun.put([TWO, TWO], holder=TWO)
    assert lun.do(ScsiKeyItem().steps(DEBIAN_13, None, KEY), mounted=True).returncode == 4


@pytest.mark.parametrize(
    ("keys", "condition"), [([ONE, ONE], COMPLETE), ([ONE, TWO, TWO], "1 of 2 paths have it"), ([TWO], None)]
)
def test_how_many_paths_have_it(lun: Lun, keys: list[str], condition: str | None) -> None:
    lun.put(keys, holder=TWO)
    seen = lun.do([Run(script(LOOK, KEY.device))])
    found = parse(seen.stdout)
    assert found is not None
    assert found.paths == 2
    item = key_seen(found, KEY)
    assert (item and item.condition) == condition
