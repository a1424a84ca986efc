from collections.abc import Callable
from dataclasses import replace

import pytest

from halab.provisioners.engine.host import Host
from halab.provisioners.engine.managed_block import Block
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.host.ssh_trust import (
    AUTHORIZED,
    KNOWN,
    Peer,
    SshTrust,
    SshTrustItem,
    authorized_lines,
    known_lines,
    parse_peers,
)

ITEM = SshTrustItem()


def peer(name: str, last: int) -> Peer:
    return Peer(
        name=name,
        address=f"192.168.77.{last}",
        host_key=f"ssh-ed25519 HOST{name}",
        user_key=f"ssh-ed25519 USER{name}",
    )


TRUST = SshTrust(machine="uuid", domain="lab.test", peers=(peer("node1", 11), peer("target", 10)))
FEWER = replace(TRUST, peers=TRUST.peers[:1])


def test_lines() -> None:
    assert authorized_lines(TRUST) == ("ssh-ed25519 USERnode1 root@node1", "ssh-ed25519 USERtarget root@target")
    assert known_lines(TRUST) == (
        "node1,node1.lab.test,192.168.77.11 ssh-ed25519 HOSTnode1",
        "target,target.lab.test,192.168.77.10 ssh-ed25519 HOSTtarget",
    )
    assert known_lines(replace(FEWER, domain=""))[0].startswith("node1,192.168.77.11 ")


def test_comments_of_keys_are_left_out() -> None:
    commented = replace(TRUST.peers[0], user_key="ssh-ed25519 USERnode1 who@where at night")
    assert authorized_lines(replace(TRUST, peers=(commented,))) == ("ssh-ed25519 USERnode1 root@node1",)


def test_what_was_written_is_read_back() -> None:
    assert parse_peers(authorized_lines(TRUST), known_lines(TRUST)) == TRUST.peers


@pytest.mark.parametrize(
    ("authorized", "known", "seen"),
    [
        (None, None, None),
        ("ssh-ed25519 PERSON me\n", None, None),
        (
            "ssh-ed25519 PERSON me\n" + Block("", authorized_lines(TRUST)).text,
            Block("", known_lines(TRUST)).text,
            TRUST,
        ),
        (Block("", authorized_lines(FEWER)).text, Block("", known_lines(FEWER)).text, FEWER),
        (
            Block("", authorized_lines(FEWER)).text,
            "",
            replace(FEWER, peers=(replace(FEWER.peers[0], address="", host_key=""),)),
        ),
    ],
)
def test_observe(
    guest_host: Callable[..., tuple[Host, object]],
    told: Callable[..., str],
    authorized: str | None,
    known: str | None,
    seen: SshTrust | None,
) -> None:
    host, _ = guest_host(told(authorized, known))
    assert ITEM.observe(host, TRUST) == seen


@pytest.mark.parametrize(
    ("now", "wanted", "lines"),
    [
        (None, TRUST, 2),
        (FEWER, TRUST, 2),
        (TRUST, TRUST, None),
        (TRUST, None, 0),
        (None, None, None),
    ],
)
def test_steps(now: SshTrust | None, wanted: SshTrust | None, lines: int | None) -> None:
    steps = list(ITEM.steps(DEBIAN_13, now, wanted))
    if lines is None:
        assert steps == []
        return
    entries = steps[0].entries  # type: ignore[attr-defined]
    assert [(e.path, e.mode, len(e.lines)) for e in entries] == [(AUTHORIZED, 0o600, lines), (KNOWN, 0o644, lines)]
