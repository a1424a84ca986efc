"""What an earlier version left right in `.halab` is taken over, whenever a run that does so is killed."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from halab.cli.lab.earlier_layout import take_over
from halab.cli.lab.state import StateUnusable
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import Conflict

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"


class Killed(BaseException):
    """The process was killed before it did this."""


def state_of(former: Path, serial: int = 3) -> str:
    key = {"name": "id_ed25519", "id": f"{former}/id_ed25519", "private_key_path": f"{former}/id_ed25519"}
    row = {"type": "halab_ssh_key", "mode": "managed", "instances": [{"attributes": key}]}
    return json.dumps({"version": 4, "serial": serial, "resources": [row]})


def earlier(checkout: Path, *labs: str, former: Path | None = None) -> Path:
    """`.halab` as an earlier version left it."""
    directory = checkout / ".halab"
    directory.mkdir(parents=True)
    former = former or directory
    files = {
        "id_ed25519": KEY,
        "known_hosts": "node1.summit.test,node1 ssh-ed25519 AAAA\n",
        "ssh_config": f'Host *\n  IdentityFile "{former}/id_ed25519"\n  UserKnownHostsFile "{former}/known_hosts"\n',
        "changes.lock": "run-that-was-killed",
        "questions.json": "{}",
        "progress.jsonl": "",
        "deploy.log": "deployed\n",
        "libvirt.json": '{"daemons": [], "networks": []}',
        "outputs.json": json.dumps({labs[0]: {"site_url": "http://x/"}} if labs else {}),
        "import/chap": "secret\n",
        "notes.txt": "a person's\n",
    }
    for lab in labs:
        files |= {
            f"terraform.{lab}.tfstate": state_of(former),
            f"terraform.{lab}.tfstate.backup": state_of(former, 2),
            f"terraform.{lab}.tfstate.torn": "{",
            f"{lab}-installer.console.log": "it hung\n",
            f"fencing/{lab}/power.log": f"of {lab}\n",
        }
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


def tree(directory: Path) -> dict[str, str]:
    return {str(p.relative_to(directory)): p.read_text() for p in directory.rglob("*") if p.is_file()}


def without_ids(found: dict[str, str]) -> dict[str, str]:
    """Marks have an id of their own each time."""
    return {name: "" if name.endswith("lab.json") else text for name, text in found.items()}


def test_each_lab_gets_what_is_its_own_and_a_copy_of_what_was_shared(tmp_path: Path) -> None:
    directory = earlier(tmp_path, "summit", "valley")
    told: list[str] = []
    take_over(tmp_path, "summit", told.append)
    assert [line.split("'")[1] for line in told] == ["summit", "valley"]
    assert sorted(path.name for path in directory.iterdir()) == ["libvirt.json", "notes.txt", "summit", "valley"]
    for lab in ("summit", "valley"):
        folder = LabFolder.of(tmp_path, lab)
        assert folder.state.read_text() == state_of(directory)
        assert folder.private_key.read_text() == KEY
        assert folder.changes_lock.read_text() == "run-that-was-killed"
        assert folder.ssh_config.read_text().count(f'"{folder.path}/') == 2
        assert (folder.fencing / lab / "power.log").read_text() == f"of {lab}\n"
        assert (folder.imports / "chap").read_text() == "secret\n"
        assert folder.console_log(f"{lab}-installer").exists()
        assert {"terraform.tfstate.backup", "terraform.tfstate.torn"} <= {path.name for path in folder.path.iterdir()}
        assert json.loads(folder.mark.read_text())["path"] == str(folder.path)
    assert LabFolder.of(tmp_path, "summit").outputs.exists()
    assert not LabFolder.of(tmp_path, "valley").outputs.exists(), "they were the other's"
    assert stat.S_IMODE((directory / "notes.txt").stat().st_mode) & 0o044, "a person's file is left alone"
    take_over(tmp_path, "summit", told.append)
    assert len(told) == 2


def test_a_lab_whose_state_is_lost_keeps_its_key(tmp_path: Path) -> None:
    earlier(tmp_path)
    take_over(tmp_path, "summit", lambda _: None)
    assert LabFolder.of(tmp_path, "summit").private_key.read_text() == KEY
    assert not LabFolder.of(tmp_path, "summit").state.exists()


def test_nothing_is_done_where_there_is_nothing(tmp_path: Path) -> None:
    take_over(tmp_path, "summit", pytest.fail)
    (tmp_path / ".halab").mkdir()
    (tmp_path / ".halab/libvirt.json").write_text("{}")
    take_over(tmp_path, "summit", pytest.fail)
    assert tree(tmp_path) == {".halab/libvirt.json": "{}"}


@pytest.fixture
def dies(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """From the given change of the file system on (from 0) nothing is changed any more; what was passed."""

    def at(number: int) -> list[str]:
        passed: list[str] = []
        for name in ("rename", "replace", "unlink", "mkdir", "rmdir"):
            real = getattr(os, name)

            def mortal(*args: Any, _real: Any = real, _name: str = name, **more: Any) -> Any:
                if len(passed) >= number:
                    raise Killed
                passed.append(f"{_name} {args[0]}")
                return _real(*args, **more)

            monkeypatch.setattr(os, name, mortal)
        return passed

    return at


def test_a_run_that_is_killed_is_finished_by_the_next(
    tmp_path: Path, dies: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = tmp_path / "wanted"
    earlier(wanted, "summit", "valley", former=tmp_path / "gone/.halab")
    take_over(wanted, "summit", lambda _: None)
    text = {k: v.replace(str(wanted), "") for k, v in without_ids(tree(wanted)).items()}
    for number in range(200):
        checkout = tmp_path / str(number)
        earlier(checkout, "summit", "valley", former=tmp_path / "gone/.halab")
        passed = dies(number)
        try:
            take_over(checkout, "summit", lambda _: None)
        except Killed:
            monkeypatch.undo()
        else:
            assert number > 20, "the kills did not reach its end"
            return
        take_over(checkout, "summit", lambda _: None)
        assert {k: v.replace(str(checkout), "") for k, v in without_ids(tree(checkout)).items()} == text, passed
    pytest.fail("it never ended")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Locks of another process, as Terraform or the provider takes them."""
    children: list[int] = []

    def hold(name: str) -> None:
        ready, told = os.pipe()
        if not (pid := os.fork()):
            descriptor = os.open(tmp_path / ".halab" / name, os.O_RDWR)
            (fcntl.flock if name == "changes.lock" else fcntl.lockf)(descriptor, fcntl.LOCK_EX)
            os.write(told, b"x")
            os.read(os.pipe()[0], 1)
            os._exit(0)
        children.append(pid)
        os.read(ready, 1)

    yield hold
    for pid in children:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


