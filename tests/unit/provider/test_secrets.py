"""No item shows a secret: not in a command's arguments, not in a step's text, not in a file that others may read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from halab.provider.guests import specs
from halab.provider.guests.guest import GuestResource
from halab.provider.registry import ITEMS, _load
from halab.provisioners.engine.command import Command, Result, Secret
from halab.provisioners.engine.errors import HalabError
from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.engine.platform import DEBIAN_13
from tests.acceptance.test_values import GOOD


def sensitive(kind: str) -> dict[str, str]:
    """The sensitive fields of a type -> a value that is found again."""
    schema = GuestResource(None, kind, _load(ITEMS[kind])()).schema
    names = [name for name, attr in schema.attrs.items() if attr.sensitive]
    return {name: f"kept-to-itself-{number}" for number, name in enumerate(names)}


WITH_SECRETS = [kind for kind in ITEMS if sensitive(kind)]


class Witness:
    """A transport that answers "yes" to everything and keeps what it was shown."""

    name = "node1"

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.given: list[str] = []

    def run(self, command: Command, timeout_s: float) -> Result:
        self.shown += [str(command), repr(command), *command.argv]
        stdin = command.stdin.reveal() if isinstance(command.stdin, Secret) else command.stdin
        self.given.append(stdin or "")
        return Result(command, 0, "", "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        (self.shown if mode & 0o004 else self.given).append(content.decode())


def carried_out(kind: str, given: dict[str, Any]) -> Iterator[Witness]:
    """A host on which the item was made, from nothing."""
    item = _load(ITEMS[kind])()
    wanted = specs.decode(item.spec, {**GOOD[kind], **given})
    witness = Witness()
    host = Host(witness, platform=DEBIAN_13, pace=Pace(pause=lambda _: False, clock=itertools.count(0, 600).__next__))
    for step in item.steps(DEBIAN_13, None, wanted):
        witness.shown += [str(step), repr(step)]
        try:
            step.run(host)
        except HalabError as error:  # this guest knows no more than "yes"
            witness.shown += [str(error), repr(error)]
    yield witness


def test_the_types_with_secrets_are_known() -> None:
    """A new one is covered by this test as soon as test_values.py has an example of it."""
    assert {*WITH_SECRETS} >= {"halab_file", "halab_iscsi_acl", "halab_iscsi_session", "halab_cluster_member"}


@pytest.mark.parametrize("kind", WITH_SECRETS)
def test_secrets_come_by_other_ways(kind: str) -> None:
    given = sensitive(kind)
    (witness,) = carried_out(kind, {**given, **({"content": None, "mode": "0600"} if kind == "halab_file" else {})})
    assert not [text for text in witness.shown for secret in given.values() if secret in text]
    assert [secret for secret in given.values() if any(secret in text for text in witness.given)], "it came at all"
