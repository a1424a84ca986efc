import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.engine.command import Command, Result, Secret
from halab.provisioners.engine.platform import DEBIAN_12, DEBIAN_13, EL_9
from halab.provisioners.engine.steps import Await, Run
from halab.provisioners.iscsi.session import Session, SessionItem, parse_look, session_seen

DATA = Path(__file__).parents[3] / "data" / "iscsi"
DEVICE = "/dev/disk/by-id/wwn-0x60014052f5f3785a1d25030bca4ae774"
PASSWORD = "Correct-Horse-42"
WANTED = Session(
    machine="m",
    initiator_iqn="iqn.2026-01.test.summit:node1",
    target_iqn="iqn.2003-01.org.linux-iscsi.target.x8664:sn.62c66a7a5dd7",
    portal="10.77.0.14",
    chap_user="node1",
    chap_password=Secret(PASSWORD),
)
HAVE = replace(WANTED, device=DEVICE)
COMPLETE = parse_look((DATA / "complete.txt").read_text())  # its digest is that of PASSWORD
LOGGED_OUT = parse_look((DATA / "logged out.txt").read_text())
NO_RECORD = parse_look((DATA / "record gone.txt").read_text())
ITEM = SessionItem()


def without(key: str) -> dict[str, str]:
    return {k: v for k, v in COMPLETE.items() if k != key}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (COMPLETE, HAVE),
        (LOGGED_OUT, replace(HAVE, condition="not logged in")),
        (
            NO_RECORD,
            replace(HAVE, chap_user=None, chap_password=None, condition="there is no node record"),
        ),
        ({**COMPLETE, "state": "FAILED"}, replace(HAVE, condition="the session is FAILED")),
        (without("device"), replace(HAVE, condition="LUN 0 is not there")),
        (without("password"), replace(HAVE, chap_password=Secret(""))),
        (without("ordered"), replace(HAVE, condition="Pacemaker does not wait for the login at boot")),
        ({**COMPLETE, "session.auth.authmethod": "None"}, replace(HAVE, chap_user=None, chap_password=None)),
        ({**COMPLETE, "session.timeo.replacement_timeout": "5"}, replace(HAVE, replacement_timeout_s=5)),
        ({**COMPLETE, "startup": "manual"}, replace(HAVE, condition="node.startup is manual")),
        ({**COMPLETE, "unit": "disabled"}, replace(HAVE, condition="the unit that logs in at boot is disabled")),
        (
            {**COMPLETE, "initiator": "iqn.1993-08.org.debian:01:abc"},
            replace(HAVE, condition="/etc/iscsi/initiatorname.iscsi says iqn.1993-08.org.debian:01:abc"),
        ),
        ({"initiator": WANTED.initiator_iqn, "unit": "enabled"}, None),
    ],
)
def test_session_seen(seen: dict[str, str], expected: Session | None) -> None:
    assert session_seen(seen, HAVE) == expected


def test_a_lost_session_keeps_its_device() -> None:
    seen = session_seen(LOGGED_OUT, HAVE)
    assert seen is not None
    assert seen.device == DEVICE


@pytest.mark.parametrize("platform", [DEBIAN_13, DEBIAN_12, EL_9])
def test_login_steps(platform: Any) -> None:
    login, wait = ITEM.steps(platform, None, WANTED)
    assert isinstance(login, Run)
    assert isinstance(wait, Await)
    assert isinstance(login.command.stdin, Secret)
    assert login.command.stdin.reveal() == f"node1\n{PASSWORD}\n"
    assert PASSWORD not in repr(login) + str(login) + repr(wait) + str(wait)
    assert platform.iscsi_node_db in login.command.argv
    assert platform.iscsi_login_unit in login.command.argv
    for command in (login.command, wait.probe):
        subprocess.run(["sh", "-n", "-c", command.argv[2]], check=True)


