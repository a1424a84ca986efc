"""The life cycle of a guest resource, with a file on a double of a guest as the item."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from halab.provider.guests.guest import GuestResource
from halab.provider.guests.hosts import Gone, Off
from halab.provider.protocol import UNKNOWN, Ctx, Failure, Ledger
from halab.provisioners.engine.command import Command, Result, cmd
from halab.provisioners.engine.errors import ClusterNotRunning, CommandFailed, ConnectError
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.platform import DEBIAN_13, Platform
from halab.provisioners.engine.steps import Run, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word that a machine keeps."""

    machine: str = attr("Domain UUID.", replace=True)
    name: str = attr("Name.", replace=True)
    text: str = attr("Text.")
    size: int | None = attr("Length.", computed=True)


class WordItem(Item[Word]):
    spec, phase, identity = Word, "host", ("machine", "name")

    def observe(self, host: Host, wanted: Word) -> Word | None:
        text = host.ask(cmd("get", wanted.name, ok=(0, 1)))
        return (
            None if text.rc else Word(machine=wanted.machine, name=wanted.name, text=text.stdout, size=len(text.stdout))
        )

    def warnings(self, host: Host, seen: Word) -> Iterator[tuple[str, str]]:
        if seen.text == "help":
            yield f"{host.name} calls", "Go there."

    def steps(self, platform: Platform, now: Word | None, wanted: Word | None) -> Iterator[Step]:
        if wanted is None:
            yield Run(cmd("del", now.name if now else ""))
        elif now is None or now.text != wanted.text:
            yield Run(cmd("set", wanted.name, wanted.text))

    def plan(self, prior: Word | None, wanted: Word) -> Word:
        return Word(machine=wanted.machine, name=wanted.name, text=wanted.text, size=len(wanted.text))


