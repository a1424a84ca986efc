"""The application starts where jsii's own cache cannot be used."""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


def test_a_home_that_a_group_may_write(tmp_path: Path) -> None:
    """As a umask of 0002 makes it, which is Debian's and Fedora's for ordinary users."""
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache").chmod(0o775)
    jsii = {name for name in os.environ if name.startswith("JSII_")}
    result = subprocess.run(
        [sys.executable, "-c", "import main"],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if name not in jsii} | {"HOME": str(tmp_path)},
        umask=0o002,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
