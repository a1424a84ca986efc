"""make prepare with real terraform, where the user's CLI configuration says where providers come from."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPT = """set -euo pipefail
say() { :; }
terraform_binary() { command -v terraform || command -v tofu; }
. tools/provider.sh
prepare_provider
"""


def prepared(home: Path, configuration: str) -> subprocess.CompletedProcess[str]:
    (home / ".terraformrc").write_text(configuration)
    env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")} | {"HOME": str(home)}
    return subprocess.run(
        ["bash", "-c", SCRIPT], cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=120, check=False
    )


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
