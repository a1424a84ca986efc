"""The unit that keeps an endpoint's daemon alive: whose it is decides what is stopped, removed and written anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provider.fencing.power_service import PowerService
from halab.provider.fencing.power_unit import Unit, unit_text
from halab.provisioners.engine.errors import CommandFailed, Conflict

CONFIG = PowerConfig("summit", "127.0.0.1", 1, "qemu:///system", (), "user unit")
# $0.is-active: what it says of a unit's state; $0.rc-VERB: with which exit code a verb ends.
SYSTEMCTL = """#!/bin/sh
shift
echo "$*" >> "$0.log"
[ "$1" != is-active ] || cat "$0.is-active" 2>/dev/null
[ ! -e "$0.rc-$1" ] || exit "$(cat "$0.rc-$1")"
"""


class Systemd:
    """Stands for systemctl; `home` is where this user's units lie."""

    def __init__(self, home: Path) -> None:
        self.program = home / "bin/systemctl"
        self.program.parent.mkdir()
        self.program.write_text(SYSTEMCTL)
        self.program.chmod(0o755)
        self.unit = Unit("halab-fencing-summit", user=True)
        self.unit.path.parent.mkdir(parents=True)

    def asked(self) -> list[str]:
        log = Path(f"{self.program}.log")
        return (
            [line.removesuffix(" halab-fencing-summit.service") for line in log.read_text().splitlines()]
            if log.exists()
            else []
        )

    def says(self, word: str, text: str) -> None:
        Path(f"{self.program}.{word}").write_text(text)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    monkeypatch.setenv("HOME", str(tmp_path))
    made = Systemd(tmp_path)
    monkeypatch.setenv("PATH", f"{made.program.parent}:{os.environ['PATH']}")
    return made


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PowerService:
    # A firewall of this host is none of the tests'.
    monkeypatch.setattr("halab.provider.fencing.power_port.has_rule", lambda _: None)
    monkeypatch.setattr("halab.provider.fencing.power_port.remove_rule", pytest.fail)
    monkeypatch.setattr("halab.provider.fencing.power_port.refuse_if_taken", lambda *_: None)
    files = PowerFiles(tmp_path / "fencing/summit")
    files.make_directory()
    return PowerService("summit", files)


def unit_of(config: Path) -> str:
    return unit_text("summit", config, user=True)


def test_the_endpoints_own_unit_is_stopped_and_goes(systemd: Systemd, service: PowerService) -> None:
    systemd.unit.path.write_text(unit_of(service.files.config))
    assert service.runs(CONFIG)
    service.stop(CONFIG)
    assert systemd.asked() == ["stop", "disable", "daemon-reload", "reset-failed"]
    assert not systemd.unit.path.exists()
    assert not service.runs(CONFIG)


@pytest.mark.parametrize("elsewhere", ["/one/config.json", "/fencing/summit/config.json"])
def test_a_unit_of_another_lab_by_that_name_is_left_alone(
    systemd: Systemd, service: PowerService, elsewhere: str
) -> None:
    theirs = unit_of(Path(elsewhere))
    systemd.unit.path.write_text(theirs)
    assert not service.runs(CONFIG)
    service.stop(CONFIG)
    with pytest.raises(Conflict, match="belongs to another lab") as refused:
        service.start(CONFIG)
    assert refused.value.attribute == "name"
    assert systemd.asked() == []
    assert systemd.unit.path.read_text() == theirs


def test_one_that_supervises_itself_has_no_unit(systemd: Systemd, service: PowerService) -> None:
    """A unit that lies there belongs to whoever wrote it."""
    systemd.unit.path.write_text(unit_of(service.files.config))
    own = PowerConfig("summit", "127.0.0.1", 1, "qemu:///system", (), "supervisor")
    assert not service.runs(own)
    service.stop(own)
    assert (systemd.asked(), systemd.unit.path.exists()) == ([], True)


@pytest.mark.parametrize(("state", "rc", "asked"), [("inactive\n", "3", 1), ("active\n", "0", 5)])
def test_a_unit_whose_file_is_gone_is_stopped_where_it_runs(systemd: Systemd, state: str, rc: str, asked: int) -> None:
    systemd.says("is-active", state)
    systemd.says("rc-is-active", rc)
    systemd.unit.remove()
    assert len(systemd.asked()) == asked


@pytest.mark.parametrize(("verb", "rc", "fine"), [("stop", "5", True), ("stop", "1", False), ("disable", "4", False)])
def test_what_systemd_cannot_do_is_an_error(systemd: Systemd, verb: str, rc: str, fine: bool) -> None:
    systemd.unit.path.write_text("")
    systemd.says(f"rc-{verb}", rc)
    if fine:
        systemd.unit.remove()
        return
    with pytest.raises(CommandFailed, match=f"systemctl {verb} "):
        systemd.unit.remove()
    assert systemd.unit.path.exists(), "it still runs"


@pytest.mark.parametrize(
    ("state", "rc", "active"),
    [("active", "0", True), ("activating", "3", True), ("inactive", "3", False), ("failed", "3", False)],
)
def test_whether_it_runs(systemd: Systemd, service: PowerService, state: str, rc: str, active: bool) -> None:
    systemd.says("is-active", state)
    systemd.says("rc-is-active", rc)
    assert not service.supervised(CONFIG), "there is no unit"
    systemd.unit.path.write_text(unit_of(service.files.config))
    assert service.supervised(CONFIG) == active
    systemd.unit.path.write_text(unit_of(service.files.config).replace("halab.provider.fencing", "halab.earlier"))
    assert not service.supervised(CONFIG), "another version's daemon"
