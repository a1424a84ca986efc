"""SBD: its disk, what runs on a node, and what a node waits for at a boot."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.engine.errors import Conflict, UnexpectedOutput
from halab.provisioners.engine.platform import DEBIAN_13, EL_9
from halab.provisioners.engine.steps import PutFile, Run, Step
from halab.provisioners.pacemaker.sbd import COMPLETE, UNIT, WAIT, Sbd, SbdItem, rule_of, sbd_seen
from halab.provisioners.pacemaker.sbd_disk import SbdDisk, SbdDiskItem, disk_seen

DEVICE = "/dev/disk/by-id/wwn-0x60014051"
DISK = SbdDisk(machine="m", device=DEVICE, watchdog_s=15, msgwait_s=30)
HEADER = f"""==Dumping header on disk {DEVICE}
Header version     : 2.1
UUID               : 0b3ea2a3-66cb-4b0a-a1b2-4e4cbbb3e6f1
Number of slots    : 255
Sector size        : 512
Timeout (watchdog) : 15
Timeout (allocate) : 2
Timeout (loop)     : 1
Timeout (msgwait)  : 30
==Header on disk {DEVICE} is dumped
"""


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (HEADER, DISK),
        (HEADER.replace(": 15", ": 5"), replace(DISK, watchdog_s=5)),
        ("0\n", None),
        ("", replace(DISK, condition=f"{DEVICE} is not there on node1")),
    ],
)
def test_a_header_and_its_times(text: str, seen: SbdDisk | None) -> None:
    assert disk_seen(text, DISK, "node1") == seen


def test_a_disk_that_nobody_has_seen_is_none() -> None:
    assert disk_seen("", replace(DISK, watchdog_s=0, msgwait_s=0), "node1") is None, "an import"


def test_a_disk_with_anything_else_is_refused() -> None:
    with pytest.raises(Conflict, match="is not empty"):
        disk_seen("512\n", DISK, "node1")
    with pytest.raises(UnexpectedOutput):
        disk_seen("==Dumping header\nsomething else\n", DISK, "node1")


def test_the_disk_is_written_once() -> None:
    item = SbdDiskItem()
    assert list(item.steps(DEBIAN_13, DISK, DISK)) == []
    (made,) = item.steps(DEBIAN_13, None, DISK)
    assert isinstance(made, Run)
    assert made.command.argv[-3:] == (DEVICE, "15", "30")
    text = made.command.argv[2]
    assert text.index(" dump ") < text.index("is not empty any more") < text.index(" create")
    assert list(item.steps(DEBIAN_13, replace(DISK, condition="away"), None)) == [], "nothing that is not seen is wiped"


def _on_disk(
    step: Step, shell: Callable[..., list[str]], disk: Path, sbd: str, **programs: str
) -> tuple[list[str], int]:
    """The programs that wrote to the disk, and how many bytes of it are not zero after that."""
    assert isinstance(step, Run)
    argv = [*step.command.argv[:4], str(disk), *step.command.argv[5:]]
    done = shell(argv, udevadm="", sbd=f'case "$*" in *dump) {sbd};; esac', **programs)
    wrote = [line.split()[-1] for line in done if line.startswith("sbd") and line.endswith("create")]
    return wrote, len(disk.read_bytes().replace(b"\0", b""))


@pytest.mark.parametrize(
    ("content", "sbd", "programs", "written"),
    [
        (bytes(2 << 20), "exit 1", {}, True),
        (bytes(1 << 20) + b"behind it", "exit 1", {}, True),
        (bytes(2 << 20), "exit 0", {}, False),
        (bytes((1 << 20) - 1) + b"x", "exit 1", {}, False),
        (bytes(2 << 20), "exit 1", {"head": "echo head: Input/output error >&2; exit 1"}, False),
        (bytes(2 << 20), "exit 1", {"head": 'n=$(cat "$0.n" || :); echo x >>"$0.n"; [ -z "$n" ]'}, False),
    ],
    ids=["empty", "used behind the header", "a header", "not empty", "unreadable", "unreadable from now on"],
)
def test_a_disk_is_looked_at_again_before_its_header_is_written(
    tmp_path: Path, shell: Callable[..., list[str]], content: bytes, sbd: str, programs: dict[str, str], written: bool
) -> None:
    (disk := tmp_path / "disk").write_bytes(content)
    (step,) = SbdDiskItem().steps(DEBIAN_13, None, DISK)
    assert _on_disk(step, shell, disk, sbd, **programs)[0] == (["create"] if written else [])


@pytest.mark.parametrize(("sbd", "left"), [("exit 0", 6), ("exit 1", 12)], ids=["a header", "something else"])
def test_a_header_alone_is_wiped(tmp_path: Path, shell: Callable[..., list[str]], sbd: str, left: int) -> None:
    """And nothing behind it."""
    (disk := tmp_path / "disk").write_bytes(b"header" + bytes((1 << 20) - 6) + b"behind")
    (step,) = SbdDiskItem().steps(DEBIAN_13, DISK, None)
    assert isinstance(step, Run)
    step = replace(step, command=replace(step.command, argv=_onto_a_file(step.command.argv)))
    assert _on_disk(step, shell, disk, sbd)[1] == left


def _onto_a_file(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Not every file system of a test takes oflag=direct, and a file would be cut off there."""
    return (*argv[:2], argv[2].replace("oflag=direct", "conv=notrunc"), *argv[3:])


