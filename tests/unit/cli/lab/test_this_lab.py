"""A lab's folder is put in order before Terraform runs: real terraform finds the state that was moved."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from halab.cli.lab.this_lab import all_labs, entered, lab_settings
from halab.constructs.settings import SettingsError
from halab.provider.fencing import power_process
from halab.provider.run.console_service import CONSOLE, ConsoleService
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import Conflict

TERRAFORM = shutil.which("terraform") or shutil.which("tofu")


def terraform(checkout: Path, *arguments: str) -> str:
    """What it prints, in the stack's folder."""
    assert TERRAFORM is not None
    stack = checkout / "cdktf.out/stacks/summit"
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": ""}
    done = subprocess.run(
        [TERRAFORM, *arguments], cwd=stack, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configured(checkout: Path, state: Path) -> None:
    """A configuration with this state and one output."""
    stack = checkout / "cdktf.out/stacks/summit"
    stack.mkdir(parents=True, exist_ok=True)
    document = {"terraform": {"backend": {"local": {"path": str(state)}}}, "output": {"said": {"value": "kept"}}}
    (stack / "cdk.tf.json").write_text(json.dumps(document))


@pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed")
def test_terraform_goes_on_with_a_state_of_the_earlier_layout_and_in_a_moved_checkout(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    earlier = first / ".halab/terraform.summit.tfstate"
    earlier.parent.mkdir(parents=True)
    configured(first, earlier)
    for arguments in (["init"], ["apply", "-auto-approve"]):
        terraform(first, *arguments)
    lineage = json.loads(earlier.read_text())["lineage"]

    folder = entered(LabFolder.of(first, "summit"), lambda _: None)
    configured(first, folder.state)
    terraform(first, "init", "-input=false")
    assert "No changes" in terraform(first, "plan", "-no-color")

    first.rename(second)
    moved = entered(LabFolder.of(second, "summit"), lambda _: None)
    configured(second, moved.state)
    terraform(second, "init", "-input=false")
    assert "No changes" in terraform(second, "plan", "-no-color")
    assert json.loads(moved.state.read_text())["lineage"] == lineage


def test_what_terraform_remembers_stays_where_nothing_has_moved(tmp_path: Path) -> None:
    folder = LabFolder.of(tmp_path, "summit")
    remembered = tmp_path / "cdktf.out/stacks/summit/.terraform/terraform.tfstate"
    remembered.parent.mkdir(parents=True)
    remembered.write_text(json.dumps({"backend": {"type": "local", "config": {"path": str(folder.state)}}}))
    entered(folder, pytest.fail)
    assert remembered.exists()


@pytest.mark.parametrize("text", [b"", b'{"backend": {"con', b"[]", b"null", b"\xff\xfe"])
def test_what_terraform_remembers_goes_when_it_was_cut_short(tmp_path: Path, text: bytes) -> None:
    folder = LabFolder.of(tmp_path, "summit")
    remembered = tmp_path / "cdktf.out/stacks/summit/.terraform/terraform.tfstate"
    remembered.parent.mkdir(parents=True)
    remembered.write_bytes(text)
    entered(folder, pytest.fail)
    assert not remembered.exists()


def test_a_copied_checkout_is_refused(tmp_path: Path) -> None:
    entered(LabFolder.of(tmp_path / "one", "summit"), pytest.fail)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    with pytest.raises(Conflict, match="belongs to"):
        entered(LabFolder.of(tmp_path / "two", "summit"), pytest.fail)


def test_what_all_labs_stand_in_is_its_user_s_alone(tmp_path: Path) -> None:
    """States hold secrets, whatever the umask."""
    before = os.umask(0o022)
    try:
        entered(LabFolder.of(tmp_path, "summit"), lambda _: None)
    finally:
        os.umask(before)
    assert (tmp_path / ".halab").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["{", "[]", None])
def test_a_cdktf_json_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "cdktf.json").write_text(text)
    with pytest.raises(SettingsError, match=r"cdktf\.json cannot be read.*Restore it"):
        lab_settings(tmp_path, {})


def test_all_labs_are_those_that_have_a_state(tmp_path: Path) -> None:
    for name, has_state in (("b", True), ("a", True), ("empty", False)):
        folder = LabFolder.of(tmp_path, name)
        folder.path.mkdir(parents=True)
        if has_state:
            folder.state.touch()
    assert [folder.lab for folder in all_labs(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize("another", [False, True])
def test_a_console_that_runs_by_a_folder_s_former_path_ends(tmp_path: Path, another: bool) -> None:
    """Unless another lab has that place by now, whose console it is."""
    before, after = LabFolder.of(tmp_path / "before", "summit"), LabFolder.of(tmp_path / "after", "summit")
    entered(before, lambda _: None)
    config = ConsoleService(before).config
    argv = [sys.executable, "-c", "import time; time.sleep(60)", CONSOLE.servers[0], str(config)]
    with subprocess.Popen(argv) as daemon:
        while not power_process.processes(config, CONSOLE):
            assert daemon.poll() is None
        (tmp_path / "before").rename(tmp_path / "after")
        if another:
            config.parent.mkdir(parents=True)
            config.touch()
        entered(after, lambda _: None)
        if another:
            assert daemon.poll() is None
            daemon.kill()
        assert daemon.wait(10) == (-signal.SIGKILL if another else -signal.SIGTERM)
