"""An installer's log, sent as it sends it."""

from __future__ import annotations

import socket
import time

import pytest

from halab.provider.hypervisor.installer.syslog import InstallerLog, heard


def test_what_is_sent_is_heard_until_the_end() -> None:
    with heard("127.0.0.1") as log, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        assert (log.address, log.text) == ("127.0.0.1", "")
        for line in (b"<13>Nov 30 11:32:39 net-retriever: regular: Release\n", b"<14>Nov 30 anna[1]: two\n\0"):
            sender.sendto(line, (log.address, log.port))
        end = time.monotonic() + 10
        while log.text.count("\n") < 2:
            assert time.monotonic() < end, log.text
            time.sleep(0.01)
    assert log.text == "Nov 30 11:32:39 net-retriever: regular: Release\nNov 30 anna[1]: two\n"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((log.address, log.port))  # nobody listens there any more


@pytest.mark.parametrize(
    ("line", "tells"),
    [
        ("net-retriever: error: Bad signature on /tmp/net-retriever-4307-Release.", True),
        ("anna[6627]: 2026-11-30 11:37:44 ERROR 404: File not found.", False),
        ("anna[6627]: WARNING **: package retrieval failed", True),
        ("debootstrap: cannot stat", True),
        ("main-menu[1885]: INFO: Menu item 'partman-base' selected", False),
        ("anna[4299]: DEBUG: retrieving libgpg-error-udeb-files", False),
    ],
)
def test_complaints(line: str, tells: bool) -> None:
    log = InstallerLog("127.0.0.1", 1)
    log.hear(f"<13>{line}\n".encode())
    assert log.complaints(5) == ([line] if tells else [])


def test_the_last_complaints_are_told_and_a_flood_is_not_kept() -> None:
    log = InstallerLog("127.0.0.1", 1)
    for number in range(200):
        log.hear(b"error %d " % number + b"x" * 60_000)
    assert [line.split()[1] for line in log.complaints(2)] == ["138", "139"]
    assert len(log.text) < 9 << 20