class Guest:
    """Keeps words; `fail` makes a command fail."""

    name = "node1"

    def __init__(self) -> None:
        self.words: dict[str, str] = {}
        self.fail: Exception | None = None

    def run(self, command: Command, timeout_s: float) -> Result:
        del timeout_s
        verb, name, *rest = command.argv
        if verb == "get":
            return Result(command, 0 if name in self.words else 1, self.words.get(name, ""), "")
        if verb == "set":
            self.words[name] = rest[0]
        else:
            self.words.pop(name, None)
        if self.fail:
            raise self.fail
        return Result(command, 0, "", "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError(path)


class Provider:
    def __init__(self, guest: Guest) -> None:
        self.guest, self.absent, self.events = guest, None, []  # type: ignore[var-annotated]
        self.ledger = Ledger()
        self.hosts, self.destroying, self.destroying_all = self, False, False
        self.mute_machines, self.mute, self.answers_after_a_while = self, set[str](), False
        self.servers_away, self.machines, self.told = set[str](), {"u1"}, set[str]()

    def machine(
        self, uuid: str, stop: threading.Event, report: Callable[[str], None], reading: bool, on_lun: bool
    ) -> Host:
        assert uuid in self.machines
        if self.absent:
            raise self.absent
        return Host(self.guest, report=report, platform=DEBIAN_13)

    def answering(self, uuid: str, stop: threading.Event, report: Callable[[str], None]) -> None:
        assert (uuid, self.answers_after_a_while) == ("u1", True)
        self.absent = None

    def found_mute(self, what: str) -> bool:
        self.mute.add(what)
        return self.tells(what)

    def away(self, hostname: str) -> None:
        self.servers_away.add(hostname)

    def tells(self, what: str) -> bool:
        first = what not in self.told
        self.told.add(what)
        return first

    def progress(self, event: str, *rest: str) -> None:
        self.events.append((event, *rest[1:4]))


@pytest.fixture
def provider() -> Provider:
    return Provider(Guest())


@pytest.fixture
def resource(provider: Provider) -> GuestResource:
    return GuestResource(provider, "halab_word", WordItem())


def state(text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"machine": "u1", "name": "greeting", "text": text, "size": len(text), "id": "u1:greeting", **more}


PLANNED = state(size=UNKNOWN, id=UNKNOWN)


def test_create_read_update_delete(provider: Provider, resource: GuestResource) -> None:
    made = resource.create(Ctx(), dict(PLANNED), {})
    assert made == state()
    assert provider.events == [
        ("start", "halab_word", "greeting", "node1"),
        ("wait", "halab_word", "greeting", "node1"),
        ("done", "halab_word", "greeting", "node1"),
    ]
    assert resource.read(Ctx(), made) == made
    provider.guest.words["greeting"] = "drifted"
    assert resource.read(Ctx(), made) == state("drifted")
    assert resource.update(Ctx(), made, state("bye"), {}) == state("bye")
    resource.delete(Ctx(), made)
    assert provider.guest.words == {}
    assert resource.read(Ctx(), made) is None


def test_what_no_attribute_shows_is_told_once(provider: Provider, resource: GuestResource) -> None:
    made = resource.create(Ctx(), {**PLANNED, "text": "help"}, {})
    first, again = Ctx(), Ctx()
    assert resource.read(first, made) == resource.read(again, made) == made
    assert [(d.severity, d.summary, d.detail) for d in first.diagnostics] == [("warning", "node1 calls", "Go there.")]
    assert again.diagnostics == []


def test_what_was_made_is_not_forgotten_when_it_cannot_be_looked_at_again(
    provider: Provider, resource: GuestResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = provider.guest.run

    def mute_afterwards(command: Command, timeout_s: float) -> Result:
        if command.argv[0] == "get" and provider.guest.words:
            raise ConnectError("node1 fell silent")
        return run(command, timeout_s)

    monkeypatch.setattr(provider.guest, "run", mute_afterwards)
    ctx = Ctx()
    with pytest.raises(ConnectError):
        resource.create(ctx, dict(PLANNED), {})
    assert (ctx.saved or {})["id"] == "u1:greeting"


def test_plan_fills_in_what_is_known_before(resource: GuestResource) -> None:
    planned = dict(PLANNED)
    resource.plan(Ctx(), {"machine": "u1", "name": "greeting", "text": "hello"}, None, planned)
    assert planned["size"] == 5


def test_a_new_object_has_an_id_that_is_not_known_before(resource: GuestResource) -> None:
    """`replace_triggered_by` compares it: something made anew must not look like what was there."""
    planned = dict(PLANNED)
    resource.plan(Ctx(), {"machine": "u1", "name": "greeting", "text": "hello"}, None, planned)
    assert planned["id"] is UNKNOWN


def test_an_unknown_value_replaces_where_another_value_would(
    resource: GuestResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it is known, Terraform accepts no replacement that the plan did not show."""
    monkeypatch.setattr(WordItem, "requires_replace", lambda _, a, b: ["text"] if a.text != b.text else [])
    ctx = Ctx()
    resource.plan(ctx, {**state(), "text": UNKNOWN}, state(), {**state(), "text": UNKNOWN})
    assert ctx.replace == [("text",)]
    ctx = Ctx()
    resource.plan(ctx, {**state(), "name": UNKNOWN}, state(), {**state(), "name": UNKNOWN})
    assert ctx.replace == []


@pytest.mark.parametrize(
    ("absent", "kept"),
    [(Gone("gone"), False), (Off("off"), True), (ClusterNotRunning("stopped"), True)],
)
def test_libvirt_decides_what_exists(provider: Provider, resource: GuestResource, absent: Any, kept: bool) -> None:
    provider.absent = absent
    assert resource.read(Ctx(), state()) == (state() if kept else None)


def test_when_the_whole_lab_goes_no_guest_is_asked(provider: Provider, resource: GuestResource) -> None:
    provider.destroying_all = True
    provider.absent = AssertionError("asked")  # type: ignore[assignment]
    assert resource.read(Ctx(), state()) == state()
    resource.delete(Ctx(), state())


def test_failed_create_keeps_what_it_began(provider: Provider, resource: GuestResource) -> None:
    provider.guest.fail = CommandFailed("set failed")
    ctx = Ctx()
    with pytest.raises(CommandFailed):
        resource.create(ctx, dict(PLANNED), {})
    assert ctx.saved is not None
    assert ctx.saved["id"] == "u1:greeting"


def test_an_error_without_a_word_hides_nothing(provider: Provider, resource: GuestResource) -> None:
    provider.guest.fail = CommandFailed("")
    with pytest.raises(CommandFailed):
        resource.create(Ctx(), dict(PLANNED), {})
    assert provider.events[-1] == ("failed", "halab_word", "greeting", "node1")


def test_failed_create_leaves_an_adopted_object_to_the_next_run(provider: Provider, resource: GuestResource) -> None:
    provider.guest.words["greeting"] = "of an earlier run"
    provider.guest.fail = CommandFailed("set failed")
    ctx = Ctx()
    with pytest.raises(CommandFailed):
        resource.create(ctx, dict(PLANNED), {})
    assert ctx.saved is None


def test_a_value_that_does_not_stick_is_named(
    provider: Provider, resource: GuestResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WordItem, "steps", lambda *_: iter(()))
    provider.guest.words["greeting"] = "stubborn"
    with pytest.raises(Failure, match="text did not take effect"):
        resource.create(Ctx(), dict(PLANNED), {})


def test_import(provider: Provider, resource: GuestResource) -> None:
    provider.guest.words["greeting"] = "hello"
    assert resource.import_(Ctx(), "u1:greeting") == state()
    with pytest.raises(Failure, match="Nothing to import"):
        resource.import_(Ctx(), "u1:nothing")
    with pytest.raises(Failure, match="machine:name"):
        resource.import_(Ctx(), "u1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    cluster: str = attr("Name of the cluster.", replace=True)
    name: str = attr("Name.", replace=True)


class SharedItem(Item[Shared]):
    spec, phase, identity = Shared, "cluster", ("cluster", "name")
    scope = "cluster"

    def observe(self, host: Host, wanted: Shared) -> Shared | None:
        return None if host.ask(cmd("get", wanted.name, ok=(0, 1))).rc else wanted

    def steps(self, platform: Platform, now: Shared | None, wanted: Shared | None) -> Iterator[Step]:
        yield Run(cmd("del", now.name if now else ""))


def test_a_member_that_leaves_while_it_removes_something_is_relieved(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = Guest()
    leaving.words["greeting"] = provider.guest.words["greeting"] = "hello"
    leaving.fail = ClusterNotRunning("stopped here")
    members = [Host(guest, platform=DEBIAN_13) for guest in (leaving, provider.guest)]
    monkeypatch.setattr(provider, "cluster", lambda *_, **__: members.pop(0), raising=False)
    ctx = Ctx()
    GuestResource(provider, "halab_shared", SharedItem()).delete(
        ctx, {"cluster": "c", "name": "greeting", "id": "c:greeting"}
    )
    assert (provider.guest.words, members, ctx.diagnostics) == ({}, [], [])
