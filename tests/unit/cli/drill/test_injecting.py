"""Who is meant by a role, what scripts are given, and machines that take turns."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.cli.drill.catalogue import DRILLS
from halab.cli.drill.declaration import HALF, TWIN, Guest
from halab.cli.drill.guests import Guests, roles
from halab.cli.drill.injecting import Injector, NoEffect
from halab.cli.drill.recording import Recorder
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import CommandFailed, ConnectionLost
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.status import parse_status
from tests.unit.cli.look.samples import RUNNING


class Recording:
    """A transport that notes what it is asked, and says that all went well."""

    def __init__(self, name: str, asked: list[tuple[str, Command]], rc: int = 0, mute: bool = False) -> None:
        self.name, self._asked, self._rc, self._mute = name, asked, rc, mute

    def run(self, command: Command, timeout_s: float) -> Result:
        self._asked.append((self.name, command))
        if self._mute:
            raise ConnectionLost(f"{self.name} went away")
        return Result(command, self._rc, "", "it cannot" if self._rc else "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError(path)


class Lab(Guests):
    """A lab of `count` nodes."""

    def __init__(self, count: int) -> None:
        machines = [
            KnownMachine(f"u{n}", f"node{n}", f"10.0.0.{n}", "", "pen", "", "", True) for n in range(1, count + 1)
        ]
        target = KnownMachine("u0", "target", "10.0.0.99", "", "", "", "", True)
        place: Any = type("Place", (), {"lab": "pen"})()
        super().__init__(place, Deployed((*machines, target), None, ""))
        self.asked: list[tuple[str, Command]] = []
        self.unwilling: set[str] = set()
        self.mute: set[str] = set()

    def host(self, name: str) -> Host:
        return Host(Recording(name, self.asked, int(name in self.unwilling), name in self.mute))


STATUS = replace(parse_status(RUNNING), dc="node1")


@pytest.mark.parametrize(
    ("count", "half", "twin"),
    [(2, [], ["node1"]), (3, [], []), (4, ["node2", "node1"], []), (6, ["node2", "node1", "node3"], [])],
)
def test_halves_are_those_of_an_even_number(count: int, half: list[str], twin: list[str]) -> None:
    found = roles(Lab(count), STATUS, "node2")
    assert (found[HALF], found[TWIN]) == (half, twin)
    assert roles(Lab(count), STATUS, "")[HALF] == []


def _injector(lab: Lab, folder: Path, active: str = "node2") -> Injector:
    hands: Any = None
    return Injector(lab, hands, Recorder(folder), roles(lab, STATUS, active), ("10.0.0.254", 8000), 1)


def test_one_half_is_cut_from_the_other_and_from_nobody_else(tmp_path: Path) -> None:
    lab = Lab(4)
    _injector(lab, tmp_path / "run").put_in(DRILLS["split-half"], None)
    done = [(name, command.argv[-2]) for name, command in lab.asked if "nft -f" in command.argv[2]]
    assert done == [("node2", "10.0.0.3,10.0.0.4"), ("node1", "10.0.0.3,10.0.0.4")]


@pytest.mark.parametrize(("name", "said"), [("split-half", "HALAB_NODE_COUNT=4"), ("split-two", "two nodes")])
def test_a_lab_of_three_has_no_half(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(NoEffect, match=said):
        _injector(Lab(3), tmp_path / "run").put_in(DRILLS[name], None)


def test_the_guests_own_timer_gets_the_shells_text_and_comes_after_the_host(tmp_path: Path) -> None:
    """systemd would put its own variables, which are empty, in the place of `${now%%.*}`."""
    lab = Lab(3)
    _injector(lab, tmp_path / "run").put_in(DRILLS["clock-jumps"], 60)
    (jumps,) = DRILLS["clock-jumps"].injections
    assert isinstance(jumps, Guest)
    (timer,) = (command.argv for _, command in lab.asked if command.argv[0] == "systemd-run")
    assert "--on-active=75" in timer
    assert "${now%%.*}" in jumps.undo
    assert timer[timer.index("-euc") + 1] == jumps.undo.replace("$", "$$")


class Noted:
    """Hands that note what they do; the machine stands still meanwhile."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda _: self.done.append(name)

    def state(self, _: str) -> Presence:
        return Presence.PAUSED


def test_the_others_are_led_to_who_lies_and_who_stood_still_is_cycled(tmp_path: Path) -> None:
    lab = Lab(3)
    hands: Any = Noted()
    injector = replace(_injector(lab, tmp_path / "run"), hands=hands, liar_port=9000)
    injector.put_in(DRILLS["fencing-lies"], 60)
    misled = {(name, *command.argv[-4:]) for name, command in lab.asked if "dnat" in command.argv[2]}
    assert misled == {(name, "10.0.0.254", "8000", "10.0.0.2", "9000") for name in ("node1", "node3")}
    injector.take_out(DRILLS["fencing-lies"])
    assert hands.done == ["suspend", "cut", "start"]
    undone = [
        (one["machine"], one["what"]) for one in injector.recorder.events("injection") if one["state"] == "undone"
    ]
    injector.recorder.close()
    assert undone == [("node2", "cycle"), ("node1", "script"), ("node3", "script")]