@pytest.mark.parametrize("lock", ["changes.lock", "terraform.valley.tfstate"])
def test_not_while_a_run_is_under_way(tmp_path: Path, held: Callable[[str], None], lock: str) -> None:
    directory = earlier(tmp_path, "summit", "valley")
    before = tree(directory)
    held(lock)
    with pytest.raises(StateUnusable, match="under way"):
        take_over(tmp_path, "summit", lambda _: None)
    assert tree(directory) == before


@pytest.mark.parametrize("again", [False, True])
def test_a_copy_is_refused_while_the_original_is_there(tmp_path: Path, again: bool) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    earlier(original, "summit")
    directory = earlier(copy, "summit", former=original / ".halab")
    if again:
        take_over(original, "summit", lambda _: None)
    before = tree(directory)
    with pytest.raises(Conflict, match=r"belongs to .*original"):
        take_over(copy, "summit", lambda _: None)
    assert tree(directory) == before


def test_two_states_of_one_lab_are_left_to_a_person(tmp_path: Path) -> None:
    directory = earlier(tmp_path, "summit")
    (directory / "summit").mkdir()
    (directory / "summit/terraform.tfstate").write_text(state_of(directory))
    with pytest.raises(StateUnusable, match="keep the right one"):
        take_over(tmp_path, "summit", lambda _: None)
