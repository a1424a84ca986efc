"""The launcher that Terraform starts: whose provider runs for a configuration in which folder."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).resolve().parents[2] / "provider/launcher"


def checkout(folder: Path) -> Path:
    """A prepared checkout as far as the launcher looks at it; its Python prints what it was called with."""
    for part in ("provider", ".venv/bin", "cdktf.out/stacks/summit"):
        (folder / part).mkdir(parents=True)
    shutil.copy(LAUNCHER, folder / "provider")
    python = folder / ".venv/bin/python"
    python.write_text('#!/bin/sh\necho "$0" "$@"\n')
    python.chmod(0o755)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home/.terraform.d").mkdir(parents=True)
    (tmp_path / "home/.terraform.d/halab").symlink_to(checkout(tmp_path / "prepared last"))
    return tmp_path / "home"


def started(folder: Path, home: Path) -> str:
    done = subprocess.run(
        [LAUNCHER, "--word"], cwd=folder, env={"HOME": str(home)}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_stack_has_the_provider_of_its_checkout(home: Path, tmp_path: Path) -> None:
    own = checkout(tmp_path / "with blank/own")
    for folder in ("cdktf.out/stacks/summit", "."):
        assert started(own / folder, home) == f"{own}/.venv/bin/python -P -m halab.provider --word"


def test_any_other_configuration_has_that_of_the_checkout_that_was_prepared_last(home: Path, tmp_path: Path) -> None:
    unprepared = checkout(tmp_path / "unprepared")
    shutil.rmtree(unprepared / ".venv")
    for folder in (tmp_path, unprepared, Path("/")):
        assert started(folder, home) == f"{home}/.terraform.d/halab/.venv/bin/python -P -m halab.provider --word"