def test_one_that_cannot_be_undone_keeps_nothing_else_broken(tmp_path: Path) -> None:
    lab = Lab(3)
    hands: Any = Noted()
    injector = replace(_injector(lab, tmp_path / "run"), hands=hands, liar_port=9000)
    injector.put_in(DRILLS["fencing-lies"], 60)
    lab.unwilling.add("node1")
    with pytest.raises(CommandFailed, match="it cannot"):
        injector.take_out(DRILLS["fencing-lies"])
    undone = [one["machine"] for one in injector.recorder.events("injection") if one["state"] == "undone"]
    injector.recorder.close()
    assert (undone, hands.done) == (["node2", "node3"], ["suspend", "cut", "start"])


def test_machines_take_turns(tmp_path: Path) -> None:
    lab = Lab(3)
    injector = _injector(lab, tmp_path / "run")
    for name in ("node1", "node2", "node3"):
        injector.recorder.add("console", machine=name, text="reboot: Restarting system")
    turns = injector.in_turn(DRILLS["reboot-rolling"])
    assert (next(turns), [name for name, _ in lab.asked]) == ("node1", ["node1", "node1"])
    assert (next(turns), lab.asked[-1][0]) == ("node2", "node2")
    assert [*turns] == ["node3"]
    told = [(one["machine"], one["state"]) for one in injector.recorder.events("injection")]
    injector.recorder.close()
    assert told == [(f"node{n}", state) for n in (1, 2, 3) for state in ("begun", "took")]


def test_a_mute_guest_is_asked_again_when_it_answers_and_keeps_its_timer_until_then(tmp_path: Path) -> None:
    lab = Lab(3)
    injector = _injector(lab, tmp_path / "run")
    injector.put_in(DRILLS["standby"], 15)
    lab.mute.add("node2")
    injector.take_out(DRILLS["standby"])
    assert [name for _, name in injector.pending] == ["node2"]
    injector.again(["node1", "node3"])
    injector.again(["node1", "node2"])  # it looked as if it would answer
    assert [name for _, name in injector.pending] == ["node2"]
    lab.mute.clear()
    injector.again(["node1", "node2"])
    injector.again(["node1", "node2"])
    undone = [one["machine"] for one in injector.recorder.events("injection") if one["state"] == "undone"]
    injector.recorder.close()
    assert (injector.pending, undone) == ([], ["node2"])
    script = lab.asked[-1][1].argv[2]
    assert script.index("crm_standby") < script.index("systemctl stop halab-drill-undo.timer")


@pytest.mark.parametrize(("rc", "stopped"), [(0, True), (1, False)])
def test_the_timer_stays_when_the_undoing_fails(tmp_path: Path, rc: int, stopped: bool) -> None:
    """By the shell itself, with a systemctl and an undoing that note that they were there."""
    lab = Lab(3)
    injector = _injector(lab, tmp_path / "run")
    drill = replace(DRILLS["standby"], injections=(Guest("active", "true", undo=f"echo undone; exit {rc}"),))
    injector.take_out(drill)
    injector.recorder.close()
    called = tmp_path / "systemctl"
    called.write_text('#!/bin/sh\necho "systemctl $*"\n')
    called.chmod(0o755)
    argv = lab.asked[-1][1].argv
    done = subprocess.run(argv, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    lines = ["undone", *(["systemctl stop halab-drill-undo.timer"] if stopped else [])]
    assert (done.returncode, done.stdout.splitlines()) == (rc, lines)


# Arguments: where it keeps what it was told. A device of 2048 sectors on another one.
_DMSETUP = """#!/bin/sh
echo "$@" >> "$DIR/calls"
case $1 in
table) cat "$DIR/live" ;;
load) case $3 in --table) echo "$4" ;; *) cat "$3" ;; esac > "$DIR/loaded" ;;
resume) mv "$DIR/loaded" "$DIR/live" ;;
esac
"""


def test_a_volume_that_fails_is_itself_again_afterwards(tmp_path: Path) -> None:
    """The script's own course, with a dmsetup that keeps tables as the kernel does: loaded, then live."""
    (fails,) = DRILLS["volume-fails"].injections
    assert isinstance(fails, Guest)
    for name, text in {
        "dmsetup": _DMSETUP,
        "findmnt": "#!/bin/sh\necho /dev/mapper/vg-lv\n",
        "blockdev": "#!/bin/sh\necho 2048\n",
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    live = tmp_path / "live"
    live.write_text("0 2048 linear 8:1 2048\n")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "DIR": str(tmp_path)}

    def script(text: str) -> int:
        text = text.replace("/run/", f"{tmp_path}/")
        return subprocess.run(["sh", "-euc", text], env=environment, check=False, timeout=20).returncode

    assert script(fails.do) == 0
    assert live.read_text() == "0 2048 error\n"
    assert script(fails.took) == 0
    assert script(fails.undo) == 0
    assert live.read_text() == "0 2048 linear 8:1 2048\n"
    assert script(fails.took) != 0
    for file in ("halab-drill.volume", "halab-drill.table"):
        (tmp_path / file).unlink()
    assert script(fails.undo) == 0, "who was fenced meanwhile has neither the files nor the fault"
