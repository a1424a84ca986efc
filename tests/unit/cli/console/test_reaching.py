"""A glance waits for nothing but its own short limits, and leaves no connection behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from halab.cli.console.reaching import OverSsh
from halab.cli.look import taking
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Glance

NODE = KnownMachine("uuid-node1", "node1", "192.0.2.1", "ssh-ed25519 AAAA", "summit", "node1", "", True)


class Connection:
    """Stands in for SSH: which connections there are is what is tried here."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s, self.closed = limit_s, False

    def close(self) -> None:
        self.closed = True


def test_glances_have_connections_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Connection] = []
    asked: list[object] = []
    said: list[Glance | str] = ["no answer", Glance(1.0, ""), Glance(2.0, "")]

    def connection(_machine: KnownMachine, _key: Path, limit_s: float) -> Connection:
        made.append(Connection(limit_s))
        return made[-1]

    def glance(used: object, _limit_s: float) -> Glance | str:
        asked.append(used)
        return said.pop(0)

    monkeypatch.setattr(taking, "connection", connection)
    monkeypatch.setattr(taking, "glance", glance)
    place = Place("summit", "test:///default", *[tmp_path / str(number) for number in range(7)])
    lab = Deployed((NODE,), None, "")
    reach = OverSsh(place, lab)
    (looks,) = made
    assert reach.glance(NODE) == "no answer"
    assert made[1].closed, "made anew after a silence"
    reach.close(NODE)
    assert isinstance(reach.glance(NODE), Glance)
    assert isinstance(reach.glance(NODE), Glance)
    assert asked == [made[1], made[2], made[2]]
    assert looks.closed
    assert not made[2].closed
    assert all(one.limit_s < looks.limit_s for one in made[1:])
    reach.close_glances()
    assert all(one.closed for one in made)
