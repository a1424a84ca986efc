"""Anaconda's console: its stages in their order, and how it says that it cannot go on.

The texts have the formats of Anaconda 34's source (docs/el9.md names the places) with values of our own; journald puts
the time, the program and its number before each line of a service, and leaves empty lines out.
"""

from __future__ import annotations

import itertools
import re

import pytest

from halab.images.installation import ArchiveFile, Installation
from halab.images.kickstart.plan import FAILURES, STAGES
from halab.images.tree import Tree
from halab.provider.hypervisor.installer.watch import InstallerWatch, InstallFailed, Seen

TREE = Tree(
    location="/tree", medium="directory", family="AlmaLinux", version="9.6", variant="BaseOS", kernel="k", initrd="i",
    identity="1",
)  # fmt: skip
ANACONDA = Installation(
    suite="el9", installer="anaconda", role="any", tree=TREE, answer_name="ks.cfg", answer=b"poweroff\n",
    archive_files=(ArchiveFile("ks.cfg", b"poweroff\n"),), arguments=(), disk_size_bytes=1 << 30, memory_mib=3072,
    cmdline="", cmdline_emulated="", stages=STAGES, failures=FAILURES,
)  # fmt: skip
# What is printed, and the stage that it tells; one without a name tells none.
RUN = [
    ("[    0.000000] Linux version 5.14.0-570.el9.x86_64", ""),
    ("         Starting dracut cmdline hook...", "the installer's first stage looks for its second"),
    ("anaconda: Loading AlmaLinux 9.6 x86_64 installer...", ""),
    ("anaconda: Starting installer, one moment...", "the installer starts"),
    ("anaconda: anaconda 34.25.7.19-1.el9 for AlmaLinux 9.6 started.", ""),
    ("anaconda:  * installation log files are stored in /tmp during the installation", ""),
    ("anaconda: Starting automated install....", "it reads storage and packages' lists"),
    ("anaconda: Saving storage configuration...", "it checks the storage"),
    ("anaconda: Checking storage configuration...", ""),
    ("anaconda: You have not specified a swap partition.", ""),
    ("anaconda: .......", ""),
    ("anaconda: Setting up the installation environment", "it prepares the installation"),
    ("anaconda: .", ""),
    ("anaconda: Configuring storage", "it makes the file systems"),
    ("anaconda: Creating disklabel on /dev/vda", ""),
    ("anaconda: Creating ext4 on /dev/vda1", ""),
    ("anaconda: Running pre-installation scripts", ""),
    ("anaconda: Running pre-installation tasks", ""),
    ("anaconda: Installing.", ""),
    ("anaconda: Starting package installation process", "it chooses packages"),
    ("anaconda: Downloading packages", "it fetches packages"),
    ("anaconda: Downloading 412 RPMs, 12.5 MiB / 530.2 MiB (2%) done.", ""),
    ("anaconda: Preparing transaction from installation source", "it installs packages"),
    ("anaconda: Installing libgcc.x86_64 (1/412)", ""),
    ("anaconda: Installing java-17-openjdk.x86_64 (412/412)", ""),
    ("anaconda: Performing post-installation setup tasks", "it runs the packages' scripts"),
    ("anaconda: Configuring kernel-core.x86_64", ""),
    ("anaconda: Verifying libgcc.x86_64 (1/412)", "it checks the packages"),
    ("anaconda: Installing boot loader", "it installs the boot loader"),
    ("anaconda: Performing post-installation setup tasks", ""),
    ("anaconda: Importing certificates", ""),
    ("anaconda: Configuring Red Hat subscription", ""),
    ("anaconda: Configuring installed system", "it sets up the system"),
    ("anaconda: Writing network configuration", ""),
    ("anaconda: Creating users", ""),
    ("anaconda: Configuring addons", ""),
    ("anaconda: Generating initramfs", "it makes the initramfs"),
    ("anaconda: Running post-installation scripts", "it runs %post"),
    ("HALAB-STAGE host profile", "it applies the host profile"),
    ("HALAB-STAGE add-on packages", "it installs the add-ons' packages"),
    ("  Installing       : pacemaker-2.1.9-1.el9.x86_64                      7/81", ""),
    ("HALAB-STAGE units and kernel", "it sets up units and kernel"),
    ("HALAB-STAGE export", "it exports kernel and initramfs"),
    ("HALAB-STAGE seal", "it seals the system"),
    ("HALAB-STAGE done", "it has finished and powers off"),
    ("[  912.345678] reboot: Power down", ""),
]


def console(*lines: str, program: str = "anaconda") -> str:
    """As a serial line has it. The lines of `program` are a service's: `anaconda: text`."""
    ticks = itertools.count(31)
    shown = []
    for line in lines:
        name, found, text = line.partition(f"{program}: ")
        if found and not name:
            line = f"[{next(ticks):5}.{123456}] {program}[1784]: {text}"
        shown.append(line)
    return "".join(f"{line}\r\n" for line in shown if not line.endswith("]: "))


class Watched:
    def __init__(self) -> None:
        self.reported = list[str]()
        self.watch = InstallerWatch(
            ANACONDA, "lab-installer", silence_s=600, clock=lambda: 0.0, report=self.reported.append, hide=str
        )

    def reason(self, text: str) -> str:
        with pytest.raises(InstallFailed) as caught:
            self.watch.look(Seen(True, text))
        return caught.value.detail.partition("\nIt ran for ")[0]


