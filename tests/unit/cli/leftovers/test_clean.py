"""`halab clean`: never while a lab is deployed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from halab.cli.leftovers import clean

DEPLOYED = json.dumps({"version": 4, "resources": [{"type": "halab_machine"}]})
HOLD = "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(clean, "CHECKOUT", tmp_path)
    for name in (".venv/bin", ".halab", "node_modules", "own"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def state(checkout: Path, name: str, text: str) -> Path:
    file = checkout / ".halab" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def test_what_was_installed_goes_and_the_users_own_stays(checkout: Path) -> None:
    state(checkout, "terraform.old.tfstate", json.dumps({"version": 4, "resources": []}))
    state(checkout, "terraform.empty.tfstate", "")
    assert clean.main() == 0
    assert [path.name for path in checkout.iterdir()] == ["own"]


def test_a_cache_that_is_a_link_goes_and_what_it_leads_to_stays(checkout: Path) -> None:
    (checkout / ".cache").symlink_to(checkout / "own")
    assert clean.main() == 0
    assert [path.name for path in checkout.iterdir()] == ["own"]


@pytest.mark.parametrize("name", ["summit/terraform.tfstate", "terraform.summit.tfstate"])
def test_nothing_goes_while_a_lab_is_deployed(checkout: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """The second: by an earlier version."""
    state(checkout, name, DEPLOYED)
    before = sorted(checkout.rglob("*"))
    assert clean.main() == 1
    assert f"{name}): make destroy first" in capsys.readouterr().err
    assert sorted(checkout.rglob("*")) == before


def test_nothing_goes_while_a_state_cannot_be_read(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state(checkout, "terraform.a.tfstate", "{")
    before = sorted(checkout.rglob("*"))
    assert clean.main() == 1
    assert "terraform.a.tfstate cannot be read" in capsys.readouterr().err
    assert sorted(checkout.rglob("*")) == before


def test_nothing_goes_while_terraform_works(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = state(checkout, "terraform.a.tfstate", "")
    with subprocess.Popen([sys.executable, "-c", HOLD, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        assert clean.main() == 1
        holder.communicate(b"\n")
    assert "under way" in capsys.readouterr().err
    assert (checkout / "node_modules").exists()
