from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from halab.provisioners.engine.errors import CommandFailed, ConfigError
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.platform import DEBIAN_13, EL_9
from halab.provisioners.host.packages import Install, Packages, PackagesItem, installed, unknown_packages

ITEM = PackagesItem()
WANTED = Packages(machine="uuid", names=("tmux", "vim-tiny", "gdb"))

# Real output of the package queries.
DPKG = """\
ii  tmux 3.5a-3
un  vim-tiny
rc  gdb 16.3-1
ii  libgcc-s1 14.2.0-19
"""
RPM = "ii  tmux 3.2a-5.el9\npackage vim-tiny is not installed\n"


def test_installed() -> None:
    assert installed(DPKG) == {"tmux", "libgcc-s1"}
    assert installed(RPM) == {"tmux"}


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (DPKG, ("tmux",)),
        ("ii  gdb 1\nii  vim-tiny 1\nii  tmux 1\n", WANTED.names),
        ((1, "dpkg-query: no packages found matching tmux"), None),
    ],
)
def test_observe(guest_host: Callable[..., Any], answer: Any, seen: tuple[str, ...] | None) -> None:
    host, guest = guest_host(answer)
    found = ITEM.observe(host, WANTED)
    assert found == (None if seen is None else replace(WANTED, names=seen))
    assert guest.asked[0].argv[-3:] == WANTED.names


@pytest.mark.parametrize(
    ("now", "missing"),
    [(None, WANTED.names), (replace(WANTED, names=("tmux",)), ("vim-tiny", "gdb")), (WANTED, None)],
)
def test_steps(now: Packages | None, missing: tuple[str, ...] | None) -> None:
    steps = list(ITEM.steps(DEBIAN_13, now, WANTED))
    wanted = Install(missing, DEBIAN_13.package_install, DEBIAN_13.package_refresh) if missing else None
    assert steps == ([wanted] if wanted else [])


def test_removing_the_resource_removes_no_package() -> None:
    assert list(ITEM.steps(DEBIAN_13, WANTED, None)) == []


APT = "Reading package lists...\nE: Unable to locate package vim-tinny\nE: Unable to locate package no-such\n"
DNF = "No match for argument: vim-tinny\nError: Unable to find a match: vim-tinny\n"


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (APT, ["vim-tinny", "no-such"]),
        (DNF, ["vim-tinny"]),
        ("E: Package 'awk' has no installation candidate\n", ["awk"]),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend.\n", []),
    ],
)
def test_unknown_packages(said: str, names: list[str]) -> None:
    assert unknown_packages(said) == names


def install(host: Host, names: tuple[str, ...] = ("vim-tinny",)) -> None:
    Install(names, EL_9.package_install, EL_9.package_refresh).run(host)


def test_lists_are_fetched_once_when_a_name_is_unknown(guest_host: Callable[..., Any]) -> None:
    host, guest = guest_host((1, DNF), "", "", "")
    install(host)
    *asked, kept = guest.asked
    assert [c.argv[:2] for c in asked] == [("dnf", "install"), ("dnf", "makecache"), ("dnf", "install")]
    assert kept.argv[2].endswith("\nsync -f /etc /var")


def test_a_wrong_name_is_an_error_that_names_it(guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host((1, DNF), "", (1, DNF))
    with pytest.raises(ConfigError, match="no such package: vim-tinny") as caught:
        install(host)
    assert caught.value.attribute == "names"


def test_another_failure_is_not_taken_for_a_wrong_name(guest_host: Callable[..., Any]) -> None:
    host, guest = guest_host((100, "E: Could not get lock\n"))
    with pytest.raises(CommandFailed, match="Could not get lock"):
        install(host)
    assert len(guest.asked) == 1


@pytest.mark.parametrize("name", ["", "-y", "tmux=3", "*", "a b", "./x.deb"])
def test_names_that_are_refused_at_plan(name: str) -> None:
    field = next(f for f in Packages.__dataclass_fields__.values() if f.name == "names")
    assert field.metadata["check"]((name,)) is not None