@pytest.mark.parametrize(
    ("programs", "said"),
    [({}, "0"), ({"head": "exit 1"}, "")],
    ids=["empty", "unreadable"],
)
def test_what_cannot_be_read_is_not_seen_as_empty(
    tmp_path: Path, guest_host: Callable[..., Any], programs: dict[str, str], said: str
) -> None:
    host, guest = guest_host("0\n")
    SbdDiskItem().observe(host, DISK)
    (disk := tmp_path / "disk").write_bytes(bytes(2 << 20))
    for name, body in {"sbd": "exit 1", **programs}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    (command,) = guest.asked
    argv = [*command.argv[:2], command.argv[2].replace("[ -b ", "[ -e "), "halab", str(disk)]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode == 0, done.stdout.strip()) == (bool(said), said)


def test_a_node_that_was_told_to_go_must_not_count_as_dead_too_late() -> None:
    item = SbdDiskItem()
    assert [*item.check(DISK)] == []
    ((field, said),) = item.check(replace(DISK, msgwait_s=29))
    assert field == "msgwait_s"
    assert "use 30 or more" in said


WANTED = Sbd(machine="m", device=DEVICE)
RULE = rule_of(DEVICE)


def _written(steps: list[Step]) -> dict[str, str]:
    return {step.path: str(step.content) for step in steps if isinstance(step, PutFile)}


CONFIG = _written([*SbdItem().steps(DEBIAN_13, None, WANTED)])["/etc/default/sbd"]


def _states(sbd: str, corosync: str, file: str = "enabled") -> str:
    shown = "".join(f"LoadState=loaded\nActiveState={state}\n\n" for state in (sbd, corosync))
    return f"{shown}{file}\nenabled\n"


@pytest.mark.parametrize(
    ("config", "wait", "unit", "state", "condition"),
    [
        (CONFIG, WAIT, UNIT, _states("active", "active"), COMPLETE),
        (CONFIG, WAIT, UNIT, _states("inactive", "inactive"), COMPLETE),
        (CONFIG, WAIT, UNIT, _states("activating", "active"), COMPLETE),
        (CONFIG, WAIT, UNIT, _states("inactive", "active"), "sbd does not run beside the cluster"),
        (CONFIG, WAIT, UNIT, _states("active", "active", "disabled"), "sbd is disabled: it would not start with"),
        (CONFIG, None, UNIT, _states("active", "active"), "it would not wait for its disk at a boot"),
        (CONFIG, WAIT, None, _states("active", "active"), "it would not wait for its disk at a boot"),
        (f"{CONFIG}SBD_OPTS=-R\n", WAIT, UNIT, _states("active", "active"), "its configuration has other settings"),
        (CONFIG.replace("=always", "=clean"), WAIT, UNIT, _states("active", "active"), "its configuration has other"),
    ],
)  # fmt: skip
def test_what_is_amiss(config: str, wait: str | None, unit: str | None, state: str, condition: str) -> None:
    seen = sbd_seen(config, wait, unit, RULE, state, WANTED)
    assert seen is not None
    assert seen.condition.startswith(condition)
    assert replace(seen, condition=COMPLETE) == WANTED


@pytest.mark.parametrize("rule", [None, "", RULE.replace("60014051", "60014052")])
def test_a_disk_that_would_lose_its_name_shows(rule: str | None) -> None:
    assert 'ATTRS{wwid}=="naa.60014051", SYMLINK+="disk/by-id/wwn-0x60014051"' in RULE
    seen = sbd_seen(CONFIG, WAIT, UNIT, rule, _states("active", "active"), WANTED)
    assert seen is not None
    assert seen.condition == "its disk would lose its name while the target is away"
    assert rule_of("/dev/vdc") == "", "a name that is not the disk's own stays anyway"


