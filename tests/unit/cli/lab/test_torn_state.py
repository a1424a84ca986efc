"""A state that was cut short is put back from what is whole, and nothing else is touched."""

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from halab.cli.lab.state import StateUnusable
from halab.cli.lab.torn_state import ERRORED, mend

TORN = '{"version": 4, "serial": 9, "resources": [{"mode": "ma'


def text(serial: int) -> str:
    return json.dumps({"version": 4, "serial": serial, "resources": []})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "stack").mkdir()
    return tmp_path / "terraform.summit.tfstate"


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("torn", [TORN, ""])
def test_the_state_before_the_run_is_put_back(state: Path, torn: str) -> None:
    state.write_text(torn)
    backup = state.with_name("terraform.summit.tfstate.backup")
    backup.write_text(text(8))
    inode = state.stat().st_ino
    said = mend(state, state.parent / "stack")
    assert said is not None
    assert "put back from terraform.summit.tfstate.backup" in said
    assert files(state.parent) == {state.name: text(8), backup.name: text(8), f"{state.name}.torn": torn}
    assert state.stat().st_ino == inode, "Terraform's lock is on the file"
    assert state.with_name(f"{state.name}.torn").stat().st_mode & 0o777 == 0o600
    assert mend(state, state.parent / "stack") is None


def test_what_terraform_could_not_write_is_newer(state: Path) -> None:
    state.write_text(TORN)
    state.with_name("terraform.summit.tfstate.backup").write_text(text(8))
    (state.parent / "stack" / ERRORED).write_text(text(10))
    assert "put back from errored.tfstate" in (mend(state, state.parent / "stack") or "")
    assert state.read_text() == text(10)
    assert not (state.parent / "stack" / ERRORED).exists()


def test_without_another_one_it_is_begun_anew(state: Path) -> None:
    state.write_text(TORN)
    (state.parent / "stack" / ERRORED).write_text("")
    assert "begun anew" in (mend(state, state.parent / "stack") or "")
    assert files(state.parent) == {state.name: "", f"{state.name}.torn": TORN}


@pytest.mark.parametrize("there", [None, "", text(9)])
def test_nothing_is_done_to_a_state_that_is_whole_or_was_never_written(state: Path, there: str | None) -> None:
    if there is not None:
        state.write_text(there)
    (state.parent / "stack" / ERRORED).write_text(text(10) if there else "")
    before = files(state.parent)
    assert mend(state, state.parent / "stack") is None
    assert files(state.parent) == before


def test_not_while_terraform_writes_it(state: Path) -> None:
    state.write_text(TORN)
    state.with_name("terraform.summit.tfstate.backup").write_text(text(8))
    hold = "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert mend(state, state.parent / "stack") is None
        other.communicate(b"\n")
    assert state.read_text() == TORN


def test_a_disk_that_is_still_full_is_told_and_nothing_is_lost(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _text: bytes, _offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    state.write_text(TORN)
    backup = state.with_name("terraform.summit.tfstate.backup")
    backup.write_text(text(8))
    monkeypatch.setattr("os.pwrite", full)
    with pytest.raises(StateUnusable, match=r"No space left on device\. Make room"):
        mend(state, state.parent / "stack")
    assert (state.read_text(), backup.read_text()) == (TORN, text(8))


def test_a_disk_that_has_room_for_a_part_keeps_the_newest_where_it_is(state: Path) -> None:
    """By the kernel's own limit of a file's size, which writes what fits, as a nearly full disk does."""
    errored = state.parent / "stack" / ERRORED
    state.write_text("{")
    errored.write_text(text(10))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(text(10)) - 1, limits[1]))
    try:
        with pytest.raises(StateUnusable, match=r"no room is left\. Make room"):
            mend(state, state.parent / "stack")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert errored.read_text() == text(10)
    assert "put back from errored.tfstate" in (mend(state, state.parent / "stack") or "")
    assert state.read_text() == text(10)
