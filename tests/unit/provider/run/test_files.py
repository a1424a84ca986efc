"""The lab's files: whole or as they were, for their owner only, whatever a killed run or somebody else has left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from halab.provider.run.files import (
    close_file,
    private_directory,
    read_or_none,
    remove_private,
    unfinished,
    write_private,
)
from halab.provisioners.engine.errors import Conflict


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("left", [None, 0o644, 0o600])
def test_a_file_is_its_owners_alone_also_over_what_a_killed_run_has_left(tmp_path: Path, left: int | None) -> None:
    file = tmp_path / "lab" / "state"
    if left is not None:
        unfinished(file).parent.mkdir()
        unfinished(file).write_text("a longer text that was cut")
        unfinished(file).chmod(left)
    before = os.umask(0)
    try:
        write_private(file, "secret")
    finally:
        os.umask(before)
    assert (file.read_text(), mode(file)) == ("secret", 0o600)
    assert left is not None or mode(file.parent) == 0o700
    assert not unfinished(file).exists()


def test_what_was_there_stays_until_all_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state"
    write_private(file, "before")
    seen: list[tuple[str, str]] = []
    fsync = os.fsync

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        seen.append((file.read_text(), unfinished(file).read_text()))

    monkeypatch.setattr(os, "fsync", synced)
    write_private(file, "after")
    assert seen == [("before", "after")]
    with pytest.raises(UnicodeEncodeError):
        write_private(file, "after\ud800")
    assert file.read_text() == "after"


def test_nothing_is_written_through_a_link_that_stands_in_the_way(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("somebody's")
    unfinished(tmp_path / "state").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        write_private(tmp_path / "state", "ours")
    assert victim.read_text() == "somebody's"


def test_what_was_begun_goes_too(tmp_path: Path) -> None:
    file = tmp_path / "state"
    write_private(file, "x")
    unfinished(file).write_text("half")
    for _ in range(2):  # nothing is there any more
        remove_private(file)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("was", "file", "folder"), [(0o644, 0o600, 0o700), (0o400, 0o400, 0o400), (0o610, 0o600, 0o700)]
)
def test_others_may_do_nothing_and_what_was_closed_is_left(tmp_path: Path, was: int, file: int, folder: int) -> None:
    paths = tmp_path / "file", tmp_path / "folder"
    paths[0].touch()
    paths[1].mkdir()
    for path in paths:
        path.chmod(was)
        close_file(path)
    assert (mode(paths[0]), mode(paths[1])) == (file, folder)


def test_a_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert private_directory(tmp_path) == tmp_path
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(Conflict, match="belongs to another user"):
        private_directory(tmp_path)


def test_only_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_or_none(tmp_path / "no") is None
    with pytest.raises(IsADirectoryError):
        read_or_none(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_or_none(tmp_path / "bytes")
    assert read_or_none(tmp_path / "bytes", errors="replace") == "\ufffd"