@pytest.mark.parametrize("config", [None, "", "SBD_PACEMAKER=yes\n", '#SBD_DEVICE=""\nSBD_OPTS=\n'])
def test_the_package_s_own_configuration_is_none_of_ours(config: str | None) -> None:
    assert sbd_seen(config, None, None, None, _states("inactive", "active", "disabled"), WANTED) is None


@pytest.mark.parametrize(
    ("line", "device", "watchdog"),
    [
        ("SBD_DEVICE=/dev/x", "/dev/x", "/dev/watchdog"),
        ('SBD_DEVICE="/dev/x"\nSBD_WATCHDOG_DEV=/dev/w', "/dev/x", "/dev/w"),
    ],
)
def test_another_disk_or_watchdog_shows(line: str, device: str, watchdog: str) -> None:
    seen = sbd_seen(line, WAIT, UNIT, rule_of(device), _states("active", "active"), WANTED)
    assert seen is not None
    assert (seen.device, seen.watchdog) == (device, watchdog)


def test_files_first_then_the_cluster_starts_it() -> None:
    item = SbdItem()
    assert list(item.steps(DEBIAN_13, WANTED, WANTED)) == []
    steps = [*item.steps(DEBIAN_13, None, WANTED)]
    assert list(_written(steps)) == [
        "/etc/default/sbd",
        "/etc/halab/sbd-wait",
        "/etc/systemd/system/sbd.service.d/halab.conf",
        "/etc/udev/rules.d/61-halab-sbd.rules",
    ]
    assert "/etc/sysconfig/sbd" in _written([*item.steps(EL_9, None, WANTED)])
    (started,) = [step for step in steps if isinstance(step, Run)]
    text = started.command.argv[2]
    # Its unit refuses both; the watchdog is disarmed by a clean end, and corosync pulls it in.
    assert "systemctl stop sbd" not in text
    assert "systemctl start sbd" not in text
    assert text.index("--signal=TERM sbd") < text.index("systemctl start corosync")
    (gone,) = item.steps(DEBIAN_13, WANTED, None)
    assert isinstance(gone, Run)
    assert "--signal=TERM sbd" in gone.command.argv[2]


_TOOLS = {
    "sbd": """#!/bin/sh
[ "$1 $2" = "-d /dev/x" ] || exit 9
case $3 in
list)
  [ -e "$STATE/there" ] || exit 1
  printf '%s\\t%s\\t%s\\tnode1\\n' 0 node1 clear 1 node11 reset 2 node2 "$TOLD"
  ;;
dump) printf 'Timeout (loop)     : 1\\nTimeout (msgwait)  : 60\\n' ;;
esac
""",
    "iscsiadm": '#!/bin/sh\necho "$*" >> "$STATE/logins"; touch "$STATE/there"\n',
    "sleep": '#!/bin/sh\necho "slept $1"\n',
}


def _wait(folder: Path, name: str, told: str) -> str:
    for tool, text in _TOOLS.items():
        (folder / tool).write_text(text)
        (folder / tool).chmod(0o755)
    variables = {"PATH": f"{folder}:{os.environ['PATH']}", "STATE": str(folder), "TOLD": told, "SBD_DEVICE": "/dev/x"}
    done = subprocess.run(
        ["sh", "-c", WAIT, "sbd-wait", name], env=variables, text=True, capture_output=True, timeout=60, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("name", "told", "slept"),
    [
        ("node2", "reset", "slept 60\n"),
        ("node2", "off", "slept 60\n"),
        ("node2", "clear", ""),
        ("node2", "exit", ""),
        ("node1", "reset", ""),
        ("node3", "reset", ""),
    ],
)
def test_who_was_reset_by_the_disk_waits_as_long_as_the_others(
    tmp_path: Path, name: str, told: str, slept: str
) -> None:
    (tmp_path / "there").touch()
    assert _wait(tmp_path, name, told) == slept
    assert not (tmp_path / "logins").exists()


def test_a_node_without_its_disk_logs_in_again(tmp_path: Path) -> None:
    assert _wait(tmp_path, "node2", "clear") == ""
    assert (tmp_path / "logins").read_text() == "-m node --loginall=automatic\n"
