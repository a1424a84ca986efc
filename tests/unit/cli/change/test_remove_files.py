"""What a destroy leaves of a lab's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from halab.cli.change import destroy
from halab.provider.run.folder import LabFolder

POOL = {"type": "halab_pool", "mode": "managed", "instances": [{"attributes": {"id": "u3"}}]}
STATES = ("terraform.tfstate", "terraform.tfstate.backup", ".terraform.tfstate.lock.info")
OF_A_LAB = (*STATES, "settings.json", "lab.json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabFolder:
    monkeypatch.setattr(destroy, "CHECKOUT", tmp_path)
    made = LabFolder.of(tmp_path, "summit")
    made.checkpoints.joinpath("a").mkdir(parents=True)
    for name in OF_A_LAB:
        (made.path / name).write_text("{}")
    made.state.write_text(json.dumps({"version": 4, "resources": []}))
    return made


def test_all_of_it_goes_with_the_lab(folder: LabFolder, tmp_path: Path) -> None:
    for file in folder.of_runs:
        file.touch()
    assert destroy.remove_files(folder) == []
    assert list(tmp_path.iterdir()) == []


def test_other_labs_stay(folder: LabFolder, tmp_path: Path) -> None:
    other = LabFolder.of(tmp_path, "valley")
    other.path.mkdir()
    other.state.write_text("{}")
    assert destroy.remove_files(folder) == []
    assert [path.name for path in (tmp_path / ".halab").rglob("*")] == ["valley", "terraform.tfstate"]


def test_what_a_state_holds_is_needed_to_destroy_it(folder: LabFolder) -> None:
    folder.state.write_text(json.dumps({"version": 4, "resources": [POOL]}))
    (said,) = destroy.remove_files(folder)
    kept = sorted({*OF_A_LAB, folder.checkpoints.name} - {"lab.json"})
    assert said == f"kept in .halab/summit: {', '.join(kept)}"
    assert sorted(path.name for path in folder.path.iterdir()) == sorted([*kept, "lab.json"])


def test_what_is_not_halabs_is_kept_and_told(folder: LabFolder) -> None:
    folder.path.joinpath("notes").write_text("mine")
    folder.path.joinpath("drills/one").mkdir(parents=True)
    assert destroy.remove_files(folder) == ["kept in .halab/summit: drills, notes"]
    assert sorted(path.name for path in folder.path.iterdir()) == ["drills", "lab.json", "notes"]
