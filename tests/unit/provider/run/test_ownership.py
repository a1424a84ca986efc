"""A lab's folder: made, recognized, moved, copied, somebody else's."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from halab.provider.run.folder import CONSOLE_LOG, LabFolder
from halab.provider.run.ownership import claimed, private_keys
from halab.provisioners.engine.errors import Conflict


def claim(folder: LabFolder, lab: str = "summit") -> Path | None:
    with claimed(folder, lab) as former:
        return former


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> LabFolder:
    made = LabFolder(tmp_path / "one/.halab/summit")
    assert claim(made) is None
    made.private_key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    return made


def test_a_new_one_is_made_and_then_known(folder: LabFolder) -> None:
    assert mode(folder.path) == 0o700
    assert mode(folder.mark) == 0o600
    assert claim(folder) is None


def test_one_that_was_moved_tells_from_where_until_that_was_seen_to(folder: LabFolder, tmp_path: Path) -> None:
    former = folder.path
    (tmp_path / "one").rename(tmp_path / "two")
    moved = LabFolder(tmp_path / "two/.halab/summit")
    with pytest.raises(InterruptedError), claimed(moved, "summit"):
        raise InterruptedError
    assert claim(moved) == former
    assert claim(moved) is None


def test_a_copy_is_refused_as_long_as_the_original_is_there(folder: LabFolder, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    copy = LabFolder(tmp_path / "two/.halab/summit")
    for _ in range(2):
        with pytest.raises(Conflict, match=f"belongs to {folder.path}") as refusal:
            claim(copy)
    assert str(folder.mark) in refusal.value.detail
    assert claim(folder) is None
    shutil.rmtree(folder.path)
    assert claim(copy) == folder.path, "there is no other any more"


def test_another_lab_at_the_former_place_is_no_original(folder: LabFolder, tmp_path: Path) -> None:
    former = folder.path
    (tmp_path / "one").rename(tmp_path / "two")
    claim(LabFolder(former))
    assert claim(LabFolder(tmp_path / "two/.halab/summit")) == former


def test_the_same_folder_by_another_path_was_not_moved(folder: LabFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "one")
    assert claim(LabFolder(tmp_path / "link/.halab/summit")) is None


def test_what_cannot_be_looked_at_is_not_gone(
    folder: LabFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = folder.path
    shutil.copytree(tmp_path / "one", tmp_path / "two")

    def denied(self: Path, other: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(other))

    monkeypatch.setattr(Path, "samefile", denied)
    with pytest.raises(Conflict, match=f"still in {former}"):
        claim(LabFolder(tmp_path / "two/.halab/summit"))


def test_another_labs_folder_is_refused(folder: LabFolder) -> None:
    with pytest.raises(Conflict, match="folder of the lab 'summit'") as refusal:
        claim(folder, "valley")
    assert refusal.value.attribute == "directory"


def test_a_directory_with_other_things_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    script = tmp_path / "scripts/run.sh"
    script.parent.mkdir(mode=0o755)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    with pytest.raises(Conflict, match="no folder of a lab") as refusal:
        claim(LabFolder(script.parent))
    assert "run.sh" in refusal.value.detail
    assert (mode(script), mode(script.parent)) == (0o755, 0o755)
    assert [path.name for path in script.parent.iterdir()] == ["run.sh"]


def test_one_of_an_earlier_version_goes_on_and_only_what_is_halabs_is_closed(tmp_path: Path) -> None:
    """Such a version took any directory, and left its lock there."""
    folder = LabFolder(tmp_path / "module")
    folder.fencing.joinpath("summit").mkdir(parents=True)
    own = [folder.changes_lock, folder.private_key, folder.state, folder.fencing / "summit/config.json"]
    others = [folder.path / "run.sh", folder.path / "main.tf"]
    for path in (*own, *others):
        path.write_text("-")
        path.chmod(0o755)
    assert claim(folder) is None
    assert {path.name: mode(path) for path in own} == dict.fromkeys((path.name for path in own), 0o600)
    assert {path.name: mode(path) for path in others} == dict.fromkeys((path.name for path in others), 0o755)


def test_a_mark_that_cannot_be_read_is_no_missing_one(folder: LabFolder) -> None:
    folder.mark.write_text(json.dumps(["?"]))
    with pytest.raises(Conflict, match="does not say whose"):
        claim(folder)


def test_keys_are_found_under_any_name(folder: LabFolder) -> None:
    other = folder.path / "deploy"
    other.write_text(folder.private_key.read_text())
    folder.known_hosts.write_text("node1 ssh-ed25519 AAAA\n")
    assert private_keys(folder) == [other, folder.private_key]
    assert private_keys(LabFolder(folder.path / "nowhere")) == []


def test_a_folder_with_nothing_but_halabs_files_is_closed(folder: LabFolder) -> None:
    console = folder.path / f"node1{CONSOLE_LOG}"
    console.touch()
    for path in (folder.path, folder.private_key, console):
        path.chmod(0o755)
    claim(folder)
    assert [mode(path) & 0o077 for path in (folder.path, folder.private_key, console)] == [0, 0, 0]


def test_a_folder_that_another_uses_too_stays_open_and_so_does_his_file(folder: LabFolder) -> None:
    theirs = folder.path / "notes"
    theirs.touch()
    for path in (folder.path, folder.private_key, theirs):
        path.chmod(0o755)
    claim(folder)
    assert [mode(path) & 0o077 for path in (folder.path, folder.private_key, theirs)] == [0o055, 0, 0o055]


def test_what_is_in_a_folder_that_is_refused_is_named(tmp_path: Path) -> None:
    for number, more in ((5, False), (6, True)):
        folder = LabFolder(tmp_path / str(number))
        folder.path.mkdir()
        for name in range(number):
            (folder.path / f"theirs{name}").touch()
        with pytest.raises(Conflict, match="theirs4") as refusal:
            claim(folder)
        assert ("theirs4 and more" in refusal.value.detail) == more


def test_one_process_at_a_time(folder: LabFolder) -> None:
    """Else each of two first commands writes a mark of its own."""
    tries = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)"

    def is_free() -> bool:
        argv = [sys.executable, "-c", tries, str(folder.path)]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    with claimed(folder, "summit"):
        assert not is_free()
    assert is_free()


def test_a_place_where_nothing_is_any_more_holds_no_original(folder: LabFolder, tmp_path: Path) -> None:
    former = folder.path
    (tmp_path / "one").rename(tmp_path / "two")
    former.mkdir(parents=True)
    assert claim(LabFolder(tmp_path / "two/.halab/summit")) == former


def test_what_a_link_leads_to_is_left_as_it_is(folder: LabFolder, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "file").touch()
    for path in (theirs, theirs / "file"):
        path.chmod(0o755)
    folder.fencing.symlink_to(theirs)
    folder.known_hosts.symlink_to(theirs / "file")
    claim(folder)
    assert (mode(theirs), mode(theirs / "file")) == (0o755, 0o755)
