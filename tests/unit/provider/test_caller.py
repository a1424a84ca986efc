"""What Terraform was asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from halab.provider.caller import is_destroy


@pytest.mark.parametrize(
    ("line", "destroy"),
    [
        ("terraform destroy -auto-approve", True),
        ("terraform -chdir=x destroy", True),
        ("terraform plan -input=false -destroy -out=plan", True),
        ("terraform apply --destroy", True),
        ("terraform plan -out destroy", False),
        ("terraform apply -target=halab_file.destroy", False),
        ("destroy", False),
        ("", False),
    ],
)
def test_is_destroy(line: str, destroy: bool) -> None:
    assert is_destroy(line.split()) is destroy


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc")
def test_the_parent_is_seen() -> None:
    import subprocess

    code = "import halab.provider.caller as c; print(c.parents_command_line()[1:3])"
    middle = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}]); pass"
    result = subprocess.run([sys.executable, "-c", middle, "destroy"], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == str(["-c", middle])
