"""The launcher that Terraform starts: whose provider runs for a configuration in which folder."""

from __future__ import annotations

import os
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


def started(folder: Path, home: Path, **environment: str) -> str:
    env = {"HOME": str(home), **environment}
    done = subprocess.run([LAUNCHER, "--word"], cwd=folder, env=env, check=True, capture_output=True, text=True)
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


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_folder_that_all_may_write_is_passed_by(home: Path, tmp_path: Path, mode: int) -> None:
    """In /tmp anybody can lay out what looks like a checkout."""
    strangers = checkout(tmp_path / "open")
    strangers.chmod(mode)
    assert started(strangers / "cdktf.out/stacks/summit", home).startswith(f"{home}/.terraform.d/halab/")


def test_a_folder_that_a_group_may_write_is_the_users_own(home: Path, tmp_path: Path) -> None:
    own = checkout(tmp_path / "own")
    own.chmod(0o775)
    assert started(own, home).startswith(f"{own}/.venv/bin/python")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another user, which only root can")
def test_another_users_folder_is_passed_by_unless_that_user_became_root(home: Path, tmp_path: Path) -> None:
    strangers = checkout(tmp_path / "strangers")
    os.chown(strangers, 65534, 65534)
    assert started(strangers, home).startswith(f"{home}/.terraform.d/halab/")
    assert started(strangers, home, SUDO_UID="65534").startswith(f"{strangers}/.venv/bin/python")
