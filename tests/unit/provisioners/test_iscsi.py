import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.command import Command, Result, Secret
from halab.provisioners.iscsi import Session, SessionItem, parse_look, session_seen
from halab.provisioners.platform import DEBIAN_12, DEBIAN_13, EL_9
from halab.provisioners.steps import Await, Run

DATA = Path(__file__).parents[2] / "data" / "iscsi"
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
        (replace(HAVE, chap_password=Secret("")), WANTED, 3),
        (replace(HAVE, replacement_timeout_s=5), WANTED, 3),
        (HAVE, None, 2),
        (None, None, 0),
    ],
)
def test_steps(now: Session | None, wanted: Session | None, count: int) -> None:
    assert len(list(ITEM.steps(DEBIAN_13, now, wanted))) == count


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