@pytest.mark.parametrize(
    ("now", "wanted", "count"),
    [
        (HAVE, WANTED, 0),
        (HAVE, HAVE, 0),
        (replace(HAVE, condition="not logged in"), WANTED, 2),
        (replace(HAVE, chap_password=Secret("")), WANTED, 4),
        (replace(HAVE, replacement_timeout_s=5), WANTED, 4),
        (replace(HAVE, lun_bytes=1 << 30), replace(WANTED, lun_bytes=2 << 30), 5),
        (HAVE, None, 2),
        (None, None, 0),
    ],
)
def test_steps(now: Session | None, wanted: Session | None, count: int) -> None:
    assert len(list(ITEM.steps(DEBIAN_13, now, wanted))) == count


def test_a_session_in_use_gets_its_new_password_without_a_logout() -> None:
    rotated = replace(WANTED, chap_password=Secret("Battery-Staple-7"))
    seen = session_seen({**COMPLETE, "in_use": Secret(PASSWORD).digest()}, rotated)
    assert seen is not None
    assert seen.chap_password == Secret("")  # the record's is another one: this is what the plan shows
    record, renew, _ = ITEM.steps(DEBIAN_13, seen, rotated)
    assert isinstance(record, Run)
    assert isinstance(renew, Run)
    for step in (record, renew):
        assert isinstance(step.command.stdin, Secret)
        assert step.command.stdin.reveal() == "node1\nBattery-Staple-7\n"
        assert "Battery" not in str(step)
        assert "--logout" not in str(step)
    subprocess.run(["sh", "-n", "-c", renew.command.argv[2]], check=True)


def test_a_session_that_would_not_survive_a_lost_connection_is_seen() -> None:
    seen = session_seen({**COMPLETE, "in_use": Secret("an older one").digest()}, HAVE)
    assert seen is not None
    assert seen.condition == "the session uses another CHAP password: it would not survive a lost connection"
    assert session_seen({**COMPLETE, "in_use": Secret(PASSWORD).digest()}, HAVE) == HAVE


@pytest.mark.parametrize(
    ("sectors", "shown"),
    [(None, 2 << 30), ("4194304", 2 << 30), ("4190208", 2 << 30), ("2093056", 2093056 * 512)],
)
def test_a_lun_that_has_not_grown_yet(sectors: str | None, shown: int) -> None:
    wanted = replace(HAVE, lun_bytes=2 << 30)
    seen = session_seen(COMPLETE if sectors is None else {**COMPLETE, "sectors": sectors}, wanted)
    assert seen is not None
    assert seen.lun_bytes == shown


def test_what_nobody_asked_for_is_not_shown() -> None:
    seen = session_seen({**COMPLETE, "sectors": "2093056"}, HAVE)
    assert seen is not None
    assert seen.lun_bytes is None


@pytest.mark.parametrize(
    ("device", "output", "ready"),
    [
        (None, f"state=LOGGED_IN\ndevice={DEVICE}\n", True),
        (DEVICE, f"state=LOGGED_IN\ndevice={DEVICE}\n", True),
        (None, "state=LOGGED_IN\n", False),
        (None, f"state=FREE\ndevice={DEVICE}\n", False),
        ("/dev/disk/by-id/wwn-0x1", f"state=LOGGED_IN\ndevice={DEVICE}\n", False),
    ],
)
def test_the_wanted_disk_is_waited_for(device: str | None, output: str, ready: bool) -> None:
    _, wait = ITEM.steps(DEBIAN_13, None, replace(WANTED, device=device))
    assert isinstance(wait, Await)
    assert wait.ready(Result(Command(("x",)), 0, output, "")) is ready


