import os
import subprocess
from pathlib import Path

import pytest

from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.units import IS_ENABLED, UnitState, disable, enable, parse_show, show

# Output on a Debian 13 guest: pcsd while it waits for pcsd-ruby, chrony, and a wrong name.
SHOWN = """\
LoadState=loaded
ActiveState=inactive
Job=1412

LoadState=loaded
ActiveState=active

LoadState=not-found
ActiveState=inactive

enabled
enabled
not-found
"""


def test_parse_show() -> None:
    assert parse_show(SHOWN) == [
        UnitState(load="loaded", file="enabled", running=True),
        UnitState(load="loaded", file="enabled", running=True),
        UnitState(load="not-found", file="not-found", running=False),
    ]


@pytest.mark.parametrize(
    ("active", "job", "running"),
    [
        ("active", "0", True),
        ("activating", "", True),
        ("reloading", "", True),
        ("failed", "", False),
        ("inactive", "0", False),
        ("deactivating", "", False),
    ],
)
def test_running(active: str, job: str, running: bool) -> None:
    assert parse_show(f"ActiveState={active}\nJob={job}\n\ndisabled\n")[0].running == running


def test_older_systemd_says_nothing_of_units_that_are_not_there() -> None:
    assert parse_show("LoadState=not-found\n\n\n") == [UnitState(load="not-found", file="", running=False)]


@pytest.mark.parametrize("text", ["", "ActiveState=active\n", "ActiveState=active\n\nenabled\nenabled\n"])
def test_a_cut_answer_is_an_error(text: str) -> None:
    with pytest.raises(UnexpectedOutput):
        parse_show(text)


def test_lines() -> None:
    assert 'for unit in "$1" b; do' in show('"$1"', "b")
    subprocess.run(["sh", "-n", "-c", IS_ENABLED], check=True)
    subprocess.run(["sh", "-n", "-c", show('"$1"', "b")], check=True)
    assert enable("a", "b") == "SYSTEMCTL_SKIP_SYSV=1 systemctl -q --no-reload enable a b\nsync -f /etc /var"
    assert " disable a" in disable("a")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Unit files, and /etc/systemd/system with one unit enabled."""
    etc, library = tmp_path / "etc", tmp_path / "lib"
    (etc / "multi-user.target.wants").mkdir(parents=True)
    library.mkdir()
    (library / "a.service").touch()
    (etc / "multi-user.target.wants/a.service").symlink_to(library / "a.service")
    systemctl = tmp_path / "systemctl"
    systemctl.write_text('#!/bin/sh\necho "asked $*"; exit 1\n')
    systemctl.chmod(0o755)
    return tmp_path


def said(folders: Path, text: str, *units: str) -> str:
    text = text.replace("/etc/systemd/system", str(folders / "etc"))
    text = text.replace("/run/systemd/", f"{folders}/run/")
    path = f"{folders}:{os.environ['PATH']}"
    argv = ["sh", "-euc", text, "sh", *units]
    return subprocess.run(argv, env={"PATH": path}, check=True, text=True, capture_output=True).stdout


def is_enabled(folders: Path, unit: str) -> str:
    return said(folders, f'{IS_ENABLED}is_enabled "$1"', unit).strip()


@pytest.mark.parametrize("unit", ["a", "a.service"])
def test_what_a_link_enables_is_seen_without_systemctl(folders: Path, unit: str) -> None:
    assert is_enabled(folders, unit) == "enabled"


@pytest.mark.parametrize("unit", ["b", "a.socket"])
def test_systemctl_is_asked_for_what_no_link_enables(folders: Path, unit: str) -> None:
    name = unit if "." in unit else f"{unit}.service"
    assert is_enabled(folders, unit) == f"asked is-enabled -- {name}"


@pytest.mark.parametrize("where", ["etc", "run"])
def test_systemctl_is_asked_for_what_may_be_masked(folders: Path, where: str) -> None:
    place = folders / ("etc" if where == "etc" else "run/system")
    place.mkdir(parents=True, exist_ok=True)
    (place / "a.service").symlink_to("/dev/null")
    assert is_enabled(folders, "a") == "asked is-enabled -- a.service"


def test_systemctl_is_asked_when_the_unit_is_gone(folders: Path) -> None:
    (folders / "lib/a.service").unlink()
    assert is_enabled(folders, "a") == "asked is-enabled -- a.service"


def test_units_that_run_and_are_enabled_are_seen_without_systemctl(folders: Path) -> None:
    started = folders / "run/units/invocation:a.service"
    started.parent.mkdir(parents=True)
    started.symlink_to("2d6962aa494e4b19bd29aac3b64edb5e")
    (folders / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    seen = UnitState(load="loaded", file="enabled", running=True)
    assert parse_show(said(folders, show('"$1"', "a.service"), "a")) == [seen, seen]


def test_systemctl_is_asked_for_what_does_not_run(folders: Path) -> None:
    (folders / "systemctl").write_text('#!/bin/sh\necho "LoadState=asked $*"; echo ActiveState=failed\n')
    assert parse_show(said(folders, show("a"))) == [
        UnitState(load="asked show -p LoadState,ActiveState,Job -- a.service", file="enabled", running=False)
    ]
