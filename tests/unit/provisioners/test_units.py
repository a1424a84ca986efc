import pytest

from halab.provisioners.units import UnitState, disable, enable, parse_show, show

# Real output of `systemctl show` on a Debian 13 guest: pcsd while it waits for pcsd-ruby, chrony, and a wrong name.
SHOWN = """\
Id=pcsd.service
LoadState=loaded
ActiveState=inactive
UnitFileState=enabled
Job=1412

Id=chrony.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=no-such.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
"""


def test_parse_show() -> None:
    assert parse_show(SHOWN) == [
        UnitState(load="loaded", file="enabled", running=True),
        UnitState(load="loaded", file="enabled", running=True),
        UnitState(load="not-found", file="", running=False),
    ]
    assert parse_show("") == []


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
    assert parse_show(f"ActiveState={active}\nJob={job}\n")[0].running == running


def test_lines() -> None:
    assert show('"$1"').endswith(' -- "$1"')
    assert enable("a", "b") == "SYSTEMCTL_SKIP_SYSV=1 systemctl -q --no-reload enable a b"
    assert " disable a" in disable("a")