def test_the_password_is_compared_by_its_digest(guest_host: Callable[..., Any], tmp_path: Path) -> None:
    host, guest = guest_host((DATA / "complete.txt").read_text())
    assert ITEM.observe(host, WANTED) == HAVE
    (command,) = guest.asked
    assert command.stdin is None
    assert PASSWORD not in repr(command)
    record = tmp_path / WANTED.target_iqn / f"{WANTED.portal},{WANTED.port},1" / "default"
    record.parent.mkdir(parents=True)
    record.write_text(f"node.startup = automatic\nnode.session.auth.password = {PASSWORD}\n")
    words = [str(tmp_path) if word == DEBIAN_13.iscsi_node_db else word for word in command.argv]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert parse_look(said)["password"] == Secret(PASSWORD).digest()
    assert PASSWORD not in said


def test_chap_needs_both() -> None:
    assert [field for field, _ in ITEM.check(replace(WANTED, chap_password=None))] == ["chap_user"]
    assert list(ITEM.check(replace(WANTED, chap_user=None, chap_password=None))) == []


@pytest.mark.parametrize(
    ("held", "mounts", "free"),
    [
        ("", "/dev/vda / ext4", True),
        ("sda1", "", False),
        ("sda", "", False),
        ("", "/dev/sda1 /mnt ext4", False),
        ("", "/dev/sda /mnt ext4", False),
        ("", "/dev/sda11 /mnt ext4", True),
        ("sdb", "/dev/sdb /mnt ext4", True),  # another target's
    ],
)
def test_nobody_logs_out_under_what_is_in_use(tmp_path: Path, held: str, mounts: str, free: bool) -> None:
    """The script itself, on folders that look like sysfs."""
    for number, (target, disk) in enumerate(((WANTED.target_iqn, "sda"), ("iqn.2003-01.a:other", "sdb"))):
        session = tmp_path / f"sessions/session{number}"
        block = session / "device/target0:0:0/0:0:0:0/block" / disk
        for folder in (block, block / f"{disk}1"):
            (folder / "holders").mkdir(parents=True)
            (folder / "dev").touch()
            if folder.name == held:
                (folder / "holders/dm-0").touch()
        (block / f"{disk}1/partition").touch()
        (session / "targetname").write_text(target + "\n")
    (tmp_path / "mounts").write_text(f"{mounts} rw 0 0\n")
    wait, out = SessionItem().steps(DEBIAN_13, WANTED, None)
    assert isinstance(wait, Await)
    assert isinstance(out, Run)
    assert out.command.what == "log out"
    argv = wait.probe.argv
    text = argv[2].replace("/sys/class/iscsi_session", str(tmp_path / "sessions"))
    text = text.replace("/proc/mounts", str(tmp_path / "mounts"))
    done = subprocess.run([*argv[:2], text, *argv[3:]], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == free, done.stderr
    assert wait.ready(Result(wait.probe, done.returncode, done.stdout, done.stderr)) is free


@pytest.mark.parametrize(
    ("logout", "delete", "gone"),
    [(0, 0, True), (21, 21, True), (8, 0, False), (0, 6, False)],  # 21: there is no such session, or record
)
def test_a_session_is_gone_only_when_it_is_logged_out_and_its_record_deleted(
    tmp_path: Path, shell: Callable[..., list[str]], logout: int, delete: int, gone: bool
) -> None:
    _, out = ITEM.steps(DEBIAN_13, HAVE, None)
    assert isinstance(out, Run)
    assert out.command.argv[-1] == (
        "/etc/systemd/system/resource-agents-deps.target.d/"
        "iqn.2003-01.org.linux-iscsi.target.x8664_sn.62c66a7a5dd7.conf"
    )
    order = tmp_path / "order.conf"
    order.touch()
    answers = f'case "$*" in *--logout) exit {logout} ;; *) exit {delete} ;; esac'
    done = shell((*out.command.argv[:-1], str(order)), iscsiadm=answers, sync="")
    assert order.exists() is not gone
    assert [line.rpartition(" ")[2] for line in done if line.startswith("iscsiadm")] == (
        ["--logout"] if logout == 8 else ["--logout", "delete"]
    )
