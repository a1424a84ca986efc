"""What is kept of a checkpoint, and what is left of one that could not be kept."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt
import pytest

from halab.cli.checkpoint import kept as module
from halab.cli.checkpoint.commands import Commands
from halab.cli.checkpoint.kept import RECORD, Kept, Shelf
from halab.provider.hypervisor.machine.checkpoint import Checkpoints
from halab.provider.run import files
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import ConfigError
from tests.unit.cli.checkpoint.test_checkpoint_commands import commands, domain, snapshots
from tests.unit.interrupting import at_each_line

__all__ = ["commands", "domain"]
THEN = Kept("a", "halab-a-20261127T083000Z", "2026-11-27T08:30:00Z", ())
NOW = replace(THEN, snapshot="halab-a-20261127T083100Z", saved_at="2026-11-27T08:31:00Z")


def full(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The disk is full when a file of that name is to be written."""
    write = files.write_private

    def writing(path: Path, content: str) -> None:
        if path.name == name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content)

    monkeypatch.setattr(module, "write_private", writing)


@pytest.mark.parametrize("name", ["terraform.tfstate", "settings.json", RECORD])
def test_what_cannot_be_kept_leaves_no_snapshots(
    commands: Commands, domain: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as patched:
        full(patched, name)
        with pytest.raises(OSError, match="No space left"):
            commands.save("a")
    assert (snapshots(domain), commands.list()) == ([], [])
    assert [path for path in commands.folder.checkpoints.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["terraform.tfstate", RECORD])
def test_what_cannot_be_kept_leaves_the_one_before(
    commands: Commands, domain: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = commands.save("a")
    full(monkeypatch, name)
    with pytest.raises(OSError, match="No space left"):
        commands.save("a")
    assert (snapshots(domain), commands.list()) == ([before.snapshot], [before])
    assert Shelf(commands.folder).text_then("a", commands.folder.state) == '{"serial": 1}'


def test_snapshots_that_stay_are_told_and_go_by_their_name(
    commands: Commands, domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept(_: Any) -> None:
        raise libvirt.libvirtError("it is kept")

    told: list[str] = []
    commands = replace(commands, tell=told.append)
    with monkeypatch.context() as patched:
        full(patched, RECORD)
        patched.setattr(libvirt.virDomainSnapshot, "delete", kept)
        with pytest.raises(OSError, match="No space left"):
            commands.save("a")
    (left,) = snapshots(domain)
    assert f"snapshots {left} may stay" in told[-1]
    assert "it is kept" in told[-1]
    commands.remove("a")
    assert snapshots(domain) == []
    assert told[-1] == "what a save of a left is removed"


def test_what_a_killed_save_left_goes_by_its_own_name_only(commands: Commands, domain: Any) -> None:
    domain.snapshotCreateXML("<domainsnapshot><name>halab-b-1</name></domainsnapshot>", 0)
    with pytest.raises(ConfigError, match="there is no checkpoint 'a'"):
        commands.remove("a")
    assert snapshots(domain) == ["halab-b-1"]
    commands.remove("b")
    assert snapshots(domain) == []


def test_ctrl_c_in_a_save_leaves_no_snapshots_that_no_record_names(commands: Commands, domain: Any) -> None:
    """Nor a record without them; the one before may be left, since the new one is whole then."""
    for came in at_each_line(lambda: commands.save("a"), module, files):
        named = {kept.snapshot for kept in commands.list()}
        assert named <= {*snapshots(domain)}
        if came and named:
            commands.remove("a")
        elif came:
            assert snapshots(domain) == []


def test_a_kill_at_any_line_leaves_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    folder = LabFolder.of(tmp_path, "summit")
    shelf, found = Shelf(folder), set()

    def put(kept: Kept) -> None:
        shelf.put(kept, {folder.state: kept.saved_at})

    put(THEN)
    for _ in at_each_line(lambda: put(NOW), module, files):
        (kept,) = shelf.all()
        assert shelf.get("a") == kept
        assert shelf.text_then("a", folder.state) == kept.saved_at
        found.add(kept.snapshot)
        put(THEN)
    assert found == {THEN.snapshot, NOW.snapshot}
    assert {path.name for path in (folder.checkpoints / "a").iterdir()} == {RECORD, THEN.snapshot}


def test_one_of_an_earlier_version_is_read_and_goes_with_the_next(commands: Commands) -> None:
    """Its texts stood beside the record."""
    place = commands.folder.checkpoints / "a"
    files.write_private(place / "terraform.tfstate", '{"serial": 5}')
    machines = Checkpoints(commands.machines._connection, "summit").save(THEN.snapshot)
    record = {"name": "a", "snapshot": THEN.snapshot, "saved_at": THEN.saved_at}
    told = [{"hostname": one.hostname, "uuid": one.uuid, "running": one.running} for one in machines]
    files.write_private(place / RECORD, json.dumps({**record, "machines": told}))
    commands.restore("a")
    assert commands.folder.state.read_text() == '{"serial": 5}'
    commands.save("a")
    assert not (place / "terraform.tfstate").exists()
