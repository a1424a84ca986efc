"""Either CDK writes the lab, and is started where jsii's own cache cannot be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
SYNTHESIZE = """
import json, sys
from halab.constructs import cdk
from tests.unit.constructs.synthesized import synthesized
print(json.dumps({"library": cdk.TerraformStack.__module__, "lab": synthesized().json}))
"""


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python that knows nothing of this one's jsii."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("JSII_", "HALAB_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env={**inherited, "PYTHONPATH": str(CHECKOUT), **environment},
        umask=0o002,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def written_by(**environment: str) -> dict[str, Any]:
    done = python("-c", SYNTHESIZE, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_both_libraries_write_the_same_lab() -> None:
    default, terrain = written_by(), written_by(HALAB_CDK="cdktn")
    assert (default["library"], terrain["library"]) == ("cdktf", "cdktn")
    assert default["lab"] == terrain["lab"]
    assert len(default["lab"]["resource"]) > 20


@pytest.mark.parametrize("name", ["cdk", "CDKTN"])
def test_another_library_is_refused(name: str) -> None:
    done = python("main.py", HALAB_CDK=name)
    assert (done.returncode, done.stderr) == (
        1,
        f"HALAB_CDK: {name!r} is none of cdktf, cdktn; set it to one of them, or leave it out\n",
    )


def test_a_home_that_a_group_may_write(tmp_path: Path) -> None:
    """As a umask of 0002 makes it, which is Debian's and Fedora's for ordinary users."""
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache").chmod(0o775)
    done = python("-c", "import main", HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
