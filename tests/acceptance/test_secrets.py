"""Where Terraform keeps and shows things, and where the provider does: no secret that others could read."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from halab.provisioners.engine.command import Command, Result
from tests.acceptance.doubles import DoubledProvider, secrets_of, stack, uncovered, write_stack
from tests.acceptance.guests import Guest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def open_to_others(directory: Path) -> list[Path]:
    return [path for path in [directory, *directory.rglob("*")] if stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_a_deploy_with_its_state_in_the_labs_directory(terraform: Terraform, provider: DoubledProvider) -> None:
    """Commands in guests, what is printed and logged, and the modes of all files, the state's and its backup's too."""
    asked: list[str] = []

    def listen(_guest: Guest, command: Command) -> Result | None:
        asked.append(f"{command} {command!r}")
        return None

    provider.guests.answer = listen
    directory, log = terraform.folder / "lab/.halab/summit", terraform.folder / "trace.log"
    document = stack(1, terraform.folder)
    document["terraform"]["backend"] = {"local": {"path": str(directory / "terraform.tfstate")}}
    write_stack(terraform, document, uncovered("summit", "${halab_machine.node1.id}"))
    terraform.environment |= {"TF_LOG": "TRACE", "TF_LOG_PATH": str(log)}
    terraform.init()
    said = terraform.apply().text
    secrets = secrets_of(terraform)
    assert len(secrets) > 8
    for name in ("TF_LOG", "TF_LOG_PATH"):
        del terraform.environment[name]

    document["resource"]["halab_secret"]["node1_chap"]["length"] = 20  # a change of a secret, planned and shown
    write_stack(terraform, document, uncovered("summit", "${halab_machine.node1.id}"))
    plan = terraform.plan()
    assert plan.actions
    said += plan.text + plan.outcome.text + terraform.apply().text
    secrets |= secrets_of(terraform)
    texts = {"printed": said, "logged": log.read_text(errors="replace"), "asked": "\n".join(asked)}
    texts |= {file.name: file.read_text() for file in directory.glob("progress.jsonl")}
    assert {where for where, text in texts.items() for secret in secrets if secret in text} == set()

    assert (directory / "terraform.tfstate.backup").exists()
    terraform.plan()  # the backup is Terraform's, written after the provider had looked: the next command closes it
    assert open_to_others(directory) == []


def test_loose_permissions_are_repaired(terraform: Terraform, provider: DoubledProvider) -> None:
    write_stack(terraform, stack(1, terraform.folder))
    terraform.apply()
    directory = terraform.folder / "lab/.halab/summit"
    for path in [directory, *directory.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    assert terraform.plan().actions == {}
    assert open_to_others(directory) == []
    assert json.loads((directory / "fencing/summit/config.json").read_text())["lab"] == "summit"
