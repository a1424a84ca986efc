import subprocess

import pytest

from halab.provisioners.errors import UnexpectedOutput
from halab.provisioners.units import UnitState, disable, enable, parse_show, show

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
    subprocess.run(["sh", "-n", "-c", show('"$1"', "b")], check=True)
    assert enable("a", "b") == "SYSTEMCTL_SKIP_SYSV=1 systemctl -q --no-reload enable a b"
    assert " disable a" in disable("a")
