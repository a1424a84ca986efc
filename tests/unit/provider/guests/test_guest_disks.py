"""What does not live in a machine: it has a disk of its own, or lies on the LUN that the target serves."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from halab.provider.guests.guest import GuestResource
from halab.provider.guests.hosts import Gone, Off
from halab.provider.protocol import UNKNOWN, Ctx
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import attr
from tests.unit.provider.guests.test_guest import Guest, Provider, Word, WordItem, state


@pytest.fixture
def provider() -> Provider:
    return Provider(Guest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Word):
    """A word on a disk of its own."""

    machine: str = attr("Domain UUID.")
    condition: str = attr("Condition.", computed=True, default="complete")


class KeptItem(WordItem):
    spec, outlives_machine = Kept, True

    def observe(self, host: Host, wanted: Word) -> Word | None:
        return None if (seen := super().observe(host, wanted)) is None else kept(seen)

    def plan(self, prior: Word | None, wanted: Word) -> Word:
        return kept(super().plan(prior, wanted))


def kept(word: Word) -> Kept:
    return Kept(machine=word.machine, name=word.name, text=word.text, size=word.size)


def test_what_outlives_its_machine_waits_for_another_one(provider: Provider) -> None:
    resource = GuestResource(provider, "halab_kept", KeptItem())
    provider.absent = Gone("u1 is gone")  # type: ignore[assignment]
    before = state(condition="complete")
    seen = resource.read(Ctx(), before)
    assert seen == {**before, "condition": "its machine is gone"}
    planned = {**before, "machine": UNKNOWN}
    ctx = Ctx()
    resource.plan(ctx, {**planned, "size": None, "id": None}, seen, planned)
    assert (planned["id"], ctx.replace) == (UNKNOWN, [])


def test_what_moves_to_another_machine_leaves_the_old_one(provider: Provider) -> None:
    resource = GuestResource(provider, "halab_kept", KeptItem())
    provider.guest.words["greeting"] = "hello"
    before = state(condition="complete")
    provider.machines = {"u1", "u2"}
    provider.events.clear()
    moved = resource.update(Ctx(), before, {**before, "machine": "u2", "id": UNKNOWN}, before)
    assert (moved["machine"], moved["id"]) == ("u2", "u2:greeting")
    assert [event for event, *_ in provider.events if event in ("start", "done")] == ["start", "done"] * 2
    assert provider.guest.words == {"greeting": "hello"}


def test_what_is_on_a_lun_is_not_looked_at_while_the_target_is_away(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = GuestResource(provider, "halab_word", WordItem())
    monkeypatch.setattr(WordItem, "on_lun", True)
    provider.servers_away = {"target"}
    ctx = Ctx()
    assert resource.read(ctx, state()) == state()
    assert [d.summary for d in ctx.diagnostics] == ["target does not run: what is on the LUN is not looked at"]
    provider.servers_away.clear()
    assert resource.read(Ctx(), state()) is None


@pytest.mark.parametrize(("serves", "away"), [(True, {"target"}), (False, set())])
@pytest.mark.parametrize("absent", [Off("machine target is powered off"), Gone("machine u1 does not exist any more")])
def test_only_the_machine_of_a_target_is_missed_on_the_lun(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, absent: Exception, serves: bool, away: set[str]
) -> None:
    resource = GuestResource(provider, "halab_word", WordItem())
    monkeypatch.setattr(WordItem, "serves_lun", serves)
    provider.absent = absent  # type: ignore[assignment]
    resource.read(Ctx(), state(hostname="target"))
    assert provider.servers_away == away


@pytest.mark.parametrize(
    ("absent", "condition", "stays"),
    [
        (None, "complete", False),
        (None, "no file system on it", True),
        (Gone("u1 is gone"), "complete", True),
        (Off("u1 is powered off"), "complete", True),
    ],
)
def test_what_may_be_on_the_disk_of_a_machine_still_is_not_forgotten(
    provider: Provider, absent: Exception | None, condition: str, stays: bool
) -> None:
    """Another machine may get that disk, and finds there what was made from here."""
    provider.absent = absent  # type: ignore[assignment]
    ctx = Ctx()
    GuestResource(provider, "halab_kept", KeptItem()).delete(ctx, state(condition=condition))
    assert ctx.left is stays


def test_what_goes_with_the_disks_is_known_as_long_as_they_are_there(provider: Provider) -> None:
    """A destroy that fails halfway leaves machines, and all that is in them."""
    provider.destroying_all = True
    ctx = Ctx()
    GuestResource(provider, "halab_word", WordItem()).delete(ctx, state())
    assert ctx.left