def test_its_stages_come_in_its_order_and_each_is_told() -> None:
    seen, printed, told = Watched(), list[str](), list[str]()
    for line, stage in RUN:
        printed.append(line)
        assert seen.watch.look(Seen(True, console(*printed))) is None
        told += [stage] if stage else []
        assert seen.reported == told, line
    assert told == [stage.name for stage in STAGES], "a stage that Anaconda does not print is none"


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        pytest.param(
            [
                "anaconda: The installation was stopped due to an error which occurred in cmdline mode.",
                "anaconda: The exact error message is: ",
                "anaconda: The following mandatory spokes are not completed:",
                "anaconda: Installation source",
                "anaconda: Software selection. ",
                "anaconda: The installer will now terminate.",
            ],
            "The following mandatory spokes are not completed:\nInstallation source\nSoftware selection.",
            id="a spoke that is not complete",
        ),
        pytest.param(
            [
                "anaconda: Running in cmdline mode, no interactive debugging allowed.",
                "anaconda: The exact error message is: ",
                "anaconda: Error enabling service sshd.service: 1.",
                "anaconda: The installer will now terminate.",
            ],
            "Error enabling service sshd.service: 1.",
            id="an exception",
        ),
        pytest.param(
            [
                "anaconda: An error occurred during reading the kickstart file:",
                "anaconda: The following problem occurred on line 17 of the kickstart file:",
                'anaconda: Disk "vda" given in ignoredisk command does not exist.',
                "anaconda: The installer will now terminate.",
            ],
            "The following problem occurred on line 17 of the kickstart file:\n"
            'Disk "vda" given in ignoredisk command does not exist.',
            id="a kickstart that it refuses",
        ),
        pytest.param(
            [
                "anaconda: There was an error running the kickstart script at line 61.  This is a fatal",
                "anaconda: error and installation will be aborted.  The details of this error are:",
            ],
            "There was an error running the kickstart script at line 61.  This is a fatal",
            id="a script that fails",
        ),
        pytest.param(
            [
                "anaconda: AlmaLinux requires 1070 MB of memory to install, but you only have 981 MB on this machine.",
                "anaconda: Press [Enter] to reboot your system.",
            ],
            "AlmaLinux requires 1070 MB of memory to install, but you only have 981 MB on this machine.",
            id="too little memory",
        ),
        pytest.param(
            [
                "anaconda: Traceback (most recent call last):",
                "[\x1b[0;1;31mFAILED\x1b[0m] Failed to start \x1b[0;1;39manaconda-direct.service\x1b[0m - the anaconda "
                "installation program.",
            ],
            "Failed to start anaconda-direct.service - the anaconda installation program.",
            id="it ended by itself",
        ),
        pytest.param(
            ["HALAB-STAGE units and kernel", "", "HALAB-STAGE FAILED with exit status 1"],
            "HALAB-STAGE FAILED with exit status 1",
            id="our own %post",
        ),
    ],
)
def test_whoever_cannot_go_on_says_why(printed: list[str], reason: str) -> None:
    assert Watched().reason(console("anaconda: Starting installer, one moment...", *printed)) == reason


FIRST_STAGE = [
    "dracut-initqueue: Warning: dracut-initqueue: timeout, still waiting for following initqueue hooks:",
    "dracut-initqueue: Warning: dracut-initqueue: starting timeout scripts",
    "dracut-initqueue: Warning: ####     Installer errors encountered during boot:     ####",
    "dracut-initqueue: Warning: #                                                         #",
    "dracut-initqueue: Warning: anaconda: failed to fetch stage2 from http://10.0.0.1/BaseOS",
    "dracut-initqueue: Warning: #                                                         #",
    "dracut-initqueue: Warning: ############# Anaconda installer errors end ###############",
]


def test_a_first_stage_that_is_slow_is_not_given_up_before_dracut_does() -> None:
    slow, seen = console(*FIRST_STAGE, program="dracut-initqueue"), Watched()
    assert seen.watch.look(Seen(True, slow)) is None
    assert seen.watch.look(Seen(True, f"{slow}{console('anaconda: Starting installer, one moment...')}")) is None
    assert seen.watch.stage == "the installer starts"


def test_a_first_stage_that_has_ended_says_what_it_lacked() -> None:
    ended = console(*FIRST_STAGE, "Entering emergency mode. Exit the shell to continue.", program="dracut-initqueue")
    reason = Watched().reason(ended)
    assert reason == "anaconda: failed to fetch stage2 from http://10.0.0.1/BaseOS"
    bare = console("", "Entering emergency mode. Exit the shell to continue.")
    assert Watched().reason(bare) == "Entering emergency mode. Exit the shell to continue."


def test_half_of_an_error_is_waited_for() -> None:
    """Its lines reach the console one by one, and the words that matter are not in the first one."""
    lines = [
        f"anaconda: {text}"
        for text in ("The exact error message is: ", "No disks.", "The installer will now terminate")
    ]
    for count in (1, 2):
        assert Watched().watch.look(Seen(True, console(*lines[:count]))) is None
    assert Watched().reason(console(*lines)) == "No disks."


@pytest.mark.parametrize("line", [line for line, _ in RUN])
def test_a_good_run_has_no_failure_in_it(line: str) -> None:
    assert not any(re.search(pattern, console(line)) for pattern in FAILURES)
