"""What Terraform was asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from halab.provider.run.caller import is_destroy, is_destroy_of_all, is_partial, parallelism


@pytest.mark.parametrize(
    ("line", "destroy", "of_all"),
    [
        ("terraform destroy -auto-approve", True, True),
        ("terraform -chdir=x destroy", True, True),
        ("terraform plan -input=false -destroy -out=plan", True, True),
        ("terraform apply --destroy", True, True),
        ("terraform destroy -target=halab_site.site", True, False),
        ("terraform apply -destroy --target halab_site.site", True, False),
        ("tofu destroy -exclude=halab_machine.node1", True, False),
        ("terraform plan -out destroy", False, False),
        ("terraform apply -target=halab_file.destroy", False, False),
        ("destroy", False, False),
        ("", False, False),
    ],
)
def test_is_destroy(line: str, destroy: bool, of_all: bool) -> None:
    assert (is_destroy(line.split()), is_destroy_of_all(line.split(), {})) == (destroy, of_all)


def test_a_part_of_the_state_may_be_named_in_the_environment_too() -> None:
    part = {"TF_CLI_ARGS_destroy": "-no-color -target=halab_site.site"}
    assert is_partial(["terraform", "destroy"], part)
    assert not is_destroy_of_all(["terraform", "destroy"], part)
    assert is_destroy_of_all(["terraform", "destroy"], {"OTHER": "-target=halab_site.site"})


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc")
def test_the_parent_is_seen() -> None:
    import subprocess

    code = "import halab.provider.run.caller as c; print(c.parents_command_line()[1:3])"
    middle = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}]); pass"
    result = subprocess.run([sys.executable, "-c", middle, "destroy"], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == str(["-c", middle])


@pytest.mark.parametrize(
    ("line", "environment", "expected"),
    [
        ("terraform apply", {}, 10),
        ("", {}, 10),
        ("terraform apply -parallelism=1", {}, 1),
        ("terraform -chdir=x apply --parallelism 2 -auto-approve", {}, 2),
        ("terraform apply", {"TF_CLI_ARGS": "-no-color -parallelism=1"}, 1),
        ("terraform apply", {"TF_CLI_ARGS": "-parallelism=1", "TF_CLI_ARGS_apply": "-parallelism=3"}, 3),
        ("terraform plan", {"TF_CLI_ARGS_apply": "-parallelism=1"}, 10),
        ("terraform apply -parallelism=4", {"TF_CLI_ARGS_apply": "'-parallelism=1'"}, 4),
        ("terraform apply -parallelism=", {}, 10),
    ],
)
def test_how_many_are_made_at_a_time(line: str, environment: dict[str, str], expected: int) -> None:
    assert parallelism(line.split(), environment) == expected
