"""The resources that are files in the lab's folder: where they stand follows from the folder."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from halab.provider.local.ssh_config import SshConfigResource
from halab.provider.local.ssh_key import SshKeyResource
from halab.provider.protocol import Ctx, Failure, Ledger
from halab.provider.run.folder import LabFolder

HOSTS = [
    {"name": "node1", "fqdn": "node1.summit.test", "address": "10.0.0.11", "host_key": "ssh-ed25519 AAAA"},
    {"name": "target", "fqdn": "target.summit.test", "address": "10.0.0.9", "host_key": "ssh-ed25519 BBBB"},
]


def key_in(folder: LabFolder) -> SshKeyResource:
    return SshKeyResource(SimpleNamespace(lab="summit", folder=folder, ledger=Ledger()))


def config_in(folder: LabFolder) -> SshConfigResource:
    return SshConfigResource(SimpleNamespace(lab="summit", folder=folder, ledger=Ledger()))


@pytest.fixture
def folder(tmp_path: Path) -> LabFolder:
    folder = LabFolder(tmp_path / "one")
    folder.path.mkdir()
    return folder


def made(folder: LabFolder) -> tuple[dict[str, Any], dict[str, Any]]:
    """A key and an ssh_config: their states."""
    key = key_in(folder).create(Ctx(), {"name": "deploy"}, {})
    planned = {"private_key_path": key["private_key_path"], "hosts": HOSTS, "intact": True}
    return key, config_in(folder).create(Ctx(), planned, {})


def test_a_key_of_any_name_stands_in_the_folder(folder: LabFolder) -> None:
    key, _ = made(folder)
    assert (key["id"], key["private_key_path"]) == ("deploy", str(folder.path / "deploy"))
    assert key_in(folder).create(Ctx(), {"name": "deploy"}, {}) == key, "that of an interrupted run"
    key_in(folder).delete(Ctx(), key)
    assert not (folder.path / "deploy").exists()


@pytest.mark.parametrize("name", ["/root/.ssh/id_ed25519", "../id_ed25519", "keys/one", ".hidden", "", "ssh_config"])
def test_a_name_is_no_path_and_no_other_file_of_the_lab(name: str) -> None:
    (check,) = SshKeyResource.schema.attrs["name"].validators
    assert check(name)


def test_a_persons_own_key_in_an_earlier_state_is_left_alone(folder: LabFolder, tmp_path: Path) -> None:
    """Earlier versions took an absolute path for a name."""
    own = tmp_path / "id_ed25519"
    own.write_text("a person's\n")
    own.chmod(0o640)
    state = {"name": str(own), "id": str(own), "private_key_path": str(own), "public_key": "ssh-ed25519 AAAA"}
    ctx = Ctx()
    assert key_in(folder).read(ctx, state) == state
    key_in(folder).delete(ctx, state)
    assert (own.read_text(), own.stat().st_mode & 0o777) == ("a person's\n", 0o640)
    assert [one.severity for one in ctx.diagnostics] == ["warning"] * 2
    with pytest.raises(Failure, match="no name of a key"):
        key_in(folder).import_(Ctx(), str(own))


def test_in_a_folder_that_was_moved_ids_stay_and_ssh_config_is_to_be_written_anew(folder: LabFolder) -> None:
    key, config = made(folder)
    moved = LabFolder(folder.path.rename(folder.path.with_name("two")))
    now = key_in(moved).read(Ctx(), key)
    assert now is not None
    assert (now["id"], now["private_key_path"]) == (key["id"], str(moved.path / "deploy"))
    seen = config_in(moved).read(Ctx(), config)
    assert seen is not None
    assert (seen["id"], seen["path"], seen["intact"]) == (config["id"], str(moved.ssh_config), False)
    planned = {**seen, "private_key_path": now["private_key_path"], "intact": True}
    again = config_in(moved).update(Ctx(), seen, planned, {})
    assert again == planned, "what was planned"
    assert config_in(moved).read(Ctx(), again) == again
    assert str(folder.path) not in moved.ssh_config.read_text()


def test_what_was_deleted_in_a_moved_folder_is_not_taken_from_the_other(folder: LabFolder) -> None:
    key, config = made(folder)
    copy = LabFolder(Path(shutil.copytree(folder.path, folder.path.with_name("two"))))
    key_in(copy).delete(Ctx(), key)
    config_in(copy).delete(Ctx(), config)
    assert sorted(path.name for path in folder.path.iterdir()) == ["deploy", "known_hosts", "ssh_config"]
    assert [*copy.path.iterdir()] == []


def test_a_change_by_hand_is_seen(folder: LabFolder) -> None:
    _, config = made(folder)
    with folder.ssh_config.open("a") as file:
        file.write("  User nobody\n")
    seen = config_in(folder).read(Ctx(), config)
    assert seen == {**config, "intact": False}


def test_an_import_finds_what_was_written(folder: LabFolder) -> None:
    _, config = made(folder)
    assert config_in(folder).import_(Ctx(), "ssh_config") == config
    with pytest.raises(Failure, match="Nothing to import"):
        config_in(folder).import_(Ctx(), "/elsewhere/ssh_config")


@pytest.mark.parametrize("name", ["a b", "50%h", "100%"])
def test_ssh_finds_the_key_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    """% begins a token there: the client itself says what it reads."""
    folder = LabFolder(tmp_path / name)
    folder.path.mkdir()
    key, config = made(folder)
    argv = ["ssh", "-v", "-F", str(folder.ssh_config), "-o", "ProxyCommand=false", "node1"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL).stderr
    assert re.search(rf"identity file {re.escape(key['private_key_path'])} type [0-9]", said), said
    read = config_in(folder).read(Ctx(), config)
    assert read == config, "what is there is what was written"


@pytest.mark.parametrize("attribute", ["name", "fqdn", "address", "host_key"])
@pytest.mark.parametrize("wrong", ["", "a\n  ProxyCommand id", "*", "a b c", "-oProxyCommand=id", "node1\n"])
def test_what_would_be_read_otherwise_does_not_go_into_ssh_config(attribute: str, wrong: str) -> None:
    nested = SshConfigResource.schema.attrs["hosts"].nested
    assert nested is not None
    (check,) = nested[attribute].validators
    assert check(wrong)
    assert not any(check(host[attribute]) for host in HOSTS)


@pytest.mark.parametrize("wrong", ["key", '/a"b', "/a\nb", "/a\x1b"])
def test_a_path_that_cannot_stand_in_ssh_config(wrong: str) -> None:
    (check,) = SshConfigResource.schema.attrs["private_key_path"].validators
    assert check(wrong)
    assert check("/home/me/50%/.halab/summit/id_ed25519") is None
