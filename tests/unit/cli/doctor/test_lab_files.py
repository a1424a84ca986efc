"""Each file of a lab, damaged in each way: a finding that names it and what heals it, and never a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from halab.cli.checkpoint.kept import Kept, Shelf
from halab.cli.console import link_file
from halab.cli.doctor import examination
from halab.cli.doctor.facts import Damage
from halab.cli.doctor.gathering import gather
from halab.cli.doctor.lab_files import FILES, damaged
from halab.cli.exercise import kept
from halab.cli.lab import deployed_settings
from halab.cli.lab.this_lab import CHECKOUT, lab_settings
from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provider.run.console_service import ConsoleConfig, ConsoleService
from halab.provider.run.files import write_private
from halab.provider.run.folder import LabFolder
from halab.provider.run.ownership import claimed

_ENDPOINT = PowerConfig("summit", "192.168.90.1", 8000, "qemu:///system", ("u-1",), "supervisor")
_MACHINE = {"id": "u-1", "hostname": "node1", "name": "summit-node1", "address": "192.0.2.1", "cluster": "summit"}
# Written line by line, or locked, or of no form of ours; what reads them knows that, or the next deploy writes them.
_WITHOUT_FORM = {
    *("progress.jsonl", "deploy.log", "destroy.log", "diff.log", "diff.jsonl", "console-audit.jsonl"),
    *("console-job.log", "terraform.pid"),
    *("changes.lock", "command.lock", "cts", "drills", "import", "ssh_config", "known_hosts"),
}
_FOLDERS = {"fencing", "checkpoints", "console"}


def _private_key() -> str:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = form.PrivateFormat.OpenSSH
    return Ed25519PrivateKey.generate().private_bytes(form.Encoding.PEM, private, form.NoEncryption()).decode()


def _state(**machine: Any) -> str:
    instances = [{"attributes": {**_MACHINE, **machine}}]
    resources = [{"mode": "managed", "type": "halab_machine", "instances": instances}]
    return json.dumps({"version": 4, "resources": resources, "outputs": {}})


def _whole(folder: LabFolder) -> dict[str, Path]:
    """A lab with each file that has a form, as halab writes them; by their names in the folder."""
    with claimed(folder, "summit"):
        pass
    write_private(folder.state, _state())
    write_private(folder.private_key, _private_key())
    write_private(folder.settings, deployed_settings.dump(lab_settings(environment={})))
    write_private(folder.ledger, json.dumps(["held", "halab_gfs2", "summit:gfs0"]) + "\n")
    for file in (folder.outputs, folder.questions, folder.seen, folder.kvm_verdict):
        write_private(file, json.dumps({"some": "thing"}))
    kept.keep(folder.exercise, kept.UnderWay("colocated", {}, "2026-11-27T08:30:00Z"))
    Shelf(folder).put(Kept("a", "halab-a", "2026-11-27T08:30:00Z", ()), {})
    endpoint = PowerFiles(folder.fencing / "summit")
    endpoint.make_directory()
    endpoint.write(endpoint.config, _ENDPOINT.dump())
    endpoint.write(endpoint.unfinished, json.dumps({"u-1": 1.0}))
    console = ConsoleService(folder)
    write_private(console.config, json.dumps({"port": 8080, "watch_only": True, "environment": {}}))
    assert console.read() == ConsoleConfig(8080, True, {})
    link_file.offer(console.link, "watch")
    return {str(path.relative_to(folder.path)): path for file in FILES for path in file.paths(folder)}


def _cut(path: Path) -> None:
    text = path.read_bytes()
    path.write_bytes(text[: len(text) // 2])


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut short": _cut,
    "no JSON": lambda path: path.write_text("geheim {"),
    "zeros": lambda path: path.write_bytes(bytes(512)),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00\xd8"),
    "a list": lambda path: path.write_text("[1]"),
    "null": lambda path: path.write_text("null"),
    "a directory": _directory,
}
REMEDIES = {
    "terraform.tfstate": "halab diff puts it back",
    "lab.json": "rm {}; the next command writes it anew",
    "id_ed25519": "Restore it, or destroy the lab",
    "settings.json": "rm {}; until the next deploy",
    "ledger.jsonl": "halab diff notes anew",
    "outputs.json": "rm {}; the next deploy",
    "questions.json": "rm {}; the next halab diff",
    "seen.json": "rm {}; halab status",
    "kvm-verdict.json": "rm {}; the next deploy",
    "exercise.json": "rm {}; the lab stays",
    "checkpoints/a/checkpoint.json": "; that checkpoint is lost",
    "fencing/summit/config.json": "halab deploy makes the fencing endpoint anew",
    "fencing/summit/unfinished.json": "rm {}; halab deploy",
    "console/config.json": "halab console --stop",
    "console/link.json": "halab console --service",
}


@pytest.fixture
def folder(tmp_path: Path) -> LabFolder:
    return LabFolder.of(tmp_path, "summit")


def test_a_whole_lab_has_no_damage_and_no_lab_has_none(folder: LabFolder) -> None:
    assert list(damaged(folder)) == []
    assert sorted(_whole(folder)) == sorted(REMEDIES)
    assert list(damaged(folder)) == []


def test_each_file_of_a_lab_is_looked_at_or_known_to_have_no_form() -> None:
    folder = LabFolder(Path("/lab"))
    properties = [name for name, value in vars(LabFolder).items() if isinstance(value, property)]
    found = [getattr(folder, name) for name in properties]
    named = {path.name for path in found if isinstance(path, Path)} | {path.name for path in folder.files}
    assert named == _WITHOUT_FORM | _FOLDERS | {name for name in REMEDIES if "/" not in name}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", REMEDIES)
def test_what_is_damaged_is_named_with_a_remedy(folder: LabFolder, name: str, damage: str) -> None:
    path = _whole(folder)[name]
    shutil.copy(folder.state, folder.state.with_name("terraform.tfstate.backup"))
    DAMAGES[damage](path)
    (found,) = damaged(folder)
    assert found.file == str(path)
    assert found.why
    assert ("ls -l {}" if damage == "a directory" else REMEDIES[name]).format(path) in found.remedy
    assert "geheim" not in f"{found.why} {found.remedy}"


def _of_state(folder: LabFolder) -> Damage:
    (found,) = damaged(folder)
    return found


def test_an_empty_state_without_a_backup_is_that_of_a_lab_which_is_not_there_yet(folder: LabFolder) -> None:
    write_private(folder.state, "")
    assert list(damaged(folder)) == []


@pytest.mark.parametrize("text", [_state(id=None, hostname=None).replace('"id"', '"no"'), '{"version": 3}', "{}"])
def test_a_state_that_no_command_puts_back_is_put_back_by_hand(folder: LabFolder, text: str) -> None:
    write_private(folder.state, text)
    found = _of_state(folder)
    assert found.hinders
    assert found.remedy.startswith(f"cp {folder.state}.backup {folder.state}; ")


def test_a_path_with_a_blank_is_quoted(tmp_path: Path) -> None:
    folder = LabFolder.of(tmp_path / "my labs", "summit")
    write_private(folder.exercise, "")
    (found,) = damaged(folder)
    assert found.remedy.startswith(f"rm '{folder.exercise}'; ")


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_doctor_comes_to_its_end_whatever_is_damaged(
    tmp_path: Path, folder: LabFolder, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(CHECKOUT / "cdktf.json", tmp_path)
    files = _whole(folder)
    for path in files.values():
        DAMAGES[damage](path)
    assert examination.main(True, tmp_path) == examination.ILL
    findings = json.loads(capsys.readouterr().out)["findings"]
    of_files = [one for one in findings if one["subject"] == "file"]
    spared = {"terraform.tfstate"} if damage == "empty" else set()  # there is no backup: no lab has been there
    assert len(of_files) == len(files) - len(spared)
    assert all(one["remedy"] for one in findings if one["level"] != "good")
    levels = {one["level"] for one in of_files}
    assert levels == {"bad", "warning"}


def test_a_lab_whose_state_cannot_be_read_counts_as_deployed(tmp_path: Path, folder: LabFolder) -> None:
    shutil.copy(CHECKOUT / "cdktf.json", tmp_path)
    write_private(folder.state, "{")
    facts = gather(tmp_path)
    assert (facts.wanted.deployed, facts.lab) == (True, None)
    assert [one.file for one in facts.damaged] == [str(folder.state)]
    assert not [one for one in examination.examine(facts) if one.subject == "lab"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_settings_that_cannot_be_read_are_an_error_that_names_them(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cdktf.json").write_text(text)
    assert examination.main(True, tmp_path) == examination.CANNOT_LOOK
    assert f"{tmp_path}/cdktf.json cannot be read" in capsys.readouterr().err
