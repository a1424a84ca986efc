"""The pure parts of make deploy, make clean and of the image's settings."""

import json
from pathlib import Path

import pytest

from halab.cli.change.deploy import next_steps, stack_outputs
from halab.cli.image import image_arguments
from halab.cli.lab.this_lab import CHECKOUT
from halab.cli.leftovers.clean import deployed_states
from halab.cli.terraform.cdktf_run import lab_environment
from halab.constructs.settings import load
from halab.provider.run.folder import LabFolder


def test_a_deployed_lab_is_seen_in_its_state(tmp_path: Path) -> None:
    states = [tmp_path / ".halab" / name for name in ("new/terraform.tfstate", "terraform.earlier.tfstate")]
    for state in states:
        state.parent.mkdir(parents=True, exist_ok=True)
        state.write_text(json.dumps({"version": 4, "resources": [{"type": "halab_machine"}]}))
    (tmp_path / ".halab/gone").mkdir()
    (tmp_path / ".halab/gone/terraform.tfstate").write_text(json.dumps({"version": 4, "resources": []}))
    (tmp_path / ".halab/terraform.empty.tfstate").touch()
    assert deployed_states(tmp_path) == states


def test_an_unreadable_state_counts_as_an_error(tmp_path: Path) -> None:
    (tmp_path / ".halab/a").mkdir(parents=True)
    (tmp_path / ".halab/a/terraform.tfstate").write_text("{")
    with pytest.raises(ValueError, match="Expecting"):
        deployed_states(tmp_path)


def test_outputs_and_next_steps(tmp_path: Path) -> None:
    assert stack_outputs(tmp_path / "none.json") == {}
    file = tmp_path / "outputs.json"
    outputs = {"site_url": "http://10.0.0.9/", "nodes": {"alpha": "10.0.0.1", "beta": "10.0.0.2"}}
    file.write_text(json.dumps({"summit": outputs}))
    assert stack_outputs(file) == outputs
    steps = "\n".join(next_steps(LabFolder.of(CHECKOUT, "summit"), outputs))
    assert "curl http://10.0.0.9/" in steps
    assert "ssh -F .halab/summit/ssh_config alpha stonith_admin --reboot beta" in steps


def test_image_arguments_follow_the_settings() -> None:
    settings = load({"image": {"extra_packages": ["vim", "jq"]}}, {"HALAB_IMAGE_SUITE": "bookworm"})
    assert image_arguments(settings) == ["build", "--suite", "bookworm", "--extra-packages", "vim,jq"]


def test_terraform_runs_behind_the_shield_also_when_the_user_names_another(tmp_path: Path) -> None:
    env = lab_environment(tmp_path, LabFolder(tmp_path), {"TERRAFORM_BINARY_NAME": "tofu", "HALAB_PROGRESS": "/p"})
    assert env["TERRAFORM_BINARY_NAME"] == str(tmp_path / "bin/terraform-shield")
    assert (env["HALAB_TERRAFORM"], env["HALAB_PROGRESS"]) == ("tofu", "/p")


def test_a_deploy_waits_for_one_that_was_killed_and_still_saves(tmp_path: Path) -> None:
    env = lab_environment(tmp_path, LabFolder(tmp_path), {"TF_CLI_ARGS_plan": "-parallelism=4"})
    assert env["TF_CLI_ARGS_apply"] == env["TF_CLI_ARGS_destroy"] == "-lock-timeout=300s"
    assert env["TF_CLI_ARGS_plan"] == "-parallelism=4"
