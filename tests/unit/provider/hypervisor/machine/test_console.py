"""What a guest says on its console, on logs of real machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from halab.provider.hypervisor.machine.console import ConsoleReport, last_lines, parse_console

DATA = Path(__file__).parents[4] / "data" / "hypervisor"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGDB38Ev1e0yl30/A1BXqhSUpZBNFSndmFd2i+UG6mW9"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN6OWSkjvRTFgGXKcAQuMrvUTDTgbBgXv8KlsQzgqr2L"
NOTHING = ConsoleReport("", False, "")

TEXTS = [
    ("", NOTHING),
    (f"\r\nHALAB-HOST-KEY {KEY}\r\nHALAB-READY\r\n", ConsoleReport(KEY, True, "")),
    (f"HALAB-HOST-KEY {KEY}\n", ConsoleReport(KEY, False, "")),
    # still being printed
    (f"HALAB-HOST-KEY {KEY}", NOTHING),
    (f"HALAB-HOST-KEY {KEY[:-9]}\r\n", NOTHING),
    ("HALAB-READ", NOTHING),
    # the last boot counts
    (f"HALAB-HOST-KEY {OTHER}\r\nHALAB-HOST-KEY {KEY}\r\n", ConsoleReport(KEY, False, "")),
    # damaged, or not what it says
    (f"HALAB-HOST-KEY ssh-rsa {KEY.split()[1]}\r\n", NOTHING),
    ("HALAB-HOST-KEY ssh-ed25519 !!!!\r\n", NOTHING),
    (f"echo HALAB-HOST-KEY {KEY}\r\n", NOTHING),
    (
        "[    1.5] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n",
        ConsoleReport("", False, "Kernel panic - not syncing: VFS: Unable to mount root fs"),
    ),
    ("halab initramfs: no disk /dev/vdz\r\n", ConsoleReport("", False, "halab initramfs: no disk /dev/vdz")),
]


@pytest.mark.parametrize(("text", "report"), TEXTS)
def test_parse(text: str, report: ConsoleReport) -> None:
    assert parse_console(text) == report


def test_a_real_boot() -> None:
    report = parse_console((DATA / "console-trixie.log").read_bytes().decode())
    assert report.ready
    assert report.host_key.startswith("ssh-ed25519 AAAA")
    assert report.fatal == ""


def test_a_real_failure() -> None:
    report = parse_console((DATA / "console-no-disk.log").read_bytes().decode())
    assert report == ConsoleReport("", False, "halab initramfs: no disk /dev/vdz")


def test_last_lines_are_clean() -> None:
    assert last_lines("a\r\n\r\n\x1b[0;32mOK\x1b[0m b\x07\r\nc", 2) == "OK b\nc"
