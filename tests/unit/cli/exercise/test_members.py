"""Which files repair an exercise, asked with the node's own tools."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from halab.cli.exercise.catalogue import named
from halab.cli.exercise.declaration import OnNodes, filled
from halab.provisioners.host.firewall import NFT_FILE, NFT_MAIN, Rules, render_nftables
from tests.unit.cli.exercise.test_exercises import NAMES

ALONE = ("unshare", "--map-root-user", "--net")
"""As root of a network of one's own; what nft does there, nobody else sees."""


def script(name: str, **cast: str) -> str:
    (check,) = (one for one in named(name).checks if isinstance(one, OnNodes))
    return filled(check.script, {**NAMES, **cast})


def _nft_can_be_tried() -> bool:
    try:
        return subprocess.run([*ALONE, "nft", "list", "ruleset"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


OPEN = render_nftables(Rules(frozenset({"tcp/22", "udp/5405"}), frozenset({"192.168.77.0/24"})))
ESTABLISHED = "        ct state established,related accept\n"


def _with(line: str, before: str = ESTABLISHED) -> str:
    assert before in OPEN
    return OPEN.replace(before, f"        {line}\n{before}")


CLOSED = _with("udp dport 5405 drop")
TABLE_GONE = "flush ruleset\n"


@pytest.mark.skipif(not _nft_can_be_tried(), reason="nft, and namespaces for users, are not there")
@pytest.mark.parametrize(
    ("now", "file", "is_open"),
    [
        (OPEN, OPEN, True),
        (CLOSED, CLOSED, False),
        (OPEN, CLOSED, False),  # until the next boot
        (CLOSED, OPEN, False),  # from the next boot on
        (OPEN, _with("# udp dport 5405 drop"), True),
        (OPEN, _with("#udp dport 5405 drop"), True),
        (OPEN, OPEN + "# was: udp dport 5405 drop\n", True),
        (_with("udp dport 5405 reject"), OPEN, False),
        (OPEN, _with("udp dport { 5404, 5405 } drop"), False),
        (
            _with("udp dport 5405 accept\nudp dport 5405 drop"),
            _with("udp dport 5405 accept\nudp dport 5405 drop"),
            True,
        ),
        (OPEN, _with("tcp dport 5405 drop"), True),
        (OPEN, OPEN.replace("accept", "perhaps"), False),  # it is not loaded
        (TABLE_GONE, TABLE_GONE, True),
    ],
)
def test_the_port_is_open_now_and_after_a_boot(now: str, file: str, is_open: bool, tmp_path: Path) -> None:
    main, rules, live = tmp_path / "nftables.conf", tmp_path / "halab.nft", tmp_path / "live.nft"
    main.write_text(f'flush ruleset\n\ninclude "{rules}"\n')
    rules.write_text(file)
    live.write_text(now)
    asked = script("closed-port").replace(NFT_MAIN, str(main)).replace(NFT_FILE, str(rules))
    done = subprocess.run([*ALONE, "sh", "-euc", f"nft -f {live}\n{asked}"], capture_output=True, check=False)
    assert (done.returncode == 0) == is_open


@pytest.mark.parametrize(
    ("line", "is_itself"),
    [
        ("        ring0_addr: 192.168.77.13", True),
        ("ring0_addr:192.168.77.13", True),
        ("\tring0_addr :\t192.168.77.13  ", True),
        ("        ring0_addr: 192.0.2.9", False),
        ("        ring0_addr: 192.168.77.130", False),
        ("        # ring0_addr: 192.168.77.13", False),
        ("        name: 192.168.77.13", False),
    ],
)
def test_a_node_finds_itself_in_its_configuration(line: str, is_itself: bool, tmp_path: Path) -> None:
    conf = tmp_path / "corosync.conf"
    conf.write_text(
        f"nodelist {{\n    node {{\n        ring0_addr: 192.168.77.11\n    }}\n    node {{\n{line}\n    }}\n}}\n"
    )
    asked = script("another-address", idle_address="192.168.77.13").replace("/etc/corosync/corosync.conf", str(conf))
    assert (subprocess.run(["sh", "-euc", asked], check=False).returncode == 0) == is_itself


def test_a_node_may_be_there_by_name(tmp_path: Path) -> None:
    conf = tmp_path / "corosync.conf"
    conf.write_text("    ring0_addr: node1\n    ring0_addr: node3\n")
    getent = tmp_path / "getent"  # the real one needs an address of this host's own
    getent.write_text('#!/bin/sh\nprintf "192.168.77.1%s   STREAM %s\\n" "${2#node}" "$2"\n')
    getent.chmod(0o755)
    for address, is_itself in (("192.168.77.13", True), ("192.168.77.12", False)):
        asked = script("another-address", idle_address=address).replace("/etc/corosync/corosync.conf", str(conf))
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        assert (subprocess.run(["sh", "-euc", asked], env=environment, check=False).returncode == 0) == is_itself
