"""The pinned host keys: whose each is, and that nobody gets another's."""

from __future__ import annotations

import pytest

from halab.provider.run.known_hosts import parse, pinned_key
from halab.provisioners.engine.errors import UnexpectedOutput

TEXT = "node1.summit.test,node1,10.77.0.11 ssh-ed25519 AAAA1\nnode10.summit.test,node10,10.77.0.1 ssh-ed25519 AAAA2\n"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("node1", "ssh-ed25519 AAAA1"),
        ("node1.summit.test", "ssh-ed25519 AAAA1"),
        ("10.77.0.11", "ssh-ed25519 AAAA1"),
        ("10.77.0.1", "ssh-ed25519 AAAA2"),
        ("node10", "ssh-ed25519 AAAA2"),
        ("node", None),
        ("10.77.0", None),
        ("", None),
    ],
)
def test_a_key_is_its_host_s_alone(name: str, key: str | None) -> None:
    if key is not None:
        assert pinned_key(TEXT, name) == key
        return
    with pytest.raises(UnexpectedOutput, match="has no key of"):
        pinned_key(TEXT, name)


def test_hosts_come_in_the_order_of_the_file() -> None:
    assert [names[1] for names in parse(TEXT)] == ["node1", "node10"]
    assert parse("") == {}
