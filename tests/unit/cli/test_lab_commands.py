"""The pure parts of make deploy, make clean and of the image's settings."""

import json
from pathlib import Path

import pytest

from halab.cli.change.deploy import next_steps, stack_outputs
from halab.cli.image import image_arguments
from halab.cli.leftovers.clean import deployed_states
from halab.cli.terraform.cdktf_run import lab_environment
from halab.constructs.settings import load


def test_a_deployed_lab_is_seen_in_its_state(tmp_path: Path) -> None:
    (tmp_path / ".halab").mkdir()
    (tmp_path / ".halab/terraform.old.tfstate").write_text(json.dumps({"version": 4, "resources": []}))
    (tmp_path / ".halab/terraform.new.tfstate").write_text(
        json.dumps({"version": 4, "resources": [{"type": "halab_machine"}]})
    )
    (tmp_path / ".halab/terraform.empty.tfstate").touch()
    assert deployed_states(tmp_path) == [tmp_path / ".halab/terraform.new.tfstate"]


def test_an_unreadable_state_counts_as_an_error(tmp_path: Path) -> None:
    (tmp_path / ".halab").mkdir()
    (tmp_path / ".halab/terraform.a.tfstate").write_text("{")
    with pytest.raises(ValueError, match="Expecting"):
        deployed_states(tmp_path)


def test_outputs_and_next_steps(tmp_path: Path) -> None:
    assert stack_outputs(tmp_path / "none.json") == {}
    file = tmp_path / "outputs.json"
    outputs = {"site_url": "http://10.0.0.9/", "nodes": {"alpha": "10.0.0.1", "beta": "10.0.0.2"}}
    file.write_text(json.dumps({"summit": outputs}))
    assert stack_outputs(file) == outputs
    steps = "\n".join(next_steps(outputs))
    assert "curl http://10.0.0.9/" in steps
    assert "ssh -F .halab/ssh_config alpha stonith_admin --reboot beta" in steps


def test_image_arguments_follow_the_settings() -> None:
    settings = load({"image": {"extra_packages": ["vim", "jq"]}}, {"HALAB_IMAGE_SUITE": "bookworm"})
    assert image_arguments(settings) == ["build", "--suite", "bookworm", "--extra-packages", "vim,jq"]


def test_terraform_runs_behind_the_shield_also_when_the_user_names_another(tmp_path: Path) -> None:
    env = lab_environment(tmp_path, {"TERRAFORM_BINARY_NAME": "tofu", "HALAB_PROGRESS": "/p"})
    assert env["TERRAFORM_BINARY_NAME"] == str(tmp_path / "bin/terraform-shield")
    assert (env["HALAB_TERRAFORM"], env["HALAB_PROGRESS"]) == ("tofu", "/p")


def test_a_deploy_waits_for_one_that_was_killed_and_still_saves(tmp_path: Path) -> None:
    env = lab_environment(tmp_path, {"TF_CLI_ARGS_plan": "-parallelism=4"})
    assert env["TF_CLI_ARGS_apply"] == env["TF_CLI_ARGS_destroy"] == "-lock-timeout=300s"
    assert env["TF_CLI_ARGS_plan"] == "-parallelism=4"
