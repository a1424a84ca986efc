"""What a console tells about an installation: stages, failures, hangs, ends. The clock is the test's."""

from __future__ import annotations

import re

import pytest

from halab.images.installation import ArchiveFile, Installation, Stage
from halab.images.tree import Tree
from halab.provider.hypervisor.installer.watch import InstallerWatch, InstallFailed, Seen

TREE = Tree(
    location="/tree", medium="directory", family="AlmaLinux", version="9.4", variant="BaseOS", kernel="k", initrd="i",
    identity="1",
)  # fmt: skip


def installation(**more: object) -> Installation:
    values: dict[str, object] = {
        "suite": "el9",
        "installer": "anaconda",
        "role": "any",
        "tree": TREE,
        "answer_name": "ks.cfg",
        "answer": b"poweroff\n",
        "archive_files": (ArchiveFile("ks.cfg", b"poweroff\n"),),
        "arguments": ("inst.ks=file:/ks.cfg",),
        "disk_size_bytes": 1 << 30,
        "memory_mib": 512,
        "cmdline": "root=/dev/vda1",
        "cmdline_emulated": "",
        "stages": (
            Stage("it starts", re.compile("started")),
            Stage("it installs", re.compile(r"Installing \S+")),
            Stage("it has finished", re.compile("DONE")),
        ),
        "failures": (re.compile(r"^Installation failed[^\r\n]*", re.MULTILINE),),
    }
    return Installation(**(values | more))  # type: ignore[arg-type]


class Watched:
    """A watch whose clock stands still until it is told."""

    def __init__(self) -> None:
        self.now_s, self.reported = 1000.0, list[str]()
        self.watch = InstallerWatch(
            installation(),
            "lab-installer",
            silence_s=600,
            clock=lambda: self.now_s,
            report=self.reported.append,
            hide=lambda text: text.replace("hunter2", "***"),
        )

    def look(self, console: str, *, after_s: float = 1.0, running: bool = True, stuck: str = "") -> bool | None:
        self.now_s += after_s
        return self.watch.look(Seen(running, console, stuck))


def test_stages_are_told_once_and_never_go_back() -> None:
    seen = Watched()
    assert seen.look("[ 0.0] Linux") is None
    assert seen.watch.stage == "the installer's kernel boots"
    assert seen.look("started\nInstalling glibc (1/2)\n") is None
    assert seen.look("Installing bash (2/2)\n") is None  # the console's log began a new file
    assert seen.look("started\n") is None
    assert seen.watch.stage == "it installs"
    assert seen.reported == ["it starts", "it installs"]


def test_its_end_is_its_power() -> None:
    seen = Watched()
    assert seen.look("started DONE") is None, "whoever has finished has yet to write its disks"
    assert seen.look("started DONE\nreboot: Power down", running=False) is True


@pytest.mark.parametrize(
    ("console", "stuck", "told"),
    [
        ("started\nInstallation failed: no disk\r\n", "", "Installation failed: no disk"),
        ("started\nKernel panic - not syncing: VFS: no root\n", "", "Kernel panic - not syncing: VFS: no root"),
        ("started\n", "the disk is full", "the disk is full"),
    ],
)
def test_who_has_given_up_is_not_waited_for(console: str, stuck: str, told: str) -> None:
    with pytest.raises(InstallFailed, match="failed at the stage: it starts") as caught:
        Watched().look(console, stuck=stuck)
    assert told in caught.value.detail
    assert "The last lines on its console:\nstarted" in caught.value.detail


def test_silence_is_a_hang() -> None:
    seen = Watched()
    assert seen.look("started") is None
    assert seen.look("started", after_s=599) is None
    assert seen.look("started.", after_s=0.5) is None, "a character is a sign of life"
    assert seen.look("started.", after_s=599) is None
    with pytest.raises(InstallFailed, match="hangs at the stage: it starts") as caught:
        seen.look("started.", after_s=1)
    assert "Nothing was printed on its console for 10 min" in caught.value.detail


def test_a_machine_that_never_prints_hangs_too() -> None:
    with pytest.raises(InstallFailed, match="hangs at the stage: the installer's kernel boots") as caught:
        Watched().look("", after_s=600)
    assert "(nothing)" in caught.value.detail


@pytest.mark.parametrize(
    ("console", "told"),
    [
        ("started\n[ 9.1] reboot: Restarting system\n", "ended with a reboot"),
        ("started\n[ 9.1] reboot: Power down\n", "ended too early"),
        ("started\n", "ended too early"),
    ],
)
def test_an_end_without_an_export_is_none(console: str, told: str) -> None:
    seen = Watched()
    assert seen.look(console, running=False) is True
    error = seen.watch.unfinished("Its export lacks kernel.")
    assert told in error.summary
    assert "Its export lacks kernel." in error.detail


def test_secrets_are_hidden_wherever_a_console_shows_them() -> None:
    seen = Watched()
    with pytest.raises(InstallFailed) as caught:
        seen.look("rhsm --activation-key=hunter2\nInstallation failed: key hunter2 is not known")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in seen.watch.whole_console()
    assert caught.value.detail.count("***") == 3
