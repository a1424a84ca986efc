"""make prepare with real terraform, where the user's CLI configuration says where providers come from."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from halab.cli.lab.application import provider_lock
from halab.cli.terraform.process import find_terraform
from halab.constructs.resource import SOURCE, VERSION

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPT = """set -euo pipefail
say() { :; }
terraform_binary() { command -v terraform || command -v tofu; }
. tools/provider.sh
prepare_provider
"""


def environment(home: Path) -> dict[str, str]:
    ours = {"HOME": str(home), "CHECKPOINT_DISABLE": "1"}
    return {name: value for name, value in os.environ.items() if not name.startswith("TF_")} | ours


def prepared(home: Path, configuration: str) -> subprocess.CompletedProcess[str]:
    (home / ".terraformrc").write_text(configuration)
    return subprocess.run(
        ["bash", "-c", SCRIPT],
        cwd=CHECKOUT, env=environment(home), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_lines_that_are_advised_are_enough(tmp_path: Path) -> None:
    hiding = 'provider_installation {\n  network_mirror {\n    url = "https://127.0.0.1:9/"\n  }\n}\n'
    refused = prepared(tmp_path, hiding)
    assert refused.returncode == 1, refused.stderr
    assert "127.0.0.1:9" in refused.stderr.partition("Terraform said:")[2]
    mirror = re.search(r"filesystem_mirror \{.*?\}", refused.stderr, re.DOTALL)
    excluded = re.search(r"exclude = .*", refused.stderr)
    assert mirror
    assert excluded
    assert str(tmp_path) in mirror[0]
    mended = hiding.replace('9/"\n  }', f'9/"\n{excluded[0]}\n  }}\n{mirror[0]}')
    accepted = prepared(tmp_path, mended)
    assert accepted.returncode == 0, accepted.stderr


def test_the_lock_file_of_a_synth_needs_no_addition(tmp_path: Path) -> None:
    """Terraform warns at each init where it has to add a checksum."""
    assert prepared(tmp_path, "").returncode == 0
    stack, lock = tmp_path / "stack", provider_lock(tmp_path)
    stack.mkdir()
    required = {"halab": {"source": SOURCE, "version": VERSION}}
    (stack / "main.tf.json").write_text(json.dumps({"terraform": {"required_providers": required}}))
    (stack / ".terraform.lock.hcl").write_text(lock)
    done = subprocess.run(
        [find_terraform(os.environ), "init", "-no-color", "-lockfile=readonly"],
        cwd=stack, env=environment(tmp_path), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Incomplete lock file" not in done.stdout
    assert "h1:" in lock
